//! One remediation with a message of every outcome, for the tests of exports and records.

use std::time::Duration;

use crate::action::{Action, ActionSource, Severity};
use crate::approval::ApprovalRule;
use crate::clock::Timestamp;
use crate::counts::Counts;
use crate::event::{Event, Origin, Request};
use crate::guard::{BatchReport, Guards, PlanFacts};
use crate::id::{AlertId, ApprovalId, InvestigationId, RemediationId};
use crate::limits::SelectionMode;
use crate::location::{Location, LocationKind};
use crate::message::MessageRef;
use crate::outcome::{Outcome, OutcomeKind, Reason, Receipt, RestorePoint};
use crate::plan::summary::PlanSummary;
use crate::plan::target::Target;
use crate::remediation::Remediation;
use crate::sha256::Digest;
use crate::vote::{Decision, Vote};

/// 2026-11-23T12:00:00Z.
pub(crate) const NOON: Timestamp = Timestamp(1_795_435_200_000_000);
/// A subject that no terminal, page or parser should obey.
pub(crate) const HOSTILE: &str = "=cmd|'/C calc'!A0 \u{202e}fdp\u{1b}[31m\r\nBcc: x <script>\"";

pub(crate) fn request(action: Action, source: ActionSource) -> Request {
    Request {
        name: format!("purge {HOSTILE}"),
        severity: Severity::High,
        description: String::new(),
        action,
        delete_senders_copy: false,
        source,
        mode: SelectionMode::Query,
        playbook: "purge".into(),
        playbook_source: String::new(),
        inputs: [("sender".to_owned(), "eve@evil.example".to_owned())].into(),
        picked: vec![],
        requested_by: "ann".into(),
        owner: None,
        agent: None,
        reported: false,
        origin: Origin::Fresh,
        in_words: String::new(),
        as_of: None,
        approval_id: ApprovalId::from_random(1),
        investigation_id: InvestigationId::from_random(2),
        alert_id: AlertId::from_random(3),
    }
}

/// Returns the events from submission to end, one minute apart.
pub(crate) fn events(action: Action) -> Vec<(Event, Timestamp)> {
    let digest = Digest([7; 32]);
    let plan = PlanSummary { digest, counts: Counts::planned(6, 1), facts: PlanFacts::default() };
    let report = |counts| BatchReport { counts, throttled: 0 };
    let counts = Counts {
        succeeded: 1,
        already_in_destination: 1,
        not_found: 1,
        moved_since: 1,
        failed: 1,
        cancelled: 1,
        ..Counts::default()
    };
    let events = vec![
        Event::Submitted { request: request(action, ActionSource::Manual) },
        Event::PlanningStarted,
        Event::Planned {
            plan,
            guards: Guards::default(),
            verify: false,
            approval: Some(ApprovalRule::default()),
            decided_by: None,
            under: None,
            wait: None,
        },
        Event::Voted {
            vote: Vote {
                by: "ben".into(),
                decision: Decision::Approve,
                digest,
                comment: None,
                at: NOON,
                signature: None,
            },
        },
        Event::Started,
        Event::BatchStarted { number: 0, first: 0, targets: 7 },
        Event::BatchFinished { number: 0, report: report(counts), outcomes: Digest([1; 32]) },
        Event::Finished,
    ];
    (0_u32..).zip(events).map(|(minute, event)| (event, NOON.plus(Duration::from_mins(minute.into())))).collect()
}

/// Returns the remediation after these events.
pub(crate) fn fold(events: &[(Event, Timestamp)]) -> Remediation {
    let Some((Event::Submitted { request }, at)) = events.first() else { panic!("begins with a submission") };
    let first = Remediation::submitted(RemediationId::from_random(9), request.clone(), *at);
    events.iter().skip(1).fold(first, |known, (event, at)| known.apply(event, *at).expect("the events fit"))
}

/// Returns a message of every outcome.
pub(crate) fn messages() -> Vec<(Target, Outcome)> {
    (0_u32..).zip(OutcomeKind::ALL).map(|(seq, kind)| (target(seq), outcome(seq, kind))).collect()
}

pub(crate) fn target(seq: u32) -> Target {
    Target {
        seq,
        store: "mail".into(),
        mailbox: format!("u{seq}@acme.example").into(),
        reference: MessageRef {
            locator: "x".into(),
            message_id: format!("<{seq}@evil.example>"),
            fingerprint: format!("fp{seq}"),
        },
        location: Location::new(LocationKind::Inbox, "INBOX"),
        original_location: (seq > 0).then(|| Location::new(LocationKind::Junk, "Junk")),
        subject: HOSTILE.into(),
        from_address: "eve@evil.example".into(),
        received_at: NOON.minus(Duration::from_hours(1)),
        former: None,
        not_remediable: None,
        script_reason: None,
        script_tag: None,
    }
}

/// Returns a message of a mailbox that is in a plan for this reason.
pub(crate) fn matched(seq: u32, mailbox: &str, received_at: Timestamp, reason: &str) -> Target {
    Target { mailbox: mailbox.into(), received_at, script_reason: Some(reason.to_owned()), ..target(seq) }
}

fn outcome(seq: u32, kind: OutcomeKind) -> Outcome {
    let reason = match kind {
        OutcomeKind::Succeeded => Reason::Confirmed,
        OutcomeKind::AlreadyInDestination => Reason::AlreadyThere,
        OutcomeKind::NotFound => Reason::Gone,
        OutcomeKind::MovedSince => Reason::MovedByOwner,
        OutcomeKind::NotRemediable => Reason::LocationNotRemediable,
        OutcomeKind::Failed => Reason::StoreRefused,
        OutcomeKind::Cancelled => Reason::CancelledByPerson,
    };
    let receipt = Receipt {
        former: RestorePoint { location: Location::new(LocationKind::Inbox, "INBOX"), flags: vec![] },
        now: None,
        location: Some(Location::new(LocationKind::RecoverableItems, "Recoverable Items")),
        evidence: None,
        calendar_entry: None,
    };
    Outcome {
        seq,
        kind,
        reason,
        detail: (kind == OutcomeKind::Failed).then(|| "NO \u{1b}[2J denied".to_owned()),
        receipt: (kind == OutcomeKind::Succeeded).then_some(receipt),
        batch: Some(0),
        recorded_at: NOON.plus(Duration::from_mins(6)),
    }
}
