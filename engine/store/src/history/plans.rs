//! Plans: written page by page while the search runs, then frozen by one event that carries their digest. Targets of
//! one mailbox are consecutive; each such run of targets is a lane. A crash before the freeze leaves rows that the next
//! attempt removes.

use crate::boxed::boxed;
use std::sync::Arc;

use clawback_model::{Actor, Event, PlanHeader, PlanParts, Reason, Remediation, RemediationId, Target, Timestamp};

use super::locking::{lock, lock_for};
use super::texts;
use super::transitions::write;
use crate::database::bulk;
use crate::database::dialect::{Tx, Value};
use crate::error::StoreError;
use crate::lease::Lease;
use crate::rows::{json, number_of, parse};
use crate::store::Store;

const TARGETS: bulk::Into = bulk::Into {
    table: "targets",
    columns: &[
        "remediation",
        "seq",
        "lane",
        "locator",
        "message_id",
        "fingerprint",
        "location",
        "original_location",
        "subject",
        "from_address",
        "received_at",
        "former",
        "not_remediable",
        "script_reason",
        "script_tag",
    ],
};

const LANES: bulk::Into =
    bulk::Into { table: "lanes", columns: &["remediation", "lane", "store", "mailbox", "first_seq", "targets"] };

/// A run of consecutive targets in one mailbox.
struct Lane {
    number: i64,
    store: Arc<str>,
    mailbox: Arc<str>,
    first: i64,
    targets: i64,
}

impl Store {
    /// Begins a plan: removes the rows of an earlier attempt.
    #[tracing::instrument(name = "store.plans.begin", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn begin_plan(&self, id: &RemediationId, lease: &Lease) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let number = lock_for(&mut tx, id, lease, "planning").await?;
        for sql in [
            "DELETE FROM outcomes WHERE remediation = $1",
            "DELETE FROM targets WHERE remediation = $1",
            "DELETE FROM lanes WHERE remediation = $1",
            "DELETE FROM plans WHERE remediation = $1",
        ] {
            tx.execute(sql, &[number.into()]).await?;
        }
        texts::forget(&mut tx, number).await?;
        tx.commit().await
    }

    /// Appends the next targets of a plan that is being made. Their numbers continue after the last ones.
    #[tracing::instrument(name = "store.plans.append", skip_all, fields(remediation.id = %id, targets = targets.len()))]
    #[boxed]
    pub async fn append_targets(
        &self,
        id: &RemediationId,
        lease: &Lease,
        targets: &[Target],
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let number = lock_for(&mut tx, id, lease, "planning").await?;
        let mut lanes: Vec<Lane> = last_lane(&mut tx, number).await?.into_iter().collect();
        let continued = lanes.first().map(|lane| (lane.number, lane.targets));
        let first = lanes.first().map_or(0, |lane| lane.first + lane.targets);
        let mut values = Vec::with_capacity(targets.len() * TARGETS.columns.len());
        for (expected, target) in (first..).zip(targets) {
            let seq = i64::from(target.seq);
            if seq != expected {
                let what = format!("next target of the plan of {id}");
                return Err(StoreError::Conflict { what, expected: expected.to_string(), found: seq.to_string() });
            }
            let lane = lane_of(&mut lanes, target);
            put(&mut values, number, lane, target);
        }
        bulk::insert(&mut tx, TARGETS, &values).await?;
        let mut fresh = Vec::new();
        for lane in &lanes {
            match continued {
                Some((known, before)) if known == lane.number => {
                    if lane.targets > before {
                        let sql = "UPDATE lanes SET targets = $1 WHERE remediation = $2 AND lane = $3";
                        tx.execute(sql, &[lane.targets.into(), number.into(), lane.number.into()]).await?;
                    }
                }
                _ => fresh.extend([
                    Value::Int(number),
                    lane.number.into(),
                    lane.store.as_ref().into(),
                    lane.mailbox.as_ref().into(),
                    lane.first.into(),
                    lane.targets.into(),
                ]),
            }
        }
        bulk::insert(&mut tx, LANES, &fresh).await?;
        tx.commit().await
    }

    /// Returns the mailboxes of a plan, with the number of targets of each; a mailbox may occur more than once.
    #[tracing::instrument(name = "store.plans.mailboxes", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn mailboxes(&self, id: &RemediationId) -> Result<Vec<(Arc<str>, u64)>, StoreError> {
        let mut tx = self.read().await?;
        let number = number_of(&mut tx, id).await?;
        let sql = "SELECT mailbox, targets FROM lanes WHERE remediation = $1 ORDER BY lane";
        let rows = tx.rows(sql, &[number.into()]).await?;
        rows.iter().map(|row| Ok((row.shared(0)?, u64::try_from(row.int(1)?).unwrap_or(0)))).collect()
    }

    /// Freezes the plan: after this its targets never change. Targets that are not remediable get their outcome now.
    #[tracing::instrument(name = "store.plans.freeze", skip_all, fields(remediation.id = %id))]
    pub async fn freeze_plan(
        &self,
        id: &RemediationId,
        lease: &Lease,
        (header, parts): (&PlanHeader, Option<&PlanParts>),
        actor: impl Into<Actor<'_>>,
        event: &Event,
        at: Timestamp,
    ) -> Result<Remediation, StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let locked = lock(&mut tx, id, Some(lease)).await?;
        let number = locked.number;
        let next = write(&mut tx, locked, actor, event, at).await?;
        let Some(plan) = next.remediation.plan.as_ref().filter(|_| matches!(event, Event::Planned { .. })) else {
            let (what, expected) = (format!("event that freezes the plan of {id}"), "planned".to_owned());
            return Err(StoreError::Conflict { what, expected, found: event.kind().to_owned() });
        };
        let written = last_lane(&mut tx, number).await?.map_or(0, |lane| lane.first + lane.targets);
        let planned = i64::try_from(plan.counts.submitted).unwrap_or(i64::MAX);
        if written != planned {
            let what = format!("number of targets of the plan of {id}");
            return Err(StoreError::Conflict { what, expected: planned.to_string(), found: written.to_string() });
        }
        tx.execute(
            "INSERT INTO plans (remediation, header, digest, targets, parts) VALUES ($1, $2, $3, $4, $5)",
            &[
                number.into(),
                json(header).into(),
                plan.digest.to_string().into(),
                planned.into(),
                parts.map(PlanParts::to_hex).into(),
            ],
        )
        .await?;
        tx.execute(
            "INSERT INTO outcomes (remediation, seq, kind, reason, recorded_at) \
             SELECT remediation, seq, 'not-remediable', not_remediable, CAST($2 AS BIGINT) FROM targets \
             WHERE remediation = $1 AND not_remediable IS NOT NULL",
            &[number.into(), at.into()],
        )
        .await?;
        tx.commit().await?;
        Ok(next.remediation)
    }

    /// Returns the header of the plan; `None` before it is frozen.
    #[tracing::instrument(name = "store.plans.header", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn plan_header(&self, id: &RemediationId) -> Result<Option<PlanHeader>, StoreError> {
        let sql = "SELECT r.id, p.header FROM plans p JOIN remediations r ON r.number = p.remediation WHERE r.id = $1";
        let row = self.row(sql, &[id.as_str().into()]).await?;
        row.map(|row| parse(&row, 1, "plans", "header")).transpose()
    }
}

async fn last_lane(tx: &mut Tx, number: i64) -> Result<Option<Lane>, StoreError> {
    let sql =
        "SELECT lane, store, mailbox, first_seq, targets FROM lanes WHERE remediation = $1 ORDER BY lane DESC LIMIT 1";
    let Some(row) = tx.row(sql, &[number.into()]).await? else { return Ok(None) };
    Ok(Some(Lane {
        number: row.int(0)?,
        store: row.shared(1)?,
        mailbox: row.shared(2)?,
        first: row.int(3)?,
        targets: row.int(4)?,
    }))
}

/// Returns the lane of the next target: the last one, or a new one after it.
fn lane_of(lanes: &mut Vec<Lane>, target: &Target) -> i64 {
    let next = match lanes.last_mut() {
        Some(last) if last.mailbox == target.mailbox && last.store == target.store => {
            last.targets += 1;
            return last.number;
        }
        last => last.map_or(0, |last| last.number + 1),
    };
    lanes.push(Lane {
        number: next,
        store: Arc::clone(&target.store),
        mailbox: Arc::clone(&target.mailbox),
        first: target.seq.into(),
        targets: 1,
    });
    next
}

fn put<'a>(values: &mut Vec<Value<'a>>, number: i64, lane: i64, target: &'a Target) {
    values.extend([
        number.into(),
        target.seq.into(),
        lane.into(),
        (&target.reference.locator).into(),
        (&target.reference.message_id).into(),
        (&target.reference.fingerprint).into(),
        target.location.to_string().into(),
        target.original_location.as_ref().map(ToString::to_string).into(),
        (&target.subject).into(),
        (&target.from_address).into(),
        target.received_at.into(),
        target.former.as_ref().map(json).into(),
        target.not_remediable.map(Reason::as_str).into(),
        target.script_reason.as_deref().into(),
        target.script_tag.as_deref().into(),
    ]);
}
