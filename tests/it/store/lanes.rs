//! Which node works on which mailbox, and how many calls a store gets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clawback_model::{Decision, Event, NodeSetup, RemediationId, Severity, Target, Timestamp};
use clawback_store::{BatchSum, ClaimScope, LaneEnd, LaneReport, Lease};

use super::harness::{Database, TTL, outcome, target, targets};

const NOW: Timestamp = Timestamp(2_000_400);

/// A remediation with all targets in one open batch.
async fn opened(database: &Database, number: u64, plan: &[Target], severity: Severity) -> (RemediationId, Lease) {
    let id = database.submit_as(number, |request| request.severity = severity).await;
    let lease = database.claim(&id).await;
    database.plan(&id, &lease, plan, Some(1)).await;
    database.vote(&id, "eve", Decision::Approve).await;
    let store = &database.store;
    store.record(&id, Some(&lease), "automation", &Event::Started, NOW).await.unwrap();
    let event = Event::BatchStarted { number: 0, first: 0, targets: u32::try_from(plan.len()).unwrap() };
    store.record(&id, Some(&lease), "automation", &event, NOW).await.unwrap();
    (id, lease)
}

/// The same, in mailboxes of its own.
fn elsewhere(number: u64, count: u32) -> Vec<Target> {
    let mine = |target: Target| Target { mailbox: format!("{number}.{}", target.mailbox).into(), ..target };
    (0..count).map(target).map(mine).collect()
}

#[tokio::test]
async fn a_mailbox_is_held_once_whatever_the_remediations() {
    for database in Database::all().await {
        let (one, _) = opened(&database, 1, &targets(40), Severity::Low).await;
        let (other, _) = opened(&database, 2, &targets(40), Severity::Low).await;
        let held = database.lanes("a", &one).await;
        assert_eq!(held.len(), 10);
        assert!(database.lanes("b", &other).await.is_empty(), "all its mailboxes are held");
        database.report("a", &held[..4], 0, LaneEnd::Done).await.unwrap();
        assert_eq!(database.lanes("b", &other).await.len(), 4);
    }
}

#[tokio::test]
async fn the_highest_severity_is_first_and_equals_alternate() {
    for database in Database::all().await {
        let store = &database.store;
        for (number, severity) in [(1, Severity::Low), (2, Severity::Low), (3, Severity::High)] {
            opened(&database, number, &elsewhere(number, 40), severity).await;
        }
        let mut order = Vec::new();
        for turn in 0..15 {
            let now = NOW.plus(Duration::from_millis(turn));
            let claimed = store.claim_lanes("a", "corp", ClaimScope::AllBut(&[]), 3, now).await.unwrap();
            if let Some(claimed) = claimed {
                order.push(store.load(&claimed.remediation).await.unwrap().request.name);
            }
        }
        assert_eq!(order[..4], ["Purge 3", "Purge 3", "Purge 3", "Purge 3"]);
        assert_eq!(
            order[4..],
            ["Purge 1", "Purge 2", "Purge 1", "Purge 2", "Purge 1", "Purge 2", "Purge 1", "Purge 2"]
        );
    }
}

#[tokio::test]
async fn nodes_that_claim_at_once_share_the_lanes() {
    for database in Database::all().await {
        let (id, lease) = opened(&database, 1, &targets(400), Severity::Low).await;
        let nodes = ["a", "b", "c", "d"].map(|node| {
            let (store, id) = (database.store.clone(), id.clone());
            tokio::spawn(async move {
                let mut seen = Vec::new();
                for _ in 0..40 {
                    let claimed = store.claim_lanes(node, "corp", ClaimScope::Only(&id), 3, NOW).await.unwrap();
                    let Some(claimed) = claimed else { continue };
                    for lane in claimed.lanes {
                        seen.extend(lane.targets.iter().map(|target| target.seq));
                        let outcomes: Vec<_> = lane.targets.iter().map(|target| outcome(target, 0)).collect();
                        let report =
                            LaneReport { claim: lane.claim, outcomes: &outcomes, throttled: 1, end: LaneEnd::Done };
                        assert_eq!(store.record_lanes(node, &[report]).await.unwrap(), []);
                    }
                }
                seen
            })
        });
        let mut all = Vec::new();
        for node in nodes {
            all.extend(node.await.unwrap());
        }
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), distinct.len()), (343, 343), "{}", database.name);
        let store = &database.store;
        let done = store.finish_batch(&id, &lease, "automation", 0, &[], NOW).await.unwrap();
        assert_eq!((done.counts.acted(), done.progress.since_resumed.throttled), (343, 100));
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_batch_is_summed_up_as_far_as_nothing_is_open() {
    for database in Database::all().await {
        let (id, lease) = opened(&database, 1, &targets(40), Severity::Low).await;
        let store = &database.store;
        let held = database.lanes("a", &id).await;
        let mut sum = BatchSum::new(0, 0, 40);
        database.report("a", &held[4..7], 0, LaneEnd::Done).await.unwrap();
        assert!(!store.sum_batch(&id, &mut sum).await.unwrap());
        assert_eq!(sum.left(), 40, "the first lane is open, whatever follows it");
        database.report("a", &held[..4], 0, LaneEnd::Done).await.unwrap();
        assert!(!store.sum_batch(&id, &mut sum).await.unwrap());
        assert_eq!(sum.left(), 12);
        database.report("a", &held[7..], 0, LaneEnd::Done).await.unwrap();
        assert!(store.sum_batch(&id, &mut sum).await.unwrap());
        let done = store.close_batch(&id, &lease, "automation", sum, NOW).await.unwrap();
        assert_eq!((done.counts.open, done.progress.open_batch), (0, None));
        // The digest is that of the rows.
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_claim_has_a_limit_of_targets() {
    for database in Database::all().await {
        let same = |number: u32, target: Target| Target {
            mailbox: format!("{}@corp.example", number / 1_500).into(),
            ..target
        };
        let plan: Vec<Target> = (0..7_500).map(|number| same(number, target(number))).collect();
        let (id, _) = opened(&database, 1, &plan, Severity::Low).await;
        let claims = [database.lanes("a", &id).await, database.lanes("a", &id).await, database.lanes("a", &id).await];
        assert_eq!(claims.map(|lanes| lanes.len()), [2, 2, 1], "{}", database.name);
    }
}

#[tokio::test]
async fn a_node_whose_lease_expired_writes_nothing() {
    for database in Database::all().await {
        let (id, lease) = opened(&database, 1, &targets(8), Severity::Low).await;
        let store = &database.store;
        store.node_alive("a", NOW.plus(TTL), &NodeSetup::default()).await.unwrap();
        let frozen = database.lanes("a", &id).await;
        assert_eq!(store.reap_lanes(&[], NOW).await.unwrap(), 0, "it lives");
        assert_eq!(store.reap_lanes(&[], NOW.plus(TTL)).await.unwrap(), 2, "it has fallen silent");
        let taken = database.lanes("b", &id).await;
        assert!(taken.iter().all(|lane| lane.in_doubt));
        let void = database.report("a", &frozen, 0, LaneEnd::Done).await.unwrap();
        assert_eq!(void.len(), 2, "its late report is refused");
        database.report("b", &taken, 0, LaneEnd::Back(NOW)).await.unwrap();
        // The same node again: an older claim of its own is void too.
        let again = database.lanes("a", &id).await;
        assert!(again.iter().all(|lane| lane.targets.is_empty()), "b had outcomes for all");
        assert_eq!(database.report("a", &frozen, 0, LaneEnd::Done).await.unwrap().len(), 2);
        database.report("a", &again, 0, LaneEnd::Done).await.unwrap();
        assert_eq!(store.finish_batch(&id, &lease, "automation", 0, &[], NOW).await.unwrap().counts.acted(), 7);
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn nodes_that_died_long_ago_are_forgotten_a_hundred_at_a_time() {
    for database in Database::all().await {
        let (id, _) = opened(&database, 1, &targets(8), Severity::Low).await;
        let store = &database.store;
        for number in 0..150 {
            store.node_alive(&format!("old-{number:03}"), NOW, &NodeSetup::default()).await.unwrap();
        }
        store.node_alive("holder", NOW, &NodeSetup::default()).await.unwrap();
        store.node_alive("young", NOW.plus(TTL), &NodeSetup::default()).await.unwrap();
        assert!(!database.lanes("holder", &id).await.is_empty());
        let later = NOW.plus(Duration::from_secs(1));
        for forgotten in [100, 50, 0] {
            assert_eq!(store.forget_nodes(later).await.unwrap(), forgotten, "{}", database.name);
        }
        let left: Vec<String> = store.nodes().await.unwrap().into_iter().map(|node| node.name).collect();
        assert_eq!(left, ["holder", "young"], "one holds lanes until they are taken from it");
        store.reap_lanes(&[], later).await.unwrap();
        assert_eq!(store.forget_nodes(later).await.unwrap(), 1);
        // A node that wakes up is recorded again.
        store.node_alive("holder", later.plus(TTL), &NodeSetup::default()).await.unwrap();
        assert_eq!(store.nodes().await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_stopped_batch_has_no_free_lanes_and_its_doubtful_targets_are_known() {
    for database in Database::all().await {
        let (id, _) = opened(&database, 1, &targets(40), Severity::Low).await;
        let store = &database.store;
        let first = store.claim_lanes("a", "corp", ClaimScope::Only(&id), 2, NOW).await.unwrap().unwrap();
        store.stop_lanes(&id, true).await.unwrap();
        assert_eq!(store.stopped_lanes().await.unwrap(), std::slice::from_ref(&id));
        assert!(database.lanes("b", &id).await.is_empty());
        let until = NOW.plus(TTL);
        database.report("a", &first.lanes[..1], 0, LaneEnd::Done).await.unwrap();
        let back = LaneReport { claim: first.lanes[1].claim, outcomes: &[], throttled: 0, end: LaneEnd::Back(until) };
        store.record_lanes("a", &[back]).await.unwrap();
        assert_eq!(store.unconfirmed_targets(&id).await.unwrap(), first.lanes[1].targets);
        store.stop_lanes(&id, false).await.unwrap();
        assert_eq!(database.lanes("b", &id).await.len(), 8, "one is done, one is not due yet");
        assert_eq!(store.lanes_left(&id).await.unwrap().held, 8);
    }
}

#[tokio::test]
async fn seats_never_sum_to_more_than_the_store_allows() {
    for database in Database::all().await {
        let store = &database.store;
        let mut held = BTreeMap::new();
        let mut now = NOW;
        for (step, node) in ["a", "b", "a", "c", "b", "a", "c", "b", "a", "c", "b", "a"].into_iter().enumerate() {
            now = now.plus(Duration::from_millis(500));
            // The first holder cannot give back at once what is under way.
            let used = if step < 5 { held.get(node).copied().unwrap_or(0) } else { 0 };
            let seats = store.take_seats(node, "corp", 10, used, now, now.plus(TTL)).await.unwrap().seats;
            held.insert(node, seats);
            assert!(held.values().sum::<u32>() <= 10, "{held:?}");
        }
        assert_eq!(held.values().copied().collect::<Vec<_>>(), [3, 3, 3], "each its share in the end");
        store.leave_seats("a", "corp").await.unwrap();
        assert_eq!(store.take_seats("b", "corp", 10, 0, now, now.plus(TTL)).await.unwrap().seats, 5);
        let later = now.plus(TTL * 2);
        assert_eq!(
            store.take_seats("d", "corp", 10, 0, later, later.plus(TTL)).await.unwrap().seats,
            10,
            "the others are gone"
        );
    }
}

#[tokio::test]
async fn every_node_waits_for_a_store_that_asked_to_wait() {
    for database in Database::all().await {
        let store = &database.store;
        let until = NOW.plus(Duration::from_secs(30));
        let held_until = async |node| {
            let taken = store.take_seats(node, "corp", 10, 0, NOW, NOW.plus(TTL)).await.unwrap();
            taken.held_until
        };
        assert_eq!(held_until("a").await, Timestamp(0));
        store.hold_store("corp", until).await.unwrap();
        store.hold_store("corp", NOW.plus(Duration::from_secs(10))).await.unwrap();
        store.hold_store("other", NOW.plus(TTL)).await.unwrap();
        assert_eq!((held_until("a").await, held_until("b").await), (until, until), "the latest time counts");
    }
}

#[tokio::test]
async fn lanes_that_a_node_does_not_know_of_are_handed_back() {
    for database in Database::all().await {
        let (id, _) = opened(&database, 1, &targets(40), Severity::Low).await;
        let store = &database.store;
        let known = store.claim_lanes("a", "corp", ClaimScope::Only(&id), 2, NOW).await.unwrap().unwrap();
        let lost = store.claim_lanes("a", "corp", ClaimScope::Only(&id), 3, NOW).await.unwrap().unwrap();
        let others = store.claim_lanes("b", "corp", ClaimScope::Only(&id), 1, NOW).await.unwrap().unwrap();
        let known = known.lanes.iter().map(|lane| lane.claim).collect();
        assert_eq!(store.release_unknown_lanes("a", &known).await.unwrap(), 3, "{}", database.name);
        assert_eq!(store.release_unknown_lanes("a", &known).await.unwrap(), 0);
        assert_eq!(store.lanes_left(&id).await.unwrap().held, 3);
        assert_eq!(database.report("a", &lost.lanes, 0, LaneEnd::Done).await.unwrap().len(), 3, "its claims are void");
        assert_eq!(database.report("b", &others.lanes, 0, LaneEnd::Done).await.unwrap(), []);
        assert!(database.lanes("c", &id).await.iter().any(|lane| lane.in_doubt));
    }
}

#[tokio::test]
async fn all_nodes_together_get_the_rate_of_a_token_bucket() {
    for database in Database::all().await {
        let store = &database.store;
        // The bucket is full at the start: two calls. The rest are promised, 10 ms apart, in any order of nodes.
        for number in 0..200_u64 {
            let wait = store.take_tokens("corp", 100, 1, NOW).await.unwrap();
            assert_eq!(wait, Duration::from_millis(10 * number.saturating_sub(1)), "{number}");
        }
        // A lot waits for its last call; a clock that is behind adds no tokens.
        let later = NOW.plus(Duration::from_secs(2));
        assert_eq!(store.take_tokens("corp", 100, 4, later).await.unwrap(), Duration::from_millis(20));
        assert_eq!(store.take_tokens("corp", 100, 1, NOW).await.unwrap(), Duration::from_millis(30));
        // Idle time adds no more than a full bucket.
        let much_later = NOW.plus(Duration::from_hours(1));
        assert_eq!(store.take_tokens("corp", 100, 3, much_later).await.unwrap(), Duration::from_millis(10));
    }
}
