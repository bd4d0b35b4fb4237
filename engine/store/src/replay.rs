//! A remediation as its events tell of it.

use clawback_model::{Event, Remediation, RemediationId};

use crate::chain::Entry;
use crate::error::StoreError;

/// What these events of a remediation add up to.
pub(crate) fn fold(id: &RemediationId, entries: &[Entry]) -> Result<Remediation, StoreError> {
    let mut fold: Option<Remediation> = None;
    for entry in entries {
        let corrupt = || StoreError::corrupt("events", "body", entry.link.seq);
        fold = Some(match (fold, entry.event()?.ok_or_else(corrupt)?) {
            (None, Event::Submitted { request }) => Remediation::submitted(id.clone(), request, entry.link.at),
            (Some(known), event) => known.apply(&event, entry.link.at)?,
            (None, _) => return Err(corrupt()),
        });
    }
    fold.ok_or_else(|| StoreError::not_found("remediation", id))
}

/// Whether a stored state is what the events add up to. Two times were not kept before step 4 of the schema.
pub(crate) fn is_fold(stored: &Remediation, fold: &Remediation) -> bool {
    let mut then = fold.clone();
    then.approved_at = then.approved_at.filter(|_| stored.approved_at.is_some());
    then.progress.running_since = then.progress.running_since.filter(|_| stored.progress.running_since.is_some());
    *stored == then
}
