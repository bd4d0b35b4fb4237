//! Outcomes: exactly one row per target, added in flushes while a batch runs, never changed. A batch ends with an event
//! that carries the digest over its rows, so that a changed, added or missing row is detected.

use crate::boxed::boxed;
use clawback_model::{
    Actor, BatchReport, Counts, Digest, Event, Outcome, OutcomeHasher, OutcomeKind, Receipt, Remediation,
    RemediationId, Timestamp,
};

use crate::database::bulk;
use crate::database::dialect::{Row, Tx, Value};
use crate::error::StoreError;
use crate::history::evidence;
use crate::history::locking::{Locked, lock};
use crate::history::message_rows::OUTCOME_COLUMNS;
use crate::history::transitions::write;
use crate::lease::Lease;
use crate::rows::{json, number as small};
use crate::store::Store;

const OUTCOMES: bulk::Into = bulk::Into {
    table: "outcomes",
    columns: &["remediation", "seq", "kind", "reason", "detail", "receipt", "batch", "recorded_at"],
};

/// The rows that are read at once while a digest is computed.
const PAGE: u32 = 10_000;

impl Store {
    /// Records the last outcomes of a batch and closes it: counts them, and puts their digest into the event.
    #[tracing::instrument(name = "store.batches.finish", skip_all, fields(remediation.id = %id, batch = number))]
    pub async fn finish_batch(
        &self,
        id: &RemediationId,
        lease: &Lease,
        actor: impl Into<Actor<'_>>,
        number: u32,
        outcomes: &[Outcome],
        at: Timestamp,
    ) -> Result<Remediation, StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let locked = lock(&mut tx, id, Some(lease)).await?;
        insert(&mut tx, locked.number, &outcomes.iter().collect::<Vec<_>>()).await?;
        let next = close_batch(&mut tx, locked, actor, number, at, None).await?;
        tx.commit().await?;
        Ok(next.remediation)
    }

    /// Continues the sum of an open batch up to the first open target. Returns whether every target has its outcome, so
    /// that the batch can be closed.
    #[tracing::instrument(name = "store.batches.sum", skip_all, fields(remediation.id = %id, batch = sum.number))]
    #[boxed]
    pub async fn sum_batch(&self, id: &RemediationId, sum: &mut BatchSum) -> Result<bool, StoreError> {
        let mut tx = self.read().await?;
        // Lanes are consecutive in the plan, and are removed with their last outcome.
        let sql = "SELECT r.number, (SELECT w.first_seq FROM work w WHERE w.remediation = r.number ORDER BY w.lane LIMIT 1) \
                   FROM remediations r WHERE r.id = $1";
        let row = tx.row(sql, &[id.as_str().into()]).await?.ok_or_else(|| StoreError::not_found("remediation", id))?;
        let Some(open) = row.opt_int(1)? else { return Ok(true) };
        if open > sum.next {
            sum.read_on(&mut tx, row.int(0)?, open).await?;
        }
        Ok(false)
    }

    /// Closes a batch whose targets all have their outcome, with its sum.
    #[tracing::instrument(name = "store.batches.close", skip_all, fields(remediation.id = %id, batch = sum.number))]
    pub async fn close_batch(
        &self,
        id: &RemediationId,
        lease: &Lease,
        actor: impl Into<Actor<'_>>,
        sum: BatchSum,
        at: Timestamp,
    ) -> Result<Remediation, StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let locked = lock(&mut tx, id, Some(lease)).await?;
        let next = close_batch(&mut tx, locked, actor, sum.number, at, Some(sum)).await?;
        tx.commit().await?;
        Ok(next.remediation)
    }

    /// Returns the remediation with the outcomes of its open batch in its counts, which no event has added yet.
    #[tracing::instrument(name = "store.outcomes.counted", skip_all, fields(remediation.id = %remediation.id))]
    #[boxed]
    pub async fn with_open_batch(&self, mut remediation: Remediation) -> Result<Remediation, StoreError> {
        let Some((batch, ..)) = remediation.progress.open_batch else { return Ok(remediation) };
        let sql = "SELECT o.kind, COUNT(*) FROM outcomes o JOIN remediations r ON r.number = o.remediation \
                   WHERE r.id = $1 AND o.batch = $2 GROUP BY o.kind";
        let id = &remediation.id;
        for row in self.rows(sql, &[id.as_str().into(), batch.into()]).await? {
            let kind = row.text(0)?.parse().map_err(|_| StoreError::corrupt("outcomes", "kind", id))?;
            remediation.counts.record(kind, row.int(1)?.unsigned_abs());
        }
        Ok(remediation)
    }

    /// Cancels all open targets: every remediable target without an outcome becomes `cancelled`. An open batch is first
    /// closed with its recorded outcomes, so that every outcome is counted and covered by a digest.
    #[tracing::instrument(name = "store.outcomes.cancel", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn cancel_open(
        &self,
        id: &RemediationId,
        lease: &Lease,
        by: &str,
        at: Timestamp,
    ) -> Result<Remediation, StoreError> {
        let mut tx = self.write().await?;
        let mut locked = lock(&mut tx, id, Some(lease)).await?;
        if let Some((number, ..)) = locked.remediation.progress.open_batch {
            locked = close_batch(&mut tx, locked, by.into(), number, at, None).await?;
        }
        // A plan that is not frozen has no targets to cancel.
        if locked.remediation.plan.is_some() {
            tx.execute(
                "INSERT INTO outcomes (remediation, seq, kind, reason, recorded_at) \
                 SELECT t.remediation, t.seq, 'cancelled', 'cancelled-by-person', CAST($2 AS BIGINT) FROM targets t \
                 WHERE t.remediation = $1 AND t.not_remediable IS NULL AND NOT EXISTS \
                 (SELECT 1 FROM outcomes o WHERE o.remediation = t.remediation AND o.seq = t.seq)",
                &[locked.number.into(), at.into()],
            )
            .await?;
        }
        let sum = sum(&mut tx, locked.number, Span::CANCELLED).await?;
        let event = Event::Cancelled { by: by.to_owned(), targets: sum.counts.submitted, outcomes: sum.digest };
        let next = write(&mut tx, locked, by.into(), &event, at).await?;
        tx.commit().await?;
        Ok(next.remediation)
    }
}

async fn close_batch(
    tx: &mut Tx,
    locked: Locked,
    actor: Actor<'_>,
    number: u32,
    at: Timestamp,
    ahead: Option<BatchSum>,
) -> Result<Locked, StoreError> {
    let Some((_, first, targets)) = locked.remediation.progress.open_batch.filter(|(open, ..)| *open == number) else {
        let what = format!("open batch of {}", locked.remediation.id);
        let found =
            locked.remediation.progress.open_batch.map_or_else(|| "none".to_owned(), |(open, ..)| open.to_string());
        return Err(StoreError::Conflict { what, expected: number.to_string(), found });
    };
    let values = [locked.number.into(), number.into()];
    let sql = "SELECT throttled FROM batches WHERE remediation = $1 AND number = $2";
    let throttled = tx.row(sql, &values).await?.map_or(Ok(0), |row| row.int(0))?.unsigned_abs();
    tx.execute("DELETE FROM work WHERE remediation = $1", &values[..1]).await?;
    let is_whole = ahead.is_some();
    let mut sum = ahead.unwrap_or_else(|| BatchSum::new(number, first, targets));
    let end = sum.end;
    while sum.read_on(tx, locked.number, end).await? {}
    if is_whole {
        check_whole(tx, &locked, (number, first, targets), sum.kinds.len()).await?;
    }
    let Sum { counts, digest } = sum.finish();
    let event = Event::BatchFinished { number, report: BatchReport { counts, throttled }, outcomes: digest };
    write(tx, locked, actor, &event, at).await
}

/// Checks a batch without remaining work: each of its targets has an outcome, unless the database was changed from
/// outside.
async fn check_whole(
    tx: &mut Tx,
    locked: &Locked,
    (number, first, targets): (u32, u32, u32),
    outcomes: usize,
) -> Result<(), StoreError> {
    if outcomes == targets as usize {
        return Ok(());
    }
    let sql =
        "SELECT COUNT(*) FROM targets WHERE remediation = $1 AND seq >= $2 AND seq < $3 AND not_remediable IS NULL";
    let end = i64::from(first) + i64::from(targets);
    let row = tx.row(sql, &[locked.number.into(), first.into(), end.into()]).await?;
    let wanted = row.map_or(Ok(0), |row| row.int(0))?;
    if i64::try_from(outcomes) == Ok(wanted) {
        return Ok(());
    }
    let detail = format!("batch {number} has {outcomes} outcomes for {wanted} messages, and no work for the others");
    Err(StoreError::altered(&locked.remediation.id, detail))
}

/// The counts and digest of the outcomes of an open batch, read back while the batch runs, so that its end does not
/// wait for all of them. Outcomes never change once they are written.
#[derive(Debug)]
pub struct BatchSum {
    number: u32,
    /// The first target that is not summed yet.
    next: i64,
    end: i64,
    hasher: OutcomeHasher,
    kinds: Vec<OutcomeKind>,
}

impl BatchSum {
    /// Creates an empty sum of the targets of this batch.
    pub fn new(number: u32, first: u32, targets: u32) -> Self {
        let first = i64::from(first);
        Self { number, next: first, end: first + i64::from(targets), hasher: OutcomeHasher::new(), kinds: Vec::new() }
    }

    /// Returns the number of targets that are not summed yet.
    pub fn left(&self) -> u64 {
        (self.end - self.next).unsigned_abs()
    }

    /// Reads a page before `until`, where no target is open. Returns whether there may be more.
    async fn read_on(&mut self, tx: &mut Tx, remediation: i64, until: i64) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT {OUTCOME_COLUMNS} FROM outcomes o WHERE o.remediation = $1 AND o.seq >= $2 AND o.seq < $3 \
             AND o.batch = $4 ORDER BY o.seq LIMIT {PAGE}"
        );
        let values = [remediation.into(), self.next.into(), until.into(), self.number.into()];
        let rows = tx.rows(sql, &values).await?;
        for row in &rows {
            self.kinds.push(add(&mut self.hasher, row, 0)?);
        }
        let more = rows.len() >= PAGE as usize;
        self.next = match rows.last() {
            Some(last) if more => last.int(0)? + 1,
            _ => until,
        };
        Ok(more)
    }

    fn finish(self) -> Sum {
        let mut counts = Counts::planned(self.kinds.len() as u64, 0);
        for kind in self.kinds {
            counts.record(kind, 1);
        }
        Sum { counts, digest: self.hasher.finish() }
    }
}

/// Writes outcomes of one remediation.
pub(crate) async fn insert(tx: &mut Tx, number: i64, outcomes: &[&Outcome]) -> Result<(), StoreError> {
    let kept = evidence::of_outcomes(tx, number, outcomes).await?;
    let mut values = Vec::with_capacity(outcomes.len() * OUTCOMES.columns.len());
    for outcome in outcomes {
        let receipt = outcome.receipt.as_ref().map(|receipt| match kept.get(&outcome.seq) {
            Some(digest) if receipt.now.is_none() => json(&Receipt { evidence: Some(*digest), ..receipt.clone() }),
            _ => json(receipt),
        });
        values.extend([
            Value::Int(number),
            outcome.seq.into(),
            outcome.kind.as_str().into(),
            outcome.reason.as_str().into(),
            outcome.detail.as_deref().into(),
            receipt.into(),
            outcome.batch.into(),
            outcome.recorded_at.into(),
        ]);
    }
    let noun = "an outcome of one of the targets of remediation number";
    bulk::insert(tx, OUTCOMES, &values).await.map_err(|error| error.exists(noun, number))
}

/// The outcomes that a digest covers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// `None` for those that were cancelled outside a batch.
    batch: Option<u32>,
    first: i64,
    end: i64,
}

impl Span {
    /// The outcomes that were cancelled before a batch covered them.
    pub(crate) const CANCELLED: Self = Self { batch: None, first: 0, end: i64::MAX };

    /// Returns the outcomes of one batch.
    pub(crate) fn batch(number: u32, first: u32, targets: u32) -> Self {
        let first = i64::from(first);
        Self { batch: Some(number), first, end: first + i64::from(targets) }
    }
}

/// The counts and digest of some outcomes.
pub(crate) struct Sum {
    pub(crate) counts: Counts,
    pub(crate) digest: Digest,
}

/// Reads rows back as they are stored: the digest covers what the database holds, not what was sent to it.
pub(crate) async fn sum(tx: &mut Tx, number: i64, span: Span) -> Result<Sum, StoreError> {
    let mut hasher = OutcomeHasher::new();
    let mut kinds: Vec<OutcomeKind> = Vec::new();
    let (mut next, which) = match span.batch {
        Some(_) => (span.first, "o.batch = $4"),
        None => (span.first, "o.batch IS NULL AND o.kind = 'cancelled' AND $4 = -1"),
    };
    let sql = format!(
        "SELECT {OUTCOME_COLUMNS} FROM outcomes o WHERE o.remediation = $1 AND o.seq >= $2 AND o.seq < $3 AND {which} \
         ORDER BY o.seq LIMIT {PAGE}"
    );
    let batch = span.batch.map_or(-1, i64::from);
    loop {
        let rows = tx.rows(sql.clone(), &[number.into(), next.into(), span.end.into(), batch.into()]).await?;
        for row in &rows {
            kinds.push(add(&mut hasher, row, 0)?);
        }
        match rows.last() {
            Some(last) if rows.len() >= PAGE as usize => next = last.int(0)? + 1,
            _ => break,
        }
    }
    let mut counts = Counts::planned(kinds.len() as u64, 0);
    for kind in kinds {
        counts.record(kind, 1);
    }
    Ok(Sum { counts, digest: hasher.finish() })
}

/// Adds a stored row, whose first column is at `from`, to a digest. Returns its kind.
pub(crate) fn add(hasher: &mut OutcomeHasher, row: &Row, from: usize) -> Result<OutcomeKind, StoreError> {
    let seq = small(row, from, "outcomes", "seq")?;
    let batch = match row.opt_int(from + 5)? {
        Some(batch) => Some(u32::try_from(batch).map_err(|_| StoreError::corrupt("outcomes", "batch", seq))?),
        None => None,
    };
    let kind = row.text(from + 1)?;
    let texts = [
        kind.as_ref(),
        &*row.text(from + 2)?,
        &*row.opt_text(from + 3)?.unwrap_or_default(),
        &*row.opt_text(from + 4)?.unwrap_or_default(),
    ];
    hasher.add_row(seq, batch, row.time(from + 6)?, texts);
    kind.parse().map_err(|_| StoreError::corrupt("outcomes", "kind", seq))
}
