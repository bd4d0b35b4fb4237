//! The outbox: a row for each change of status, written with the change, in its transaction. Whoever finds it looks up whom to
//! tell, and puts a row for each of them in its place. Whoever takes such a row puts it off for a while, tells, and only then
//! ticks it off: so of all nodes one tells, and one that dies in between leaves it to another. What a row tells is not copied
//! into it: it is the fold of the events up to that of the change, whatever has happened since.

use clawback_model::{Remediation, RemediationId, Timestamp};

use crate::chain;
use crate::database::dialect::{Row, Tx};
use crate::error::StoreError;
use crate::replay;
use crate::store::Store;

/// A change of status of which nobody has looked up yet whom to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub remediation: RemediationId,
    /// Number of its event.
    pub event: i64,
}

/// A change that one notifier is told of, taken by this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Of what.
    pub change: Change,
    /// Whom.
    pub notifier: String,
    /// Which try this is; the first is 1.
    pub tries: i64,
    /// Since when it is tried.
    pub since: Timestamp,
}

/// Those of a notifier that are due, and before which nothing of the same remediation is left: each hears the story in its order.
const DUE: &str = "SELECT d.remediation_id, d.event, d.tries, d.since FROM deliveries d \
    WHERE d.notifier = $1 AND d.next_at <= $2 AND ($3 = '' OR d.remediation_id = $3) \
    AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.notifier = d.notifier \
    AND e.remediation_id = d.remediation_id AND e.event < d.event) \
    AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.remediation_id = d.remediation_id AND n.event < d.event) \
    ORDER BY d.event LIMIT $4";

impl Store {
    /// Whether anybody is to be told of anything, reminders included: the one question of a node with nothing to tell.
    #[tracing::instrument(name = "store.notices.due", skip_all)]
    pub async fn notices_due(&self, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS due WHERE EXISTS (SELECT 1 FROM notices) \
                   OR EXISTS (SELECT 1 FROM deliveries WHERE next_at <= $1) \
                   OR EXISTS (SELECT 1 FROM reminders WHERE next_at <= $1)";
        Ok(self.read().await?.row(sql, &[now.into()]).await?.is_some())
    }

    /// Changes of which nobody has looked up whom to tell, oldest first; of one remediation only, if it is given.
    #[tracing::instrument(name = "store.notices.changes", skip_all)]
    pub async fn changes(&self, of: Option<&RemediationId>, most: u32) -> Result<Vec<Change>, StoreError> {
        let sql =
            "SELECT remediation_id, event FROM notices WHERE $1 = '' OR remediation_id = $1 ORDER BY event LIMIT $2";
        let rows = self.read().await?.rows(sql, &[only(of).into(), most.into()]).await?;
        rows.iter().map(|row| change(row, "notices")).collect()
    }

    /// The remediation as it was once a change had happened.
    #[tracing::instrument(name = "store.notices.as_of", skip_all, fields(remediation.id = %change.remediation))]
    pub async fn as_of(&self, change: &Change) -> Result<Remediation, StoreError> {
        let id = &change.remediation;
        replay::fold(id, &chain::until(&mut self.read().await?, id.as_str(), change.event).await?)
    }

    /// Notes whom to tell of some changes. Of those that another node was faster with nothing is written.
    #[tracing::instrument(name = "store.notices.address", skip_all, fields(changes = changes.len()))]
    pub async fn address(&self, changes: &[(Change, Vec<String>)], now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        for (change, notifiers) in changes {
            let sql = "DELETE FROM notices WHERE event = $1";
            if tx.execute(sql, &[change.event.into()]).await? == 0 {
                continue;
            }
            for notifier in notifiers {
                let sql = "INSERT INTO deliveries (notifier, remediation_id, event, since, tries, next_at) \
                           VALUES ($1, $2, $3, $4, 0, $4)";
                let id = change.remediation.as_str();
                tx.execute(sql, &[notifier.into(), id.into(), change.event.into(), now.into()]).await?;
            }
        }
        tx.commit().await
    }

    /// The notifiers that something is due for; of one remediation only, if it is given.
    #[tracing::instrument(name = "store.notices.notifiers", skip_all)]
    pub async fn due_notifiers(&self, of: Option<&RemediationId>, now: Timestamp) -> Result<Vec<String>, StoreError> {
        // With a bound, what is due is looked up by its time; without one, SQLite walks the table by name.
        let sql = "SELECT DISTINCT notifier FROM (SELECT notifier FROM deliveries \
                   WHERE next_at <= $1 AND ($2 = '' OR remediation_id = $2) ORDER BY next_at LIMIT 100000) AS due";
        let rows = self.read().await?.rows(sql, &[now.into(), only(of).into()]).await?;
        rows.iter().map(|row| row.string(0)).collect()
    }

    /// Takes what is due for a notifier, no more than one of each remediation. It is due again at `again` unless it is told or
    /// put off before.
    #[tracing::instrument(name = "store.notices.take", skip_all)]
    pub async fn take_deliveries(
        &self,
        notifier: &str,
        of: Option<&RemediationId>,
        (now, again): (Timestamp, Timestamp),
        most: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut tx = self.write().await?;
        let sql = tx.for_update_skip_locked(DUE);
        let due = tx.rows(sql, &[notifier.into(), now.into(), only(of).into(), most.into()]).await?;
        let mut taken = Vec::with_capacity(due.len());
        for row in &due {
            let (change, tries) = (change(row, "deliveries")?, row.int(2)?);
            let sql = "UPDATE deliveries SET next_at = $1, tries = tries + 1 \
                       WHERE notifier = $2 AND remediation_id = $3 AND event = $4 AND tries = $5";
            let id = change.remediation.as_str();
            let values = [again.into(), notifier.into(), id.into(), change.event.into(), tries.into()];
            if tx.execute(sql, &values).await? == 1 {
                taken.push(Delivery { change, notifier: notifier.to_owned(), tries: tries + 1, since: row.time(3)? });
            }
        }
        tx.commit().await?;
        Ok(taken)
    }

    /// It was told, or is given up: the next of the same remediation is due at once.
    #[tracing::instrument(name = "store.notices.done", skip_all, fields(remediation.id = %delivery.change.remediation))]
    pub async fn delivered(&self, delivery: &Delivery, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let Delivery { change, notifier, tries, .. } = delivery;
        let id = change.remediation.as_str();
        let sql = "DELETE FROM deliveries WHERE notifier = $1 AND remediation_id = $2 AND event = $3 AND tries = $4";
        if tx.execute(sql, &[notifier.into(), id.into(), change.event.into(), (*tries).into()]).await? == 1 {
            let sql = "UPDATE deliveries SET next_at = $3 WHERE notifier = $1 AND remediation_id = $2 AND next_at > $3";
            tx.execute(sql, &[notifier.into(), id.into(), now.into()]).await?;
        }
        tx.commit().await
    }

    /// It could not be told: it is due again at `next`, and whatever waits behind it not before.
    #[tracing::instrument(name = "store.notices.put_off", skip_all, fields(remediation.id = %delivery.change.remediation))]
    pub async fn put_off(&self, delivery: &Delivery, next: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let Delivery { change, notifier, tries, .. } = delivery;
        let id = change.remediation.as_str();
        let sql = "UPDATE deliveries SET next_at = $5 \
                   WHERE notifier = $1 AND remediation_id = $2 AND event = $3 AND tries = $4";
        let values = [notifier.into(), id.into(), change.event.into(), (*tries).into(), next.into()];
        if tx.execute(sql, &values).await? == 1 {
            let sql = "UPDATE deliveries SET next_at = $3 WHERE notifier = $1 AND remediation_id = $2 AND next_at < $3";
            tx.execute(sql, &[notifier.into(), id.into(), next.into()]).await?;
        }
        tx.commit().await
    }
}

/// A remediation has a new status.
pub(crate) async fn changed(tx: &mut Tx, id: &str, event: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO notices (event, remediation_id) VALUES ($1, $2)";
    tx.execute(sql, &[event.into(), id.into()]).await.map(drop)
}

/// How much nobody has been told of yet: changes, and then deliveries of them.
pub(crate) async fn waiting(tx: &mut Tx) -> Result<u64, StoreError> {
    let sql = "SELECT (SELECT COUNT(*) FROM notices) + (SELECT COUNT(*) FROM deliveries)";
    let number = tx.row(sql, &[]).await?.map_or(Ok(0), |row| row.int(0))?;
    Ok(number.unsigned_abs())
}

fn only(of: Option<&RemediationId>) -> &str {
    of.map_or("", RemediationId::as_str)
}

fn change(row: &Row, table: &'static str) -> Result<Change, StoreError> {
    let id = row.text(0)?;
    let remediation = id.parse().map_err(|_| StoreError::corrupt(table, "remediation_id", &id))?;
    Ok(Change { remediation, event: row.int(1)? })
}
