//! The outbox. A row for each change of status is written in the transaction of the change. A node that finds such a
//! row resolves the recipients and replaces it by one row for each of them. A node that takes a delivery defers it,
//! sends the notification, and only then removes the row: so only one node sends, and if it crashes, another one does.
//! The content of a notification is not stored: it is the fold of the events up to that of the change, independent of
//! later events.

use crate::boxed::boxed;
use clawback_model::{Remediation, RemediationId, Timestamp};

use crate::chain;
use crate::database::dialect::{Row, Tx};
use crate::error::StoreError;
use crate::replay;
use crate::store::Store;

/// A change of status whose recipients are not resolved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The remediation.
    pub remediation: RemediationId,
    /// The number of its event.
    pub event: i64,
}

/// A notification of a change to one notifier, taken by this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The change.
    pub change: Change,
    /// The notifier.
    pub notifier: String,
    /// The number of this attempt, from 1.
    pub tries: i64,
    /// When the attempts began.
    pub since: Timestamp,
}

/// The due deliveries of a notifier that are first of their remediation: each notifier gets the changes in order.
const DUE: &str = "SELECT d.remediation_id, d.event, d.tries, d.since FROM deliveries d \
    WHERE d.notifier = $1 AND d.next_at <= $2 AND ($3 = '' OR d.remediation_id = $3) \
    AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.notifier = d.notifier \
    AND e.remediation_id = d.remediation_id AND e.event < d.event) \
    AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.remediation_id = d.remediation_id AND n.event < d.event) \
    ORDER BY d.event LIMIT $4";

impl Store {
    /// Returns whether anything is due, including reminders and answers to reporters. An idle node runs only this query.
    #[tracing::instrument(name = "store.notices.due", skip_all)]
    #[boxed]
    pub async fn notices_due(&self, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS due WHERE EXISTS (SELECT 1 FROM notices) \
                   OR EXISTS (SELECT 1 FROM deliveries WHERE next_at <= $1) \
                   OR EXISTS (SELECT 1 FROM reminders WHERE next_at <= $1) \
                   OR EXISTS (SELECT 1 FROM reporters WHERE next_at <= $1)";
        Ok(self.row(sql, &[now.into()]).await?.is_some())
    }

    /// Returns changes whose recipients are not resolved yet, oldest first; of one remediation only, if given.
    #[tracing::instrument(name = "store.notices.changes", skip_all)]
    #[boxed]
    pub async fn changes(&self, of: Option<&RemediationId>, most: u32) -> Result<Vec<Change>, StoreError> {
        let sql =
            "SELECT remediation_id, event FROM notices WHERE $1 = '' OR remediation_id = $1 ORDER BY event LIMIT $2";
        let rows = self.rows(sql, &[only(of).into(), most.into()]).await?;
        rows.iter().map(|row| change(row, "notices")).collect()
    }

    /// Returns the remediation as of a change.
    #[tracing::instrument(name = "store.notices.as_of", skip_all, fields(remediation.id = %change.remediation))]
    #[boxed]
    pub async fn as_of(&self, change: &Change) -> Result<Remediation, StoreError> {
        let id = &change.remediation;
        replay::fold(id, &chain::until(&mut self.read().await?, id.as_str(), change.event).await?)
    }

    /// Records the recipients of some changes. Skips changes that another node has already resolved.
    #[tracing::instrument(name = "store.notices.address", skip_all, fields(changes = changes.len()))]
    #[boxed]
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

    /// Returns the notifiers that have due deliveries; of one remediation only, if given.
    #[tracing::instrument(name = "store.notices.notifiers", skip_all)]
    #[boxed]
    pub async fn due_notifiers(&self, of: Option<&RemediationId>, now: Timestamp) -> Result<Vec<String>, StoreError> {
        // With a limit, the due rows are found by their time; without one, SQLite scans the table by name.
        let sql = "SELECT DISTINCT notifier FROM (SELECT notifier FROM deliveries \
                   WHERE next_at <= $1 AND ($2 = '' OR remediation_id = $2) ORDER BY next_at LIMIT 100000) AS due";
        let rows = self.rows(sql, &[now.into(), only(of).into()]).await?;
        rows.iter().map(|row| row.string(0)).collect()
    }

    /// Takes the due deliveries of a notifier, at most one of each remediation. A delivery is due again at `again`
    /// unless it is removed or deferred before.
    #[tracing::instrument(name = "store.notices.take", skip_all)]
    #[boxed]
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

    /// Removes a delivery that was sent or given up: the next one of the same remediation is due at once.
    #[tracing::instrument(name = "store.notices.done", skip_all, fields(remediation.id = %delivery.change.remediation))]
    #[boxed]
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

    /// Defers a delivery that failed: it is due again at `next`, and later ones of the remediation not before.
    #[tracing::instrument(name = "store.notices.defer", skip_all, fields(remediation.id = %delivery.change.remediation))]
    #[boxed]
    pub async fn defer(&self, delivery: &Delivery, next: Timestamp) -> Result<(), StoreError> {
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

/// Writes the row of a change of status.
pub(crate) async fn changed(tx: &mut Tx, id: &str, event: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO notices (event, remediation_id) VALUES ($1, $2)";
    tx.execute(sql, &[event.into(), id.into()]).await.map(drop)
}

/// Returns the number of pending changes and deliveries.
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
