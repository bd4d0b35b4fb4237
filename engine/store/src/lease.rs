//! The right to work on one remediation, which every write of its holder repeats.

use clawback_model::RemediationId;

use crate::error::StoreError;

/// The right to work on one remediation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// On what.
    pub remediation: RemediationId,
    /// Who holds it.
    pub node: String,
    /// Number of the claim; a later one makes this one void.
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
