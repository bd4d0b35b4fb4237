//! What a plan is made for, what a search selects, and how a plan ends.

use std::sync::Arc;

use clawback_model::{ClusterBy, Message, PlanHeader, PlanParts, PlanSummary, Request, StopReason};
use clawback_playbooks::Bound;

/// The result of a search.
#[expect(clippy::large_enum_variant, reason = "there is one value per search")]
pub(crate) enum Planned {
    /// Frozen, with what its parts hash to.
    Plan(PlanSummary, Option<PlanParts>),
    /// A limit or a guard forbids it.
    Refused(StopReason),
}

/// What a plan is made for.
pub(crate) struct PlanInput<'a> {
    pub(crate) request: &'a Request,
    pub(crate) bound: Arc<Bound>,
    pub(crate) header: &'a PlanHeader,
    /// How many times mailboxes whose store does not answer are searched again after `Tuning::outage_pause`. 0 if a
    /// person waits.
    pub(crate) outage_pauses: u64,
}

/// A message that was selected, or whose filter script failed on it.
pub(crate) struct Hit {
    pub(crate) message: Message,
    pub(crate) script_failed: bool,
    pub(crate) reason: Option<String>,
    pub(crate) tag: Option<String>,
    /// The clusters that it is in.
    pub(crate) clusters: Vec<ClusterBy>,
}

impl Hit {
    pub(super) fn plain(message: Message) -> Self {
        Self { message, script_failed: false, reason: None, tag: None, clusters: Vec::new() }
    }
}
