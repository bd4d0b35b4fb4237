//! What approvers see of a frozen plan.

use serde::{Deserialize, Serialize};

use crate::counts::Counts;
use crate::guard::PlanFacts;
use crate::sha256::PlanDigest;

/// What approvers see of a frozen plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanSummary {
    /// What they approve.
    pub digest: PlanDigest,
    /// Submitted, remediable and not.
    pub counts: Counts,
    /// Mailboxes, VIPs.
    pub facts: PlanFacts,
}
