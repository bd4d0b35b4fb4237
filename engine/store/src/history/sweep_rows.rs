//! The row of a sweep, as events of its family change it: written with the first remediation, ended by an undo.

use clawback_model::{Actor, Origin, Remediation, RemediationId, Sweep, SweepEnd, Timestamp};

use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::rows::{json, state};
use crate::site_events::{SiteEvent, append};

/// Writes the row. The first look is one period after the submission, or after the end if that is later.
pub(crate) async fn begin(
    tx: &mut Tx,
    first: &str,
    sweep: &Sweep,
    actor: Actor<'_>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO sweeps (first_id, sweep, next_at) VALUES ($1, $2, $3)";
    tx.execute(sql, &[first.into(), json(sweep).into(), at.plus(sweep.every).into()]).await?;
    append(tx, &SiteEvent::SweepBegun { remediation: first.to_owned(), sweep: sweep.clone() }, actor, at)
        .await
        .map(drop)
}

/// Ends a sweep before the transaction locks the chain: a look takes the two locks in this order.
pub(crate) async fn end(
    tx: &mut Tx,
    first: &RemediationId,
    why: &SweepEnd,
    actor: Actor<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE sweeps SET next_at = NULL, ended = $1, version = version + 1 \
               WHERE first_id = $2 AND ended IS NULL";
    let ended = tx.execute(sql, &[json(why).into(), first.as_str().into()]).await? == 1;
    if ended {
        let event = SiteEvent::SweepEnded { remediation: first.clone(), why: why.clone() };
        append(tx, &event, actor, now).await?;
    }
    Ok(ended)
}

/// Ends the sweep because an undo begins: the sweep of the family must not remove what the undo puts back.
pub(crate) async fn put_back(
    tx: &mut Tx,
    undo: &Remediation,
    actor: Actor<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Origin::Undo { of } = &undo.request.origin else { return Ok(()) };
    let mut first = of.clone();
    loop {
        let sql = "SELECT id, state FROM remediations WHERE id = $1";
        let Some(row) = tx.row(sql, &[first.as_str().into()]).await? else { break };
        match state(&row, 1)?.request.origin {
            Origin::Sweep { of } | Origin::Retry { of } => first = of,
            Origin::Fresh | Origin::Undo { .. } => break,
        }
    }
    end(tx, &first, &SweepEnd::PutBack { undo: undo.id.clone() }, actor, now).await.map(drop)
}
