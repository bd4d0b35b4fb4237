//! Where a remediation stands, and what comes next.

use clawback_action_center::json::{ApprovalJson, DetailJson, RemediationJson, UndoJson, VerificationJson};
use clawback_model::{Counts, PlanFacts, Remediation, Status, visible};

use crate::args::{Format, Global};
use crate::failure::{Exit, Failure};
use crate::open::Session;
use crate::output;

/// Where a remediation stands, whether it was read here or at a server.
pub(crate) struct Standing {
    pub(crate) remediation: RemediationJson,
    pub(crate) approval: Option<ApprovalJson>,
    pub(crate) undone_by: Vec<UndoJson>,
    pub(crate) to_undo: u64,
}

impl From<&Remediation> for Standing {
    fn from(remediation: &Remediation) -> Self {
        let approval = remediation.approval.as_ref().map(ApprovalJson::from);
        Self {
            remediation: remediation.into(),
            approval,
            undone_by: Vec::new(),
            to_undo: remediation.left_to_undo(&[]),
        }
    }
}

impl Standing {
    /// With the address of its page.
    pub(crate) fn at(session: &Session, remediation: &Remediation) -> Self {
        let standing = Self::from(remediation);
        Self { remediation: standing.remediation.linked(session.site().public_url.as_ref()), ..standing }
    }
}

impl From<DetailJson> for Standing {
    fn from(detail: DetailJson) -> Self {
        let DetailJson { remediation, approval, undone_by, to_undo, .. } = detail;
        Self { remediation, approval, undone_by, to_undo }
    }
}

/// Prints a remediation and gives the exit code that its status stands for.
pub(crate) fn tell(global: &Global, standing: impl Into<Standing>) -> Result<Exit, Failure> {
    let standing = standing.into();
    let remediation = &standing.remediation;
    match global.format {
        Format::Table => summary(&standing)?,
        Format::Json | Format::Ocsf | Format::O365Air => output::json(remediation)?,
        Format::Csv => super::history::print(global, remediation)?,
    }
    Ok(exit_of(remediation.status, remediation.facts.as_ref()))
}

/// Prints where a remediation stands of which this process was told to stop; `others` may be at work on it.
pub(crate) fn tell_interrupted(global: &Global, standing: impl Into<Standing>, others: bool) -> Result<Exit, Failure> {
    let standing = standing.into();
    let RemediationJson { id, counts, .. } = &standing.remediation;
    let (id, done) = (visible(id), counts.acted() + counts.not_remediable);
    let done = format!("{done} of {} messages are done", counts.submitted);
    if others {
        output::note(&format!(
            "watched no longer: {done}; a worker goes on with it, and `clawback show {id}` follows it"
        ));
    } else {
        output::note(&format!("interrupted: {done}"));
    }
    tell(global, standing)?;
    Ok(Exit::Interrupted)
}

/// 3 where messages failed or not everything was looked at, 1 where nothing could be done, 0 else.
pub(crate) fn exit_of(status: Status, facts: Option<&PlanFacts>) -> Exit {
    match status {
        Status::Failed if facts.is_none() => Exit::Failed,
        Status::Failed | Status::PartiallyCompleted => Exit::Partial,
        _ => Exit::Done,
    }
}

/// What a person wants to know first, and the next step.
pub(crate) fn summary(standing: &Standing) -> Result<(), Failure> {
    let remediation = &standing.remediation;
    let mut pairs = vec![
        ("remediation", format!("{}  {}", remediation.id, remediation.name)),
        ("status", remediation.status.to_string()),
        ("action", remediation.action.to_string()),
        ("selection", remediation.selection.clone()),
        ("severity", remediation.severity.to_string()),
        ("approval ID", remediation.approval_id.clone()),
        ("investigation", remediation.investigation_id.clone()),
        ("page", remediation.url.clone().unwrap_or_default()),
        ("requested by", remediation.requested_by.clone()),
        ("decided by", decided_by(standing)),
    ];
    if let (Some(digest), Some(facts)) = (&remediation.plan_digest, &remediation.facts) {
        pairs.push(("plan", digest.clone()));
        pairs.push(("mailboxes", facts.mailboxes.to_string()));
        if facts.vips > 0 {
            pairs.push(("in VIP mailboxes", facts.vips.to_string()));
        }
        if let Some(searched) = facts.searched {
            pairs.push(("searched", format!("{searched} mailboxes")));
        }
        pairs.extend(not_looked_at(facts));
        pairs.push(("messages", counts(&remediation.counts)));
    }
    if let Some(VerificationJson { confirmed, unconfirmed }) = remediation.verified {
        pairs.push(("verified", format!("{confirmed} confirmed, {unconfirmed} not")));
    }
    if let Some(asked) = &remediation.asked {
        pairs.push(("now", asked.clone()));
    }
    if let Some(reason) = &remediation.stop_reason {
        pairs.push((if remediation.held { "held by" } else { "stopped by" }, reason.clone()));
    }
    pairs.extend(standing.undone_by.iter().map(|undo| ("undone by", undo.in_words())));
    if remediation.status.is_final() && remediation.counts.moved_since > 0 {
        let stay = "those moved since stay where their owners put them; running the playbook again takes them there";
        pairs.push(("left alone", stay.to_owned()));
    }
    output::fields(&pairs)?;
    if let Some(next) = next_step(standing) {
        output::note(&format!("next: {next}"));
    }
    Ok(())
}

/// A line for each kind of what was not looked at, and for what scripts left out.
pub(crate) fn not_looked_at(facts: &PlanFacts) -> Vec<(&'static str, String)> {
    let gaps = facts.not_looked_at().into_iter().map(|line| ("NOT LOOKED AT", line));
    gaps.chain(facts.left_out.iter().map(|left| ("left out", left.in_words()))).collect()
}

/// Only what is not zero, in the order in which it sums.
pub(crate) fn counts(counts: &Counts) -> String {
    let parts = counts.parts().into_iter().filter(|(_, number)| *number > 0);
    let parts: Vec<String> = parts.map(|(name, number)| format!("{number} {name}")).collect();
    format!("{} submitted = {}", counts.submitted, if parts.is_empty() { "0".to_owned() } else { parts.join(" + ") })
}

/// Whoever decided, and on what: where no vote was asked for, nobody but whoever asked.
fn decided_by(standing: &Standing) -> String {
    let remediation = &standing.remediation;
    let Some(by) = &remediation.decided_by else { return String::new() };
    match (&standing.approval, remediation.origin.as_ref(), &remediation.origin_of) {
        (Some(_), ..) => by.clone(),
        (None, "retry" | "sweep", Some(of)) => format!("{by}, with {of}"),
        (None, ..) => format!("nobody: no vote was asked for ({by} requested it)"),
    }
}

fn next_step(standing: &Standing) -> Option<String> {
    let Standing { remediation, approval, to_undo, .. } = standing;
    let id = visible(&remediation.id);
    match remediation.status {
        _ if remediation.held => Some(goes_on(&id)),
        Status::Queued | Status::Planning | Status::Approved | Status::InProgress => Some(goes_on(&id)),
        Status::PendingApproval => {
            let approval = approval.as_ref()?;
            let yes = approval.votes.len();
            let missing = usize::try_from(approval.rule.votes).unwrap_or(usize::MAX).saturating_sub(yes);
            let other = if approval.rule.two_step { " of somebody else" } else { "" };
            Some(format!(
                "{missing} approval{}{other} until {}: clawback approve {} --digest {}",
                if missing == 1 { "" } else { "s" },
                approval.deadline,
                approval.id,
                approval.digest
            ))
        }
        Status::Paused => Some(format!("clawback resume {id}, or clawback cancel {id}")),
        Status::Completed | Status::PartiallyCompleted if remediation.counts.failed > 0 => {
            Some(format!("clawback show {id} --messages, then clawback retry {id}"))
        }
        Status::Completed | Status::PartiallyCompleted if *to_undo > 0 => {
            Some(format!("clawback show {id} --messages; clawback undo {id} puts it back"))
        }
        _ => None,
    }
}

/// Of what no person has to decide.
fn goes_on(id: &str) -> String {
    format!("it goes on by itself with a `clawback worker`, or: clawback run {id}")
}
