//! Reports of people: their groups, the remediation that enough of them file, and the answers to reporters.

use std::sync::atomic::{AtomicU64, Ordering};

use clawback_model::{
    Calls, Digest, Id, Identity, NotCounted, Placed, Remediation, RemediationId, Report, ReportKind, ReportSource,
    ReportThreshold, ReportVerdict, Root, Sketch, Status, Timestamp,
};
use clawback_store::{DueAnswer, NewReport, Recorded, Store};

use super::harness::{Database, TTL, filing, request};

const DAY: i64 = 24 * 3_600 * 1_000_000;
const HOUR: i64 = 3_600 * 1_000_000;
/// Each report and each remediation of this file has a number of its own.
static NUMBER: AtomicU64 = AtomicU64::new(10_000);

/// A message of a campaign.
fn root(campaign: u64) -> Root {
    let pairs = campaign * 1_000..campaign * 1_000 + 60;
    let calls = Calls { web: [format!("host{campaign}.example")].into(), ..Calls::default() };
    Root::new(Sketch::new(pairs.collect(), 60), Identity::default(), calls, "", "Your \u{202e}account")
}

fn report(reporter: &str, campaign: Option<u64>, at: i64) -> Report {
    let root = campaign.map(root);
    Report {
        id: Id::from_random(NUMBER.fetch_add(1, Ordering::Relaxed)),
        reporter: format!("{reporter}@corp.example"),
        reported_at: Timestamp(at),
        source: ReportSource::Api,
        kind: if root.is_some() { ReportKind::Attached } else { ReportKind::InlineForward },
        message_id: String::new(),
        sender: "eve@evil.example".into(),
        subject: "Your \u{202e}account".into(),
        root,
        not_counted: None,
        simulation: None,
    }
}

/// Records a report as the program does; returns the remediation that it filed.
async fn bring(store: &Store, report: &Report, fingerprint: Option<&str>) -> (Recorded, Option<RemediationId>) {
    loop {
        let open = store.open_groups(&report.reporter, report.reported_at).await.unwrap();
        let placed = Placed::of(report, open, ReportThreshold::default());
        let filing = placed.as_ref().filter(|placed| placed.is_due).map(|_| {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            filing(Remediation::submitted(Id::from_random(number), request(number), report.reported_at))
        });
        let (placed, filing_given) = (placed.as_ref(), filing.as_ref());
        let new = NewReport { report, brought_by: "desk", fingerprint, placed, filing: filing_given };
        match store.record_report(&new).await.unwrap() {
            Recorded::Changed => {}
            recorded => return (recorded, filing.map(|filing| filing.remediation.id)),
        }
    }
}

async fn cancel(store: &Store, id: &RemediationId, at: i64) {
    let (_, lease) = store.claim(id, "node-1", Timestamp(at), TTL).await.unwrap().unwrap();
    let cancelled = store.cancel_open(id, &lease, "ann", Timestamp(at)).await.unwrap();
    assert_eq!(cancelled.status, Status::Cancelled);
}

async fn due(store: &Store, of: Option<&RemediationId>, at: i64) -> Vec<DueAnswer> {
    store.take_answers(of, (Timestamp(at), Timestamp(at + HOUR)), 10).await.unwrap()
}

fn names(answers: &[DueAnswer]) -> Vec<&str> {
    answers.iter().map(|answer| answer.reporter.split('@').next().unwrap()).collect()
}

/// A history with rows in every table of reports.
pub(super) async fn reported(database: &Database) {
    for reporter in ["ann", "ben", "ann"] {
        bring(&database.store, &report(reporter, Some(1), 2_000_000), None).await;
    }
    let automatic = Report { not_counted: Some(NotCounted::Automatic), ..report("cy", None, 2_000_000) };
    bring(&database.store, &automatic, Some("mail 1")).await;
    let due = database.store.abuse_mailbox("corp", "abuse@corp.example").await.unwrap();
    let mut taken = database.store.take_abuse_mailbox(&due, Timestamp(3_000_000)).await.unwrap().unwrap();
    (taken.whole_at, taken.looked_at) = (Some(Timestamp(2_000_000)), Some(Timestamp(2_000_000)));
    taken.trouble = Some("it did not answer".into());
    assert!(database.store.finish_abuse_mailbox(&taken).await.unwrap());
}

#[tokio::test]
async fn enough_reports_file_one_remediation_though_they_come_in_at_once() {
    for database in Database::all().await {
        let mut all = tokio::task::JoinSet::new();
        for number in 0..24_u64 {
            let store = database.store.clone();
            all.spawn(async move {
                let report = report(&format!("person{}", number % 8), Some(1 + number % 2), 1_000);
                bring(&store, &report, None).await.1
            });
        }
        let mut filed = Vec::new();
        while let Some(done) = all.join_next().await {
            filed.extend(done.unwrap());
        }
        assert_eq!(filed.len(), 2, "{}: one for each campaign", database.name);
        let groups = database.store.report_groups(10).await.unwrap();
        let counts: Vec<_> = groups.iter().map(|(group, status)| (group.reports, group.people, *status)).collect();
        assert_eq!(counts, [(12, 4, Some(Status::Queued)); 2], "{}", database.name);
        for (group, _) in &groups {
            assert!(filed.contains(group.remediation.as_ref().unwrap()), "{}", database.name);
            assert_eq!(group.subject, "Your \u{202e}account");
        }
        let remediations = database.lines("SELECT id FROM remediations").await.len();
        assert_eq!(remediations, 2, "{}: nothing else was filed", database.name);
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_mail_is_reported_once_and_an_inline_forward_is_not_counted() {
    for database in Database::all().await {
        let store = &database.store;
        let fingerprint = Digest::of(b"mail").to_string();
        for (expected, number) in [(Recorded::Yes(Some(1)), 0), (Recorded::Before, 1)] {
            let (recorded, _) = bring(store, &report("ann", Some(1), number), Some(&fingerprint)).await;
            assert_eq!(recorded, expected, "{}", database.name);
        }
        assert_eq!(bring(store, &report("ben", None, 5), None).await.0, Recorded::Yes(None));
        let groups = store.report_groups(10).await.unwrap();
        assert_eq!((groups.len(), groups[0].0.reports, groups[0].0.people), (1, 1, 1), "{}", database.name);
        assert_eq!(database.lines("SELECT id FROM reports").await.len(), 2);
    }
}

#[tokio::test]
async fn reporters_of_a_simulation_are_answered_at_once_and_file_nothing() {
    for database in Database::all().await {
        let store = &database.store;
        for reporter in ["ann", "ben", "cy"] {
            let simulated = Report { simulation: Some("KnowBe4".into()), ..report(reporter, Some(1), 1_000) };
            assert_eq!(bring(store, &simulated, None).await, (Recorded::Yes(Some(1)), None), "{}", database.name);
        }
        let (group, status) = store.report_groups(10).await.unwrap().remove(0);
        assert_eq!((group.simulation.as_deref(), group.reports, status), (Some("KnowBe4"), 3, None));
        assert_eq!(bring(store, &report("dan", Some(1), 2_000), None).await.0, Recorded::Yes(Some(2)));
        let taken = due(store, None, 2_000).await;
        assert_eq!(names(&taken), ["ann", "ben", "cy"], "{}", database.name);
        assert_eq!((taken[0].verdict, &taken[0].remediation), (Some(ReportVerdict::Simulation), &None));
        store.answered(&taken[0], Some(Timestamp(3_000))).await.unwrap();
        assert_eq!(names(&due(store, None, 2 * HOUR).await), ["ben", "cy"], "{}", database.name);
    }
}

#[tokio::test]
async fn a_reporter_is_answered_once_when_the_remediation_has_ended() {
    for database in Database::all().await {
        let store = &database.store;
        let mut filed = None;
        for reporter in ["ann", "ann", "ben", "cy"] {
            filed = bring(store, &report(reporter, Some(1), 1_000), None).await.1.or(filed);
        }
        let id = filed.unwrap();
        assert_eq!(due(store, None, DAY).await, [], "{}: it has not ended", database.name);
        cancel(store, &id, 2_000).await;
        assert!(store.notices_due(Timestamp(2_000)).await.unwrap());
        let other = Id::from_random(1);
        assert_eq!(due(store, Some(&other), 3_000).await, []);
        let taken = due(store, Some(&id), 3_000).await;
        assert_eq!(names(&taken), ["ann", "ben", "cy"], "{}", database.name);
        assert_eq!(
            (taken[0].verdict, taken[0].tries, taken[0].since),
            (Some(ReportVerdict::Undecided), 1, Timestamp(2_000))
        );
        assert_eq!(due(store, None, 4_000).await, [], "{}: this node has them", database.name);

        // One is sent, one fails, and the node dies before the third.
        store.answered(&taken[0], Some(Timestamp(5_000))).await.unwrap();
        store.defer_answer(&taken[1], Timestamp(6_000)).await.unwrap();
        assert_eq!(names(&due(store, None, 6_000).await), ["ben"], "{}", database.name);
        let again = due(store, None, 2 * HOUR).await;
        assert_eq!((names(&again), again[0].tries), (vec!["cy", "ben"], 2), "{}", database.name);
        // A node that comes late changes nothing.
        store.answered(&taken[1], Some(Timestamp(5_000))).await.unwrap();
        for answer in &again {
            store.answered(answer, None).await.unwrap();
        }
        assert_eq!(due(store, None, DAY).await, [], "{}", database.name);

        // It ended without a decision, so later reports begin a new group, which is due as the first was.
        let mut second = None;
        for reporter in ["ann", "dan", "dan"] {
            second = bring(store, &report(reporter, Some(1), HOUR), None).await.1.or(second);
        }
        assert!(second.is_some_and(|second| second != id), "{}", database.name);
        assert_eq!(due(store, None, 3 * HOUR).await, [], "{}: the second has not ended", database.name);
        store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn groups_close_and_old_reports_are_removed() {
    for database in Database::all().await {
        let store = &database.store;
        for (at, groups) in [(0, 1), (2 * DAY, 1), (6 * DAY, 2), (80 * DAY, 3), (94 * DAY, 3), (200 * DAY, 1)] {
            bring(store, &report("ann", Some(1), at), None).await;
            bring(store, &report("ann", None, at), None).await;
            store.forget_reports(Timestamp(at)).await.unwrap();
            assert_eq!(store.report_groups(10).await.unwrap().len(), groups, "{} at {at}", database.name);
        }
        for table in ["reports", "reporters", "report_groups"] {
            let rows = database.lines(&format!("SELECT 'x' FROM {table}")).await.len();
            assert_eq!(rows, if table == "reports" { 2 } else { 1 }, "{}: {table}", database.name);
        }
    }
}

#[tokio::test]
async fn one_node_looks_into_the_mailbox_for_reports() {
    for database in Database::all().await {
        let store = &database.store;
        let due = store.abuse_mailbox("corp", "abuse@corp.example").await.unwrap();
        assert_eq!((due.next_at, due.whole_at, due.failures), (Timestamp(0), None, 0), "{}", database.name);
        let mut first = due.clone();
        first.whole_at = Some(Timestamp(7));
        let mut taken = store.take_abuse_mailbox(&first, Timestamp(60)).await.unwrap().unwrap();
        assert_eq!(store.take_abuse_mailbox(&due, Timestamp(61)).await.unwrap(), None, "{}", database.name);
        taken = store.take_abuse_mailbox(&taken, Timestamp(80)).await.unwrap().unwrap();
        (taken.failures, taken.trouble, taken.looked_at) = (2, Some("no answer".into()), Some(Timestamp(50)));
        assert!(store.finish_abuse_mailbox(&taken).await.unwrap());
        assert!(!store.finish_abuse_mailbox(&taken).await.unwrap(), "{}: a late writer", database.name);
        let known = store.abuse_mailbox("corp", "abuse@corp.example").await.unwrap();
        assert_eq!((known.failures, known.trouble.as_deref()), (2, Some("no answer")), "{}", database.name);
        assert_eq!((known.next_at, known.looked_at), (Timestamp(80), Some(Timestamp(50))), "{}", database.name);
        assert_eq!(known.whole_at, Some(Timestamp(7)), "{}: the first look began at this time", database.name);

        let forged = Report { not_counted: Some(NotCounted::Unauthenticated), ..report("eve", Some(9), 1_000) };
        let forged = Report { source: ReportSource::AbuseMailbox, ..forged };
        let inline = Report { source: ReportSource::AbuseMailbox, ..report("ann", None, 1_000) };
        assert_eq!(bring(store, &forged, Some("a")).await, (Recorded::Yes(None), None), "{}", database.name);
        assert_eq!(bring(store, &inline, Some("b")).await, (Recorded::Yes(None), None), "{}", database.name);
        assert_eq!(bring(store, &inline, Some("b")).await.0, Recorded::Before, "{}", database.name);
        let known = store.recorded_mails(&["a", "b", "c"]).await.unwrap();
        assert_eq!(known, ["a".to_owned(), "b".to_owned()].into(), "{}", database.name);
        let expected = [("inline-forward".to_owned(), 1), ("unauthenticated".to_owned(), 1)];
        assert_eq!(store.mails_not_counted(Timestamp(1_000)).await.unwrap(), expected, "{}", database.name);
        assert!(store.mails_not_counted(Timestamp(1_001)).await.unwrap().is_empty(), "{}", database.name);
    }
}
