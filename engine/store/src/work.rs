//! Lanes of open batches: work that any node may claim, many at a time. A lane is held while the node that claimed it is
//! alive; each write of a holder repeats the count of the claims, so a node that was thought dead and wakes up late changes
//! nothing. A lane is gone once each of its targets has its outcome.
//!
//! A claim is two statements in one transaction, as in [`crate::leases`], and a mailbox is held once by a unique index.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use clawback_model::{LINES_OF_A_PART, Outcome, PartHasher, PlanParts, RemediationId, Target, Timestamp};

use crate::dialect::{Tx, Value};
use crate::error::StoreError;
use crate::outcomes::insert;
use crate::plans::{TARGET_COLUMNS, TARGET_WIDTH, number as small, read_target};
use crate::store::Store;

/// Which claim of which lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LaneClaim {
    remediation: i64,
    lane: i64,
    claims: i64,
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
    /// What is left to do, in the plan's order.
    pub targets: Vec<Target>,
    /// Another claim came before: some of it may have been done.
    pub in_doubt: bool,
}

/// Lanes of one remediation.
#[derive(Debug)]
pub struct Claimed {
    /// Of what.
    pub remediation: RemediationId,
    /// Number of the open batch.
    pub batch: u32,
    /// The lanes.
    pub lanes: Vec<Lane>,
    /// The parts of the plan that their targets were read from, by the number of the first target, as they hash now.
    pub parts: Vec<(u32, PlanParts)>,
}

/// What a node reports of a lane.
#[derive(Debug)]
pub struct LaneReport<'a> {
    /// Of which.
    pub claim: LaneClaim,
    /// Outcomes since the last report.
    pub outcomes: &'a [Outcome],
    /// Targets whose call was throttled since the last report.
    pub throttled: u64,
    /// Whether it goes on.
    pub end: LaneEnd,
}

/// How a node leaves a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneEnd {
    /// It goes on.
    Working,
    /// Every target has its outcome.
    Done,
    /// Handed back, not to be claimed before this time.
    Back(Timestamp),
}

/// Whose lanes to claim.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// Those of one remediation.
    Only(&'a RemediationId),
    /// Those of every open batch but these.
    AllBut(&'a [RemediationId]),
}

/// What is left of an open batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LanesLeft {
    /// Lanes with targets that have no outcome.
    pub all: u64,
    /// How many of these a node holds.
    pub held: u64,
}

/// Targets that one claim reads, unless a single lane has more: the first calls do not wait for the targets of the last.
const AT_ONCE: i64 = 4_000;

/// The open batch whose turn it is. `$1` is the store, `$2` now.
const TURN: &str = "SELECT b.remediation, b.number FROM batches b JOIN remediations r ON r.number = b.remediation \
    WHERE b.finished_at IS NULL AND b.stopped = 0 AND EXISTS (SELECT 1 FROM work w WHERE w.remediation = b.remediation \
    AND w.store = $1 AND w.node IS NULL AND w.next_at <= $2) AND NOT EXISTS (SELECT 1 FROM halts)";
const BY_TURN: &str = " ORDER BY CASE r.severity WHEN 'high' THEN 0 WHEN 'medium' THEN 1 WHEN 'low' THEN 2 ELSE 3 END, \
    b.served_at, b.remediation LIMIT 1";

impl LaneClaim {
    /// Number of this claim of the lane, from 1.
    pub fn count(&self) -> u64 {
        self.claims.unsigned_abs()
    }
}

impl Store {
    /// Claims up to `most` lanes on `store`, fewer where these have many targets: of the open batch of the highest severity,
    /// among equals of the one that waited longest. None if nothing is free. After an error the node may hold lanes that it does not know of:
    /// see [`Store::disown_lanes`].
    #[tracing::instrument(name = "store.lanes.claim", skip_all, fields(node.id = node, store = store))]
    pub async fn claim_lanes(
        &self,
        node: &str,
        store: &str,
        whose: Whose<'_>,
        most: u32,
        now: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        let mut values = vec![store.into(), now.into()];
        let mut turn = TURN.to_owned();
        let (ids, verb) = match &whose {
            Whose::Only(id) => (std::slice::from_ref(*id), "IN"),
            Whose::AllBut(ids) => (*ids, "NOT IN"),
        };
        if !ids.is_empty() {
            let places: Vec<String> = (3..3 + ids.len()).map(|place| format!("${place}")).collect();
            let _ = write!(turn, " AND r.id {verb} ({})", places.join(", "));
            values.extend(ids.iter().map(|id| Value::from(id.as_str())));
        }
        turn.push_str(BY_TURN);
        let Some(turn) = self.read().await?.row(turn, &values).await? else { return Ok(None) };
        let (number, batch) = (turn.int(0)?, small(&turn, 1, "batches", "number")?);

        let mut tx = self.write().await?;
        let sql = tx.for_update_skip_locked(
            "SELECT w.lane, w.mailbox, w.targets FROM work w WHERE w.remediation = $1 AND w.store = $2 AND w.node IS NULL \
             AND w.next_at <= $3 AND w.batch = $4 AND NOT EXISTS (SELECT 1 FROM work h WHERE h.store = w.store \
             AND h.mailbox = w.mailbox AND h.node IS NOT NULL) ORDER BY w.lane LIMIT $5",
        );
        let values = [number.into(), store.into(), now.into(), batch.into(), most.into()];
        let rows = tx.rows(sql, &values).await?;
        // A mailbox may stand in a batch twice; its second lane waits for the first.
        let mut mailboxes = HashSet::with_capacity(rows.len());
        let mut lanes = String::new();
        let mut targets = 0;
        for row in &rows {
            if targets > 0 && targets + row.int(2)? > AT_ONCE {
                break;
            }
            if mailboxes.insert(row.text(1)?) {
                targets += row.int(2)?;
                let _ = write!(lanes, "{}{}", if lanes.is_empty() { "" } else { "," }, row.int(0)?);
            }
        }
        if lanes.is_empty() {
            return Ok(None);
        }
        let sql = format!(
            "UPDATE work SET node = $1, claims = claims + 1 WHERE remediation = $2 AND node IS NULL AND lane IN ({lanes})"
        );
        match tx.execute(sql, &[node.into(), number.into()]).await {
            Ok(_) => {}
            // Another node took one of the mailboxes between the two statements: next time it is seen.
            Err(error) if error.is_unique_violation() => return Ok(None),
            Err(error) => return Err(error),
        }
        let sql = "UPDATE batches SET served_at = $1 WHERE remediation = $2 AND number = $3";
        tx.execute(sql, &[now.into(), number.into(), batch.into()]).await?;
        let sql = format!(
            "SELECT lane, claims, store, mailbox, first_seq, targets FROM work \
             WHERE remediation = $1 AND node = $2 AND lane IN ({lanes}) ORDER BY first_seq"
        );
        let rows = tx.rows(sql, &[number.into(), node.into()]).await?;
        tx.commit().await?;

        let mut claimed = Vec::with_capacity(rows.len());
        for row in &rows {
            let claims = row.int(1)?;
            let claim = LaneClaim { remediation: number, lane: row.int(0)?, claims };
            let (store, mailbox) = (row.shared(2)?, row.shared(3)?);
            let span = Span { first: row.int(4)?, end: row.int(4)? + row.int(5)? };
            claimed.push((Lane { claim, store, mailbox, targets: Vec::new(), in_doubt: claims > 1 }, span));
        }
        let mut tx = self.read().await?;
        let row = tx.row("SELECT id FROM remediations WHERE number = $1", &[number.into()]).await?;
        let id = row.ok_or_else(|| StoreError::not_found("remediation", number))?.string(0)?;
        let remediation: RemediationId = id.parse().map_err(|_| StoreError::corrupt("remediations", "id", id))?;
        let parts = read_targets(&mut tx, number, &mut claimed).await.map_err(|error| match error {
            StoreError::Corrupt { .. } => StoreError::altered(&remediation, error.to_string()),
            error => error,
        })?;
        let lanes = claimed.into_iter().map(|(lane, _)| lane).collect();
        Ok(Some(Claimed { remediation, batch, lanes, parts }))
    }

    /// Records what a node did, all of it in one transaction. Reports on lanes that it no longer holds are left out and given
    /// back: somebody else sees to these.
    #[tracing::instrument(name = "store.lanes.record", skip_all, fields(node.id = node, lanes = reports.len()))]
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

    /// Hands back every lane that `node` holds without knowing it, and gives how many these were: those of claims whose answer
    /// was lost, or whose targets could not be read. `known` are the lanes that it works on.
    #[tracing::instrument(name = "store.lanes.disown", skip_all, fields(node.id = node))]
    pub async fn disown_lanes(&self, node: &str, known: &HashSet<LaneClaim>) -> Result<u64, StoreError> {
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

    /// Hands back every lane of nodes that are dead, and gives how many these were. `dead` is known for dead already.
    #[tracing::instrument(name = "store.lanes.reap", skip_all)]
    pub async fn reap_lanes(&self, dead: &[String], now: Timestamp) -> Result<u64, StoreError> {
        let holders = self.read().await?.rows("SELECT DISTINCT node FROM work WHERE node IS NOT NULL", &[]).await?;
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

    /// The stores that have lanes which nobody holds, and how many these are.
    #[tracing::instrument(name = "store.lanes.stores", skip_all)]
    pub async fn stores_with_lanes(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let sql = "SELECT store, COUNT(*) FROM work WHERE node IS NULL GROUP BY store ORDER BY store";
        let rows = self.read().await?.rows(sql, &[]).await?;
        rows.iter().map(|row| Ok((row.string(0)?, row.int(1)?.unsigned_abs()))).collect()
    }

    /// Every node that holds a lane.
    #[tracing::instrument(name = "store.lanes.holders", skip_all)]
    pub async fn lane_holders(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.read().await?.rows("SELECT DISTINCT node FROM work WHERE node IS NOT NULL", &[]).await?;
        rows.iter().map(|row| row.string(0)).collect()
    }

    /// Gives back what a node holds, and forgets the node.
    #[tracing::instrument(name = "store.nodes.leave", skip_all, fields(node.id = node))]
    pub async fn node_leaves(&self, node: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        for sql in ["UPDATE work SET node = NULL WHERE node = $1", "DELETE FROM nodes WHERE id = $1"] {
            tx.execute(sql, &[node.into()]).await?;
        }
        tx.commit().await
    }

    /// What is left of the open batch of a remediation.
    #[tracing::instrument(name = "store.lanes.left", skip_all, fields(remediation.id = %id))]
    pub async fn lanes_left(&self, id: &RemediationId) -> Result<LanesLeft, StoreError> {
        let sql = "SELECT COUNT(*), COUNT(w.node) FROM work w JOIN remediations r ON r.number = w.remediation WHERE r.id = $1";
        let row = self.read().await?.row(sql, &[id.as_str().into()]).await?;
        let count = |column| row.as_ref().map_or(Ok(0), |row| row.int(column));
        Ok(LanesLeft { all: count(0)?.unsigned_abs(), held: count(1)?.unsigned_abs() })
    }

    /// Checks that the work that is left of a remediation is that of its plan: what names another store is never claimed.
    #[tracing::instrument(name = "store.lanes.check", skip_all, fields(remediation.id = %id))]
    pub async fn check_work(&self, id: &RemediationId) -> Result<(), StoreError> {
        let sql = "SELECT w.lane FROM remediations r JOIN work w ON w.remediation = r.number \
                   LEFT JOIN lanes l ON l.remediation = w.remediation AND l.lane = w.lane \
                   LEFT JOIN batches b ON b.remediation = w.remediation AND b.number = w.batch AND b.finished_at IS NULL \
                   WHERE r.id = $1 AND (l.store IS NULL OR b.number IS NULL OR w.store <> l.store OR w.mailbox <> l.mailbox) \
                   LIMIT 1";
        match self.read().await?.row(sql, &[id.as_str().into()]).await? {
            Some(row) => Err(StoreError::altered(id, format!("work {} is not of its plan", row.int(0)?))),
            None => Ok(()),
        }
    }

    /// Lets nodes claim lanes of a remediation, or has them hand back what they hold.
    #[tracing::instrument(name = "store.lanes.stop", skip_all, fields(remediation.id = %id))]
    pub async fn stop_lanes(&self, id: &RemediationId, stopped: bool) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE batches SET stopped = $1 WHERE finished_at IS NULL AND stopped <> $1 \
                   AND remediation = (SELECT number FROM remediations WHERE id = $2)";
        if tx.execute(sql, &[i64::from(stopped).into(), id.as_str().into()]).await? > 0 {
            tx.commit().await?;
        }
        Ok(())
    }

    /// The remediations whose lanes are to be handed back.
    #[tracing::instrument(name = "store.lanes.stopped", skip_all)]
    pub async fn stopped_lanes(&self) -> Result<Vec<RemediationId>, StoreError> {
        let sql = "SELECT r.id FROM batches b JOIN remediations r ON r.number = b.remediation \
                   WHERE b.finished_at IS NULL AND b.stopped = 1";
        let rows = self.read().await?.rows(sql, &[]).await?;
        rows.iter()
            .map(|row| row.text(0)?.parse().map_err(|_| StoreError::corrupt("remediations", "id", "of an open batch")))
            .collect()
    }

    /// Targets of the open batch of a remediation that somebody may have acted on without an outcome. Nobody may hold a lane.
    #[tracing::instrument(name = "store.lanes.doubtful", skip_all, fields(remediation.id = %id))]
    pub async fn doubtful_targets(&self, id: &RemediationId) -> Result<Vec<Target>, StoreError> {
        let mut tx = self.read().await?;
        let sql = "SELECT w.remediation, w.lane, w.claims, w.store, w.mailbox, w.first_seq, w.targets FROM work w \
                   JOIN remediations r ON r.number = w.remediation WHERE r.id = $1 AND w.claims > 0 ORDER BY w.first_seq";
        let mut lanes = Vec::new();
        let mut number = 0;
        for row in tx.rows(sql, &[id.as_str().into()]).await? {
            number = row.int(0)?;
            let claim = LaneClaim { remediation: number, lane: row.int(1)?, claims: row.int(2)? };
            let lane =
                Lane { claim, store: row.shared(3)?, mailbox: row.shared(4)?, targets: Vec::new(), in_doubt: true };
            lanes.push((lane, Span { first: row.int(5)?, end: row.int(5)? + row.int(6)? }));
        }
        read_targets(&mut tx, number, &mut lanes).await?;
        Ok(lanes.into_iter().flat_map(|(lane, _)| lane.targets).collect())
    }
}

/// Targets from `first` up to `end`.
struct Span {
    first: i64,
    end: i64,
}

/// Reads what is left to do of lanes, which follow each other in the plan. Neighbours are read together, and with them the rest
/// of the plan's parts that they lie in: only a whole part can be hashed. Gives the parts.
async fn read_targets(
    tx: &mut Tx,
    number: i64,
    lanes: &mut [(Lane, Span)],
) -> Result<Vec<(u32, PlanParts)>, StoreError> {
    let part = i64::from(LINES_OF_A_PART);
    let mut parts = Vec::new();
    let mut rest = lanes;
    while let [(_, span), ..] = rest {
        let first = span.first;
        let mut end = span.end;
        let mut together = 1;
        while let Some((_, next)) = rest.get(together).filter(|(_, next)| next.first == end) {
            end = next.end;
            together += 1;
        }
        let (now, later) = rest.split_at_mut(together);
        let in_doubt = now.iter().any(|(lane, _)| lane.in_doubt);
        let done = if in_doubt {
            "EXISTS (SELECT 1 FROM outcomes o WHERE o.remediation = t.remediation AND o.seq = t.seq)"
        } else {
            "t.not_remediable IS NOT NULL"
        };
        let sql = format!(
            "SELECT {TARGET_COLUMNS}, CAST(CASE WHEN {done} THEN 1 ELSE 0 END AS BIGINT) FROM targets t \
             JOIN lanes l ON l.remediation = t.remediation AND l.lane = t.lane \
             WHERE t.remediation = $1 AND t.seq >= $2 AND t.seq < $3 ORDER BY t.seq"
        );
        let (from, to) = (first.div_euclid(part) * part, (end + part - 1).div_euclid(part) * part);
        let rows = tx.rows(sql, &[number.into(), from.into(), to.into()]).await?;
        let mut hasher = PartHasher::default();
        let mut last: Option<Target> = None;
        let mut lane = 0;
        for row in &rows {
            let target = read_target(row, last.as_ref())?;
            hasher.add(&target);
            let seq = i64::from(target.seq);
            while now.get(lane).is_some_and(|(_, span)| seq >= span.end) {
                lane += 1;
            }
            let is_left = target.not_remediable.is_none() && row.int(TARGET_WIDTH)? == 0;
            if let Some((lane, _)) = now.get_mut(lane).filter(|(_, span)| is_left && seq >= span.first) {
                lane.targets.push(target.clone());
            }
            last = Some(target);
        }
        parts.push((u32::try_from(from).unwrap_or(u32::MAX), hasher.finish()));
        rest = later;
    }
    Ok(parts)
}

/// Takes lanes off the list, or hands them back.
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
