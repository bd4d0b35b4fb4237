//! Filters of the history, and a page of results.

use clawback_model::{Action, ActionSource, ApprovalId, InvestigationId, Remediation, Status, Timestamp};

use crate::error::StoreError;

/// A filter for remediations. Every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryFilter {
    /// Part of the name, without case.
    pub name: Option<String>,
    /// The ID of its approval.
    pub approval_id: Option<ApprovalId>,
    /// The ID of its investigation.
    pub investigation_id: Option<InvestigationId>,
    /// Any of these statuses; empty means all.
    pub statuses: Vec<Status>,
    /// Its source.
    pub action_source: Option<ActionSource>,
    /// Its action.
    pub action_type: Option<Action>,
    /// One of the principals who decided, or `automation`.
    pub decided_by: Option<String>,
    /// The requester.
    pub requested_by: Option<String>,
    /// Its playbook.
    pub playbook: Option<String>,
    /// A mailbox with a message of its plan.
    pub mailbox: Option<String>,
    /// The Message-ID of a message of its plan.
    pub message_id: Option<String>,
    /// Submitted at or after.
    pub since: Option<Timestamp>,
    /// Submitted before.
    pub until: Option<Timestamp>,
    /// Only remediations that wait for a person: for votes, or paused.
    pub pending_only: bool,
    /// Excludes runs of schedules whose search was complete and found nothing, unless the filter names their status or
    /// an ID. An incomplete search has another status and is never excluded.
    pub without_empty: bool,
}

impl HistoryFilter {
    /// Returns whether a remediation matches, apart from the conditions on its messages.
    pub fn lets_through(&self, remediation: &Remediation) -> bool {
        let request = &remediation.request;
        let in_name = |part: &String| request.name.to_lowercase().contains(&part.to_lowercase());
        let decided = |name: &String| {
            let names = remediation.decided_by.as_deref();
            names.is_some_and(|names| names.split(", ").any(|one| one == name))
        };
        self.name.as_ref().is_none_or(in_name)
            && self.approval_id.as_ref().is_none_or(|id| *id == request.approval_id)
            && self.investigation_id.as_ref().is_none_or(|id| *id == request.investigation_id)
            && (self.statuses.is_empty() || self.statuses.contains(&remediation.status))
            && self.action_source.is_none_or(|source| source == request.source)
            && self.action_type.is_none_or(|action| action == request.action)
            && self.decided_by.as_ref().is_none_or(decided)
            && self.requested_by.as_ref().is_none_or(|name| *name == request.requested_by)
            && self.playbook.as_ref().is_none_or(|name| *name == request.playbook)
            && self.since.is_none_or(|since| remediation.created_at >= since)
            && self.until.is_none_or(|until| remediation.created_at < until)
            && (!self.leaves_out_empty() || !is_empty(remediation))
            && (!self.pending_only || matches!(remediation.status, Status::PendingApproval | Status::Paused))
    }
}

impl HistoryFilter {
    /// Returns whether empty runs of schedules are excluded.
    pub(crate) fn leaves_out_empty(&self) -> bool {
        let by_id = self.approval_id.is_some() || self.investigation_id.is_some();
        self.without_empty && !by_id && !self.statuses.contains(&Status::NothingToDo)
    }
}

/// Returns whether a schedule began it and its search was complete and found nothing.
fn is_empty(remediation: &Remediation) -> bool {
    remediation.request.source == ActionSource::Schedule && remediation.status == Status::NothingToDo
}

/// The end of a page; the next page begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) number: i64,
}

/// Formats the cursor for a link or a flag.
impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.number)
    }
}

impl std::str::FromStr for Cursor {
    type Err = StoreError;
    fn from_str(given: &str) -> Result<Self, StoreError> {
        let number = given.parse().map_err(|_| StoreError::not_found("page", given))?;
        Ok(Self { number })
    }
}

/// A page of history.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The remediations, newest first.
    pub remediations: Vec<Remediation>,
    /// The cursor of the next page; `None` on the last.
    pub next: Option<Cursor>,
}
