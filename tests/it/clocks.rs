//! Nodes whose clocks are off, by less and by more than a lease, and one whose clock is right: nothing is lost, nothing
//! is recorded twice, late writes are refused, and `doctor` names the clock.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clawback_model::{Clock as _, Decision, Event, NodeSetup, Role, Status};
use clawback_runtime::Worker;
use clawback_store::{ClaimScope, LaneEnd, LaneReport, Store, StoreError};
use clawback_tests::binary::{Clawback, binary};
use clawback_tests::remote_store::{RemoteStore, Rules, Server};
use clawback_tests::site::{SkewedClock, SystemClock, api, person, site_of, submission};
use clawback_tests::synthetic::SENDER;
use clawback_tests::world;
use clawback_tests::{maildirs, postgres};

const LEASE: Duration = Duration::from_millis(1_500);
const RULES: Rules = Rules { takes: Duration::from_millis(10), per_mailbox: 1, calls: 12, per_second: None };
const MAILBOXES: u32 = 60;
const EACH: u32 = 20;
const LARGEST_BATCH: u32 = 4;
const PLAYBOOK: &str = "playbook: storm
description: Everything by one sender.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: soft-delete, batch: 400, canary: 20 }
";
const SECOND: i64 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_with_a_wrong_and_a_right_clock_work_together() {
    // Within a lease and far beyond it, both ways.
    for ahead in [-SECOND, SECOND, -20 * SECOND, 20 * SECOND] {
        let server = Server::start(RULES).await;
        let database = postgres::database().await;
        let mut apis = Vec::new();
        for (node, ahead) in [("right", 0), ("off", ahead)] {
            let history = Store::open(&database).await.unwrap();
            let store = Arc::new(RemoteStore::new(server.address(), RULES, MAILBOXES, EACH, LARGEST_BATCH));
            let clock = Arc::new(SkewedClock { ahead });
            apis.push(api(site_of(history, vec![store], &[("storm", PLAYBOOK)], clock, node, LEASE)));
        }
        let ann = person("ann", &[Role::Analyst]);
        let submitted = apis[0].submit(&ann, submission("storm", &[("sender", SENDER)])).await.unwrap();
        let workers: Vec<Arc<Worker>> = apis.iter().map(|api| Arc::new(world::worker(api))).collect();
        let stop = Arc::new(tokio::sync::Notify::new());
        let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let nodes: Vec<_> = workers
            .into_iter()
            .map(|worker| {
                let (stop, over) = (Arc::clone(&stop), Arc::clone(&over));
                tokio::spawn(async move {
                    // Losing a lease to the other node may end `serve`, which is then started again, as a service manager does.
                    while !over.load(std::sync::atomic::Ordering::Relaxed) {
                        let stop = Arc::clone(&stop);
                        let _ = worker.serve(async move { stop.notified().await }, |_| {}).await;
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                })
            })
            .collect();
        let history = &apis[0].site().history;
        let patience = Instant::now() + Duration::from_mins(2);
        loop {
            let now = history.load(&submitted.id).await.unwrap();
            if now.status.is_final() {
                break;
            }
            assert!(Instant::now() < patience, "off by {ahead}: the remediation does not end: {now:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        stop.notify_waiters();
        for node in nodes {
            node.await.unwrap();
        }
        let done = history.load(&submitted.id).await.unwrap();
        let all = u64::from(MAILBOXES * EACH);
        // If two nodes hold the same lane for a moment, the later one finds what the earlier one moved.
        let there = done.counts.succeeded + done.counts.already_in_destination;
        assert_eq!((done.status, there, done.counts.open), (Status::Completed, all, 0), "{ahead}: {:?}", done.counts);
        assert_eq!(server.seen().moved, all, "off by {ahead}: each is moved, and once");
        history.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn late_writes_by_another_clock_are_refused() {
    let history = Store::open(&postgres::database().await).await.unwrap();
    let (right, slow) = (SkewedClock { ahead: 0 }, SkewedClock { ahead: -20 * SECOND });
    let server = Server::start(RULES).await;
    let store = Arc::new(RemoteStore::new(server.address(), RULES, 4, 2, LARGEST_BATCH));
    let site = site_of(history, vec![store], &[("storm", PLAYBOOK)], Arc::new(SystemClock), "intake", LEASE);
    let api = api(site);
    let submitted =
        api.submit(&person("ann", &[Role::Analyst]), submission("storm", &[("sender", SENDER)])).await.unwrap();
    let planned = world::worker(&api).plan_only(&submitted.id).await.unwrap();
    let history = &api.site().history;

    // The slow node takes a lease that, by the right clock, has expired before it began.
    let (_, late) = history.claim(&planned.id, "slow", slow.now(), LEASE).await.unwrap().unwrap();
    let (_, lease) = history.claim(&planned.id, "right", right.now(), LEASE).await.unwrap().unwrap();
    let started = history.record(&planned.id, Some(&late), "slow", &Event::Started, slow.now()).await;
    assert!(matches!(started, Err(StoreError::LeaseLost { .. })), "{started:?}");
    assert!(
        history.claim(&planned.id, "slow", slow.now(), LEASE).await.unwrap().is_none(),
        "nor can it renew its lease"
    );
    let begun = Event::BatchStarted { number: 0, first: 0, targets: 8 };
    for event in [Event::Started, begun] {
        history.record(&planned.id, Some(&lease), "right", &event, right.now()).await.unwrap();
    }

    // The same for lanes: claimed by the slow node, taken over, and its report is refused.
    history.node_alive("slow", slow.now().plus(LEASE), &NodeSetup::default()).await.unwrap();
    let whose = ClaimScope::Only(&planned.id);
    let theirs = history.claim_lanes("slow", "corp", whose, 10, slow.now()).await.unwrap().unwrap();
    assert_eq!(theirs.lanes.len(), 4);
    assert_eq!(history.reap_lanes(&[], right.now()).await.unwrap(), 4);
    let ours = history.claim_lanes("right", "corp", whose, 10, right.now()).await.unwrap().unwrap();
    assert!(ours.lanes.len() == 4 && ours.lanes.iter().all(|lane| lane.in_doubt));
    let report =
        |lane: &clawback_store::Lane| LaneReport { claim: lane.claim, outcomes: &[], throttled: 0, end: LaneEnd::Done };
    let void = history.record_lanes("slow", &theirs.lanes.iter().map(report).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(void.len(), 4);
    assert_eq!(history.lanes_left(&planned.id).await.unwrap().held, 4, "the node with the right clock holds them");
    let vote = api.decide(&person("ben", &[Role::Approver]), &planned.id, Decision::Approve, None, None).await;
    assert!(vote.is_err(), "it runs already");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let options = maildirs::Options { mailboxes: 2, messages: 30, campaign: 4, ..maildirs::Options::default() };
    maildirs::write(&folder.path().join("mail"), &options).unwrap();
    let store = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";
    let database = postgres::empty_database().await;
    let clawback = Clawback::init_on(folder.path(), store, Some(&database));
    assert!(!clawback.ok(&["doctor"]).contains("WRONG"));
    for (offset, differs) in [("-60s", "by 60"), ("+60s", "by -60")] {
        // Without the monotonic clock, which no time service changes.
        let output = Command::new("faketime")
            .args(["-f", offset])
            .arg(binary())
            .arg("--config")
            .arg(folder.path())
            .arg("doctor")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("WRONG  clock") && said.contains("time service"), "{said}");
        // 60,000 ms, or 59,9xx of it, less the duration of the query.
        assert!(said.contains(differs) || said.contains(&differs.replace("60", "59")), "{said}");
    }
}
