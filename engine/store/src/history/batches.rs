//! The batches of a remediation.

use crate::boxed::boxed;
use clawback_model::{BatchReport, Digest, RemediationId, Timestamp};

use crate::database::dialect::Row;
use crate::error::StoreError;
use crate::rows::{digest, number, number_of, parse};
use crate::store::Store;

/// One batch of a remediation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Batch {
    pub number: u32,
    pub first: u32,
    pub targets: u32,
    pub started_at: Timestamp,
    /// Counts, end and digest of its outcomes, once it has finished.
    pub finished: Option<(Timestamp, BatchReport, Digest)>,
}

impl Store {
    /// Returns the batches of a remediation, in order.
    #[tracing::instrument(name = "store.batches", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn batches(&self, id: &RemediationId) -> Result<Vec<Batch>, StoreError> {
        let mut tx = self.read().await?;
        let number = number_of(&mut tx, id).await?;
        let sql = "SELECT number, first_seq, targets, started_at, finished_at, report, outcomes FROM batches \
                   WHERE remediation = $1 ORDER BY number";
        tx.rows(sql, &[number.into()]).await?.iter().map(read_batch).collect()
    }
}

pub(crate) fn read_batch(row: &Row) -> Result<Batch, StoreError> {
    let finished = match row.opt_int(4)? {
        Some(at) => Some((Timestamp(at), parse(row, 5, "batches", "report")?, digest(row, 6, "batches", "outcomes")?)),
        None => None,
    };
    Ok(Batch {
        number: number(row, 0, "batches", "number")?,
        first: number(row, 1, "batches", "first_seq")?,
        targets: number(row, 2, "batches", "targets")?,
        started_at: row.time(3)?,
        finished,
    })
}
