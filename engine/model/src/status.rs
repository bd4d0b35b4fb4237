//! The status of a remediation.

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// The status of a remediation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Recorded; no worker has begun it.
    Queued,
    /// The search runs.
    Planning,
    /// The plan is frozen and waits for votes.
    PendingApproval,
    /// It may run.
    Approved,
    /// Batches run.
    InProgress,
    /// Stopped by a person or a guard; can be resumed.
    Paused,
    /// Every remediable target has its outcome, and none failed.
    Completed,
    /// Some targets failed, or the search was incomplete.
    PartiallyCompleted,
    /// All targets failed, or the plan could not be made.
    Failed,
    /// An approver rejected it.
    Rejected,
    /// It was not decided in time.
    Expired,
    /// A person cancelled it; targets that were open have the outcome `cancelled`.
    Cancelled,
    /// The plan has no remediable target.
    NothingToDo,
}

words!(Status, "status");

impl Status {
    /// Returns whether the status is final.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::PartiallyCompleted
                | Self::Failed
                | Self::Rejected
                | Self::Expired
                | Self::Cancelled
                | Self::NothingToDo
        )
    }
}
