//! What people read: a title, facts line by line, and a link. Names are chosen by users, so every text is made visible
//! here, once, and no channel gets the original.

use std::fmt::Write as _;

use clawback_model::{Checkpoint, PublicUrl, Remediation, Reminder, Status, Timestamp, visible_line};

/// Characters of a name in a line, and in a title.
const LINE: usize = 200;
const TITLE: usize = 80;

/// A checkpoint as it is sent to its recipients.
pub(crate) struct CheckpointNotice {
    /// As it was signed.
    pub(crate) note: String,
    /// Names of the witnesses that signed it.
    pub(crate) signed: Vec<String>,
    /// How many must sign.
    pub(crate) quorum: usize,
}

/// The reason of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The status has changed.
    Changed,
    /// The remediation still waits.
    Reminder(Reminder),
    /// A checkpoint of the history.
    Checkpoint,
}

impl Kind {
    /// For the log.
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::Changed => "Remediation changed its status.",
            Self::Reminder(Reminder::Again) => "Remediation still waits for approval.",
            Self::Reminder(Reminder::Escalation) => "Nobody has decided on a remediation.",
            Self::Checkpoint => "Checkpoint of the history.",
        }
    }
}

/// One notification, the same on every channel and in every try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) kind: Kind,
    /// Unique for what is reported: a notification that is sent twice has the same.
    pub(super) id: String,
    /// That of the remediation, by which related notifications are grouped.
    pub(super) remediation_id: String,
    pub(super) title: String,
    pub(super) facts: Vec<(&'static str, String)>,
    /// What to do.
    pub(super) hint: String,
    pub(super) link: Option<String>,
    /// When it happened; of a reminder, when it is sent.
    pub(super) at: Timestamp,
}

impl Notice {
    pub(super) fn new(kind: Kind, remediation: &Remediation, url: Option<&PublicUrl>, at: Timestamp) -> Self {
        let request = &remediation.request;
        let what = match kind {
            Kind::Changed => remediation.status.as_str(),
            Kind::Reminder(reminder) => reminder.as_str(),
            Kind::Checkpoint => "checkpoint",
        };
        let link = url.map(|url| url.remediation(&remediation.id));
        let pending = remediation.status == Status::PendingApproval;
        let hint = match (&link, pending) {
            (Some(_), true) => "Review the plan and decide in the Action Center.".to_owned(),
            (Some(_), false) => "Details are in the Action Center.".to_owned(),
            (None, true) => format!("Review the plan with `clawback show {}`, and decide.", request.approval_id),
            (None, false) => format!("Details: `clawback show {}`.", remediation.id),
        };
        Self {
            kind,
            id: format!("{}.{what}.{}", remediation.id, remediation.updated_at.0),
            remediation_id: remediation.id.to_string(),
            title: format!("{}: {}", headline(kind, remediation.status), visible_line(&request.name, TITLE)),
            facts: facts(remediation),
            hint,
            link,
            at,
        }
    }

    /// A signed checkpoint, to be kept out of reach of those who can change the history.
    pub(super) fn checkpoint(checkpoint: &Checkpoint, of: &CheckpointNotice, at: Timestamp) -> Self {
        let CheckpointNotice { note, signed, quorum } = of;
        let mut facts = vec![("Log", visible_line(&checkpoint.origin, LINE)), ("Events", checkpoint.size.to_string())];
        if *quorum > 0 {
            let names = if signed.is_empty() { "nobody".to_owned() } else { signed.join(", ") };
            let few = if signed.len() < *quorum { format!("; too few, {quorum} must cosign") } else { String::new() };
            facts.push(("Witnesses", visible_line(&format!("cosigned by {names}{few}"), LINE)));
        }
        Self {
            kind: Kind::Checkpoint,
            id: format!("checkpoint.{}.{}", checkpoint.size, checkpoint.root.short()),
            remediation_id: "checkpoints".to_owned(),
            title: format!("Checkpoint of {}: {} events", visible_line(&checkpoint.origin, TITLE), checkpoint.size),
            facts,
            hint: format!(
                "Keep it: `clawback verify --checkpoint` proves later that nothing before it was changed.\n\n{note}"
            ),
            link: None,
            at,
        }
    }

    /// The whole notification as plain text.
    pub(super) fn text(&self) -> String {
        let width = self.facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
        let mut text = format!("{}\n\n", self.title);
        for (name, value) in &self.facts {
            let _ = writeln!(text, "{:width$}{value}", format!("{name}:"));
        }
        let _ = writeln!(text, "\n{}", self.hint);
        if let Some(link) = &self.link {
            let _ = writeln!(text, "{link}");
        }
        text
    }
}

fn headline(kind: Kind, status: Status) -> String {
    match (kind, status) {
        (Kind::Reminder(Reminder::Again), _) => "Still waiting for approval".to_owned(),
        (Kind::Reminder(Reminder::Escalation), _) => "Nobody has decided yet".to_owned(),
        (Kind::Changed, Status::PendingApproval) => "Approval needed".to_owned(),
        (Kind::Changed, status) => format!("Remediation {status}"),
        (Kind::Checkpoint, _) => "Checkpoint".to_owned(),
    }
}

fn facts(remediation: &Remediation) -> Vec<(&'static str, String)> {
    let (request, counts) = (&remediation.request, &remediation.counts);
    let mut facts = vec![
        ("Name", visible_line(&request.name, LINE)),
        ("Remediation", remediation.id.to_string()),
        ("Approval", request.approval_id.to_string()),
        ("Status", remediation.status.to_string()),
        ("Action", request.action.to_string()),
        ("Severity", request.severity.to_string()),
        ("Requested by", visible_line(&request.requester_in_words(), LINE)),
    ];
    if let Some(plan) = &remediation.plan {
        let mailboxes = plan.facts.mailboxes;
        facts.push((
            "Messages",
            format!("{} in {mailboxes} mailboxes, {} remediable", counts.submitted, counts.remediable),
        ));
        facts.push(("Plan", plan.digest.short()));
    }
    if counts.remediable > counts.open {
        facts.push((
            "Outcomes",
            format!("{} succeeded, {} failed, {} open", counts.succeeded, counts.failed, counts.open),
        ));
    }
    match &remediation.approval {
        Some(approval) if remediation.status == Status::PendingApproval => {
            facts.push(("Votes", format!("{} of {}", approval.votes.len(), approval.rule.votes)));
            facts.push(("Decide by", approval.deadline.to_string()));
        }
        _ => {}
    }
    if let Some(by) = &remediation.decided_by {
        facts.push(("Decided by", visible_line(by, LINE)));
    }
    if let Some(stop) = &remediation.stop {
        facts.push(("Reason", visible_line(&stop.to_string(), LINE)));
    }
    facts
}
