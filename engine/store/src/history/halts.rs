//! The kill switch of the site: a row while the site is halted, and an event for the halt and for its end. Events that
//! begin work check the row in their own transaction, under the lock of the chain, so none of them follows a halt in
//! the chain.

use crate::boxed::boxed;
use clawback_model::{Actor, Event, Halt, Timestamp};

use crate::database::dialect::{Row, Tx};
use crate::error::StoreError;
use crate::site_events::{SiteEvent, append};
use crate::store::Store;

const ROW: &str = "SELECT halted_by, reason, since FROM halts";

impl Store {
    /// Halts the site. If it is already halted, nothing changes. Returns the halt in force.
    #[tracing::instrument(name = "store.halts.halt", skip_all)]
    pub async fn halt(&self, reason: &str, actor: impl Into<Actor<'_>>, at: Timestamp) -> Result<Halt, StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let sql =
            "INSERT INTO halts (one, halted_by, reason, since) VALUES (1, $1, $2, $3) ON CONFLICT (one) DO NOTHING";
        let halted = tx.execute(sql, &[actor.name.into(), reason.into(), at.into()]).await? == 1;
        if halted {
            append(&mut tx, &SiteEvent::Halted { reason: reason.to_owned() }, actor, at).await?;
        }
        let standing = standing(&mut tx).await?;
        tx.commit().await?;
        Ok(standing.unwrap_or_else(|| Halt { by: actor.name.to_owned(), reason: reason.to_owned(), since: at }))
    }

    /// Lifts the halt; returns the halt that was in force.
    #[tracing::instrument(name = "store.halts.unhalt", skip_all)]
    pub async fn unhalt(&self, actor: impl Into<Actor<'_>>, at: Timestamp) -> Result<Option<Halt>, StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let Some(halt) = standing(&mut tx).await? else { return Ok(None) };
        // If a concurrent call was first, its event records the change.
        if tx.execute("DELETE FROM halts", &[]).await? == 1 {
            append(&mut tx, &SiteEvent::Unhalted, actor, at).await?;
        }
        tx.commit().await?;
        Ok(Some(halt))
    }

    /// Returns the halt in force, if any.
    #[tracing::instrument(name = "store.halts.standing", level = "trace", skip_all)]
    #[boxed]
    pub async fn halted(&self) -> Result<Option<Halt>, StoreError> {
        standing(&mut self.read().await?).await
    }
}

/// Refuses an event that begins work while the site is halted. The transaction holds the lock of the chain.
pub(crate) async fn check(tx: &mut Tx, event: &Event) -> Result<(), StoreError> {
    if !matches!(event, Event::PlanningStarted | Event::Started | Event::BatchStarted { .. }) {
        return Ok(());
    }
    standing(tx).await?.map_or(Ok(()), |halt| Err(StoreError::Halted { halt }))
}

pub(crate) async fn standing(tx: &mut Tx) -> Result<Option<Halt>, StoreError> {
    tx.row(ROW, &[]).await?.map(|row| read(&row)).transpose()
}

fn read(row: &Row) -> Result<Halt, StoreError> {
    Ok(Halt { by: row.string(0)?, reason: row.string(1)?, since: row.time(2)? })
}
