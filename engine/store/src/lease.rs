//! The right to work on one remediation, which every write of its holder repeats.

use clawback_model::RemediationId;

use crate::error::StoreError;

/// The right to work on one remediation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The remediation.
    pub remediation: RemediationId,
    /// The node that holds it.
    pub node: String,
    /// The number of the claim; a later claim invalidates this one.
    pub fence: i64,
}

impl Lease {
    pub(crate) fn check(&self, id: &RemediationId, owner: Option<&str>, fence: i64) -> Result<(), StoreError> {
        if self.remediation == *id && owner == Some(&self.node) && fence == self.fence {
            Ok(())
        } else {
            Err(self.lost())
        }
    }

    pub(crate) fn lost(&self) -> StoreError {
        StoreError::LeaseLost { remediation: self.remediation.clone() }
    }
}
