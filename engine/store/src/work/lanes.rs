//! Lanes of open batches: work that any node may claim, many at a time. A node holds a claimed lane while it is alive.
//! Each write of a holder repeats the claim number, so a node that was considered dead and resumes late changes
//! nothing. A lane is removed once each of its targets has its outcome.
//!
//! How lanes are claimed is in [`super::claims`].

use crate::boxed::boxed;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use clawback_model::{Outcome, RemediationId, Target, Timestamp};

use super::outcomes::insert;
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::store::Store;

/// A claim of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LaneClaim {
    pub(super) remediation: i64,
    pub(super) lane: i64,
    pub(super) claims: i64,
}

impl LaneClaim {
    /// Returns the claim number, from 1.
    pub fn count(&self) -> u64 {
        self.claims.unsigned_abs()
    }
}

/// A lane that a node has claimed: the targets of one mailbox in one batch that have no outcome yet.
#[derive(Debug)]
pub struct Lane {
    /// The claim.
    pub claim: LaneClaim,
    /// The store.
    pub store: Arc<str>,
    /// The mailbox.
    pub mailbox: Arc<str>,
    /// The remaining targets, in the plan's order.
    pub targets: Vec<Target>,
    /// Whether it was claimed before: some of its targets may have been acted on.
    pub in_doubt: bool,
}

/// A node's report on a lane.
#[derive(Debug)]
pub struct LaneReport<'a> {
    /// The claim of the lane.
    pub claim: LaneClaim,
    /// Outcomes since the last report.
    pub outcomes: &'a [Outcome],
    /// The targets whose call was throttled since the last report.
    pub throttled: u64,
    /// Whether the work on it continues.
    pub end: LaneEnd,
}

/// How the work on a lane ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneEnd {
    /// It continues.
    Working,
    /// Every target has its outcome.
    Done,
    /// It is handed back and must not be claimed before this time.
    Back(Timestamp),
}

/// What remains of an open batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LanesLeft {
    /// The number of lanes with targets that have no outcome.
    pub all: u64,
    /// The number of these that a node holds.
    pub held: u64,
}

impl Store {
    /// Records the work of a node in one transaction. Skips and returns reports on lanes that the node no longer holds:
    /// another node handles these.
    #[tracing::instrument(name = "store.lanes.record", skip_all, fields(node.id = node, lanes = reports.len()))]
    #[boxed]
    pub async fn record_lanes(&self, node: &str, reports: &[LaneReport<'_>]) -> Result<Vec<LaneClaim>, StoreError> {
        let mut tx = self.write().await?;
        let sql = tx.for_update("SELECT remediation, lane, claims FROM work WHERE node = $1");
        let rows = tx.rows(sql, &[node.into()]).await?;
        let mut held = HashSet::with_capacity(rows.len());
        for row in &rows {
            held.insert(LaneClaim { remediation: row.int(0)?, lane: row.int(1)?, claims: row.int(2)? });
        }
        let (mine, lost): (Vec<_>, Vec<_>) = reports.iter().partition(|report| held.contains(&report.claim));
        let mut remediations: Vec<i64> = mine.iter().map(|report| report.claim.remediation).collect();
        remediations.sort_unstable();
        remediations.dedup();
        for number in remediations {
            let of: Vec<_> = mine.iter().filter(|report| report.claim.remediation == number).collect();
            let outcomes: Vec<&Outcome> = of.iter().flat_map(|report| report.outcomes).collect();
            insert(&mut tx, number, &outcomes).await?;
            leave(&mut tx, number, &of).await?;
        }
        tx.commit().await?;
        Ok(lost.into_iter().map(|report| report.claim).collect())
    }

    /// Hands back every lane that `node` holds without knowing it, and returns their number: those of claims whose
    /// response was lost, or whose targets could not be read. `known` are the lanes that it works on.
    #[tracing::instrument(name = "store.lanes.disown", skip_all, fields(node.id = node))]
    #[boxed]
    pub async fn release_unknown_lanes(&self, node: &str, known: &HashSet<LaneClaim>) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let sql = tx.for_update("SELECT remediation, lane, claims FROM work WHERE node = $1");
        let mut disowned = 0;
        for row in tx.rows(sql, &[node.into()]).await? {
            let claim = LaneClaim { remediation: row.int(0)?, lane: row.int(1)?, claims: row.int(2)? };
            if !known.contains(&claim) {
                let sql = "UPDATE work SET node = NULL WHERE remediation = $1 AND lane = $2 AND node = $3";
                disowned += tx.execute(sql, &[claim.remediation.into(), claim.lane.into(), node.into()]).await?;
            }
        }
        tx.commit().await?;
        Ok(disowned)
    }

    /// Hands back every lane of nodes that are dead, and returns their number. `dead` is already known to be dead.
    #[tracing::instrument(name = "store.lanes.reap", skip_all)]
    #[boxed]
    pub async fn reap_lanes(&self, dead: &[String], now: Timestamp) -> Result<u64, StoreError> {
        let holders = self.rows("SELECT DISTINCT node FROM work WHERE node IS NOT NULL", &[]).await?;
        let mut reaped = 0;
        for row in holders {
            let node = row.string(0)?;
            let mut tx = self.write().await?;
            let alive = tx.row("SELECT alive_until FROM nodes WHERE id = $1", &[(&node).into()]).await?;
            let until = alive.map_or(Ok(0), |row| row.int(0))?;
            if until <= now.0 || dead.contains(&node) {
                reaped += tx.execute("UPDATE work SET node = NULL WHERE node = $1", &[(&node).into()]).await?;
                tx.commit().await?;
            }
        }
        Ok(reaped)
    }

    /// Returns the stores that have lanes which no node holds, with the number of these.
    #[tracing::instrument(name = "store.lanes.stores", skip_all)]
    #[boxed]
    pub async fn stores_with_lanes(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let sql = "SELECT store, COUNT(*) FROM work WHERE node IS NULL GROUP BY store ORDER BY store";
        let rows = self.rows(sql, &[]).await?;
        rows.iter().map(|row| Ok((row.string(0)?, row.int(1)?.unsigned_abs()))).collect()
    }

    /// Returns every node that holds a lane.
    #[tracing::instrument(name = "store.lanes.holders", skip_all)]
    #[boxed]
    pub async fn lane_holders(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.rows("SELECT DISTINCT node FROM work WHERE node IS NOT NULL", &[]).await?;
        rows.iter().map(|row| row.string(0)).collect()
    }

    /// Returns what remains of the open batch of a remediation.
    #[tracing::instrument(name = "store.lanes.left", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn lanes_left(&self, id: &RemediationId) -> Result<LanesLeft, StoreError> {
        let sql = "SELECT COUNT(*), COUNT(w.node) FROM work w JOIN remediations r ON r.number = w.remediation WHERE r.id = $1";
        let row = self.row(sql, &[id.as_str().into()]).await?;
        let count = |column| row.as_ref().map_or(Ok(0), |row| row.int(column));
        Ok(LanesLeft { all: count(0)?.unsigned_abs(), held: count(1)?.unsigned_abs() })
    }

    /// Checks that the remaining work of a remediation is that of its plan: a lane of another store would never be
    /// claimed.
    #[tracing::instrument(name = "store.lanes.check", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn check_work(&self, id: &RemediationId) -> Result<(), StoreError> {
        let sql = "SELECT w.lane FROM remediations r JOIN work w ON w.remediation = r.number \
                   LEFT JOIN lanes l ON l.remediation = w.remediation AND l.lane = w.lane \
                   LEFT JOIN batches b ON b.remediation = w.remediation AND b.number = w.batch AND b.finished_at IS NULL \
                   WHERE r.id = $1 AND (l.store IS NULL OR b.number IS NULL OR w.store <> l.store OR w.mailbox <> l.mailbox) \
                   LIMIT 1";
        match self.row(sql, &[id.as_str().into()]).await? {
            Some(row) => Err(StoreError::altered(id, format!("work {} is not of its plan", row.int(0)?))),
            None => Ok(()),
        }
    }

    /// Allows nodes to claim lanes of a remediation, or makes them hand back those they hold.
    #[tracing::instrument(name = "store.lanes.stop", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn stop_lanes(&self, id: &RemediationId, stopped: bool) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE batches SET stopped = $1 WHERE finished_at IS NULL AND stopped <> $1 \
                   AND remediation = (SELECT number FROM remediations WHERE id = $2)";
        if tx.execute(sql, &[i64::from(stopped).into(), id.as_str().into()]).await? > 0 {
            tx.commit().await?;
        }
        Ok(())
    }

    /// Returns the remediations whose lanes must be handed back.
    #[tracing::instrument(name = "store.lanes.stopped", skip_all)]
    #[boxed]
    pub async fn stopped_lanes(&self) -> Result<Vec<RemediationId>, StoreError> {
        let sql = "SELECT r.id FROM batches b JOIN remediations r ON r.number = b.remediation \
                   WHERE b.finished_at IS NULL AND b.stopped = 1";
        let rows = self.rows(sql, &[]).await?;
        rows.iter()
            .map(|row| row.text(0)?.parse().map_err(|_| StoreError::corrupt("remediations", "id", "of an open batch")))
            .collect()
    }
}

/// Removes finished lanes, and hands back others.
async fn leave(tx: &mut Tx, number: i64, reports: &[&&LaneReport<'_>]) -> Result<(), StoreError> {
    let mut done = String::new();
    let mut throttled = 0;
    for report in reports {
        throttled += report.throttled;
        match report.end {
            LaneEnd::Working => {}
            LaneEnd::Done => {
                let _ = write!(done, "{}{}", if done.is_empty() { "" } else { "," }, report.claim.lane);
            }
            LaneEnd::Back(next_at) => {
                let sql = "UPDATE work SET node = NULL, next_at = $1 WHERE remediation = $2 AND lane = $3";
                tx.execute(sql, &[next_at.into(), number.into(), report.claim.lane.into()]).await?;
            }
        }
    }
    if !done.is_empty() {
        let sql = format!("DELETE FROM work WHERE remediation = $1 AND lane IN ({done})");
        tx.execute(sql, &[number.into()]).await?;
    }
    if throttled > 0 {
        let sql = "UPDATE batches SET throttled = throttled + $1 WHERE remediation = $2 AND finished_at IS NULL";
        tx.execute(sql, &[i64::try_from(throttled).unwrap_or(i64::MAX).into(), number.into()]).await?;
    }
    Ok(())
}
