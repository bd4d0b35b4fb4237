//! Listing, filtering, paging.

use clawback_model::{Action, ActionSource, Decision, Event, OutcomeKind, Reason, RemediationId, Status, Timestamp};
use clawback_store::{HistoryFilter, MessageFilter};

use super::harness::{Database, approval_id, targets};

async fn names(database: &Database, filter: HistoryFilter) -> Vec<String> {
    let page = database.store.history(&filter, None, 100).await.unwrap();
    page.remediations.into_iter().map(|remediation| remediation.request.name).collect()
}

#[tokio::test]
async fn each_filter_matches_its_own() {
    for database in Database::all().await {
        database.finished(1, 20).await;
        let (id, _) = database.planned(2, &targets(5), Some(1)).await;
        database
            .submit_as(3, |request| {
                request.name = "100%_Ärger".into();
                request.source = ActionSource::Air;
                request.action = Action::HardDelete;
            })
            .await;
        let all = HistoryFilter::default;
        assert_eq!(names(&database, all()).await, ["100%_Ärger", "Purge 2", "Purge 1"]);
        let cases: [(HistoryFilter, &[&str]); 12] = [
            (HistoryFilter { name: Some("PURGE".into()), ..all() }, &["Purge 2", "Purge 1"]),
            (HistoryFilter { name: Some("%_ä".into()), ..all() }, &["100%_Ärger"]),
            (HistoryFilter { name: Some("0_ä".into()), ..all() }, &[]),
            (HistoryFilter { approval_id: Some(approval_id(2)), ..all() }, &["Purge 2"]),
            (HistoryFilter { investigation_id: Some(clawback_model::Id::from_random(3)), ..all() }, &["100%_Ärger"]),
            (HistoryFilter { statuses: vec![Status::PartiallyCompleted], ..all() }, &["Purge 1"]),
            (HistoryFilter { action_source: Some(ActionSource::Air), ..all() }, &["100%_Ärger"]),
            (HistoryFilter { action_type: Some(Action::SoftDelete), ..all() }, &["Purge 2", "Purge 1"]),
            (HistoryFilter { decided_by: Some("eve".into()), ..all() }, &["Purge 1"]),
            (HistoryFilter { decided_by: Some("ev".into()), ..all() }, &[]),
            (
                HistoryFilter { since: Some(Timestamp(1_000_002)), until: Some(Timestamp(1_000_003)), ..all() },
                &["Purge 2"],
            ),
            (HistoryFilter { pending_only: true, ..all() }, &["Purge 2"]),
        ];
        for (filter, expected) in cases {
            assert_eq!(names(&database, filter.clone()).await, expected, "{}: {filter:?}", database.name);
        }
        assert!(names(&database, HistoryFilter { name: Some("' OR 1=1 --".into()), ..all() }).await.is_empty());
        database.vote(&id, "eve", Decision::Reject).await;
        assert_eq!(names(&database, HistoryFilter { pending_only: true, ..all() }).await, [""; 0]);
    }
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_new_ones_arrive() {
    for database in Database::all().await {
        for number in 0..25 {
            database.submit(number).await;
        }
        let (mut cursor, mut seen) = (None, Vec::new());
        loop {
            let page = database.store.history(&HistoryFilter::default(), cursor, 10).await.unwrap();
            seen.extend(page.remediations.into_iter().map(|one| one.created_at.0));
            database.submit(1_000 + seen.len() as u64).await;
            match page.next {
                Some(next) => cursor = Some(next.to_string().parse().unwrap()),
                None => break,
            }
        }
        assert_eq!(seen, (1_000_000..1_000_025).rev().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn messages_and_batches_are_read_back() {
    for database in Database::all().await {
        let id = database.finished(1, 40).await;
        let store = &database.store;
        let first = store.messages(&id, None, 15).await.unwrap();
        let rest = store.messages(&id, Some(14), 100).await.unwrap();
        let read: Vec<_> = first.iter().chain(&rest).map(|(target, _)| target.clone()).collect();
        assert_eq!(read, targets(40));
        for (target, outcome) in first.iter().chain(&rest) {
            let outcome = outcome.as_ref().unwrap();
            if target.not_remediable.is_none() {
                assert_eq!(*outcome, super::harness::outcome(target, u32::from(target.seq >= 20)));
            } else {
                assert_eq!(outcome.kind, OutcomeKind::NotRemediable);
            }
        }
        let failed = store.former_outcomes(&id, OutcomeKind::Failed, None, 100).await.unwrap();
        assert_eq!(failed.iter().map(|(target, _)| target.seq).collect::<Vec<_>>(), [9, 19, 29, 39]);
        assert_eq!(store.former_outcomes(&id, OutcomeKind::Failed, Some(19), 1).await.unwrap()[0].0.seq, 29);
        let batches = store.batches(&id).await.unwrap();
        assert_eq!(batches.iter().map(|batch| (batch.first, batch.targets)).collect::<Vec<_>>(), [(0, 20), (20, 20)]);
        let events = store.events(&id).await.unwrap();
        let told = events.iter().rev().find_map(|entry| match entry.event().unwrap() {
            Some(Event::BatchFinished { report, outcomes, .. }) => Some((report, outcomes)),
            _ => None,
        });
        let (at, report, outcomes) = batches[1].finished.unwrap();
        assert_eq!((told, at), (Some((report, outcomes)), Timestamp(2_000_500)));
        assert!(store.plan_header(&id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn remediations_are_found_by_mailbox_and_message() {
    for database in Database::all().await {
        database.finished(1, 20).await;
        database.planned(2, &targets(5), Some(1)).await;
        let by_ben = |request: &mut clawback_model::Request| {
            (request.requested_by, request.playbook) = ("ben".into(), "sweep-up".into());
        };
        database.submit_as(3, by_ben).await;
        let all = HistoryFilter::default;
        let text = |text: &str| Some(text.to_owned());
        let (first, third) = (text("user000000@corp.example"), text("user000003@corp.example"));
        let cases: [(HistoryFilter, &[&str]); 12] = [
            (HistoryFilter { mailbox: first.clone(), ..all() }, &["Purge 2", "Purge 1"]),
            (HistoryFilter { mailbox: third.clone(), ..all() }, &["Purge 1"]),
            (HistoryFilter { mailbox: text("user000003"), ..all() }, &[]),
            (HistoryFilter { mailbox: third.clone(), approval_id: Some(approval_id(1)), ..all() }, &["Purge 1"]),
            (HistoryFilter { mailbox: third.clone(), approval_id: Some(approval_id(2)), ..all() }, &[]),
            (HistoryFilter { mailbox: first.clone(), since: Some(Timestamp(1_000_002)), ..all() }, &["Purge 2"]),
            (HistoryFilter { message_id: text("<3.campaign@evil.example>"), ..all() }, &["Purge 2", "Purge 1"]),
            (HistoryFilter { message_id: text("<13.campaign@evil.example>"), ..all() }, &["Purge 1"]),
            (HistoryFilter { message_id: text("<13.campaign@evil.example>"), mailbox: third, ..all() }, &["Purge 1"]),
            (HistoryFilter { message_id: text("<13.campaign@evil.example>"), mailbox: first, ..all() }, &[]),
            (HistoryFilter { requested_by: text("ben"), ..all() }, &["Purge 3"]),
            (HistoryFilter { playbook: text("sweep-up"), ..all() }, &["Purge 3"]),
        ];
        for (filter, expected) in cases {
            assert_eq!(names(&database, filter.clone()).await, expected, "{}: {filter:?}", database.name);
        }
        let statuses = vec![Status::Queued, Status::PendingApproval];
        assert_eq!(names(&database, HistoryFilter { statuses, ..all() }).await, ["Purge 3", "Purge 2"]);
    }
}

#[tokio::test]
async fn messages_are_found_by_outcome_reason_and_mailbox() {
    for database in Database::all().await {
        let id = database.finished(1, 40).await;
        let (open, _) = database.planned(2, &targets(5), Some(1)).await;
        let all = MessageFilter::default;
        let found = async |id: &RemediationId, filter: &MessageFilter, after, most| -> Vec<u32> {
            let found = database.store.messages_like(id, filter, after, most).await.unwrap();
            found.into_iter().map(|(target, _)| target.seq).collect()
        };
        let failed = MessageFilter { outcomes: vec![Some(OutcomeKind::Failed)], ..all() };
        assert_eq!(found(&id, &failed, None, 100).await, [9, 19, 29, 39], "{}", database.name);
        assert_eq!(found(&id, &failed, Some(9), 2).await, [19, 29], "pages continue after the last");
        let kinds = vec![Some(OutcomeKind::Failed), Some(OutcomeKind::NotRemediable)];
        assert_eq!(found(&id, &MessageFilter { outcomes: kinds, ..all() }, None, 4).await, [6, 9, 13, 19]);
        let reasons = vec![Reason::LocationNotRemediable, Reason::ScriptError];
        assert_eq!(found(&id, &MessageFilter { reasons, ..all() }, None, 2).await, [6, 13]);
        let mailbox = Some("user000002@corp.example".to_owned());
        assert_eq!(found(&id, &MessageFilter { mailbox: mailbox.clone(), ..all() }, None, 100).await, [8, 9, 10, 11]);
        assert_eq!(found(&id, &MessageFilter { mailbox, ..failed.clone() }, None, 100).await, [9]);
        let none = MessageFilter { outcomes: vec![None], ..all() };
        assert_eq!(found(&open, &none, None, 100).await, [0, 1, 2, 3, 4]);
        assert!(found(&id, &none, None, 100).await.is_empty() && found(&open, &failed, None, 100).await.is_empty());
    }
}
