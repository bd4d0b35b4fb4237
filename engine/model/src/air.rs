//! An investigation in the shape of the Office 365 Management Activity API: records of automated investigation and
//! response, of type 64 if a detector suggested the action, and 89 if an administrator requested it.
//!
//! As there, one record is written at each change of the status. The messages follow in records of their own, a limited
//! number in each, so that a record stays readable and an export needs constant memory; each record names the same
//! investigation. `Actions` and `Data` are strings that contain JSON, as in the schema.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::classification::{Classification, Determination};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::handling::{AlertState, Incident};
use crate::id::RemediationId;
use crate::link::PublicUrl;
use crate::location::{Location, LocationKind};
use crate::outcome::{Outcome, OutcomeKind};
use crate::plan::target::Target;
use crate::record::{Investigation, InvestigationKind, InvestigationStatus};
use crate::remediation::replay::ReplayError;
use crate::remediation::{IllegalTransition, Remediation};
use crate::sha256::Digest;
use crate::status::Status;
use crate::text::{ascii_where_deceptive, visible_line};
use crate::vote::Decision;

/// The source that clusters name.
const SOURCE: &str = "Clawback";
/// The longest name, in characters.
const LONGEST_NAME: usize = 200;
/// The organization ID of a site, which has no tenant.
const NO_ORGANIZATION: &str = "00000000-0000-0000-0000-000000000000";

/// One record. Its field names are the schema's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the schema documents them")]
pub struct AirRecord {
    pub id: String,
    pub record_type: u32,
    pub creation_time: String,
    pub operation: &'static str,
    pub organization_id: &'static str,
    pub user_type: u32,
    pub user_key: String,
    pub user_id: String,
    pub workload: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_status: Option<&'static str>,
    pub object_id: String,
    pub investigation_id: String,
    pub investigation_name: String,
    pub investigation_type: &'static str,
    pub last_update_time_utc: String,
    pub start_time_utc: String,
    pub status: &'static str,
    #[serde(rename = "DeeplinkURL")]
    pub deeplink_url: String,
    /// The actions, each a JSON string.
    pub actions: Vec<String>,
    /// The data, a JSON string.
    pub data: String,
}

/// An action in the schema's form.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Recommended<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    action_id: &'a str,
    action_type: &'static str,
    action_status: &'static str,
    approved_by: Option<&'a str>,
    timestamp_utc: String,
    investigation_id: &'a str,
    related_alert_ids: [&'a str; 1],
    start_time_utc: String,
    end_time_utc: Option<String>,
    resource_identifiers: &'a str,
    entities: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data<'a> {
    remediation_id: &'a str,
    alert_ids: [&'a str; 1],
    alerts: [HandledAlert<'a>; 1],
    /// The address or the number of the incident in the ticket system of the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<&'a str>,
    counts: crate::counts::Counts,
    entities: &'a [Entity<'a>],
}

/// What people recorded of the alert, with the names and values of the reference product's alerts.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HandledAlert<'a> {
    alert_id: &'a str,
    status: &'static str,
    assigned_to: Option<&'a str>,
    classification: Option<&'static str>,
    determination: Option<&'static str>,
    comments: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "Type", rename_all_fields = "PascalCase")]
enum Entity<'a> {
    MailCluster {
        network_message_ids: Vec<String>,
        count_by_delivery_status: BTreeMap<&'static str, u64>,
        count_by_threat_type: BTreeMap<&'static str, u64>,
        threats: Vec<&'static str>,
        query: &'a str,
        query_time: String,
        mail_count: u64,
        source: &'static str,
        // As in the reference product's evidence of a cluster.
        #[serde(skip_serializing_if = "Option::is_none")]
        cluster_by: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cluster_by_value: Option<&'a str>,
    },
    #[serde(rename = "mail-message")]
    MailMessage {
        network_message_id: String,
        internet_message_id: &'a str,
        recipient: &'a str,
        sender: &'a str,
        subject: &'a str,
        received_date: String,
        delivery_location: Option<&'static str>,
        latest_delivery_location: &'static str,
        // In addition to the schema's fields: the locations, as in the other exports.
        store: &'a str,
        location_before: String,
        location_after: Option<String>,
        remediation_status: &'static str,
        remediation_details: Option<&'static str>,
    },
}

/// Messages of a plan, each with its outcome if it has one.
type Messages = [(Target, Option<Outcome>)];

impl AirRecord {
    /// Returns the record of a change, with `remediation` as it was at that time.
    pub fn of_change(remediation: &Remediation, investigation: &Investigation, url: Option<&PublicUrl>) -> Self {
        let part = format!("{}.{}", remediation.status, remediation.updated_at.0);
        Self::new(remediation, investigation, url, &part, &[])
    }

    /// Returns the record of some messages. Its identifier is derived from the first of them.
    pub fn of_messages(
        remediation: &Remediation,
        investigation: &Investigation,
        url: Option<&PublicUrl>,
        messages: &Messages,
    ) -> Self {
        let first = messages.first().map_or(0, |(target, _)| target.seq);
        Self::new(remediation, investigation, url, &format!("messages.{first}"), messages)
    }

    fn new(
        remediation: &Remediation,
        investigation: &Investigation,
        url: Option<&PublicUrl>,
        part: &str,
        messages: &Messages,
    ) -> Self {
        let request = &remediation.request;
        let (record_type, operation, workload, investigation_type) = match investigation.kind {
            InvestigationKind::Air => (64, "AirInvestigationData", "AirInvestigation", "Automated"),
            InvestigationKind::Admin => {
                (89, "AirAdminActionInvestigationData", "AirAdminActionInvestigation", "Manual")
            }
        };
        // 2: an administrator, 5: a program.
        let user_type = if investigation.kind == InvestigationKind::Air { 5 } else { 2 };
        let entities: Vec<_> = std::iter::once(cluster(remediation, investigation, messages))
            .chain(messages.iter().map(|(target, outcome)| message(target, outcome.as_ref())))
            .collect();
        let data = Data {
            remediation_id: remediation.id.as_str(),
            alert_ids: [request.alert_id.as_str()],
            alerts: [alert(remediation)],
            incident: remediation.incident.as_ref().map(Incident::as_str),
            counts: remediation.counts,
            entities: &entities,
        };
        Self {
            id: guid(&format!("{}.{part}", remediation.id)),
            record_type,
            creation_time: remediation.updated_at.to_string(),
            operation,
            organization_id: NO_ORGANIZATION,
            user_type,
            user_key: request.requested_by.clone(),
            user_id: request.requested_by.clone(),
            workload,
            result_status: result(remediation.status),
            object_id: investigation.id.to_string(),
            investigation_id: investigation.id.to_string(),
            investigation_name: visible_line(&request.name, LONGEST_NAME),
            investigation_type,
            last_update_time_utc: remediation.updated_at.to_string(),
            start_time_utc: investigation.created_at.to_string(),
            status: status(InvestigationStatus::of(remediation)),
            deeplink_url: url.map(|url| url.remediation(&remediation.id)).unwrap_or_default(),
            actions: vec![json(&action(remediation, investigation))],
            data: json(&data),
        }
    }
}

/// Returns the remediation after each change that needs a record: a change of its investigation's status or of its
/// action's. What people recorded of the alert and of the incident until the next one is in the same record.
pub fn changes(
    id: &RemediationId,
    events: impl IntoIterator<Item = (Event, Timestamp)>,
) -> Result<Vec<Remediation>, IllegalTransition> {
    let mut changes: Vec<Remediation> = Vec::new();
    let mut replay = Remediation::replay(id.clone());
    for (event, at) in events {
        let next = match replay.add(&event, at) {
            Ok(next) => next,
            Err(ReplayError::NotSubmitted { .. }) => continue,
            Err(ReplayError::Illegal(error)) => return Err(error),
        };
        let shown = |remediation: &Remediation| (InvestigationStatus::of(remediation), action_status(remediation));
        match changes.last_mut() {
            Some(last) if shown(last) == shown(next) => {
                last.alert.clone_from(&next.alert);
                last.incident.clone_from(&next.incident);
            }
            _ => changes.push(next.clone()),
        }
    }
    Ok(changes)
}

fn action<'a>(remediation: &'a Remediation, investigation: &'a Investigation) -> Recommended<'a> {
    let request = &remediation.request;
    let by_person = remediation
        .approval
        .as_ref()
        .is_some_and(|approval| approval.votes.iter().any(|vote| vote.decision == Decision::Approve));
    Recommended {
        id: request.approval_id.as_str(),
        action_id: request.approval_id.as_str(),
        action_type: action_type(request.action),
        action_status: action_status(remediation),
        approved_by: remediation.decided_by.as_deref().filter(|_| by_person && remediation.approved_at.is_some()),
        timestamp_utc: remediation.updated_at.to_string(),
        investigation_id: investigation.id.as_str(),
        related_alert_ids: [request.alert_id.as_str()],
        start_time_utc: remediation.created_at.to_string(),
        end_time_utc: remediation.status.is_final().then(|| remediation.updated_at.to_string()),
        resource_identifiers: NO_ORGANIZATION,
        entities: std::iter::once(cluster(remediation, investigation, &[]))
            .chain(clusters(remediation, investigation))
            .map(|entity| json(&entity))
            .collect(),
    }
}

fn alert(remediation: &Remediation) -> HandledAlert<'_> {
    let handling = &remediation.alert;
    HandledAlert {
        alert_id: remediation.request.alert_id.as_str(),
        status: match handling.state {
            AlertState::New => "New",
            AlertState::InProgress => "InProgress",
            AlertState::Resolved => "Resolved",
        },
        assigned_to: handling.owner.as_deref(),
        classification: handling.classification.map(|found| match found {
            Classification::TruePositive => "TruePositive",
            Classification::Informational => "InformationalExpectedActivity",
            Classification::FalsePositive => "FalsePositive",
        }),
        determination: handling.determination.map(determination),
        comments: handling.comment.as_deref(),
    }
}

/// Returns the reference product's name, which has none for spam.
const fn determination(found: Determination) -> &'static str {
    match found {
        Determination::Phishing => "Phishing",
        Determination::Malware => "Malware",
        Determination::Spam => "Other",
        Determination::CompromisedAccount => "CompromisedAccount",
        Determination::MaliciousUserActivity => "MaliciousUserActivity",
        Determination::MultistageAttack => "MultiStagedAttack",
        Determination::SecurityTesting => "SecurityTesting",
        Determination::ConfirmedActivity => "ConfirmedUserActivity",
        Determination::LineOfBusinessApplication => "LineOfBusinessApplication",
        Determination::NotMalicious => "NotMalicious",
        Determination::NotEnoughData => "NotEnoughDataToValidate",
    }
}

fn cluster<'a>(remediation: &Remediation, investigation: &'a Investigation, messages: &Messages) -> Entity<'a> {
    let mut count_by_delivery_status = BTreeMap::new();
    for (target, _) in messages {
        *count_by_delivery_status.entry(delivery_status(target.original_location.as_ref())).or_default() += 1;
    }
    Entity::MailCluster {
        network_message_ids: messages.iter().map(|(target, _)| network_message_id(target)).collect(),
        count_by_delivery_status,
        count_by_threat_type: BTreeMap::new(),
        threats: Vec::new(),
        query: &investigation.entity,
        query_time: remediation.request.as_of.unwrap_or(remediation.created_at).to_string(),
        mail_count: remediation.counts.submitted,
        source: SOURCE,
        cluster_by: None,
        cluster_by_value: None,
    }
}

/// Returns each cluster of the plan. Its messages are not listed: they follow with the plan's.
fn clusters<'a>(remediation: &'a Remediation, investigation: &'a Investigation) -> impl Iterator<Item = Entity<'a>> {
    let counts = remediation.plan.iter().flat_map(|plan| &plan.facts.clusters);
    counts.map(|count| Entity::MailCluster {
        network_message_ids: Vec::new(),
        count_by_delivery_status: BTreeMap::new(),
        count_by_threat_type: BTreeMap::new(),
        threats: Vec::new(),
        query: &investigation.entity,
        query_time: remediation.request.as_of.unwrap_or(remediation.created_at).to_string(),
        mail_count: count.messages,
        source: SOURCE,
        cluster_by: Some(count.by.export_name()),
        cluster_by_value: Some(&count.value),
    })
}

fn message<'a>(target: &'a Target, outcome: Option<&Outcome>) -> Entity<'a> {
    let latest = outcome.map_or(Some(&target.location), |outcome| outcome.location_after(&target.location));
    Entity::MailMessage {
        network_message_id: network_message_id(target),
        internet_message_id: &target.reference.message_id,
        recipient: &target.mailbox,
        sender: &target.from_address,
        subject: &target.subject,
        received_date: target.received_at.to_string(),
        delivery_location: target.original_location.as_ref().map(|location| place(location.kind)),
        latest_delivery_location: latest.map_or("Unknown", |location| place(location.kind)),
        store: &target.store,
        location_before: target.location.to_string(),
        location_after: outcome.and(latest).map(ToString::to_string),
        remediation_status: outcome.map_or("Unremediated", |outcome| entity_status(outcome.kind)),
        remediation_details: outcome.map(|outcome| outcome.reason.as_str()),
    }
}

/// Returns the schema's name for the status of an investigation, or the product's own name where the schema lists none.
pub(crate) const fn status(status: InvestigationStatus) -> &'static str {
    match status {
        InvestigationStatus::Starting => "Investigation Started",
        InvestigationStatus::NoThreatsFound => "No threats found",
        InvestigationStatus::TerminatedByUser => "Terminated By User",
        other => other.title(),
    }
}

/// Returns the schema's status for the action. An action that was not carried out has failed, whatever the cause.
pub(crate) fn action_status(remediation: &Remediation) -> &'static str {
    match remediation.status {
        Status::Queued | Status::Planning | Status::PendingApproval | Status::Paused => "Pending",
        Status::Approved | Status::InProgress if remediation.is_held() => "Waiting on resource",
        Status::Approved | Status::InProgress => "Running",
        Status::Completed | Status::PartiallyCompleted | Status::NothingToDo => "Completed",
        Status::Failed | Status::Rejected | Status::Expired | Status::Cancelled => "Failed",
    }
}

const fn action_type(action: crate::action::Action) -> &'static str {
    use crate::action::Action as A;
    match action {
        A::SoftDelete => "EmailRemediation: Soft delete",
        A::HardDelete => "EmailRemediation: Hard delete",
        A::MoveToJunk => "EmailRemediation: Move to junk",
        A::MoveToInbox => "EmailRemediation: Move to inbox",
        A::MoveToDeletedItems => "EmailRemediation: Move to deleted items",
        A::MoveToQuarantine => "EmailRemediation: Move to quarantine",
        A::Restore => "EmailRemediation: Restore",
    }
}

const fn result(status: Status) -> Option<&'static str> {
    match status {
        Status::Completed | Status::NothingToDo => Some("Succeeded"),
        Status::PartiallyCompleted => Some("PartiallySucceeded"),
        Status::Failed | Status::Rejected | Status::Expired | Status::Cancelled => Some("Failed"),
        _ => None,
    }
}

const fn entity_status(kind: OutcomeKind) -> &'static str {
    match kind {
        OutcomeKind::Succeeded | OutcomeKind::AlreadyInDestination => "Remediated",
        OutcomeKind::NotFound => "Not found",
        OutcomeKind::MovedSince | OutcomeKind::NotRemediable | OutcomeKind::Failed | OutcomeKind::Cancelled => {
            "Unremediated"
        }
    }
}

/// Returns the reference product's name of a delivery location.
const fn place(kind: LocationKind) -> &'static str {
    match kind {
        LocationKind::Inbox | LocationKind::Folder | LocationKind::SentItems | LocationKind::Archive => "Inbox/folder",
        LocationKind::Junk => "Junk folder",
        LocationKind::DeletedItems | LocationKind::RecoverableItems => "Deleted Items folder",
        LocationKind::Quarantine => "Quarantine",
        LocationKind::OnPremisesExternal => "On-prem/external",
        LocationKind::Failed => "Failed",
        LocationKind::Dropped => "Dropped",
        LocationKind::Unknown => "Unknown",
    }
}

fn delivery_status(original: Option<&Location>) -> &'static str {
    match original.map(|location| location.kind) {
        None | Some(LocationKind::Unknown) => "Unknown",
        Some(LocationKind::Junk) => "Junked",
        Some(LocationKind::Quarantine | LocationKind::Failed | LocationKind::Dropped) => "Blocked",
        Some(_) => "Delivered",
    }
}

/// Derives the schema's GUID from the fingerprint, so that a message has the same GUID in every export.
fn network_message_id(target: &Target) -> String {
    guid(&target.reference.fingerprint)
}

/// Derives a GUID from a text (RFC 9562, version 8).
fn guid(text: &str) -> String {
    let mut bytes = Digest::of(text.as_bytes()).0;
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = Digest(bytes).to_string();
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32])
}

/// Serializes JSON for a string field. Readers show it as text, so deceptive characters are escaped.
fn json(value: &impl Serialize) -> String {
    ascii_where_deceptive(&serde_json::to_string(value).expect("texts and numbers serialize"))
}

#[cfg(test)]
mod tests;
