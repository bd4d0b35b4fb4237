//! Four nodes on one PostgreSQL and one store, killed, frozen and cut off at seeded moments while they work: nothing is
//! lost, nothing is recorded twice, the store's limits hold, the history verifies.
//!
//! `CLAWBACK_STORM=200` sets the number of kills; the default fits the time of a test run.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clawback_model::{Role, Status};
use clawback_store::Store;
use clawback_tests::mail::Random;
use clawback_tests::postgres;
use clawback_tests::remote_store::{NodeOptions, RemoteStore, Rules, Server};
use clawback_tests::site::{SystemClock, api, person, site_of, submission};
use clawback_tests::synthetic::SENDER;
use clawback_tests::world;

const KILLS: u64 = 20;
const NODES: usize = 4;
const MAILBOXES: u32 = 200;
const LEASE: Duration = Duration::from_millis(1_500);
const RULES: Rules = Rules { takes: Duration::from_millis(10), per_mailbox: 1, calls: 12, per_second: None };
const LARGEST_BATCH: u32 = 4;
const PLAYBOOK: &str = "playbook: storm
description: Everything by one sender.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: soft-delete, batch: 1500, canary: 20 }
";

struct Node(Child);

impl Node {
    fn start(options: &NodeOptions) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
        command.args(options.words()).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().expect("the node starts"))
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_killed_frozen_and_cut_off_lose_nothing() {
    let kills = std::env::var("CLAWBACK_STORM").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let server = Server::start(RULES).await;
    let postgres = postgres::Server::start().await;
    postgres.create("storm", "template0").await;
    let database = postgres.url("storm");
    let history = Store::open(&database).await.unwrap();
    // Enough work for all of the kills: a node recovers from one within a lease.
    let each = 90 + u32::try_from(kills).unwrap() * 3 / 2;
    let options = NodeOptions {
        database,
        address: server.address(),
        rules: RULES,
        mailboxes: MAILBOXES,
        each,
        largest_batch: LARGEST_BATCH,
        lease: LEASE,
    };
    let store = Arc::new(RemoteStore::new(server.address(), RULES, MAILBOXES, each, LARGEST_BATCH));
    let clock = Arc::new(SystemClock);
    let mut site = site_of(history, vec![store], &[("storm", PLAYBOOK)], clock, "intake", Duration::from_secs(30));
    // More kills need more work than a query may find, and a recipient may lose, by default.
    site.limits.query = 10_000_000;
    site.throttles.messages_to_one = 1_000_000;
    let api = api(site);
    let submitted =
        api.submit(&person("ann", &[Role::Analyst]), submission("storm", &[("sender", SENDER)])).await.unwrap();
    let planned = world::worker(&api).plan_only(&submitted.id).await.unwrap();
    assert!(!planned.status.is_final(), "{} {:?}", planned.status, planned.stop);

    let history = &api.site().history;
    let mut nodes: Vec<Node> = (0..NODES).map(|_| Node::start(&options)).collect();
    let mut random = Random::new(2_026);
    let mut done = false;
    for kill in 1..=kills {
        tokio::time::sleep(Duration::from_millis(50 + random.below(400))).await;
        if kill % (kills / 3).max(1) == kills / 6 {
            postgres.restart();
        }
        if kill == kills / 2 {
            // Frozen for longer than its lease: others take over, and it wakes up late.
            let frozen = usize::try_from(random.below(NODES as u64)).unwrap();
            nodes[frozen].signal("-STOP");
            tokio::time::sleep(LEASE * 2).await;
            nodes[frozen].signal("-CONT");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let victim = usize::try_from(random.below(NODES as u64)).unwrap();
        nodes[victim] = Node::start(&options);
        done = history.load(&submitted.id).await.is_ok_and(|now| now.status.is_final());
        if done {
            assert!(kill * 2 > kills, "it ended after {kill} kills of {kills}: there was too little to do");
            break;
        }
    }
    let patience = Instant::now() + Duration::from_secs(180 + kills);
    while !done {
        assert!(Instant::now() < patience, "it does not end: {:?}", history.load(&submitted.id).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
        done = history.load(&submitted.id).await.is_ok_and(|now| now.status.is_final());
    }
    drop(nodes);

    let ended = history.load(&submitted.id).await.unwrap();
    let all = u64::from(MAILBOXES * each);
    assert_eq!(
        (ended.status, ended.counts.succeeded, ended.counts.open),
        (Status::Completed, all, 0),
        "{:?}",
        ended.counts
    );
    let seen = server.seen();
    assert_eq!(seen.moved, all);
    assert!(seen.most_in_mailbox <= RULES.per_mailbox && seen.most <= RULES.calls, "{seen:?}");
    history.verify(None, |_| {}).await.unwrap();
}
