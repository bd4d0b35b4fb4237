//! Plans and outcomes by the thousand: written once each, complete after a crash, in linear time.

use std::time::{Duration, Instant};

use clawback_model::{Decision, Event, OutcomeKind, Status, StopReason, Timestamp};
use clawback_store::{LaneEnd, Lease, StoreError};

use super::harness::{Database, outcome, target, targets};

#[tokio::test]
async fn a_plan_that_was_begun_again_has_only_its_own_targets() {
    for database in Database::all().await {
        let store = &database.store;
        let id = database.submit(1).await;
        let lease = database.claim(&id).await;
        let early = store.append_targets(&id, &lease, &targets(5)).await.unwrap_err();
        assert!(matches!(early, StoreError::Conflict { .. }), "{early}");
        store.record(&id, Some(&lease), "automation", &Event::PlanningStarted, Timestamp(2)).await.unwrap();
        store.append_targets(&id, &lease, &targets(50)).await.unwrap();
        let gap = store.append_targets(&id, &lease, &[target(51)]).await.unwrap_err();
        assert!(gap.to_string().contains("expected 50, found 51"), "{gap}");

        // As after a crash: from the start, in pages that divide mailboxes.
        store.begin_plan(&id, &lease).await.unwrap();
        for page in targets(30).chunks(7) {
            store.append_targets(&id, &lease, page).await.unwrap();
        }
        let (short, parts) = super::harness::planned(&super::harness::header(), &targets(29), None);
        let header = super::harness::header();
        let refused = store
            .freeze_plan(&id, &lease, (&header, parts.as_ref()), "automation", &short, Timestamp(3))
            .await
            .unwrap_err();
        assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
        let (event, parts) = super::harness::planned(&header, &targets(30), None);
        let frozen = store
            .freeze_plan(&id, &lease, (&header, parts.as_ref()), "automation", &event, Timestamp(3))
            .await
            .unwrap();
        assert_eq!(frozen.status, Status::Approved);
        let lanes =
            database.lines("SELECT mailbox || ' ' || first_seq || ' ' || targets FROM lanes ORDER BY lane").await;
        assert_eq!(lanes.len(), 8);
        assert_eq!(lanes[7], "user000007@corp.example 28 2");
        store.verify(None, |_| {}).await.unwrap();
        let late = store.append_targets(&id, &lease, &[target(30)]).await.unwrap_err();
        assert!(matches!(late, StoreError::Conflict { .. }), "a frozen plan stays as it is: {late}");
    }
}

async fn started(database: &Database, count: u32) -> (clawback_model::RemediationId, Lease) {
    let (id, lease) = database.planned(1, &targets(count), Some(1)).await;
    database.vote(&id, "eve", Decision::Approve).await;
    database.store.record(&id, Some(&lease), "automation", &Event::Started, Timestamp(2_000_300)).await.unwrap();
    (id, lease)
}

#[tokio::test]
async fn every_target_gets_one_outcome_whatever_was_flushed_before() {
    for database in Database::all().await {
        let (id, lease) = started(&database, 100).await;
        let store = &database.store;
        let event = Event::BatchStarted { number: 0, first: 0, targets: 60 };
        store.record(&id, Some(&lease), "automation", &event, Timestamp(5)).await.unwrap();
        let lanes = database.lanes("a", &id).await;
        let open: Vec<_> = lanes.iter().flat_map(|lane| lane.targets.iter()).collect();
        assert_eq!((lanes.len(), open.len()), (15, 52), "eight of sixty are not remediable");
        let outcomes: Vec<_> = open.iter().map(|target| outcome(target, 0)).collect();
        database.report("a", &lanes[..5], 0, LaneEnd::Working).await.unwrap();
        let twice = database.report("a", &lanes[4..8], 0, LaneEnd::Done).await.unwrap_err();
        assert!(matches!(twice, StoreError::Exists { .. }), "{twice}");
        store.node_leaves("a").await.unwrap();
        let left = database.lanes("b", &id).await;
        let open: Vec<_> = left.iter().map(|lane| lane.targets.len()).collect();
        assert!(open[..5].iter().all(|left| *left == 0), "they have their outcomes: {open:?}");
        assert_eq!(left[5].targets, lanes[5].targets, "nothing of a refused flush remains");
        assert!(left.iter().all(|lane| lane.in_doubt));
        let other = store.finish_batch(&id, &lease, "automation", 1, &[], Timestamp(6)).await.unwrap_err();
        assert!(matches!(other, StoreError::Conflict { .. }), "{other}");
        database.report("b", &left[..10], 0, LaneEnd::Done).await.unwrap();
        let rest: Vec<_> =
            left[10..].iter().flat_map(|lane| lane.targets.iter()).map(|target| outcome(target, 0)).collect();
        let done = store.finish_batch(&id, &lease, "automation", 0, &rest, Timestamp(6)).await.unwrap();
        assert_eq!(done.counts.acted(), 52);
        assert!(done.counts.is_consistent());
        assert_eq!(store.lanes_left(&id).await.unwrap().all, 0, "a closed batch has no lanes");
        let digest = clawback_model::fold_outcomes(&outcomes);
        assert_eq!(store.batches(&id).await.unwrap()[0].finished.unwrap().2, digest, "as the model folds it");
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_cancel_closes_a_half_done_batch_also_of_a_paused_one() {
    for database in Database::all().await {
        let (id, lease) = started(&database, 100).await;
        let store = &database.store;
        let event = Event::BatchStarted { number: 0, first: 0, targets: 60 };
        store.record(&id, Some(&lease), "automation", &event, Timestamp(5)).await.unwrap();
        let lanes = database.lanes("a", &id).await;
        database.report("a", &lanes[..5], 0, LaneEnd::Done).await.unwrap();
        let done: usize = lanes[..5].iter().map(|lane| lane.targets.len()).sum();
        let pause = Event::Paused { reason: StopReason::Person { by: "ann".into() } };
        store.record(&id, Some(&lease), "automation", &pause, Timestamp(6)).await.unwrap();
        let ended = store.cancel_open(&id, &lease, "ann", Timestamp(7)).await.unwrap();
        assert_eq!(ended.status, Status::Cancelled);
        assert_eq!((ended.counts.acted(), ended.counts.open), (86, 0), "{:?}", ended.counts);
        assert_eq!(ended.counts.cancelled, 86 - done as u64);
        let cancelled = store.former_outcomes(&id, OutcomeKind::Cancelled, None, 1_000).await.unwrap();
        assert_eq!(cancelled.len(), 86 - done);
        store.verify(None, |_| {}).await.unwrap();
    }
}

/// Four times the rows may take about four times as long; a quadratic plan would take sixteen.
#[tokio::test]
async fn time_grows_with_the_rows() {
    for database in Database::all().await {
        let mut took = Vec::new();
        for (number, count) in [(1, 5_000), (2, 20_000)] {
            let began = Instant::now();
            let id = database.finished(number, count).await;
            took.push(began.elapsed());
            assert_eq!(database.store.load(&id).await.unwrap().counts.open, 0);
        }
        let limit = took[0] * 10 + Duration::from_millis(500);
        assert!(took[1] < limit, "{}: {took:?}", database.name);
    }
}
