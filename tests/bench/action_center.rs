//! `cargo xtask bench action-center`: pages of the Action Center under the load of a thousand readers, over a long
//! history and while a large remediation runs in the same process (`--part pages`), and a search with very many results
//! (`--part search`).
//!
//! Each reader has a session and a connection of its own, loads one page after the other, and waits for a second in
//! between. The readers are a thread of the same process, so the figures include their cost.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a failed measurement panics; its result is its output")]

#[path = "action_center/searching.rs"]
mod searching;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use clawback_action_center::{Bounds, Center, Settings};
use clawback_app::Api;
use clawback_model::{Clock as _, Decision, Principal, RemediationId, Role, Status};
use clawback_runtime::{NewToken, Worker, silent};
use clawback_store::{NewSession, Store};
use clawback_tests::past;
use clawback_tests::site::{SystemClock, api, known, person, random, site, submission};
use clawback_tests::synthetic::{SENDER, Synthetic};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

/// Milliseconds: the 99th percentile of pages under load, and of a single reader.
const GOALS: (f64, f64) = (250.0, 100.0);
/// Wait between two pages of a reader.
const THINKS: Duration = Duration::from_secs(1);
/// Left out of the figures: the time until all readers have started.
const WARM: Duration = Duration::from_secs(5);
/// Loads of each page by the single reader.
const LOOKS: usize = 40;
const MAILBOXES: u32 = 2_000;
/// Each mailbox has a call of its own in the remediation that runs, 32 of them at once.
const PLAYBOOK: &str = "playbook: bench
description: Everything by one sender.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - approve: { votes: 1, from: [approver], expires: 7d }
  - remediate: { action: soft-delete, canary: 20 }
";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let number = |name: &str, default: u32| value(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let load = Load {
        remediations: number("--remediations", 20_000),
        messages: number("--messages", 20_000),
        readers: number("--readers", 1_000),
        lasts: Duration::from_secs(number("--seconds", 60).into()),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if value("--part").is_none_or(|part| part == "search") {
        runtime.block_on(searching::report(number("--results", 200_000)));
    }
    if value("--part").is_some_and(|part| part != "pages") {
        return;
    }
    for database in ["sqlite", "postgres"] {
        if value("--database").is_none_or(|named| named == database) {
            runtime.block_on(load.report(database));
        }
    }
}

/// The size of the load.
#[derive(Clone, Copy)]
struct Load {
    remediations: u32,
    messages: u32,
    readers: u32,
    lasts: Duration,
}

/// How long each kind of page took, in milliseconds, and the number of wrong answers.
#[derive(Default)]
struct Seen {
    took: BTreeMap<&'static str, Vec<f64>>,
    errors: u64,
}

impl Load {
    async fn report(self, database: &str) {
        let folder = tempfile::tempdir().unwrap();
        let url = match database {
            "sqlite" => format!("sqlite:{}", folder.path().join("bench.db").display()),
            _ => clawback_tests::postgres::database().await,
        };
        let events = past::write(&url, self.remediations, |_| {}).await;
        let history = Store::open(&url).await.unwrap();
        // All calls of the run take a little longer than the readers stay.
        let calls = MAILBOXES / 32 + 1;
        let each_call = (WARM + self.lasts).mul_f64(1.2) / calls;
        let store = Synthetic::new(MAILBOXES, self.messages / MAILBOXES).taking(each_call);
        let api = api(site(history, vec![Arc::new(store)], &[("bench", PLAYBOOK)], Arc::new(SystemClock)));
        let mut cookies = Vec::new();
        for number in 0..self.readers {
            cookies.push(sign_in(&api, &person(&format!("reader-{number}"), &Role::ALL)).await);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let center = Center::new(api.clone(), Settings::default());
        let server =
            tokio::spawn(async move { center.serve(listener, Bounds::of(2_048), None, std::future::pending()).await });

        let planned = plan(&api).await;
        let pages = pages(&planned);
        println!(
            "{database}: {} remediations ({events} events); a page with {} s to think before the next",
            self.remediations,
            THINKS.as_secs()
        );
        let alone = pages.clone();
        let one = vec![cookies[0].clone()];
        let began = Instant::now();
        let seen = on_a_thread(move || read(address, one, alone, Pace::Looks(LOOKS))).await;
        seen.print("one reader, nothing runs", began.elapsed(), 1.0, GOALS.1);

        let ben = known(&api.site().history, "ben", &[Role::Approver]).await;
        api.decide(&ben, &planned, Decision::Approve, None, None).await.unwrap();
        let worker = Worker::new(Arc::clone(api.site()), silent());
        let run = tokio::spawn(async move { worker.run(&planned).await.unwrap() });
        let seen = on_a_thread(move || read(address, cookies, pages, Pace::Until(WARM + self.lasts))).await;
        let name = format!("{} readers, {} messages are remediated", self.readers, self.messages);
        seen.print(&name, self.lasts, 0.99, GOALS.0);
        let still = !run.is_finished();
        let done = run.await.unwrap();
        assert_eq!((done.status, done.counts.succeeded), (Status::Completed, u64::from(self.messages)));
        println!("  the remediation was {} when the readers left", if still { "still running" } else { "done" });
        server.abort();
    }
}

/// Begins a session for a principal. Returns the cookie.
async fn sign_in(api: &Api, who: &Principal) -> String {
    let (history, now) = (&api.site().history, SystemClock.now());
    history.add_principal(who, "bench", now).await.unwrap();
    let (id, secret) = (NewToken::generate(random), NewToken::generate(random));
    let expires = now.plus(Duration::from_hours(1));
    let session = NewSession {
        id: id.digest(),
        secret: secret.digest(),
        principal: &who.name,
        at: now,
        expires,
        at_provider: false,
    };
    history.begin_session(&session, now).await.unwrap();
    format!("clawback={}.{}", id.reveal(), secret.reveal())
}

/// A remediation of all messages, which waits for its approval.
async fn plan(api: &Api) -> RemediationId {
    let submitted =
        api.submit(&person("ann", &[Role::Analyst]), submission("bench", &[("sender", SENDER)])).await.unwrap();
    let planned = Worker::new(Arc::clone(api.site()), silent()).run(&submitted.id).await.unwrap();
    assert_eq!(planned.status, Status::PendingApproval);
    planned.id
}

/// The requests of the script of an open page for its parts that change.
const LIVE: &str = "live parts";

/// The pages that a reader loads repeatedly, in this order: kind and address.
fn pages(id: &RemediationId) -> Vec<(&'static str, String)> {
    vec![
        ("history", "/history".to_owned()),
        ("pending", "/pending".to_owned()),
        ("detail", format!("/remediations/{id}")),
        (LIVE, format!("/remediations/{id}")),
        (LIVE, format!("/remediations/{id}")),
        ("history, filtered", "/history?name=purge&status=completed".to_owned()),
        ("search form", "/search".to_owned()),
    ]
}

/// When a reader stops.
#[derive(Clone, Copy)]
enum Pace {
    /// After this many loads of each page, without waits.
    Looks(usize),
    /// After this time; the first [`WARM`] of it is left out.
    Until(Duration),
}

/// Runs the readers in a thread, so that they do not compete for the server's workers.
async fn on_a_thread<Future, Make>(make: Make) -> Seen
where
    Future: std::future::Future<Output = Seen>,
    Make: FnOnce() -> Future + Send + 'static,
{
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = done.send(runtime.block_on(make()));
    });
    result.await.unwrap()
}

async fn read(address: SocketAddr, cookies: Vec<String>, pages: Vec<(&'static str, String)>, pace: Pace) -> Seen {
    let began = Instant::now();
    let pages = Arc::new(pages);
    let count = u32::try_from(cookies.len()).unwrap();
    let mut readers = tokio::task::JoinSet::new();
    for (number, cookie) in (0..count).zip(cookies) {
        let first = THINKS * number / count;
        readers.spawn(reader(address, cookie, Arc::clone(&pages), pace, began, first));
    }
    let mut all = Seen::default();
    while let Some(seen) = readers.join_next().await {
        let seen = seen.unwrap();
        all.errors += seen.errors;
        for (kind, took) in seen.took {
            all.took.entry(kind).or_default().extend(took);
        }
    }
    all
}

async fn reader(
    address: SocketAddr,
    mut cookie: String,
    pages: Arc<Vec<(&'static str, String)>>,
    pace: Pace,
    began: Instant,
    first: Duration,
) -> Seen {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let mut seen = Seen::default();
    let mut looks = 0;
    // Each reader begins with another page, at another time.
    let offset = usize::try_from(first.as_millis()).unwrap() % pages.len();
    if matches!(pace, Pace::Until(_)) {
        tokio::time::sleep(first).await;
    }
    for (kind, page) in pages.iter().cycle().skip(offset) {
        let goes_on = match pace {
            Pace::Looks(most) => looks < most * pages.len(),
            Pace::Until(end) => began.elapsed() < end,
        };
        if !goes_on {
            break;
        }
        looks += 1;
        let mut request = Request::get(format!("http://{address}{page}")).header(header::COOKIE, &cookie);
        if *kind == LIVE {
            request = request.header("clawback-live", "1");
        }
        let asked = Instant::now();
        let good = match client.request(request.body(Body::empty()).unwrap()).await {
            Ok(answer) => {
                let good = answer.status() == 200;
                // As a browser does: the session's secret is replaced now and then.
                if let Some(new) = answer.headers().get(header::SET_COOKIE).and_then(|value| value.to_str().ok()) {
                    new.split(';').next().unwrap_or_default().clone_into(&mut cookie);
                }
                good && to_bytes(Body::new(answer.into_body()), 16 << 20).await.is_ok()
            }
            Err(_) => false,
        };
        let warm = matches!(pace, Pace::Looks(_)) || began.elapsed() > WARM;
        if warm {
            seen.errors += u64::from(!good);
            seen.took.entry(kind).or_default().push(asked.elapsed().as_secs_f64() * 1_000.0);
        }
        if matches!(pace, Pace::Until(_)) {
            tokio::time::sleep(THINKS).await;
        }
    }
    seen
}

impl Seen {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn print(&self, name: &str, lasted: Duration, share: f64, goal: f64) {
        let mut all: Vec<f64> = self.took.values().flatten().copied().collect();
        let rate = all.len() as f64 / lasted.as_secs_f64();
        println!("  {name}: {} requests, {rate:.0} a second, {} errors", all.len(), self.errors);
        println!("  {:<18} {:>8} {:>8} {:>8} {:>8} {:>8}", "page", "requests", "p50 ms", "p95 ms", "p99 ms", "max ms");
        for (kind, took) in &self.took {
            row(kind, &mut took.clone());
        }
        row("all", &mut all);
        let worst = percentile(&all, share);
        println!("  goal of {goal:.0} ms (p{:.0}): {}, {worst:.1} ms", share * 100.0, verdict(worst < goal));
        assert_eq!(self.errors, 0, "requests failed: their figures mean nothing");
    }
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

fn row(kind: &str, took: &mut [f64]) {
    took.sort_by(f64::total_cmp);
    let [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1.0].map(|share| percentile(took, share));
    println!("  {kind:<18} {:>8} {p50:>8.1} {p95:>8.1} {p99:>8.1} {max:>8.1}", took.len());
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index into sorted figures"
)]
fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}
