//! `cargo xtask bench nodes`: many nodes on one PostgreSQL and one store that answers slowly, limits each mailbox, and
//! throttles above its rate. Measures how much of what the store allows is used, by how many nodes, at what cost to the
//! database.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a failed measurement panics; its result is its output"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clawback_model::{Role, Status};
use clawback_runtime::{Worker, silent};
use clawback_store::Store;
use clawback_tests::postgres;
use clawback_tests::remote_store::{NodeOptions, RemoteStore, Rules, Server};
use clawback_tests::site::{SystemClock, api, person, site_of, submission};
use clawback_tests::synthetic::SENDER;
use sqlx::{Connection as _, PgConnection};

const PLAYBOOK: &str = "playbook: bench
description: Everything by one sender.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: soft-delete, canary: 20 }
";
const MAILBOXES: u32 = 5_000;
/// Targets in one call.
const LARGEST_BATCH: u32 = 50;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |name: &str, default: u32| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let targets = number("--targets", 1_000_000);
    let rate = number("--rate", 400);
    // 0: all of them in turn.
    let workers = match number("--workers", 0) {
        0 => vec![1, 2, 4, 8],
        workers => vec![workers],
    };
    tokio::runtime::Runtime::new().unwrap().block_on(report(&workers, targets, rate));
}

async fn report(workers: &[u32], targets: u32, rate: u32) {
    let rules = Rules { takes: Duration::from_millis(20), per_mailbox: 4, calls: 64, per_second: Some(rate) };
    println!(
        "{targets} targets in {MAILBOXES} mailboxes; a call takes {:?}, {} at a time in a mailbox, {} in all, {rate} a second \
         of up to {LARGEST_BATCH} targets: {} targets/s at most",
        rules.takes,
        rules.per_mailbox,
        rules.calls,
        rate * LARGEST_BATCH.min(targets / MAILBOXES)
    );
    println!(
        "{:>7} {:>9} {:>11} {:>11} {:>10} {:>11} {:>9} {:>13}",
        "workers", "seconds", "targets/s", "of allowed", "throttled", "commits/s", "claims/s", "database CPU"
    );
    let postgres = postgres::Server::start().await;
    for &workers in workers {
        let name = format!("nodes_{workers}");
        postgres.create(&name, "template0").await;
        measure(&postgres.url(&name), workers, targets, rules).await;
    }
}

struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn measure(database: &str, workers: u32, targets: u32, rules: Rules) {
    let server = Server::start(rules).await;
    let each = targets / MAILBOXES;
    let history = Store::open(database).await.unwrap();
    let store = Arc::new(RemoteStore::new(server.address(), rules, MAILBOXES, each, LARGEST_BATCH));
    let clock = Arc::new(SystemClock);
    let mut site = site_of(history, vec![store], &[("bench", PLAYBOOK)], clock, "intake", Duration::from_secs(30));
    site.limits.query = 10_000_000;
    let api = api(site);
    let ann = person("ann", &[Role::Analyst]);
    let submitted = api.submit(&ann, submission("bench", &[("sender", SENDER)])).await.unwrap();
    Worker::new(Arc::clone(api.site()), silent()).plan_only(&submitted.id).await.unwrap();

    let options = NodeOptions {
        database: database.to_owned(),
        address: server.address(),
        rules,
        mailboxes: MAILBOXES,
        each,
        largest_batch: LARGEST_BATCH,
        lease: Duration::from_secs(30),
    };
    let mut connection = PgConnection::connect(database).await.unwrap();
    let (commits, claims, cpu) = (commits(&mut connection).await, claims(&mut connection).await, database_cpu());
    let began = Instant::now();
    let nodes: Vec<Node> = (0..workers).map(|_| start(&options)).collect();
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = api.site().history.load(&submitted.id).await.unwrap();
        if now.status.is_final() {
            assert_eq!((now.status, now.counts.succeeded), (Status::Completed, u64::from(each * MAILBOXES)));
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let seen = server.seen();
    assert_eq!(seen.moved, u64::from(each * MAILBOXES));
    assert!(seen.most_in_mailbox <= rules.per_mailbox && seen.most <= rules.calls, "{seen:?}");
    let commits = (self::commits(&mut connection).await - commits) as f64 / seconds;
    let cpu = (database_cpu() - cpu) / seconds * 100.0;
    drop(nodes);
    // The database updates its counters late.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let claims = (self::claims(&mut connection).await - claims) as f64 / seconds;
    // A call has no more targets than its mailbox.
    let allowed = f64::from(rules.per_second.unwrap() * LARGEST_BATCH.min(each));
    let speed = f64::from(targets) / seconds;
    println!(
        "{workers:>7} {seconds:>9.1} {speed:>11.0} {:>10.1} % {:>10} {commits:>11.0} {claims:>9.0} {cpu:>11.0} %",
        speed / allowed * 100.0,
        seen.throttled
    );
}

fn start(options: &NodeOptions) -> Node {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    command.args(options.words()).stdin(Stdio::null()).stdout(Stdio::null());
    Node(command.spawn().unwrap())
}

/// Transactions that this database has committed.
async fn commits(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Lanes that were claimed: nothing else changes their rows, unless they are handed back.
async fn claims(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'work'")
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Seconds of processor time of all running processes of PostgreSQL, by proc(5).
fn database_cpu() -> f64 {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ticks = |folder: &Path| -> Option<u64> {
        let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
        let (name, rest) = stat.split_once(") ")?;
        if !name.ends_with("(postgres") {
            return None;
        }
        let fields: Vec<u64> = rest.split(' ').map(|field| field.parse().unwrap_or(0)).collect();
        Some(fields.get(11)? + fields.get(12)?)
    };
    let all: u64 = processes.filter_map(|process| ticks(&process.path())).sum();
    // USER_HZ is 100 on every Linux that runs here.
    all as f64 / 100.0
}
