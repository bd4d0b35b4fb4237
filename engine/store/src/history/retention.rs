//! Retention: removes the messages of remediations that ended long ago, which name people and quote their mail. Their
//! rows, and the texts that no other plan was made with, are removed in bounded steps. The events are kept, and with
//! them the counts, the plan's digest and the digest of every batch. The removal is an event of the site, so `verify`
//! expects no rows where the chain says that they were removed, and every row elsewhere.

use crate::boxed::boxed;
use clawback_model::{Actor, RemediationId, Timestamp};

use super::locking::lock;
use super::texts;
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::rows::remediation_id;
use crate::site_events::{SiteEvent, append};
use crate::store::Store;

/// The most rows that one transaction removes from each table.
const STEP: u32 = 10_000;
/// The tables, each with the column by which its rows are removed.
const TABLES: [(&str, &str); 3] = [("outcomes", "seq"), ("targets", "seq"), ("lanes", "lane")];

/// A remediation whose messages may be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Its ID.
    pub id: RemediationId,
    /// When its last event was recorded.
    pub ended_at: Timestamp,
    /// The number of messages in its plan.
    pub messages: u64,
    number: i64,
}

impl Store {
    /// Returns remediations that ended before `before` and still have their messages, oldest first, after `after`, and
    /// those whose removal was begun but not finished.
    #[tracing::instrument(name = "store.retention.expired", skip_all)]
    #[boxed]
    pub async fn expired(
        &self,
        before: Timestamp,
        after: Option<&Expired>,
        most: u32,
    ) -> Result<Vec<Expired>, StoreError> {
        let sql = "SELECT r.id, r.updated_at, p.targets, r.number FROM remediations r \
                   JOIN plans p ON p.remediation = r.number LEFT JOIN removals x ON x.remediation = r.number \
                   WHERE r.number > $1 AND r.updated_at < $2 AND (x.done IS NULL OR x.done = 0) AND r.status IN \
                   ('completed', 'partially-completed', 'failed', 'rejected', 'expired', 'cancelled', 'nothing-to-do') \
                   ORDER BY r.number LIMIT $3";
        let number = after.map_or(-1, |after| after.number);
        let rows = self.rows(sql, &[number.into(), before.into(), most.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(Expired {
                    id: remediation_id(row, 0)?,
                    ended_at: row.time(1)?,
                    messages: u64::try_from(row.int(2)?).unwrap_or(0),
                    number: row.int(3)?,
                })
            })
            .collect()
    }

    /// Removes some of the messages of an ended remediation; returns whether none is left. The first step records the
    /// event.
    #[tracing::instrument(name = "store.retention.remove", skip_all, fields(remediation.id = %id))]
    pub async fn remove_messages(
        &self,
        id: &RemediationId,
        before: Timestamp,
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let locked = lock(&mut tx, id, None).await?;
        let remediation = &locked.remediation;
        if !remediation.status.is_final() || remediation.updated_at >= before {
            let (what, expected) = (format!("end of {id}"), format!("ended before {before}"));
            return Err(StoreError::Conflict { what, expected, found: remediation.status.to_string() });
        }
        let known = "SELECT event FROM removals WHERE remediation = $1";
        if tx.row(known, &[locked.number.into()]).await?.is_none() {
            let messages = remediation.counts.submitted;
            let event = SiteEvent::MessagesRemoved { remediation: id.to_string(), messages };
            let event = append(&mut tx, &event, actor, at).await?;
            let sql = "INSERT INTO removals (remediation, event, done) VALUES ($1, $2, 0)";
            tx.execute(sql, &[locked.number.into(), event.into()]).await?;
        }
        let done = step(&mut tx, locked.number).await?;
        if done {
            texts::forget(&mut tx, locked.number).await?;
            tx.execute("UPDATE removals SET done = 1 WHERE remediation = $1", &[locked.number.into()]).await?;
        }
        tx.commit().await?;
        Ok(done)
    }

    /// Returns whether retention has removed the messages of a remediation, or is about to.
    #[tracing::instrument(name = "store.retention.removed", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn messages_removed(&self, id: &RemediationId) -> Result<bool, StoreError> {
        let sql = "SELECT x.event FROM remediations r JOIN removals x ON x.remediation = r.number WHERE r.id = $1";
        Ok(self.row(sql, &[id.as_str().into()]).await?.is_some())
    }
}

/// Removes rows of one table after the other, at most one step of each.
async fn step(tx: &mut Tx, number: i64) -> Result<bool, StoreError> {
    for (table, column) in TABLES {
        // By key: both databases find the end of a step without reading the rest.
        let end = format!(
            "SELECT MAX({column}) FROM (SELECT {column} FROM {table} WHERE remediation = $1 ORDER BY {column} LIMIT {STEP}) s"
        );
        let Some(end) = tx.row(end, &[number.into()]).await?.map(|row| row.opt_int(0)).transpose()?.flatten() else {
            continue;
        };
        let sql = format!("DELETE FROM {table} WHERE remediation = $1 AND {column} <= $2");
        if tx.execute(sql, &[number.into(), end.into()]).await? >= u64::from(STEP) {
            return Ok(false);
        }
    }
    Ok(true)
}
