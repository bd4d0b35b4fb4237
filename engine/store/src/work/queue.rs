//! Numbers of waiting things, for metrics and for operators.

use crate::boxed::boxed;
use clawback_model::{Status, Timestamp};

use crate::error::StoreError;
use crate::history::halts;
use crate::notifying::notices;
use crate::store::Store;

/// The numbers of waiting things.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Queue {
    /// Remediations that have not ended, by status; statuses without any are omitted.
    pub remediations: Vec<(Status, u64)>,
    /// When the oldest due remediation began to wait for a worker.
    pub oldest_due: Option<Timestamp>,
    /// The lanes of open batches that no node has claimed.
    pub lanes_ready: u64,
    /// The notifications that are still to be sent.
    pub notices: u64,
    /// Whether the site is halted.
    pub halted: bool,
}

impl Store {
    /// Counts what waits; reads only rows that have not ended.
    #[tracing::instrument(name = "store.queue", skip_all)]
    #[boxed]
    pub async fn queue(&self, now: Timestamp) -> Result<Queue, StoreError> {
        let mut tx = self.read().await?;
        let sql = "SELECT status, COUNT(*) FROM remediations WHERE due_at IS NOT NULL AND status <> 'paused' \
                   GROUP BY status ORDER BY status";
        let mut remediations = Vec::new();
        for row in tx.rows(sql, &[]).await? {
            let status = row.text(0)?.parse().map_err(|_| StoreError::corrupt("remediations", "status", "of any"))?;
            remediations.push((status, u64::try_from(row.int(1)?).unwrap_or(0)));
        }
        let row = tx.row("SELECT COUNT(*) FROM remediations WHERE status = 'paused'", &[]).await?;
        let paused = row.map_or(Ok(0), |row| row.int(0))?;
        remediations.push((Status::Paused, u64::try_from(paused).unwrap_or(0)));
        let sql = "SELECT due_at FROM remediations WHERE due_at <= $1 AND lease_until <= $1 ORDER BY due_at LIMIT 1";
        let oldest_due = tx.row(sql, &[now.into()]).await?.map(|row| row.time(0)).transpose()?;
        let free =
            tx.row("SELECT COUNT(*) FROM work WHERE node IS NULL", &[]).await?.map_or(Ok(0), |row| row.int(0))?;
        let lanes_ready = free.unsigned_abs();
        let notices = notices::waiting(&mut tx).await?;
        let halted = halts::standing(&mut tx).await?.is_some();
        Ok(Queue { remediations, oldest_due, lanes_ready, notices, halted })
    }
}
