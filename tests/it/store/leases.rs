//! Leases: which node advances which remediation.

use clawback_model::{Decision, Event, Severity, Timestamp};
use clawback_store::StoreError;

use super::harness::{Database, TTL, targets};

#[tokio::test]
async fn the_highest_severity_and_then_the_oldest_is_claimed_and_nothing_twice() {
    for database in Database::all().await {
        let low = database.submit_as(1, |request| request.severity = Severity::Low).await;
        let high = database.submit_as(2, |request| request.severity = Severity::High).await;
        let later = database.submit_as(3, |request| request.severity = Severity::High).await;
        let now = Timestamp(2_000_000);
        let mut order = Vec::new();
        while let Some((remediation, _)) = database.store.claim_due("a", now, TTL).await.unwrap() {
            order.push(remediation.id);
        }
        assert_eq!(order, [high.clone(), later, low]);
        assert!(database.store.claim(&high, "b", now, TTL).await.unwrap().is_none());
        assert!(database.store.claim(&high, "b", now.plus(TTL), TTL).await.unwrap().is_some(), "it had run out");
    }
}

#[tokio::test]
async fn nodes_that_claim_at_once_share_the_work() {
    for database in Database::all().await {
        for number in 0..30 {
            database.submit(number).await;
        }
        let nodes = ["a", "b", "c", "d"].map(|node| {
            let store = database.store.clone();
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                // A node may find nothing free for a moment while other claims are uncommitted.
                for _ in 0..40 {
                    if let Some((remediation, _)) = store.claim_due(node, Timestamp(2_000_000), TTL).await.unwrap() {
                        claimed.push(remediation.id.to_string());
                    }
                }
                claimed
            })
        });
        let mut all = Vec::new();
        for node in nodes {
            all.extend(node.await.unwrap());
        }
        all.sort();
        let claims = all.len();
        all.dedup();
        assert_eq!((claims, all.len()), (30, 30), "{}", database.name);
    }
}

#[tokio::test]
async fn a_late_writer_changes_nothing() {
    for database in Database::all().await {
        let plan = targets(10);
        let (id, old) = database.planned(1, &plan, Some(1)).await;
        database.vote(&id, "eve", Decision::Approve).await;
        let store = &database.store;
        store.record(&id, Some(&old), "automation", &Event::Started, Timestamp(3_000_000)).await.unwrap();
        let later = Timestamp(2_000_000).plus(TTL);
        let (_, new) = store.claim(&id, "node-2", later, TTL).await.unwrap().unwrap();
        assert!(new.fence > old.fence);

        let event = Event::BatchStarted { number: 0, first: 0, targets: 10 };
        let lost = |error: StoreError| assert!(matches!(error, StoreError::LeaseLost { .. }), "{error}");
        lost(store.record(&id, Some(&old), "automation", &event, later).await.unwrap_err());
        lost(store.begin_plan(&id, &old).await.unwrap_err());
        lost(store.append_targets(&id, &old, &plan).await.unwrap_err());
        lost(store.cancel_open(&id, &old, "ann", later).await.unwrap_err());
        lost(store.extend(&old, later).await.unwrap_err());
        lost(store.release(&old).await.unwrap_err());

        store.record(&id, Some(&new), "automation", &event, later).await.unwrap();
        store.extend(&new, later.plus(TTL).plus(TTL)).await.unwrap();
        assert!(store.claim(&id, "c", later.plus(TTL), TTL).await.unwrap().is_none());
        store.release(&new).await.unwrap();
        assert!(store.claim(&id, "c", later, TTL).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn what_waits_for_a_person_is_due_at_its_deadline_only() {
    for database in Database::all().await {
        let (id, lease) = database.planned(1, &targets(3), Some(1)).await;
        let store = &database.store;
        store.release(&lease).await.unwrap();
        let now = Timestamp(2_000_300);
        assert!(store.claim_due("a", now, TTL).await.unwrap().is_none());
        let deadline = store.load(&id).await.unwrap().approval.unwrap().deadline;
        let (_, lease) = store.claim_due("a", deadline, TTL).await.unwrap().unwrap();
        store.postpone(&lease, deadline.plus(TTL)).await.unwrap();
        assert!(store.claim_due("a", deadline, TTL).await.unwrap().is_none());
        database.vote(&id, "eve", Decision::Approve).await;
        assert!(store.claim_due("a", now, TTL).await.unwrap().is_some(), "a vote makes it due at once");
    }
}
