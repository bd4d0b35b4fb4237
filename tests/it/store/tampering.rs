//! Every change by hand of somebody with rights on the database is found and named.

use clawback_model::{Decision, Digest, Event, Principal, PrincipalKind, Role, Timestamp};
use clawback_store::{Found, Head, TokenTerms, VerifyError};

use super::harness::{Database, targets};

async fn found(database: &Database) -> Found {
    match database.store.verify(None, |_| {}).await {
        Err(VerifyError::Broken(found)) => found,
        other => panic!("{}: nothing was found: {other:?}", database.name),
    }
}

/// Finished remediation 1, cancelled remediation 2, one principal with a token.
async fn history(database: &Database) {
    database.finished(1, 40).await;
    let (id, lease) = database.planned(2, &targets(40), Some(1)).await;
    database.vote(&id, "eve", Decision::Approve).await;
    let store = &database.store;
    store.record(&id, Some(&lease), "automation", &Event::Started, Timestamp(2_000_300)).await.unwrap();
    database.batch(&id, &lease, 0, 0, 20).await;
    store.cancel_open(&id, &lease, "ann", Timestamp(2_000_700)).await.unwrap();
    let principal = Principal::new("eve", PrincipalKind::Person, vec![Role::Approver]);
    store.add_principal(&principal, "root", Timestamp(3)).await.unwrap();
    store.add_token("eve", &Digest::of(b"secret"), TokenTerms::labelled("laptop"), "root", Timestamp(4)).await.unwrap();
    store.halt("a drill", "root", Timestamp(5)).await.unwrap();
}

#[tokio::test]
async fn a_sound_history_is_verified() {
    for database in Database::all().await {
        history(&database).await;
        let mut told = 0;
        let verified = database.store.verify(None, |_| told += 1).await.unwrap();
        assert_eq!((verified.remediations, verified.targets, verified.outcomes), (2, 80, 80));
        assert_eq!(verified.head, database.store.head().await.unwrap());
        assert!(told > 0);
        for id in [1, 2] {
            let counts = database.store.by_approval(&super::harness::approval_id(id)).await.unwrap().counts;
            assert!(counts.is_consistent() && counts.open == 0, "{counts:?}");
        }
    }
}

/// A change by hand, and whether the finding names it.
type Change = (&'static str, fn(&Found) -> bool);

#[tokio::test]
async fn each_change_by_hand_is_named() {
    let changes: [Change; 32] = [
        (
            "UPDATE events SET body = REPLACE(body, 'approve', 'reject') WHERE kind = 'voted' AND seq < 10",
            |found| matches!(found, Found::EventChanged { kind, .. } if kind == "voted"),
        ),
        ("UPDATE events SET actor = 'bob' WHERE seq = 2", |found| matches!(found, Found::EventChanged { seq: 2, .. })),
        ("UPDATE events SET remediation_id = NULL WHERE seq = 3", |found| {
            matches!(found, Found::EventChanged { seq: 3, .. })
        }),
        ("UPDATE events SET hash = previous WHERE seq = 3", |found| {
            matches!(found, Found::EventChanged { seq: 3, .. })
        }),
        ("UPDATE events SET previous = hash WHERE seq = 3", |found| {
            matches!(found, Found::EventChanged { seq: 3, .. })
        }),
        ("DELETE FROM events WHERE seq = 3", |found| matches!(found, Found::EventMissing { seq: 3 })),
        ("DELETE FROM events WHERE seq = 1", |found| matches!(found, Found::EventMissing { seq: 1 })),
        ("UPDATE targets SET subject = 'x' WHERE remediation = 1 AND seq = 5", |found| {
            matches!(found, Found::Plan { .. })
        }),
        ("UPDATE lanes SET mailbox = 'x' WHERE remediation = 1 AND lane = 1", |found| {
            matches!(found, Found::Plan { .. })
        }),
        ("UPDATE plans SET header = REPLACE(header, 'soft', 'hard') WHERE remediation = 1", |found| {
            matches!(found, Found::Plan { .. })
        }),
        ("DELETE FROM plans WHERE remediation = 1", |found| matches!(found, Found::PlanMissing { .. })),
        ("DELETE FROM targets WHERE remediation = 1 AND seq = 39", |found| matches!(found, Found::Plan { .. })),
        ("UPDATE outcomes SET kind = 'failed' WHERE remediation = 1 AND seq = 25", |found| {
            matches!(found, Found::Outcomes { number: 1, .. })
        }),
        ("UPDATE outcomes SET receipt = NULL WHERE remediation = 1 AND seq = 2", |found| {
            matches!(found, Found::Outcomes { number: 0, .. })
        }),
        ("DELETE FROM outcomes WHERE remediation = 1 AND seq = 3", |found| {
            matches!(found, Found::OutcomeMissing { seq: 3, .. })
        }),
        ("DELETE FROM outcomes WHERE remediation = 1 AND seq = 6", |found| {
            matches!(found, Found::OutcomeMissing { seq: 6, .. })
        }),
        ("UPDATE outcomes SET reason = 'script-error' WHERE remediation = 1 AND seq = 6", |found| {
            matches!(found, Found::OutcomeAdded { seq: 6, .. })
        }),
        ("UPDATE outcomes SET recorded_at = 7 WHERE remediation = 2 AND seq = 30", |found| {
            matches!(found, Found::Cancelled { .. })
        }),
        (
            "INSERT INTO outcomes (remediation, seq, kind, reason, batch, recorded_at) \
             VALUES (1, 40, 'succeeded', 'confirmed', 9, 5)",
            |found| matches!(found, Found::OutcomesBeyondPlan { .. }),
        ),
        ("UPDATE remediations SET status = 'cancelled' WHERE number = 1", |found| {
            matches!(found, Found::State { what: "status", .. })
        }),
        (
            "UPDATE remediations SET state = REPLACE(state, 'evil', 'good') || ' ', name = 'x' WHERE number = 1",
            |found| matches!(found, Found::State { .. }),
        ),
        ("UPDATE remediations SET decided_by = 'dan' WHERE number = 2", |found| {
            matches!(found, Found::State { what: "decided_by", .. })
        }),
        ("UPDATE votes SET voter = 'dan' WHERE event = (SELECT MIN(event) FROM votes)", |found| {
            matches!(found, Found::Vote { .. })
        }),
        ("DELETE FROM votes", |found| matches!(found, Found::Vote { .. })),
        ("UPDATE batches SET targets = 19 WHERE number = 0", |found| matches!(found, Found::Batch { number: 0, .. })),
        ("UPDATE principals SET roles = '[\"admin\"]'", |found| matches!(found, Found::Principal { .. })),
        ("UPDATE tokens SET expires_at = 99", |found| matches!(found, Found::Token { .. })),
        ("DELETE FROM halts", |found| matches!(found, Found::Halt)),
        ("UPDATE halts SET halted_by = 'bob'", |found| matches!(found, Found::Halt)),
        ("UPDATE remediations SET selection = 'x' WHERE number = 1", |found| {
            matches!(found, Found::State { what: "selection", .. })
        }),
        ("UPDATE remediations SET follows = 'x' WHERE number = 1", |found| {
            matches!(found, Found::State { what: "follows", .. })
        }),
        ("UPDATE remediations SET approved_at = 1 WHERE number = 1", |found| {
            matches!(found, Found::State { what: "approved_at", .. })
        }),
    ];
    for database in Database::all().await {
        history(&database).await;
        for (change, is_named) in changes {
            let kept = database.keep().await;
            assert!(database.force(change).await, "{}: {change}", database.name);
            let found = found(&database).await;
            assert!(is_named(&found), "{}: {change}: {found:?} ({found})", database.name);
            database.put_back(&kept).await;
        }
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_truncated_history_is_detected_by_a_noted_head() {
    for database in Database::all().await {
        database.submit(1).await;
        let before = database.store.head().await.unwrap();
        let principal = Principal::new("eve", PrincipalKind::Person, vec![]);
        database.store.add_principal(&principal, "root", Timestamp(3)).await.unwrap();
        let known = database.store.head().await.unwrap();
        database.store.verify(Some(before), |_| {}).await.unwrap();
        database.store.verify(Some(known), |_| {}).await.unwrap();

        database.force(&format!("DELETE FROM events WHERE seq = {}; DELETE FROM principals", known.seq)).await;
        assert!(database.store.verify(None, |_| {}).await.is_ok(), "the chain alone cannot know");
        let cut = database.store.verify(Some(known), |_| {}).await.unwrap_err();
        assert!(matches!(cut, VerifyError::Broken(Found::Cut { .. })), "{cut}");
        let other = Head { hash: Digest::of(b"x"), ..before };
        let rewritten = database.store.verify(Some(other), |_| {}).await.unwrap_err();
        assert!(matches!(rewritten, VerifyError::Broken(Found::Rewritten { .. })), "{rewritten}");
    }
}
