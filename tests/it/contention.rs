//! More lanes than seats: calls that wait for their turn, a store that is slow, throttles or hangs, and futures that
//! are dropped meanwhile.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clawback_app::Api;
use clawback_connectors::{CallError, MailStore};
use clawback_model::{MessageRef, OutcomeKind, Principal, Reason, Remediation, RemediationId, Role, Status};
use clawback_runtime::{Error, Site, Worker};
use clawback_store::Store;
use clawback_tests::fake_store::FakeStore;
use clawback_tests::site::{NOON, SystemClock, api, person, site_of, submission};
use clawback_tests::world;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::store::harness::Database;

const PLAYBOOK: &str = "playbook: purge
description: Everything by one sender.
severity: low
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: soft-delete }
";
const LEASE: Duration = Duration::from_secs(3);

/// `mailboxes` mailboxes with one message each.
fn corp(mailboxes: u32) -> FakeStore {
    named("corp", mailboxes)
}

/// The sender of a store's mail; two equal selections would wait for each other.
fn sender(name: &str) -> String {
    format!("eve@{name}.evil.example")
}

fn named(name: &str, mailboxes: u32) -> FakeStore {
    let store = FakeStore::new(name);
    for number in 0..mailboxes {
        store.deliver(&format!("user{number:03}@{name}.example"), &sender(name), "Letter", NOON);
    }
    store
}

fn node(history: &Store, stores: &[&Arc<FakeStore>], name: &str) -> Site {
    let stores: Vec<Arc<dyn MailStore>> = stores.iter().map(|store| Arc::clone(store) as _).collect();
    let mut site = site_of(history.clone(), stores, &[("purge", PLAYBOOK)], Arc::new(SystemClock), name, LEASE);
    site.tuning.control = Duration::from_millis(50);
    site
}

fn worker(api: &Api) -> Worker {
    world::worker(api)
}

fn ann() -> Principal {
    person("ann", &[Role::Analyst])
}

fn root() -> Principal {
    person("root", &[Role::Admin])
}

/// Submits and plans, so that only the acting is left.
async fn planned(history: &Store, store: &FakeStore) -> RemediationId {
    let open = Arc::new(store.limited(64, None));
    let api = api(node(history, &[&open], "planner"));
    let submitted = api.submit(&ann(), submission("purge", &[("sender", &sender(store.name()))])).await.unwrap();
    worker(&api).plan_only(&submitted.id).await.unwrap();
    submitted.id
}

/// A worker that serves until it is stopped.
struct Serving {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), Error>>,
}

impl Serving {
    fn start(api: &Api) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let worker = worker(api);
        let told = |result: Result<Remediation, Error>| {
            if let Err(error) = result {
                tracing::info!(%error, "told");
            }
        };
        let stopped = async move { drop(stopped.await) };
        let task = tokio::spawn(async move { worker.serve(stopped, told).await });
        Self { stop: Some(stop), task }
    }

    async fn end(mut self) {
        drop(self.stop.take());
        self.task.await.unwrap().unwrap();
    }
}

async fn until<F: Future<Output = bool>>(what: &str, seconds: u64, mut holds: impl FnMut() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(seconds), "{what}: not within {seconds} s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn status(history: &Store, id: &RemediationId) -> Status {
    history.load(id).await.unwrap().status
}

/// The ways to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Halt,
    Pause,
    Cancel,
    Leave,
}

#[tokio::test]
async fn no_call_begins_after_a_stop() {
    for way in [Way::Halt, Way::Pause, Way::Cancel, Way::Leave] {
        let database = Database::sqlite().await;
        let history = &database.store;
        let store = Arc::new(corp(300).limited(8, Some(20)));
        let id = planned(history, &store).await;
        let api = api(node(history, &[&store], "node"));
        let serving = Serving::start(&api);
        until("some calls", 10, async || store.acts() >= 8).await;

        let (before, asked) = (store.acts(), Instant::now());
        match way {
            Way::Halt => drop(api.halt(&root(), "stop now").await.unwrap()),
            Way::Pause => drop(api.pause(&ann(), &id).await.unwrap()),
            Way::Cancel => drop(api.cancel(&ann(), &id).await.unwrap()),
            Way::Leave => {
                serving.end().await;
                assert!(asked.elapsed() < Duration::from_secs(1), "left after {:?}", asked.elapsed());
                tokio::time::sleep(Duration::from_secs(2)).await;
                assert!(store.acts() - before <= 8, "{way:?}: {} more calls", store.acts() - before);
                assert_eq!(history.lane_holders().await.unwrap(), [] as [String; 0]);
                continue;
            }
        }
        until("the stop", 10, async || {
            let now = history.load(&id).await.unwrap();
            match way {
                Way::Halt => now.is_held(),
                Way::Pause => now.status == Status::Paused,
                _ => now.status == Status::Cancelled,
            }
        })
        .await;
        assert!(asked.elapsed() < Duration::from_secs(2), "{way:?}: after {:?}", asked.elapsed());
        tokio::time::sleep(Duration::from_secs(2)).await;
        let more = store.acts() - before;
        assert!(more <= 8, "{way:?}: {more} more calls");
        let remediation = history.load(&id).await.unwrap();
        let kept = history.messages(&id, None, 1_000).await.unwrap();
        let succeeded = kept
            .iter()
            .filter(|(_, outcome)| outcome.as_ref().is_some_and(|outcome| outcome.kind == OutcomeKind::Succeeded));
        assert_eq!(succeeded.count() as u64, store.acts(), "{way:?}: what was done is kept");
        assert_eq!(history.lanes_left(&id).await.unwrap().held, 0, "{remediation:?}");
        serving.end().await;
    }
}

#[tokio::test]
async fn a_busy_store_does_not_delay_another() {
    let database = Database::sqlite().await;
    let history = &database.store;
    let big = Arc::new(named("big", 250).limited(8, Some(5)));
    let small = Arc::new(named("small", 5).limited(1, None));
    let (slow, quick) = (planned(history, &big).await, planned(history, &small).await);
    let api = api(node(history, &[&big, &small], "node"));
    let serving = Serving::start(&api);
    let began = Instant::now();
    until("the small store", 10, async || status(history, &quick).await == Status::Completed).await;
    assert!(began.elapsed() < Duration::from_secs(2), "after {:?}", began.elapsed());
    let behind = history.load(&slow).await.unwrap();
    assert_eq!(behind.status, Status::InProgress);
    serving.end().await;
}

#[tokio::test]
async fn an_earlier_stop_does_not_apply_to_lanes_claimed_later() {
    let database = Database::sqlite().await;
    let history = &database.store;
    let store = Arc::new(corp(60).limited(4, Some(100)));
    let id = planned(history, &store).await;
    let api = api(node(history, &[&store], "node"));
    let serving = Serving::start(&api);
    for _ in 0..3 {
        let before = store.acts();
        until("some calls", 10, async || store.acts() > before).await;
        api.halt(&root(), "a drill").await.unwrap();
        until("the halt", 10, async || history.lanes_left(&id).await.unwrap().held == 0).await;
        api.unhalt(&root()).await.unwrap();
    }
    until("the end", 20, async || status(history, &id).await == Status::Completed).await;
    assert_eq!(store.acts(), 60);
    // Each halt sends the lanes in hand back once: those without a call are located again at most.
    assert!(store.calls() <= 60 + 60 + 3 * 16 * 2, "{} calls", store.calls());
    serving.end().await;
}

#[tokio::test]
async fn every_lane_and_node_waits_for_a_store_that_asks_to_wait() {
    let database = Database::sqlite().await;
    let history = &database.store;
    let store = Arc::new(corp(80).limited(8, Some(200)));
    let id = planned(history, &store).await;
    let wait = Duration::from_secs(3);
    let throttled = || CallError::Throttled { store: "corp".into(), after: Some(wait), detail: None };
    store.fail_next((0..8).map(|_| throttled()));
    let (one, other) = (api(node(history, &[&store], "one")), api(node(history, &[&store], "other")));
    let serving = Serving::start(&one);
    until("the throttle", 10, async || store.calls() >= 82).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    // Started only now, so that it learns of it from the history alone.
    let another = Serving::start(&other);
    let before = store.calls();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(store.calls(), before, "no call while the store is held");
    store.forget_failures();
    until("the end", 20, async || status(history, &id).await == Status::Completed).await;
    assert_eq!(store.acts(), 80);
    serving.end().await;
    another.end().await;
}

#[tokio::test]
async fn a_cancel_ends_whatever_a_mailbox_answers() {
    let database = Database::sqlite().await;
    let history = &database.store;
    let (store, gone) = (Arc::new(corp(40).limited(8, Some(20))), Arc::new(named("gone", 4).limited(8, None)));
    let (id, lost) = (planned(history, &store).await, planned(history, &gone).await);
    // Killed in the middle: lanes were claimed, calls made, nothing recorded.
    gone.close_gate(0);
    let first = api(node(history, &[&store, &gone], "dead"));
    let serving = Serving::start(&first);
    until("some calls", 10, async || store.acts() >= 8 && gone.waiting() >= 4).await;
    serving.task.abort();
    let _ = serving.task.await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let doubtful = history.unconfirmed_targets(&id).await.unwrap();
    assert!(!doubtful.is_empty());
    store.deny(&doubtful[0].mailbox);

    // A node whose configuration has one store less.
    let api = api(node(history, &[&store], "node"));
    let serving = Serving::start(&api);
    for id in [&id, &lost] {
        api.cancel(&ann(), id).await.unwrap();
        until("the cancel", 20, async || status(history, id).await == Status::Cancelled).await;
        let kept = history.messages(id, None, 1_000).await.unwrap();
        assert!(kept.iter().all(|(_, outcome)| outcome.is_some()));
    }
    let outcome = async |id: &RemediationId, seq: u32| {
        let kept = history.messages(id, None, 1_000).await.unwrap();
        let (_, outcome) = kept.into_iter().find(|(target, _)| target.seq == seq).unwrap();
        outcome.unwrap()
    };
    let denied = outcome(&id, doubtful[0].seq).await;
    assert_eq!((denied.kind, denied.reason), (OutcomeKind::Failed, Reason::Denied));
    assert!(denied.detail.unwrap().contains("whether the action took effect could not be determined"));
    let unknown = outcome(&lost, 0).await;
    assert_eq!((unknown.kind, unknown.reason), (OutcomeKind::Failed, Reason::StoreUnavailable));
    assert!(unknown.detail.as_deref().unwrap().contains("`gone`"), "{unknown:?}");
    serving.end().await;
}

/// Polls a future this many times at most, and then drops it.
async fn polled<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// A pseudo-random sequence, the same in each run.
fn dice(seed: u64) -> impl FnMut(u32) -> u32 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |sides| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state % u64::from(sides)).unwrap()
    }
}

async fn locate(site: &Site, number: u32) -> Result<(), CallError> {
    let nowhere = MessageRef { locator: "m0".into(), message_id: "<0@x>".into(), fingerprint: "0".into() };
    let mailbox = format!("user{:03}@corp.example", number % 8);
    site.stores["corp"].locate(&mailbox, &[nowhere]).await.map(drop)
}

#[tokio::test]
async fn futures_dropped_at_the_gate_leave_nothing_behind() {
    for database in Database::all().await {
        let history = &database.store;
        let store = Arc::new(corp(8).limited(2, Some(400)));
        let site = Arc::new(node(history, &[&store], "node"));
        for seed in 0..60 {
            let mut dice = dice(seed + 1);
            let calls = (0..12).map(|number| {
                let (site, polls) = (Arc::clone(&site), dice(7));
                tokio::spawn(async move { polled(locate(&site, number), polls).await })
            });
            for call in calls.collect::<Vec<_>>() {
                call.await.unwrap();
            }
        }
        // Both seats are free: two calls act at once.
        store.close_gate(0);
        let act = |number: u32| {
            let site = Arc::clone(&site);
            let mailbox = format!("user{number:03}@corp.example");
            tokio::spawn(async move {
                site.stores["corp"].apply(&mailbox, clawback_model::Action::SoftDelete, &[]).await.unwrap();
            })
        };
        let acting: Vec<_> = (0..3).map(act).collect();
        until("two calls at once", 10, async || store.waiting() == 2).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(store.waiting(), 2, "and no third: {}", database.name);
        store.open_gate();
        for act in acting {
            tokio::time::timeout(Duration::from_secs(10), act).await.unwrap().unwrap();
        }
        until("the seats are given back", 10, async || history.seat_holders("corp").await.unwrap().is_empty()).await;
        locate(&site, 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_gate_that_is_given_up_while_its_first_seats_are_taken_opens_again() {
    let database = Database::postgres().await;
    let history = &database.store;
    let store = Arc::new(corp(8).limited(2, None));
    let site = Arc::new(node(history, &[&store], "node"));
    let locked = database.locked("seats").await;
    let given_up = tokio::time::timeout(Duration::from_millis(300), locate(&site, 0)).await;
    assert!(given_up.is_err(), "the table is locked");
    drop(locked);
    tokio::time::timeout(Duration::from_secs(10), locate(&site, 0)).await.unwrap().unwrap();
}

#[tokio::test]
async fn futures_dropped_while_lanes_are_claimed_worked_on_and_recorded_lose_none() {
    for database in Database::all().await {
        let history = &database.store;
        let store = Arc::new(corp(60).limited(3, Some(150)));
        let id = planned(history, &store).await;
        let api = api(node(history, &[&store], "node"));
        let mut dropped = 0;
        for seed in 0..40 {
            if status(history, &id).await == Status::Completed {
                break;
            }
            let polls = 1 + dice(seed + 1)(12);
            let done = if seed % 2 == 0 {
                Box::pin(polled(worker(&api).run(&id), polls)).await.is_some()
            } else {
                let served = worker(&api);
                polled(async move { served.serve(std::future::pending(), |_| {}).await }, polls).await.is_some()
            };
            dropped += u32::from(!done);
        }
        assert!(dropped >= 4, "{dropped} were dropped in the middle");
        // A dropped future gives its lease back, so that no caller waits until it has expired.
        let began = Instant::now();
        let done = loop {
            match worker(&api).run(&id).await {
                Err(Error::Busy { .. }) if began.elapsed() < LEASE / 2 => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                done => break done.unwrap(),
            }
        };
        assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 60), "{}", database.name);
        assert_eq!(store.acts(), 60, "each once");
        assert_eq!(history.lane_holders().await.unwrap(), [] as [String; 0]);
        history.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_drops_every_connection_loses_no_lane() {
    let database = Database::postgres().await;
    let history = &database.store;
    let store = Arc::new(corp(200).limited(4, Some(60)));
    let id = planned(history, &store).await;
    let api = api(node(history, &[&store], "node"));
    let serving = Serving::start(&api);
    let mut dice = dice(7);
    for _ in 0..25 {
        tokio::time::sleep(Duration::from_millis(u64::from(20 + dice(100)))).await;
        database.drop_connections().await;
    }
    until("the end", 60, async || matches!(history.load(&id).await, Ok(now) if now.status == Status::Completed)).await;
    assert_eq!(store.acts(), 200, "each once");
    assert_eq!(history.lane_holders().await.unwrap(), [] as [String; 0]);
    serving.end().await;
    history.verify(None, |_| {}).await.unwrap();
}
