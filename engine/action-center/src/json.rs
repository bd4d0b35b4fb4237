//! The stable JSON fields, the same from the command line and from the API; documented in engine/cli/README.md.

use clawback_model::{Counts, Outcome, Remediation, StopReason, SweepApproval, Target};
use clawback_store::SweepState;
use serde::Serialize;
use utoipa::ToSchema;

/// A remediation.
#[derive(Debug, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the history")]
pub struct RemediationJson {
    pub id: String,
    pub name: String,
    #[schema(schema_with = crate::words::severity)]
    pub severity: &'static str,
    pub description: String,
    #[schema(schema_with = crate::words::status)]
    pub status: &'static str,
    #[schema(schema_with = crate::words::action)]
    pub action: &'static str,
    #[schema(schema_with = crate::words::action_source)]
    pub action_source: &'static str,
    pub origin: &'static str,
    pub origin_of: Option<String>,
    pub as_of: Option<String>,
    pub approval_id: String,
    pub investigation_id: String,
    pub alert_id: String,
    pub playbook: String,
    pub plan_digest: Option<String>,
    pub requested_by: String,
    pub decided_by: Option<String>,
    pub created_at: String,
    pub updated_at: String,
    pub stop_rule: Option<&'static str>,
    pub stop_reason: Option<String>,
    #[schema(value_type = CountsJson)]
    pub counts: Counts,
}

impl From<&Remediation> for RemediationJson {
    fn from(remediation: &Remediation) -> Self {
        let request = &remediation.request;
        Self {
            id: remediation.id.to_string(),
            name: request.name.clone(),
            severity: request.severity.as_str(),
            description: request.description.clone(),
            status: remediation.status.as_str(),
            action: request.action.as_str(),
            action_source: request.source.as_str(),
            origin: request.origin.as_str(),
            origin_of: request.origin.of().map(ToString::to_string),
            as_of: request.as_of.map(|at| at.to_string()),
            approval_id: request.approval_id.to_string(),
            investigation_id: request.investigation_id.to_string(),
            alert_id: request.alert_id.to_string(),
            playbook: request.playbook.clone(),
            plan_digest: remediation.plan.as_ref().map(|plan| plan.digest.to_string()),
            requested_by: request.requested_by.clone(),
            decided_by: remediation.decided_by.clone(),
            created_at: remediation.created_at.to_string(),
            updated_at: remediation.updated_at.to_string(),
            stop_rule: remediation.stop.as_ref().map(StopReason::rule),
            stop_reason: remediation.stop.as_ref().map(ToString::to_string),
            counts: remediation.counts,
        }
    }
}

/// A sweep with its follow-ups.
#[derive(Debug, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the history")]
pub struct SweepJson {
    pub first: String,
    pub every_seconds: u64,
    pub for_seconds: u64,
    #[schema(value_type = String)]
    pub approval: SweepApproval,
    pub at_most: u64,
    pub until: Option<String>,
    pub looks: u64,
    pub looked_at: Option<String>,
    pub next_at: Option<String>,
    pub ended: Option<String>,
    pub late_copies: u64,
    pub follow_ups: Vec<String>,
}

impl SweepJson {
    /// Of what the history holds.
    pub fn new(sweep: &SweepState, first: &Remediation, follow_ups: &[Remediation]) -> Self {
        let settings = &sweep.sweep;
        Self {
            first: sweep.first.to_string(),
            every_seconds: settings.every.as_secs(),
            for_seconds: settings.lasts.as_secs(),
            approval: settings.approval,
            at_most: settings.at_most,
            until: first.status.is_final().then(|| settings.until(first).to_string()),
            looks: sweep.looks,
            looked_at: sweep.looked_at.map(|at| at.to_string()),
            next_at: sweep.next_at.map(|at| at.to_string()),
            ended: sweep.ended.as_ref().map(ToString::to_string),
            late_copies: follow_ups.iter().map(|follow_up| follow_up.counts.submitted).sum(),
            follow_ups: follow_ups.iter().map(|follow_up| follow_up.id.to_string()).collect(),
        }
    }
}

/// A message of a plan, with its outcome.
#[derive(Debug, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the history")]
pub struct MessageJson {
    /// Its number in the plan, by which its content is asked for.
    pub seq: u32,
    pub mailbox: String,
    pub message_id: String,
    pub fingerprint: String,
    pub subject: String,
    pub from: String,
    pub received_at: String,
    pub original_delivery_location: Option<String>,
    pub latest_delivery_location: Option<String>,
    #[schema(schema_with = crate::words::action)]
    pub action: &'static str,
    #[schema(schema_with = crate::words::outcome_or_null)]
    pub outcome: Option<&'static str>,
    #[schema(schema_with = crate::words::reason_or_null)]
    pub reason: Option<&'static str>,
    pub detail: Option<String>,
    pub evidence: Option<String>,
    pub batch: Option<u32>,
    pub recorded_at: Option<String>,
}

impl MessageJson {
    /// Of what the history holds.
    pub fn new(remediation: &Remediation, target: &Target, outcome: Option<&Outcome>) -> Self {
        // Where it is after the act if it was moved, else where the plan saw it; nowhere once it is gone for good.
        let receipt = outcome.and_then(|outcome| outcome.receipt.as_ref());
        let latest = receipt.map_or(Some(&target.location), |receipt| receipt.location.as_ref());
        Self {
            seq: target.seq,
            mailbox: target.mailbox.to_string(),
            message_id: target.reference.message_id.clone(),
            fingerprint: target.reference.fingerprint.clone(),
            subject: target.subject.clone(),
            from: target.from_address.clone(),
            received_at: target.received_at.to_string(),
            original_delivery_location: target.original_location.as_ref().map(ToString::to_string),
            latest_delivery_location: latest.map(ToString::to_string),
            action: remediation.request.action.as_str(),
            outcome: outcome.map(|outcome| outcome.kind.as_str()),
            reason: outcome.map(|outcome| outcome.reason.as_str()),
            detail: outcome.and_then(|outcome| outcome.detail.clone()),
            evidence: receipt.and_then(|receipt| receipt.evidence).map(|digest| digest.to_string()),
            batch: outcome.and_then(|outcome| outcome.batch),
            recorded_at: outcome.map(|outcome| outcome.recorded_at.to_string()),
        }
    }
}

/// The shape of [`Counts`]: `submitted = remediable + not_remediable`, and `remediable` is the sum of those after it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the model, which knows nothing of OpenAPI")]
pub(crate) struct CountsJson {
    pub(crate) submitted: u64,
    pub(crate) remediable: u64,
    pub(crate) not_remediable: u64,
    pub(crate) succeeded: u64,
    pub(crate) already_in_destination: u64,
    pub(crate) not_found: u64,
    pub(crate) moved_since: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    pub(crate) open: u64,
}
