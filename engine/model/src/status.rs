//! Where a remediation can stand.

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// Where a remediation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Written down; nobody has looked at it yet.
    Queued,
    /// The search runs.
    Planning,
    /// The plan is frozen and waits for votes.
    PendingApproval,
    /// May run.
    Approved,
    /// Batches run.
    InProgress,
    /// Stopped by a person or a guard; may go on.
    Paused,
    /// Every remediable target is dealt with, none failed.
    Completed,
    /// Some failed.
    PartiallyCompleted,
    /// All failed, or the plan could not be made.
    Failed,
    /// An approver said no.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// A person called it off; what was open then is `cancelled`.
    Cancelled,
    /// The plan has no remediable target.
    NothingToDo,
}

words!(Status, "status");

impl Status {
    /// Whether nothing can change any more.
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
