//! The summary of a remediation: its state, and the next step.

use clawback_action_center::json::{DetailJson, LookedAgainJson, RemediationJson, VerificationJson};
use clawback_model::{Counts, PlanFacts, Status, requester_in_words, visible};

use crate::args::{Format, Global};
use crate::failure::{Exit, Failure};
use crate::output;

/// Prints a remediation and returns the exit code of its status.
pub(crate) fn print(global: &Global, detail: &DetailJson) -> Result<Exit, Failure> {
    let remediation = &detail.remediation;
    match global.format {
        Format::Table => summary(detail)?,
        Format::Json | Format::Ocsf | Format::O365Air => output::json(remediation)?,
        Format::Csv => super::history::print(global, remediation)?,
    }
    Ok(exit_of(remediation.status, remediation.facts.as_ref()))
}

/// Prints a remediation on which this process was asked to stop; `others` may work on it.
pub(crate) fn print_interrupted(global: &Global, detail: &DetailJson, others: bool) -> Result<Exit, Failure> {
    let RemediationJson { id, counts, .. } = &detail.remediation;
    let (id, done) = (visible(id), counts.acted() + counts.not_remediable);
    let done = format!("{done} of {} messages are done", counts.submitted);
    if others {
        output::note(&format!("the watch ended: {done}; a worker continues it, and `clawback show {id}` follows it"));
    } else {
        output::note(&format!("interrupted: {done}"));
    }
    print(global, detail)?;
    Ok(Exit::Interrupted)
}

/// 3 where messages failed or mailboxes were not searched, 1 where nothing could be done, 0 otherwise.
pub(crate) fn exit_of(status: Status, facts: Option<&PlanFacts>) -> Exit {
    match status {
        Status::Failed if facts.is_none() => Exit::Failed,
        Status::Failed | Status::PartiallyCompleted => Exit::Partial,
        _ => Exit::Done,
    }
}

/// Prints the fields of a remediation that a person needs first, and the next step.
pub(crate) fn summary(detail: &DetailJson) -> Result<(), Failure> {
    let remediation = &detail.remediation;
    let RemediationJson { requested_by, agent, owner, .. } = remediation;
    let requested_by = requester_in_words(requested_by, agent.as_deref(), owner.as_deref());
    let mut pairs = vec![
        ("remediation", format!("{}  {}", remediation.id, remediation.name)),
        ("status", remediation.status.to_string()),
        ("action", remediation.action.to_string()),
        ("selection", remediation.selection.clone()),
        ("severity", remediation.severity.to_string()),
        ("approval ID", remediation.approval_id.clone()),
        ("investigation", remediation.investigation_id.clone()),
        ("page", remediation.url.clone().unwrap_or_default()),
        ("requested by", requested_by),
        ("decided by", decided_by(detail)),
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
        pairs.extend(of_search(facts));
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
    pairs.extend(detail.looked_again.iter().map(|looked| ("looked again", looked_again(looked))));
    pairs.extend(remediation.starts_at.iter().map(|at| ("waits until", at.clone())));
    pairs.extend(detail.undone_by.iter().map(|undo| ("undone by", undo.in_words())));
    if remediation.status.is_final() && remediation.counts.moved_since > 0 {
        let stay = "those moved since stay where their owners put them; running the playbook again takes them there";
        pairs.push(("left alone", stay.to_owned()));
    }
    output::fields(&pairs)?;
    if let Some(next) = next_step(detail) {
        output::note(&format!("next: {next}"));
    }
    Ok(())
}

fn looked_again(looked: &LookedAgainJson) -> String {
    let LookedAgainJson { at, still_there, moved, gone, unknown } = looked;
    format!("at {at}: {still_there} still there, {moved} moved, {gone} gone, {unknown} could not be looked at")
}

/// The verdict, why the site asks for a vote, and a line for each cluster, for each kind of gap of the search, and for what was left out of the plan.
pub(crate) fn of_search(facts: &PlanFacts) -> Vec<(&'static str, String)> {
    let verdict = facts.verdict.map(|verdict| ("verdict", verdict.to_string()));
    let clusters = facts.clusters.iter().map(|cluster| ("cluster", cluster.in_words()));
    let not_made = facts.clusters_not_made.iter().map(|(by, why)| ("no cluster", format!("{by}: {why}")));
    let automatic =
        facts.automatic.then(|| ("automatic", "the site's rules for automatic remediation are met".to_owned()));
    let not_automatic = facts.not_automatic.iter().map(|reason| ("asks for a vote", reason.detail.clone()));
    let gaps = facts.not_looked_at().into_iter().map(|line| ("NOT LOOKED AT", line));
    let left_out = facts.left_out.iter().map(|left| ("left out", left.in_words()));
    let judged = verdict.into_iter().chain(automatic).chain(not_automatic);
    judged.chain(clusters).chain(not_made).chain(gaps).chain(left_out).collect()
}

/// The counts that are not zero, in the order in which they sum.
pub(crate) fn counts(counts: &Counts) -> String {
    let parts = counts.parts().into_iter().filter(|(_, number)| *number > 0);
    let parts: Vec<String> = parts.map(|(name, number)| format!("{number} {name}")).collect();
    format!("{} submitted = {}", counts.submitted, if parts.is_empty() { "0".to_owned() } else { parts.join(" + ") })
}

/// The voters who decided, and on which remediation; where no vote was needed, the requester.
fn decided_by(detail: &DetailJson) -> String {
    let remediation = &detail.remediation;
    let Some(by) = &remediation.decided_by else { return String::new() };
    match (&detail.approval, remediation.origin.as_ref(), &remediation.origin_of) {
        (Some(_), ..) => by.clone(),
        (None, "retry" | "sweep", Some(of)) => format!("{by}, with {of}"),
        (None, ..) => format!("nobody: no vote was asked for ({by} requested it)"),
    }
}

fn next_step(detail: &DetailJson) -> Option<String> {
    let DetailJson { remediation, approval, to_undo, .. } = detail;
    let id = visible(&remediation.id);
    match remediation.status {
        _ if remediation.held => Some(goes_on(&id)),
        Status::Queued | Status::Planning | Status::Approved | Status::InProgress => {
            Some(match &remediation.starts_at {
                Some(at) => {
                    format!("it waits until {at}, then {}; before that, clawback cancel {id} ends it", goes_on(&id))
                }
                None => goes_on(&id),
            })
        }
        Status::PendingApproval => {
            let approval = approval.as_ref()?;
            let yes = approval.votes.len();
            let missing = usize::try_from(approval.rule.votes).unwrap_or(usize::MAX).saturating_sub(yes);
            let other = if approval.rule.two_step { " of another person" } else { "" };
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

/// The next step of a remediation that waits for no person.
fn goes_on(id: &str) -> String {
    format!("it goes on by itself with a `clawback worker`, or: clawback run {id}")
}
