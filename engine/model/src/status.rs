//! The status of a remediation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::unknown_word::UnknownWord;

/// The status of a remediation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

impl Status {
    /// Every status.
    pub const ALL: [Self; 13] = [
        Self::Queued,
        Self::Planning,
        Self::PendingApproval,
        Self::Approved,
        Self::InProgress,
        Self::Paused,
        Self::Completed,
        Self::PartiallyCompleted,
        Self::Failed,
        Self::Rejected,
        Self::Expired,
        Self::Cancelled,
        Self::NothingToDo,
    ];

    /// Returns the word used in JSON, SQL and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Planning => "planning",
            Self::PendingApproval => "pending-approval",
            Self::Approved => "approved",
            Self::InProgress => "in-progress",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::PartiallyCompleted => "partially-completed",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::NothingToDo => "nothing-to-do",
        }
    }

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

impl FromStr for Status {
    type Err = UnknownWord;
    fn from_str(given: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == given)
            .ok_or_else(|| UnknownWord::new("status", given, Self::ALL.map(Self::as_str)))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
