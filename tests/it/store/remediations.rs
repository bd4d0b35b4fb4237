//! Submitting, loading, recording, voting.

use clawback_model::{Decision, Event, Id, Remediation, Status, Timestamp, Vote, VoteRefused};
use clawback_store::StoreError;

use super::harness::{Database, approval_id, filing, records, request, targets};

#[tokio::test]
async fn what_is_submitted_is_read_back() {
    for database in Database::all().await {
        let id = database.submit(1).await;
        let store = &database.store;
        let loaded = store.load(&id).await.unwrap();
        assert_eq!(loaded, Remediation::submitted(id.clone(), request(1), Timestamp(1_000_001)));
        assert_eq!(store.by_approval(&approval_id(1)).await.unwrap(), loaded);
        let (alert, investigation) = records(&loaded);
        assert_eq!(store.alert(&alert.id).await.unwrap(), alert);
        assert_eq!(store.investigation(&investigation.id).await.unwrap(), investigation);
        let events = store.events(&id).await.unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].event().unwrap(), Some(Event::Submitted { request: request(1) }));
        assert_eq!(events[0].link.actor, "ann");

        let again = store.file(&filing(loaded)).await.unwrap_err();
        assert!(matches!(again, StoreError::Exists { .. }), "{again}");
        let unknown = store.load(&Id::from_random(99)).await.unwrap_err();
        assert!(matches!(unknown, StoreError::NotFound { .. }), "{unknown}");
        assert_eq!(store.chain(0, 10).await.unwrap().len(), 1, "what failed left no event");
    }
}

#[tokio::test]
async fn an_event_that_does_not_fit_the_status_changes_nothing() {
    for database in Database::all().await {
        let id = database.submit(1).await;
        let refused = database.store.record(&id, None, "ann", &Event::Finished, Timestamp(9)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Illegal(_)), "{refused}");
        assert_eq!(database.store.load(&id).await.unwrap().status, Status::Queued);
        assert_eq!(database.store.events(&id).await.unwrap().len(), 1);
    }
}

/// The errors of the closure of `record_if`.
#[derive(Debug)]
enum Refused {
    Vote(VoteRefused),
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[tokio::test]
async fn votes_are_decided_on_the_current_state() {
    for database in Database::all().await {
        let (id, _) = database.planned(1, &targets(10), Some(2)).await;
        let store = &database.store;
        // All vote twice at the same time: each counts once, and two votes approve it.
        let digest = store.load(&id).await.unwrap().plan.unwrap().digest;
        let cast = |by: &'static str| {
            let (store, id) = (store.clone(), id.clone());
            tokio::spawn(async move {
                let at = Timestamp(2_000_250);
                store
                    .record_if(&id, None, by, at, |now| {
                        let Some(approval) = &now.approval else { unreachable!("it was planned with one") };
                        if let Some(known) = approval.votes.iter().find(|vote| vote.by == by) {
                            return Err(Refused::Vote(VoteRefused::VotedAlready { name: known.by.clone() }));
                        }
                        let (by, decision) = (by.into(), Decision::Approve);
                        let vote = Vote { by, decision, digest, comment: None, at, signature: None };
                        Ok(Event::Voted { vote })
                    })
                    .await
            })
        };
        let mut counted = 0;
        for attempt in ["eve", "eve", "dan", "dan"].map(cast) {
            match attempt.await.unwrap() {
                Ok(_) => counted += 1,
                Err(Refused::Vote(VoteRefused::VotedAlready { .. }) | Refused::Store(StoreError::Illegal(_))) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(counted, 2, "{}", database.name);
        assert_eq!(store.load(&id).await.unwrap().status, Status::Approved);
        let voters = database.lines("SELECT voter FROM votes ORDER BY voter").await;
        assert_eq!(voters, ["dan", "eve"]);
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn many_writers_make_one_chain() {
    for database in Database::all().await {
        let id = database.submit(0).await;
        let tasks: Vec<_> = (1..20)
            .map(|_| {
                let (store, id) = (database.store.clone(), id.clone());
                tokio::spawn(async move {
                    let by = "ann".to_owned();
                    store
                        .record(&id, None, "ann", &Event::CancelRequested { by, reason: None }, Timestamp(3))
                        .await
                        .unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let verified = database.store.verify(None, |_| {}).await.unwrap();
        assert_eq!(verified.events, 20, "{}", database.name);
    }
}
