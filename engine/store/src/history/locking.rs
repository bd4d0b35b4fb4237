//! Locks on the row of a remediation: no other transaction changes it until the commit, and a holder's lease is
//! checked.

use clawback_model::{Remediation, RemediationId};

use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::lease::Lease;
use crate::rows::state;

/// A remediation whose row this transaction has locked.
pub(crate) struct Locked {
    pub(crate) number: i64,
    pub(crate) version: i64,
    pub(crate) fence: i64,
    pub(crate) remediation: Remediation,
}

/// Reads a remediation and locks it until the commit.
pub(crate) async fn lock(tx: &mut Tx, id: &RemediationId, lease: Option<&Lease>) -> Result<Locked, StoreError> {
    let sql = tx.for_update("SELECT id, number, version, fence, lease_owner, state FROM remediations WHERE id = $1");
    let row = tx.row(sql, &[id.as_str().into()]).await?;
    let row = row.ok_or_else(|| StoreError::not_found("remediation", id))?;
    let fence = row.int(3)?;
    if let Some(lease) = lease {
        lease.check(id, row.opt_text(4)?.as_deref(), fence)?;
    }
    Ok(Locked { number: row.int(1)?, version: row.int(2)?, fence, remediation: state(&row, 5)? })
}

/// Like [`lock`], for bulk writes: checks lease and status without parsing the state. Returns the number.
pub(crate) async fn lock_for(
    tx: &mut Tx,
    id: &RemediationId,
    lease: &Lease,
    status: &'static str,
) -> Result<i64, StoreError> {
    let sql = tx.for_update("SELECT number, fence, lease_owner, status FROM remediations WHERE id = $1");
    let row = tx.row(sql, &[id.as_str().into()]).await?;
    let row = row.ok_or_else(|| StoreError::not_found("remediation", id))?;
    lease.check(id, row.opt_text(2)?.as_deref(), row.int(1)?)?;
    let found = row.text(3)?;
    if found != status {
        let (what, expected) = (format!("status of {id}"), status.to_owned());
        return Err(StoreError::Conflict { what, expected, found: found.into_owned() });
    }
    row.int(0)
}
