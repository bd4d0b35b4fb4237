//! Reminders: a row for each plan that waits for votes and has a reminder left. It is written and removed in the
//! transaction of the change of status. A node that takes a reminder defers it, sends it, and only then advances the
//! row: so only one node sends, and if it crashes, another one does.

use crate::boxed::boxed;
use clawback_model::{Remediation, Reminder, Status, Timestamp};

use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::rows::state;
use crate::store::Store;

/// A reminder that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct DueReminder {
    /// The remediation that waits.
    pub remediation: Remediation,
    /// The kind of reminder, which determines the recipients.
    pub reminder: Reminder,
    /// The number of reminders that are done with it.
    sent: usize,
    version: i64,
}

impl Store {
    /// Takes the reminder that has been due longest; it is due again at `again` unless [`Store::reminded`] is called.
    #[tracing::instrument(name = "store.reminders.take", skip_all)]
    #[boxed]
    pub async fn take_reminder(&self, now: Timestamp, again: Timestamp) -> Result<Option<DueReminder>, StoreError> {
        let mut tx = self.write().await?;
        let sql = "SELECT x.sent, x.version, r.state, r.id FROM reminders x JOIN remediations r ON r.id = x.remediation_id \
                   WHERE x.next_at <= $1 ORDER BY x.next_at, x.remediation_id LIMIT 1";
        let Some(row) = tx.row(sql, &[now.into()]).await? else { return Ok(None) };
        let (sent, version, remediation) = (row.int(0)?, row.int(1)?, state(&row, 2)?);
        let already = usize::try_from(sent).map_err(|_| StoreError::corrupt("reminders", "sent", &remediation.id))?;
        let id = remediation.id.as_str();
        let due = remediation.approval.as_ref().and_then(|approval| approval.due_reminder(already, now));
        let Some((reminder, sent)) = due else {
            // Its deadline has passed: the remediation expires, and no reminder is needed.
            remove(&mut tx, id).await?;
            tx.commit().await?;
            return Ok(None);
        };
        let sql = "UPDATE reminders SET next_at = $1, version = version + 1 WHERE remediation_id = $2 AND version = $3";
        let touched = tx.execute(sql, &[again.into(), id.into(), version.into()]).await?;
        tx.commit().await?;
        let taken = DueReminder { remediation, reminder, sent, version: version + 1 };
        Ok((touched == 1).then_some(taken))
    }

    /// Records that the reminder was sent: the next one is due at its time.
    #[tracing::instrument(name = "store.reminders.done", skip_all, fields(remediation.id = %due.remediation.id))]
    #[boxed]
    pub async fn reminded(&self, due: &DueReminder) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let approval = due.remediation.approval.as_ref();
        let values = [due.remediation.id.as_str().into(), due.version.into()];
        if let Some(next) = approval.and_then(|approval| approval.next_reminder(due.sent)) {
            let sent = i64::try_from(due.sent).unwrap_or(i64::MAX);
            let sql = "UPDATE reminders SET sent = $3, next_at = $4, version = version + 1 \
                       WHERE remediation_id = $1 AND version = $2";
            let [id, version] = values;
            tx.execute(sql, &[id, version, sent.into(), next.into()]).await?;
        } else {
            let sql = "DELETE FROM reminders WHERE remediation_id = $1 AND version = $2";
            tx.execute(sql, &values).await?;
        }
        tx.commit().await
    }
}

/// Updates the row after a change: a remediation that begins to wait gets a row, one that no longer waits loses it.
pub(crate) async fn changed(tx: &mut Tx, before: &Remediation, after: &Remediation) -> Result<(), StoreError> {
    let waits = |remediation: &Remediation| remediation.status == Status::PendingApproval;
    if waits(before) == waits(after) {
        return Ok(());
    }
    remove(tx, after.id.as_str()).await?;
    let first = after.approval.as_ref().filter(|_| waits(after)).and_then(|approval| approval.next_reminder(0));
    if let Some(first) = first {
        let sql = "INSERT INTO reminders (remediation_id, sent, next_at, version) VALUES ($1, 0, $2, 1)";
        tx.execute(sql, &[after.id.as_str().into(), first.into()]).await?;
    }
    Ok(())
}

async fn remove(tx: &mut Tx, id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM reminders WHERE remediation_id = $1", &[id.into()]).await?;
    Ok(())
}
