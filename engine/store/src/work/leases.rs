//! Leases: the right to work on a remediation. A lease is two columns of its row and a fence that counts the claims.
//! Every write of a holder repeats the fence, so a node that was considered dead and resumes late changes nothing.
//!
//! A claim is two statements in one transaction: select and lock a row, then take it with the conditions repeated. In a
//! single statement PostgreSQL would select on the snapshot from before the wait for the lock, and two nodes would
//! claim the same row.

use crate::boxed::boxed;
use std::time::Duration;

use clawback_model::{Remediation, RemediationId, Timestamp};

use crate::database::dialect::{Row, Tx};
use crate::error::StoreError;
use crate::lease::Lease;
use crate::rows::{remediation_id, state};
use crate::store::Store;

/// The common part of claims and the check before them: due, held by no node, and the site not halted. `$1` is the
/// current time.
const DUE: &str = "SELECT number FROM remediations WHERE due_at <= $1 AND lease_until <= $1 \
    AND NOT EXISTS (SELECT 1 FROM halts) ORDER BY CASE severity \
    WHEN 'high' THEN 0 WHEN 'medium' THEN 1 WHEN 'low' THEN 2 ELSE 3 END, number LIMIT 1";

impl Store {
    /// Claims the due remediation of the highest severity, the oldest of these. Returns `None` if nothing is due.
    #[tracing::instrument(name = "store.leases.claim_due", skip_all, fields(node.id = node))]
    #[boxed]
    pub async fn claim_due(
        &self,
        node: &str,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<(Remediation, Lease)>, StoreError> {
        // Idle nodes poll continuously: they must not take SQLite's write lock for it.
        if self.row(DUE, &[now.into()]).await?.is_none() {
            return Ok(None);
        }
        let mut tx = self.write().await?;
        let sql = tx.for_update_skip_locked(DUE);
        let Some(chosen) = tx.row(sql, &[now.into()]).await? else { return Ok(None) };
        let Some(claimed) = take(&mut tx, chosen.int(0)?, node, now, ttl).await? else { return Ok(None) };
        tx.commit().await?;
        Ok(Some(claimed))
    }

    /// Claims one remediation, due or not. Returns `None` if a node holds it.
    #[tracing::instrument(name = "store.leases.claim", skip_all, fields(remediation.id = %id, node.id = node))]
    #[boxed]
    pub async fn claim(
        &self,
        id: &RemediationId,
        node: &str,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<(Remediation, Lease)>, StoreError> {
        let mut tx = self.write().await?;
        let sql = tx.for_update("SELECT number FROM remediations WHERE id = $1");
        let row = tx.row(sql, &[id.as_str().into()]).await?;
        let number = row.ok_or_else(|| StoreError::not_found("remediation", id))?.int(0)?;
        let Some(claimed) = take(&mut tx, number, node, now, ttl).await? else { return Ok(None) };
        tx.commit().await?;
        Ok(Some(claimed))
    }

    /// Returns the holder of a remediation and the end of its lease, which may have expired.
    #[tracing::instrument(name = "store.leases.holder", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn holder(&self, id: &RemediationId) -> Result<Option<(String, Timestamp)>, StoreError> {
        let sql = "SELECT lease_owner, lease_until FROM remediations WHERE id = $1";
        let row = self.row(sql, &[id.as_str().into()]).await?;
        let row = row.ok_or_else(|| StoreError::not_found("remediation", id))?;
        let until = row.time(1)?;
        Ok(row.opt_text(0)?.map(|node| (node.into_owned(), until)))
    }

    /// Ends the lease of a node that is known to be dead, so that no node waits for it. Safe even if it is alive: the
    /// next claim raises the fence.
    #[tracing::instrument(name = "store.leases.evict", skip_all, fields(remediation.id = %id, node.id = node))]
    #[boxed]
    pub async fn evict(&self, id: &RemediationId, node: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE remediations SET lease_until = 0 WHERE id = $1 AND lease_owner = $2";
        tx.execute(sql, &[id.as_str().into(), node.into()]).await?;
        tx.commit().await
    }

    /// Extends a lease until `until`.
    #[tracing::instrument(name = "store.leases.extend", skip_all, fields(remediation.id = %lease.remediation))]
    #[boxed]
    pub async fn extend(&self, lease: &Lease, until: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE remediations SET lease_until = $1 WHERE id = $2 AND lease_owner = $3 AND fence = $4";
        held(
            lease,
            tx.execute(
                sql,
                &[until.into(), lease.remediation.as_str().into(), (&lease.node).into(), lease.fence.into()],
            )
            .await?,
        )?;
        tx.commit().await
    }

    /// Releases a lease.
    #[tracing::instrument(name = "store.leases.release", skip_all, fields(remediation.id = %lease.remediation))]
    #[boxed]
    pub async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE remediations SET lease_owner = NULL, lease_until = 0 WHERE id = $1 AND lease_owner = $2 AND fence = $3";
        held(
            lease,
            tx.execute(sql, &[lease.remediation.as_str().into(), (&lease.node).into(), lease.fence.into()]).await?,
        )?;
        tx.commit().await
    }

    /// Releases a lease and defers the remediation until `until`, because work cannot continue now.
    #[tracing::instrument(name = "store.leases.postpone", skip_all, fields(remediation.id = %lease.remediation))]
    #[boxed]
    pub async fn postpone(&self, lease: &Lease, until: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE remediations SET lease_owner = NULL, lease_until = 0, \
                   due_at = CASE WHEN due_at IS NULL THEN NULL ELSE $4 END \
                   WHERE id = $1 AND lease_owner = $2 AND fence = $3";
        let values = [lease.remediation.as_str().into(), (&lease.node).into(), lease.fence.into(), until.into()];
        held(lease, tx.execute(sql, &values).await?)?;
        tx.commit().await
    }
}

/// Takes a row that this transaction has locked, if no node holds it.
async fn take(
    tx: &mut Tx,
    number: i64,
    node: &str,
    now: Timestamp,
    ttl: Duration,
) -> Result<Option<(Remediation, Lease)>, StoreError> {
    let sql = "UPDATE remediations SET lease_owner = $1, lease_until = $2, fence = fence + 1 \
               WHERE number = $3 AND lease_until <= $4";
    if tx.execute(sql, &[node.into(), now.plus(ttl).into(), number.into(), now.into()]).await? == 0 {
        return Ok(None);
    }
    let row = tx.row("SELECT id, fence, state FROM remediations WHERE number = $1", &[number.into()]).await?;
    row.as_ref().map(|row| claimed(row, node)).transpose()
}

fn claimed(row: &Row, node: &str) -> Result<(Remediation, Lease), StoreError> {
    let remediation = state(row, 2)?;
    // By the row: the ID in the state might have been written by another.
    let lease = Lease { remediation: remediation_id(row, 0)?, node: node.to_owned(), fence: row.int(1)? };
    Ok((remediation, lease))
}

fn held(lease: &Lease, touched: u64) -> Result<(), StoreError> {
    if touched == 1 { Ok(()) } else { Err(lease.lost()) }
}
