//! Admission: a place is never given twice, however many callers ask at the same time, and a remediation that waits is
//! woken.

use std::sync::LazyLock;

use clawback_model::{
    ApprovalRule, Event, Origin, RemediationId, Status, StopReason, Throttles, Timestamp, WithoutAVote,
};
use clawback_runtime::Error;
use clawback_store::{Admission, Lease};

use super::harness::{Database, TTL, targets};

const NOW: Timestamp = Timestamp(2_000_300);

fn throttles(in_progress: u64) -> Throttles {
    Throttles { in_progress, ..Throttles::default() }
}

/// These limits, and no others.
fn only(throttles: &Throttles) -> Admission<'_> {
    static FREE: LazyLock<WithoutAVote> = LazyLock::new(WithoutAVote::unlimited);
    Admission { throttles, without_a_vote: &FREE, approval: ApprovalRule::default() }
}

/// Planned without a vote, each a selection of its own.
async fn approved(database: &Database, number: u64) -> (RemediationId, Lease) {
    let id = database.submit_as(number, |request| request.playbook_source = format!("playbook: p{number}")).await;
    let lease = database.claim(&id).await;
    database.plan(&id, &lease, &targets(8), None).await;
    (id, lease)
}

#[tokio::test]
async fn the_last_place_is_given_once() {
    for database in Database::all().await {
        let mut waiting = Vec::new();
        for number in 0..6 {
            waiting.push(approved(&database, number).await);
        }
        let starts = waiting.iter().map(|(_, lease)| {
            let (store, lease) = (database.store.clone(), lease.clone());
            tokio::spawn(async move { store.start(&lease, &only(&throttles(2)), "automation", NOW).await.unwrap() })
        });
        let mut started = 0;
        for start in starts.collect::<Vec<_>>() {
            let after = start.await.unwrap();
            match after.status {
                Status::InProgress => started += 1,
                _ => assert_eq!(after.stop, Some(StopReason::InProgress { limit: 2, running: 2 })),
            }
        }
        assert_eq!(started, 2, "{}", database.name);
    }
}

#[tokio::test]
async fn a_held_remediation_is_recorded_once_and_woken_when_a_place_is_free() {
    for database in Database::all().await {
        let store = &database.store;
        let (first, running) = approved(&database, 1).await;
        let (second, waiting) = approved(&database, 2).await;
        store.start(&running, &only(&throttles(1)), "automation", NOW).await.unwrap();
        for _ in 0..3 {
            let held = store.start(&waiting, &only(&throttles(1)), "automation", NOW).await.unwrap();
            assert!(held.is_held() && held.status == Status::Approved);
        }
        let told = store.events(&second).await.unwrap().into_iter().filter(|entry| entry.link.kind == "held").count();
        assert_eq!(told, 1);
        store.release(&waiting).await.unwrap();
        assert!(store.claim_due("b", NOW, TTL).await.unwrap().is_none(), "it is not claimed repeatedly");
        let paused = Event::Paused { reason: StopReason::Person { by: "ann".into() } };
        store.record(&first, Some(&running), "automation", &paused, NOW).await.unwrap();
        let (woken, lease) = store.claim_due("b", NOW, TTL).await.unwrap().unwrap();
        assert_eq!(woken.id, second, "{}", database.name);
        let started = store.start(&lease, &only(&throttles(1)), "automation", NOW).await.unwrap();
        assert_eq!((started.status, started.stop), (Status::InProgress, None));

        // Now there is no capacity for the first.
        let refused = store.resume::<Error>(&first, &only(&throttles(1)), "ann", NOW, |_| Ok(())).await.unwrap_err();
        assert!(matches!(refused, Error::NoRoom(StopReason::InProgress { limit: 1, running: 1 })), "{refused:?}");
        let resumed = store.resume::<Error>(&first, &only(&throttles(2)), "ann", NOW, |_| Ok(())).await.unwrap();
        assert_eq!(resumed.status, Status::InProgress);
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn the_same_selection_is_found_while_it_counts() {
    for database in Database::all().await {
        let store = &database.store;
        let site = Throttles::default();
        let at = |minutes: u64| NOW.plus(std::time::Duration::from_mins(minutes));
        let (first, lease) = database.planned(1, &targets(8), None).await;
        let started = store.start(&lease, &only(&site), "automation", at(0)).await.unwrap();
        assert_eq!(started.status, Status::InProgress);
        let (_, lease) = database.planned(2, &targets(8), None).await;
        let again = store.start(&lease, &only(&site), "automation", at(59)).await.unwrap();
        let Some(StopReason::SameSelection { other, minutes: 60, .. }) = &again.stop else { panic!("{again:?}") };
        assert_eq!((other, again.status), (&first, Status::Paused));
        // Paused before it began, the second does not count for the third, and the first is too old by now.
        let (_, lease) = database.planned(3, &targets(8), None).await;
        let later = store.start(&lease, &only(&site), "automation", at(61)).await.unwrap();
        assert_eq!(later.status, Status::InProgress, "{}: {:?}", database.name, later.stop);
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_selection_that_was_undone_may_run_again() {
    for database in Database::all().await {
        let store = &database.store;
        let site = Throttles::default();
        let (first, lease) = database.planned(1, &targets(8), None).await;
        store.start(&lease, &only(&site), "automation", NOW).await.unwrap();
        let undo = database
            .submit_as(2, |request| {
                request.origin = Origin::Undo { of: first.clone() };
                request.action = clawback_model::Action::Restore;
            })
            .await;
        let undoing = database.claim(&undo).await;
        database.plan(&undo, &undoing, &targets(8), None).await;
        let (_, lease) = database.planned(3, &targets(8), None).await;
        let before = store.start(&lease, &only(&site), "automation", NOW).await.unwrap();
        assert_eq!(before.status, Status::Paused, "the undo has not started");
        let undone = store.start(&undoing, &only(&site), "automation", NOW).await.unwrap();
        assert_eq!(undone.status, Status::InProgress, "an undo is never the same selection");
        let (_, lease) = database.planned(4, &targets(8), None).await;
        let after = store.start(&lease, &only(&site), "automation", NOW).await.unwrap();
        assert_eq!(after.status, Status::InProgress, "{}: {:?}", database.name, after.stop);
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_very_large_remediation_holds_the_others() {
    for database in Database::all().await {
        let store = &database.store;
        let site = Throttles { exclusive_above: 7, ..Throttles::default() };
        let (large, lease) = approved(&database, 1).await;
        store.start(&lease, &only(&site), "automation", NOW).await.unwrap();
        let (_, lease) = approved(&database, 2).await;
        let held = store.start(&lease, &only(&site), "automation", NOW).await.unwrap();
        let told = StopReason::ExclusiveAbove { limit: 7, remediation: large, messages: 8 };
        assert_eq!(held.stop, Some(told), "{}", database.name);
    }
}
