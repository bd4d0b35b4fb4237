//! A remediation as the fold of its stored events.

use clawback_model::{Remediation, RemediationId, ReplayError};

use crate::chain::Entry;
use crate::error::StoreError;

/// Returns the fold of these events of a remediation.
pub(crate) fn fold(id: &RemediationId, entries: &[Entry]) -> Result<Remediation, StoreError> {
    let mut replay = Remediation::replay(id.clone());
    for entry in entries {
        let corrupt = || StoreError::corrupt("events", "body", entry.link.seq);
        let event = entry.event()?.ok_or_else(corrupt)?;
        replay.add(&event, entry.link.at).map_err(|error| match error {
            ReplayError::NotSubmitted { .. } => corrupt(),
            ReplayError::Illegal(error) => error.into(),
        })?;
    }
    replay.end().ok_or_else(|| StoreError::not_found("remediation", id))
}

/// Returns whether a stored state is equal to the fold of the events. Two times were not stored before step 4 of the
/// schema.
pub(crate) fn is_fold(stored: &Remediation, fold: &Remediation) -> bool {
    let mut then = fold.clone();
    then.approved_at = then.approved_at.filter(|_| stored.approved_at.is_some());
    then.progress.running_since = then.progress.running_since.filter(|_| stored.progress.running_since.is_some());
    *stored == then
}
