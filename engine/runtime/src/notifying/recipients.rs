//! Who is notified of what.

use std::collections::BTreeSet;
use std::sync::Arc;

use clawback_model::{Remediation, Status};

use crate::intake::bind;
use crate::site::Site;

/// The notifiers of a new status: those that want every change, those that the playbook names, and, if it waits for
/// votes, the approvers'.
pub(crate) fn recipients(site: &Arc<Site>, remediation: &Remediation) -> Vec<String> {
    let every = site.notifiers.iter().filter(|(_, one)| one.wants_every_change()).map(|(name, _)| name.clone());
    let mut names: BTreeSet<String> = every.chain(of_playbook(site, remediation)).collect();
    if remediation.status == Status::PendingApproval {
        names.extend(site.approvals.notify.iter().cloned());
    }
    names.retain(|name| {
        let known = site.notifiers.contains_key(name);
        if !known {
            tracing::warn!(notifier.name = name, "No such notifier is configured.");
        }
        known
    });
    names.into_iter().collect()
}

/// The notifiers that the playbook names for this status.
pub(super) fn of_playbook(site: &Arc<Site>, remediation: &Remediation) -> Vec<String> {
    let occasion = match remediation.status {
        Status::PendingApproval => "pending",
        Status::InProgress => "started",
        Status::Paused => "paused",
        Status::Failed => "failed",
        status if status.is_final() => "finished",
        _ => return Vec::new(),
    };
    let bound = match bind(site, &remediation.request) {
        Ok(bound) => bound,
        Err(error) => {
            tracing::warn!(remediation.id = %remediation.id, %error, "The playbook cannot be read any more: its notifiers are not notified.");
            return Vec::new();
        }
    };
    let facts = remediation.plan.as_ref().map(|plan| plan.facts.clone()).unwrap_or_default();
    bound.notifiers(occasion, &facts, &remediation.counts).into_iter().map(str::to_owned).collect()
}
