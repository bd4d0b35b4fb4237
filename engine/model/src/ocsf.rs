//! A remediation as events of the Open Cybersecurity Schema Framework: class Remediation Activity (7001).
//!
//! There is one event per message, once it has its outcome, because analysts pivot on messages and mailboxes, and one
//! event for the whole remediation once it has ended, with its counts. All carry the same `command_uid`. The schema has
//! no class for the remediation of mail: fields without an attribute are under `unmapped`, the message in the shape of
//! its Email object, and the observables point there. The event of the end has what people recorded of the alert, with
//! the attributes of the class Incident Finding.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::action::{Action, Severity};
use crate::classification::{Classification, Determination};
use crate::clock::Timestamp;
use crate::counts::Counts;
use crate::handling::{AlertState, Incident};
use crate::outcome::{Outcome, OutcomeKind};
use crate::plan::header::PlanHeader;
use crate::plan::target::Target;
use crate::remediation::Remediation;
use crate::status::Status;
use crate::text::{visible, visible_line};

/// The version of the schema that events are written for.
pub const OCSF_VERSION: &str = "1.6.0";

const CATEGORY: u32 = 7;
const CLASS: u32 = 7001;
/// The longest name in text for people, in characters.
const LONGEST: usize = 200;

/// One event of the class Remediation Activity. The field names are the schema's.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the schema documents them")]
pub struct OcsfEvent {
    pub activity_id: u32,
    pub activity_name: &'static str,
    pub category_uid: u32,
    pub category_name: &'static str,
    pub class_uid: u32,
    pub class_name: &'static str,
    pub type_uid: u32,
    pub type_name: String,
    pub severity_id: u32,
    pub severity: &'static str,
    pub status_id: u32,
    pub status: &'static str,
    pub status_code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_detail: Option<String>,
    /// Milliseconds since 1970, as all times in the event.
    pub time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<i64>,
    pub message: String,
    pub command_uid: String,
    pub countermeasures: Vec<Countermeasure>,
    pub remediation: Description,
    pub metadata: Metadata,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observables: Vec<Observable>,
    pub unmapped: Unmapped,
}

/// The schema's D3FEND object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Countermeasure {
    pub d3f_tactic: Entity,
    pub d3f_technique: Entity,
}

/// An entity of D3FEND.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entity {
    pub name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<&'static str>,
}

/// The schema's Remediation object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    pub desc: String,
}

/// The producer and the ID of the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    pub version: &'static str,
    pub product: Product,
    pub uid: String,
    /// The investigation.
    pub correlation_uid: String,
    pub original_time: String,
}

/// The product that wrote the event: this program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    pub name: &'static str,
    pub vendor_name: &'static str,
    pub version: &'static str,
}

/// A value to pivot on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observable {
    pub name: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub type_id: u32,
    /// The value unescaped, even if it is hostile: it is data for comparison.
    pub value: String,
}

/// The fields that the class has no attribute for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unmapped {
    pub action: &'static str,
    pub action_source: &'static str,
    pub approval_id: String,
    pub alert_id: String,
    pub requested_by: String,
    pub decided_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_digest: Option<String>,
    /// The terms of the plan, by path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plan: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident_finding: Option<IncidentFinding>,
    /// What people found the alert to be exactly, in the words of this program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub determination: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<MessageOutcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
}

/// What people recorded of the alert, with the attributes of the schema's class Incident Finding (2005).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentFinding {
    pub status_id: u32,
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<Ticket>,
}

/// The schema's User object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name of the principal.
    pub name: String,
}

/// The schema's Ticket object: the address or the number of the incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ticket {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// The outcome of one message, in the words of this program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageOutcome {
    pub kind: &'static str,
    pub reason: &'static str,
    pub batch: Option<u32>,
    pub store: String,
    pub original_location: Option<String>,
    pub location_before: String,
    pub location_after: Option<String>,
    /// The sha256 of the kept message.
    pub evidence: Option<String>,
    /// What became of the entry that an invitation left in the calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar_entry: Option<&'static str>,
}

/// The schema's Email object, with the fields that a plan knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Email {
    pub from: String,
    pub delivered_to: String,
    pub message_uid: String,
    pub subject: String,
    /// The fingerprint.
    pub uid: String,
    pub delivered_time: i64,
}

impl OcsfEvent {
    /// Returns the event of one message that has its outcome.
    pub fn of_message(remediation: &Remediation, target: &Target, outcome: &Outcome) -> Self {
        let (status_id, status) = message_status(outcome.kind);
        let email = Email {
            from: target.from_address.clone(),
            delivered_to: target.mailbox.to_string(),
            message_uid: target.reference.message_id.clone(),
            subject: target.subject.clone(),
            uid: target.reference.fingerprint.clone(),
            delivered_time: milliseconds(target.received_at),
        };
        let receipt = outcome.receipt.as_ref();
        let action = remediation.request.action;
        Self {
            status_id,
            status,
            status_code: outcome.reason.as_str(),
            status_detail: outcome.detail.as_deref().map(visible),
            time: milliseconds(outcome.recorded_at),
            message: format!("{action} in {}: {}", visible_line(&target.mailbox, LONGEST), outcome.kind),
            metadata: metadata(remediation, &format!("{}.{}", remediation.id, outcome.seq), outcome.recorded_at),
            observables: observables(&email),
            unmapped: Unmapped {
                outcome: Some(MessageOutcome {
                    kind: outcome.kind.as_str(),
                    reason: outcome.reason.as_str(),
                    batch: outcome.batch,
                    store: target.store.to_string(),
                    original_location: target.original_location.as_ref().map(ToString::to_string),
                    location_before: target.location.to_string(),
                    location_after: outcome.location_after(&target.location).map(ToString::to_string),
                    evidence: receipt.and_then(|receipt| receipt.evidence).map(|digest| digest.to_string()),
                    calendar_entry: receipt
                        .and_then(|receipt| receipt.calendar_entry.as_ref())
                        .map(|entry| entry.fate.as_str()),
                }),
                email: Some(email),
                ..unmapped(remediation)
            },
            ..base(remediation)
        }
    }

    /// Returns the event of a remediation that has ended; `None` before that. `header` is the header of its plan.
    pub fn of_end(remediation: &Remediation, header: Option<&PlanHeader>) -> Option<Self> {
        let (status_id, status) = end_status(remediation.status)?;
        let counts = &remediation.counts;
        let ended = milliseconds(remediation.updated_at);
        Some(Self {
            status_id,
            status,
            status_code: remediation.status.as_str(),
            status_detail: end_detail(remediation),
            time: ended,
            start_time: Some(milliseconds(remediation.created_at)),
            end_time: Some(ended),
            message: format!(
                "{}: {} of {} messages, {}",
                remediation.request.action, counts.succeeded, counts.submitted, remediation.status
            ),
            metadata: metadata(remediation, &format!("{}.end", remediation.id), remediation.updated_at),
            unmapped: Unmapped {
                plan_digest: remediation.plan.as_ref().map(|plan| plan.digest.to_string()),
                plan: header.map(PlanHeader::parts).unwrap_or_default(),
                counts: Some(*counts),
                incident_finding: Some(incident_finding(remediation)),
                determination: remediation.alert.determination.map(Determination::as_str),
                ..unmapped(remediation)
            },
            ..base(remediation)
        })
    }
}

fn incident_finding(remediation: &Remediation) -> IncidentFinding {
    let handling = &remediation.alert;
    let (status_id, status) = match handling.state {
        AlertState::New => (1, "New"),
        AlertState::InProgress => (2, "In Progress"),
        AlertState::Resolved => (4, "Resolved"),
    };
    let verdict = handling.classification.map(|found| verdict(found, handling.determination));
    IncidentFinding {
        status_id,
        status,
        assignee: handling.owner.clone().map(|name| User { name }),
        verdict_id: verdict.map(|(id, _)| id),
        verdict: verdict.map(|(_, name)| name),
        comment: handling.comment.clone(),
        tickets: remediation.incident.iter().map(ticket).collect(),
    }
}

fn ticket(incident: &Incident) -> Ticket {
    let text = incident.as_str().to_owned();
    if incident.host().is_some() {
        Ticket { src_url: Some(text), uid: None }
    } else {
        Ticket { src_url: None, uid: Some(text) }
    }
}

/// Returns the verdict. The schema distinguishes tests, and what could not be decided.
const fn verdict(found: Classification, exactly: Option<Determination>) -> (u32, &'static str) {
    match (found, exactly) {
        (_, Some(Determination::SecurityTesting)) => (6, "Test"),
        (_, Some(Determination::NotEnoughData)) => (7, "Insufficient Data"),
        (Classification::FalsePositive, _) => (1, "False Positive"),
        (Classification::TruePositive, _) => (2, "True Positive"),
        (Classification::Informational, _) => (5, "Benign"),
    }
}

/// Returns why it ended with this status: the stop reason, and what could not be read.
fn end_detail(remediation: &Remediation) -> Option<String> {
    let gaps = remediation.plan.iter().flat_map(|plan| plan.facts.not_looked_at());
    let details: Vec<String> = remediation.stop.iter().map(ToString::to_string).chain(gaps).collect();
    (!details.is_empty()).then(|| visible(&details.join("; ")))
}

/// Returns what all events of a remediation have in common.
fn base(remediation: &Remediation) -> OcsfEvent {
    let request = &remediation.request;
    let (activity_id, activity_name, technique) = activity(request.action);
    let (severity_id, severity) = severity(request.severity);
    OcsfEvent {
        activity_id,
        activity_name,
        category_uid: CATEGORY,
        category_name: "Remediation",
        class_uid: CLASS,
        class_name: "Remediation Activity",
        type_uid: CLASS * 100 + activity_id,
        type_name: format!("Remediation Activity: {activity_name}"),
        severity_id,
        severity,
        status_id: 0,
        status: "Unknown",
        status_code: "",
        status_detail: None,
        time: 0,
        start_time: None,
        end_time: None,
        message: String::new(),
        command_uid: remediation.id.to_string(),
        countermeasures: vec![Countermeasure {
            d3f_tactic: Entity { name: activity_name, uid: None },
            d3f_technique: technique,
        }],
        remediation: Description { desc: visible_line(&request.name, LONGEST) },
        metadata: metadata(remediation, "", remediation.updated_at),
        observables: Vec::new(),
        unmapped: unmapped(remediation),
    }
}

fn unmapped(remediation: &Remediation) -> Unmapped {
    let request = &remediation.request;
    Unmapped {
        action: request.action.as_str(),
        action_source: request.source.as_str(),
        approval_id: request.approval_id.to_string(),
        alert_id: request.alert_id.to_string(),
        requested_by: request.requested_by.clone(),
        decided_by: remediation.decided_by.clone(),
        plan_digest: None,
        plan: BTreeMap::new(),
        counts: None,
        incident_finding: None,
        determination: None,
        outcome: None,
        email: None,
    }
}

fn metadata(remediation: &Remediation, uid: &str, at: Timestamp) -> Metadata {
    Metadata {
        version: OCSF_VERSION,
        product: Product { name: "Clawback", vendor_name: "Clawback", version: env!("CARGO_PKG_VERSION") },
        uid: uid.to_owned(),
        correlation_uid: remediation.request.investigation_id.to_string(),
        original_time: at.to_string(),
    }
}

/// Returns the observables. Types: 5 an address, 40 a subject, 41 the identifier of a message, 42 its Message-ID.
fn observables(email: &Email) -> Vec<Observable> {
    let all = [
        ("unmapped.email.message_uid", "Message UID", 42, &email.message_uid),
        ("unmapped.email.uid", "Email Object: uid", 41, &email.uid),
        ("unmapped.email.subject", "Email Object: subject", 40, &email.subject),
        ("unmapped.email.from", "Email Address", 5, &email.from),
        ("unmapped.email.delivered_to", "Email Address", 5, &email.delivered_to),
    ];
    let present = all.into_iter().filter(|(.., value)| !value.is_empty());
    present.map(|(name, kind, type_id, value)| Observable { name, kind, type_id, value: value.clone() }).collect()
}

/// Returns D3FEND's tactic and technique: the action removes mail from its reader's sight, or brings it back.
const fn activity(action: Action) -> (u32, &'static str, Entity) {
    match action {
        Action::MoveToJunk
        | Action::MoveToDeletedItems
        | Action::SoftDelete
        | Action::HardDelete
        | Action::MoveToQuarantine => (2, "Evict", Entity { name: "Email Removal", uid: Some("D3-ER") }),
        Action::MoveToInbox | Action::Restore => (3, "Restore", Entity { name: "Restore Email", uid: Some("D3-RE") }),
    }
}

const fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
    }
}

/// Returns the status. A message that its owner moved was left alone, so the command was not effective for it.
const fn message_status(kind: OutcomeKind) -> (u32, &'static str) {
    match kind {
        OutcomeKind::Succeeded | OutcomeKind::AlreadyInDestination => (1, "Success"),
        OutcomeKind::MovedSince => (2, "Failure"),
        OutcomeKind::NotFound => (3, "Does Not Exist"),
        OutcomeKind::NotRemediable => (5, "Unsupported"),
        OutcomeKind::Failed => (6, "Error"),
        OutcomeKind::Cancelled => (99, "Cancelled"),
    }
}

const fn end_status(status: Status) -> Option<(u32, &'static str)> {
    Some(match status {
        Status::Completed => (1, "Success"),
        Status::PartiallyCompleted => (4, "Partial"),
        Status::NothingToDo => (3, "Does Not Exist"),
        Status::Failed => (6, "Error"),
        Status::Rejected => (99, "Rejected"),
        Status::Expired => (99, "Expired"),
        Status::Cancelled => (99, "Cancelled"),
        Status::Queued
        | Status::Planning
        | Status::PendingApproval
        | Status::Approved
        | Status::InProgress
        | Status::Paused => return None,
    })
}

const fn milliseconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000)
}

#[cfg(test)]
mod tests;
