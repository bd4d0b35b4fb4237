//! The results of the tools, from the answers of the API. Each is bounded; text from mail is in `untrusted_mail_text`.

use std::collections::BTreeMap;

use clawback_action_center::json::{
    AttachmentJson, DetailJson, EventJson, ExaminationJson, LinkJson, MessageJson, PreviewJson, RemediationJson,
    SampleJson, VerifiedJson,
};
use clawback_model::PlanFacts;
use serde_json::{Value, json};

use super::untrusted::{items, mail, result, text, texts};

/// Messages, remediations and events in a result.
pub(super) const MOST: usize = 50;
/// Messages attached to an examined one.
const MOST_ATTACHED: usize = 5;

/// What a search or a dry run found.
pub(super) fn preview(found: &PreviewJson) -> Value {
    let facts = found.facts.clone().unwrap_or_default();
    result(json!({
        "dry_run": true,
        "plan_digest": found.plan_digest,
        "mailboxes_searched": found.searched,
        "counts": found.counts,
        "mailboxes": found.mailboxes,
        "approval": found.approval,
        "by_location": found.by_location,
        "left_out_by_location": found.left_out,
        "messages": found.sample.iter().take(MOST).map(sample).collect::<Value>(),
        "messages_shown": found.sample.len().min(MOST),
        "search_is_complete": found.facts.as_ref().map(PlanFacts::is_complete),
        "untrusted_mail_text": mail([
            ("selection", text(&found.selection)),
            ("refused", found.refused.as_deref().map_or(Value::Null, text)),
            ("not_searched", texts(&facts.not_looked_at())),
            ("obstacles", texts(&found.obstacles)),
        ]),
    }))
}

fn sample(message: &SampleJson) -> Value {
    json!({
        "mailbox": message.mailbox,
        "fingerprint": message.fingerprint,
        "received_at": message.received_at,
        "remediable": message.remediable,
        "not_remediable": message.not_remediable,
        "untrusted_mail_text": mail([
            ("subject", text(&message.subject)),
            ("from", text(&message.from)),
            ("message_id", text(&message.message_id)),
            ("location", text(&message.latest_delivery_location)),
            ("script_reason", message.script_reason.as_deref().map_or(Value::Null, text)),
            ("script_tag", message.script_tag.as_deref().map_or(Value::Null, text)),
        ]),
    })
}

/// A remediation as a line of a list.
fn line(remediation: &RemediationJson) -> Value {
    json!({
        "id": remediation.id,
        "status": remediation.status,
        "action": remediation.action,
        "severity": remediation.severity,
        "origin": remediation.origin,
        "approval_id": remediation.approval_id,
        "playbook": remediation.playbook,
        "requested_by": remediation.requested_by,
        "agent": remediation.agent,
        "decided_by": remediation.decided_by,
        "deadline": remediation.deadline,
        "created_at": remediation.created_at,
        "counts": remediation.counts,
        "url": remediation.url,
        "untrusted_mail_text": mail([
            ("name", text(&remediation.name)),
            ("description", text(&remediation.description)),
            ("selection", text(&remediation.selection)),
            ("stop_reason", remediation.stop_reason.as_deref().map_or(Value::Null, text)),
        ]),
    })
}

/// A list of remediations.
pub(super) fn list(found: &[RemediationJson], is_cut: bool) -> Value {
    let lines: Value = found.iter().take(MOST).map(line).collect();
    result(json!({ "remediations": lines, "more_match": is_cut || found.len() > MOST }))
}

/// A remediation that was just proposed, and why it has no plan yet.
pub(super) fn proposal(remediation: &RemediationJson, not_planned: Option<&str>) -> Value {
    let next = "A person other than the requester votes on it, on its page or with `clawback approve`. No message is \
                moved before that.";
    result(json!({
        "proposed": line(remediation),
        "next": next,
        "untrusted_mail_text": mail([("not_planned_yet", not_planned.map_or(Value::Null, text))]),
    }))
}

/// One remediation. `messages` are the first of its plan.
pub(super) fn explanation(detail: &DetailJson, messages: &[MessageJson], events: &[EventJson]) -> Value {
    let remediation = &detail.remediation;
    let facts = remediation.facts.clone().unwrap_or_default();
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for message in messages {
        let outcome = message.outcome.as_deref().unwrap_or("open");
        *reasons.entry(format!("{outcome}: {}", message.reason.as_deref().unwrap_or("no reason"))).or_default() += 1;
    }
    let left_out = events.len().saturating_sub(MOST);
    result(json!({
        "remediation": line(remediation),
        "approval": detail.approval.as_ref().map(|approval| json!({
            "rule": approval.rule, "deadline": approval.deadline,
            "voted_by": approval.votes.iter().take(MOST).map(|vote| &vote.by).collect::<Vec<_>>(),
        })),
        "outcomes_by_reason": reasons,
        "outcomes_counted_of": { "messages": messages.len(), "all_messages": remediation.counts.submitted },
        "verified": remediation.verified,
        "search_is_complete": remediation.facts.as_ref().map(PlanFacts::is_complete),
        "mailboxes_searched": facts.searched,
        "undone_by": detail.undone_by.iter().take(MOST).map(|undo| &undo.id).collect::<Vec<_>>(),
        "events": events.iter().skip(left_out).map(event).collect::<Value>(),
        "earlier_events_left_out": left_out,
        "untrusted_mail_text": mail([
            ("not_searched", texts(&facts.not_looked_at())),
            ("left_out_by_scripts", items(&facts.left_out, |left| text(&left.in_words()))),
        ]),
    }))
}

fn event(event: &EventJson) -> Value {
    json!({
        "seq": event.seq, "at": event.at, "actor": event.actor, "event": event.event,
        "untrusted_mail_text": mail([("detail", text(&event.detail))]),
    })
}

/// The investigation of a remediation, with the first messages of its plan.
pub(super) fn investigation(detail: &DetailJson, messages: &[MessageJson]) -> Value {
    let investigation = &detail.investigation;
    result(json!({
        "investigation": {
            "id": investigation.id,
            "kind": investigation.kind,
            "status": investigation.status,
            "remediation_id": investigation.remediation_id,
            "created_at": investigation.created_at,
            "url": investigation.url,
            "untrusted_mail_text": mail([("entity", text(&investigation.entity))]),
        },
        "messages": messages.iter().take(MOST).map(message).collect::<Value>(),
        "all_messages": detail.remediation.counts.submitted,
        "to_examine": "Give the file of a message to `investigate` as `message`: no tool reads it from a mailbox.",
    }))
}

fn message(message: &MessageJson) -> Value {
    json!({
        "mailbox": message.mailbox,
        "fingerprint": message.fingerprint,
        "received_at": message.received_at,
        "outcome": message.outcome,
        "reason": message.reason,
        "untrusted_mail_text": mail([
            ("subject", text(&message.subject)),
            ("from", text(&message.from)),
            ("message_id", text(&message.message_id)),
            ("location_before", text(&message.location_before)),
            ("location_after", message.location_after.as_deref().map_or(Value::Null, text)),
            ("detail", message.detail.as_deref().map_or(Value::Null, text)),
        ]),
    })
}

/// The features of a message, then of the messages that are attached to it.
pub(super) fn examinations(found: &[ExaminationJson]) -> Value {
    let attached = found.len().saturating_sub(1);
    result(json!({
        "messages": found.iter().take(1 + MOST_ATTACHED).map(features).collect::<Value>(),
        "attached_messages": attached,
    }))
}

fn features(found: &ExaminationJson) -> Value {
    json!({
        "sender_ip": found.sender_ip,
        "pairs_of_words": found.pairs,
        // The one text that is not cut: a root is only valid in whole. It is base64 and has no words to read.
        "untrusted_mail_text": mail([
            ("root", json!(found.root)),
            ("subject", text(&found.subject)),
            ("from", text(&found.from)),
            ("from_name", text(&found.from_name)),
            ("message_id", text(&found.message_id)),
            ("also_from", texts(&found.also_from)),
            ("envelope_from", text(&found.envelope_from)),
            ("reply_to", texts(&found.reply_to)),
            ("delivered_to", texts(&found.delivered_to)),
            ("authentication", texts(&found.authentication)),
            ("signed_by", texts(&found.dkim_domains)),
            ("list_id", text(&found.list_id)),
            ("links", items(&found.links, link)),
            ("attachments", items(&found.attachments, attachment)),
            ("calendar_uids", texts(&found.calendar_uids)),
            ("known_in_part", texts(&found.cut)),
        ]),
    })
}

fn link(link: &LinkJson) -> Value {
    mail([
        ("kind", text(&link.kind)),
        ("host", text(&link.host)),
        ("address", text(&link.address)),
        ("shown_host", text(&link.shown_host)),
        ("is_rewritten", json!(link.is_rewritten)),
    ])
}

fn attachment(one: &AttachmentJson) -> Value {
    mail([
        ("names", texts(&one.names)),
        ("media_type", text(&one.media_type)),
        ("size", json!(one.size)),
        ("sha256", json!(one.sha256)),
    ])
}

/// Whether the history is whole.
pub(super) fn verification(found: &VerifiedJson) -> Value {
    result(json!({
        "holds": found.holds,
        "events": found.events,
        "remediations": found.remediations,
        "targets": found.targets,
        "outcomes": found.outcomes,
        "head": found.head,
        "untrusted_mail_text": mail([("broken", found.broken.as_deref().map_or(Value::Null, text))]),
    }))
}

/// A refusal or a fault, as the API gives it. Its sentence may quote what the agent gave.
pub(super) fn refusal(said: &str) -> Value {
    result(json!({ "refused": clawback_model::visible_line(said, 1_000) }))
}
