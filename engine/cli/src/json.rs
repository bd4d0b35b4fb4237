//! The stable JSON fields; documented in engine/cli/README.md.

use clawback_model::{Counts, Outcome, Remediation, StopReason, SweepApproval, Target};
use clawback_store::SweepState;
use serde::Serialize;

/// A remediation.
#[derive(Debug, Serialize)]
pub(crate) struct RemediationJson {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) severity: &'static str,
    pub(crate) description: String,
    pub(crate) status: &'static str,
    pub(crate) action: &'static str,
    pub(crate) action_source: &'static str,
    pub(crate) origin: &'static str,
    pub(crate) origin_of: Option<String>,
    pub(crate) as_of: Option<String>,
    pub(crate) approval_id: String,
    pub(crate) investigation_id: String,
    pub(crate) alert_id: String,
    pub(crate) playbook: String,
    pub(crate) plan_digest: Option<String>,
    pub(crate) requested_by: String,
    pub(crate) decided_by: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) stop_rule: Option<&'static str>,
    pub(crate) stop_reason: Option<String>,
    pub(crate) counts: Counts,
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
#[derive(Debug, Serialize)]
pub(crate) struct SweepJson {
    pub(crate) first: String,
    pub(crate) every_seconds: u64,
    pub(crate) for_seconds: u64,
    pub(crate) approval: SweepApproval,
    pub(crate) at_most: u64,
    pub(crate) until: Option<String>,
    pub(crate) looks: u64,
    pub(crate) looked_at: Option<String>,
    pub(crate) next_at: Option<String>,
    pub(crate) ended: Option<String>,
    pub(crate) late_copies: u64,
    pub(crate) follow_ups: Vec<String>,
}

impl SweepJson {
    pub(crate) fn new(sweep: &SweepState, first: &Remediation, follow_ups: &[Remediation]) -> Self {
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
#[derive(Debug, Serialize)]
pub(crate) struct MessageJson {
    pub(crate) mailbox: String,
    pub(crate) message_id: String,
    pub(crate) fingerprint: String,
    pub(crate) subject: String,
    pub(crate) from: String,
    pub(crate) received_at: String,
    pub(crate) original_delivery_location: Option<String>,
    pub(crate) latest_delivery_location: Option<String>,
    pub(crate) action: &'static str,
    pub(crate) outcome: Option<&'static str>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) detail: Option<String>,
    pub(crate) evidence: Option<String>,
    pub(crate) batch: Option<u32>,
    pub(crate) recorded_at: Option<String>,
}

impl MessageJson {
    pub(crate) fn new(remediation: &Remediation, target: &Target, outcome: Option<&Outcome>) -> Self {
        // Where it is after the act if it was moved, else where the plan saw it; nowhere once it is gone for good.
        let receipt = outcome.and_then(|outcome| outcome.receipt.as_ref());
        let latest = receipt.map_or(Some(&target.location), |receipt| receipt.location.as_ref());
        Self {
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
