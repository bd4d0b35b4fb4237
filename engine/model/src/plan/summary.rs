//! The summary of a frozen plan that approvers see.

use serde::{Deserialize, Serialize};

use crate::counts::Counts;
use crate::guard::PlanFacts;
use crate::sha256::PlanDigest;

/// The summary of a frozen plan that approvers see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanSummary {
    /// The digest that they approve.
    pub digest: PlanDigest,
    /// The counts: submitted, remediable and not.
    pub counts: Counts,
    /// The facts, such as mailboxes and VIPs.
    pub facts: PlanFacts,
}
