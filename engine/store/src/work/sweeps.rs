//! Sweeps: rows, not timers. A sweep is written with the remediation that it follows. A node takes a look by advancing
//! the time of the next one, so only one node looks. A follow-up is written in one transaction with the row that links
//! it to its family.

use crate::boxed::boxed;
use clawback_model::{Actor, Remediation, RemediationId, Sweep, SweepEnd, Timestamp};

use crate::database::dialect::Row;
use crate::error::StoreError;
use crate::history::sweep_rows::end;
use crate::history::transitions::{Filing, file};
use crate::rows::{parse, state};
use crate::store::Store;

/// A sweep and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepState {
    /// The first remediation of the family.
    pub first: RemediationId,
    /// The settings of the playbook.
    pub sweep: Sweep,
    /// The number of looks so far.
    pub looks: u64,
    /// The time of the last look.
    pub looked_at: Option<Timestamp>,
    /// The time of the next look; `None` once it has ended.
    pub next_at: Option<Timestamp>,
    /// Why it has ended.
    pub ended: Option<SweepEnd>,
    version: i64,
}

const COLUMNS: &str = "first_id, sweep, looks, looked_at, next_at, ended, version";
/// The most sweeps that are read at once.
const DUE: u32 = 100;

impl Store {
    /// Returns the sweeps that are due, longest wait first. A row that cannot be read is an error in its place; the
    /// others are still returned.
    #[tracing::instrument(name = "store.sweeps.due", skip_all)]
    #[boxed]
    pub async fn due_sweeps(&self, now: Timestamp) -> Result<Vec<Result<SweepState, StoreError>>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM sweeps WHERE next_at <= $1 ORDER BY next_at, first_id LIMIT $2");
        Ok(self.rows(sql, &[now.into(), DUE.into()]).await?.iter().map(read).collect())
    }

    /// Returns the sweeps that have not ended, next look first.
    #[tracing::instrument(name = "store.sweeps", skip_all)]
    #[boxed]
    pub async fn sweeps(&self, most: u32) -> Result<Vec<SweepState>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM sweeps WHERE next_at IS NOT NULL ORDER BY next_at, first_id LIMIT $1");
        self.rows(sql, &[most.into()]).await?.iter().map(read).collect()
    }

    /// Returns the sweep of a first remediation, if it has one.
    #[tracing::instrument(name = "store.sweeps.load", skip_all, fields(remediation.id = %first))]
    #[boxed]
    pub async fn sweep(&self, first: &RemediationId) -> Result<Option<SweepState>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM sweeps WHERE first_id = $1");
        self.row(sql, &[first.as_str().into()]).await?.as_ref().map(read).transpose()
    }

    /// Returns the follow-ups of a first remediation, oldest first.
    #[tracing::instrument(name = "store.sweeps.follow_ups", skip_all, fields(remediation.id = %first))]
    #[boxed]
    pub async fn follow_ups(&self, first: &RemediationId) -> Result<Vec<Remediation>, StoreError> {
        let sql = "SELECT r.id, r.state FROM follow_ups f JOIN remediations r ON r.id = f.remediation_id \
                   WHERE f.first_id = $1 ORDER BY f.filed_at, r.number";
        let rows = self.rows(sql, &[first.as_str().into()]).await?;
        rows.iter().map(|row| state(row, 1)).collect()
    }

    /// Takes a look, or keeps one that was taken: the next one is at `next`. Returns `None` if the sweep has changed
    /// concurrently: another node took it, or it has ended.
    #[tracing::instrument(name = "store.sweeps.take", skip_all, fields(remediation.id = %sweep.first))]
    #[boxed]
    pub async fn take_look(&self, sweep: &SweepState, next: Timestamp) -> Result<Option<SweepState>, StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE sweeps SET next_at = $1, version = version + 1 WHERE first_id = $2 AND version = $3";
        let touched = tx.execute(sql, &[next.into(), sweep.first.as_str().into(), sweep.version.into()]).await?;
        tx.commit().await?;
        let taken = SweepState { next_at: Some(next), version: sweep.version + 1, ..sweep.clone() };
        Ok((touched == 1).then_some(taken))
    }

    /// Writes the result of a look: a follow-up, or nothing. Returns false and writes nothing if the sweep has changed
    /// since the look was taken; the next look finds the same messages.
    #[tracing::instrument(name = "store.sweeps.looked", skip_all, fields(remediation.id = %sweep.first))]
    #[boxed]
    pub async fn finish_look(
        &self,
        sweep: &SweepState,
        found: Option<&Filing>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE sweeps SET looks = looks + 1, looked_at = $1, version = version + 1 \
                   WHERE first_id = $2 AND version = $3 AND ended IS NULL";
        let first = sweep.first.as_str();
        if tx.execute(sql, &[now.into(), first.into(), sweep.version.into()]).await? == 0 {
            return Ok(false);
        }
        if let Some(filing) = found {
            file(&mut tx, filing).await?;
            let sql = "INSERT INTO follow_ups (remediation_id, first_id, filed_at) VALUES ($1, $2, $3)";
            tx.execute(sql, &[filing.remediation.id.as_str().into(), first.into(), now.into()]).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Ends a sweep. Does nothing if there is none, or it has ended.
    #[tracing::instrument(name = "store.sweeps.end", skip_all, fields(remediation.id = %first))]
    pub async fn end_sweep(
        &self,
        first: &RemediationId,
        why: &SweepEnd,
        actor: impl Into<Actor<'_>>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let ended = end(&mut tx, first, why, actor, now).await?;
        tx.commit().await?;
        Ok(ended)
    }
}

fn read(row: &Row) -> Result<SweepState, StoreError> {
    let first = row.string(0)?;
    let corrupt = |column| StoreError::corrupt("sweeps", column, &first);
    Ok(SweepState {
        sweep: parse(row, 1, "sweeps", "sweep")?,
        looks: u64::try_from(row.int(2)?).map_err(|_| corrupt("looks"))?,
        looked_at: row.opt_int(3)?.map(Timestamp),
        next_at: row.opt_int(4)?.map(Timestamp),
        ended: row.opt_text(5)?.map(|_| parse(row, 5, "sweeps", "ended")).transpose()?,
        version: row.int(6)?,
        first: first.parse().map_err(|_| corrupt("first_id"))?,
    })
}
