//! Claims of lanes: those of the open batch that is next, with their remaining targets. A claim is two statements in
//! one transaction, as in [`super::leases`]; a unique index ensures that a mailbox is held once.

use crate::boxed::boxed;
use std::collections::HashSet;
use std::fmt::Write as _;

use clawback_model::{LINES_OF_A_PART, PartHasher, PlanParts, RemediationId, Target, Timestamp};

use super::lanes::{Lane, LaneClaim};
use crate::database::dialect::{Tx, Value};
use crate::error::StoreError;
use crate::history::message_rows::{TARGET_COLUMNS, TARGET_WIDTH, read_target};
use crate::rows::{number as small, places, remediation_id};
use crate::store::Store;

/// Lanes of one remediation.
#[derive(Debug)]
pub struct Claimed {
    /// The remediation.
    pub remediation: RemediationId,
    /// The number of the open batch.
    pub batch: u32,
    /// The lanes.
    pub lanes: Vec<Lane>,
    /// The parts of the plan that their targets were read from, by the number of the first target, with their current
    /// hashes.
    pub parts: Vec<(u32, PlanParts)>,
}

/// The remediations whose lanes to claim.
#[derive(Debug, Clone, Copy)]
pub enum ClaimScope<'a> {
    /// Those of one remediation.
    Only(&'a RemediationId),
    /// Those of every open batch except these.
    AllBut(&'a [RemediationId]),
}

/// The targets that one claim reads, unless a single lane has more. A limit, so that the first calls do not wait until
/// the targets of the last ones are read.
const AT_ONCE: i64 = 4_000;

/// The open batch that is next. `$1` is the store, `$2` the current time.
const TURN: &str = "SELECT b.remediation, b.number FROM batches b JOIN remediations r ON r.number = b.remediation \
    WHERE b.finished_at IS NULL AND b.stopped = 0 AND EXISTS (SELECT 1 FROM work w WHERE w.remediation = b.remediation \
    AND w.store = $1 AND w.node IS NULL AND w.next_at <= $2) AND NOT EXISTS (SELECT 1 FROM halts)";
const BY_TURN: &str = " ORDER BY CASE r.severity WHEN 'high' THEN 0 WHEN 'medium' THEN 1 WHEN 'low' THEN 2 ELSE 3 END, \
    b.served_at, b.remediation LIMIT 1";

impl Store {
    /// Claims up to `most` lanes on `store`, fewer if these have many targets: of the open batch of the highest
    /// severity, and among equals of the one that waited longest. Returns `None` if nothing is free. After an error the
    /// node may hold lanes that it does not know of: see [`Store::release_unknown_lanes`].
    #[tracing::instrument(name = "store.lanes.claim", skip_all, fields(node.id = node, store = store))]
    pub async fn claim_lanes(
        &self,
        node: &str,
        store: &str,
        whose: ClaimScope<'_>,
        most: u32,
        now: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        let mut values = vec![store.into(), now.into()];
        let mut turn = TURN.to_owned();
        let (ids, verb) = match &whose {
            ClaimScope::Only(id) => (std::slice::from_ref(*id), "IN"),
            ClaimScope::AllBut(ids) => (*ids, "NOT IN"),
        };
        if !ids.is_empty() {
            let _ = write!(turn, " AND r.id {verb} {}", places(3, ids.len()));
            values.extend(ids.iter().map(|id| Value::from(id.as_str())));
        }
        turn.push_str(BY_TURN);
        let Some(turn) = self.row(turn, &values).await? else { return Ok(None) };
        let (number, batch) = (turn.int(0)?, small(&turn, 1, "batches", "number")?);

        let mut tx = self.write().await?;
        let sql = tx.for_update_skip_locked(
            "SELECT w.lane, w.mailbox, w.targets FROM work w WHERE w.remediation = $1 AND w.store = $2 AND w.node IS NULL \
             AND w.next_at <= $3 AND w.batch = $4 AND NOT EXISTS (SELECT 1 FROM work h WHERE h.store = w.store \
             AND h.mailbox = w.mailbox AND h.node IS NOT NULL) ORDER BY w.lane LIMIT $5",
        );
        let values = [number.into(), store.into(), now.into(), batch.into(), most.into()];
        let rows = tx.rows(sql, &values).await?;
        // A mailbox may occur in a batch twice; its second lane waits for the first.
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
            // Another node took one of the mailboxes between the two statements; the next claim sees it.
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
        let remediation = remediation_id(&row.ok_or_else(|| StoreError::not_found("remediation", number))?, 0)?;
        let parts = read_targets(&mut tx, number, &mut claimed).await.map_err(|error| match error {
            StoreError::Corrupt { .. } => StoreError::altered(&remediation, error.to_string()),
            error => error,
        })?;
        let lanes = claimed.into_iter().map(|(lane, _)| lane).collect();
        Ok(Some(Claimed { remediation, batch, lanes, parts }))
    }

    /// Returns targets of the open batch of a remediation that may have been acted on without an outcome. No lane may
    /// be held.
    #[tracing::instrument(name = "store.lanes.doubtful", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn unconfirmed_targets(&self, id: &RemediationId) -> Result<Vec<Target>, StoreError> {
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

/// The targets from `first` up to `end`.
struct Span {
    first: i64,
    end: i64,
}

/// Reads the remaining targets of lanes, which are consecutive in the plan. Adjacent lanes are read together, and with
/// them the rest of the plan's parts that contain them, because only a whole part can be hashed. Returns the parts.
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
