//! Wrong passwords, by name. Unknown names are counted like known ones, so that the wait does not reveal which names
//! exist. Failed attempts can neither fill the database nor remove the wait of an account.

use crate::boxed::boxed;
use std::time::Duration;

use clawback_model::{Digest, Timestamp};

use crate::error::StoreError;
use crate::store::Store;

/// A wrong password.
#[derive(Debug, Clone, Copy)]
pub struct FailedAttempt {
    /// The digest of the name.
    pub name: Digest,
    /// Whether an account has the name: its count is then not evicted by other names.
    pub is_account: bool,
    /// The time of the attempt.
    pub at: Timestamp,
    /// Names whose wait ended before this time are removed, with and without an account.
    pub forget_before: Timestamp,
    /// Of names without an account, only those among this many last wrong passwords are kept.
    pub most: u32,
}

impl Store {
    /// Returns the time until which passwords for a name are refused, by the name's digest. A past time or zero means
    /// no wait.
    #[tracing::instrument(name = "store.attempts.find", skip_all)]
    #[boxed]
    pub async fn locked_until(&self, name: &Digest) -> Result<Timestamp, StoreError> {
        let sql = "SELECT locked_until FROM attempts WHERE name = $1";
        let row = self.row(sql, &[name.to_string().into()]).await?;
        row.map_or(Ok(Timestamp(0)), |row| row.time(0))
    }

    /// Counts a wrong password; `wait` returns the wait after a number of failures.
    #[tracing::instrument(name = "store.attempts.wrong", skip_all)]
    pub async fn count_wrong(&self, wrong: &FailedAttempt, wait: impl Fn(u32) -> Duration) -> Result<(), StoreError> {
        self.forget_attempts(wrong).await?;
        let name = wrong.name.to_string();
        let mut tx = self.write().await?;
        // The same statements for names with and without an account, so that their times do not differ.
        let sql = "INSERT INTO attempts (name, failures, locked_until, number) VALUES ($1, 1, $2, \
                   CASE WHEN $3 = 1 THEN NULL ELSE (SELECT COALESCE(MAX(number), 0) + 1 FROM attempts) END) \
                   ON CONFLICT (name) DO UPDATE SET failures = attempts.failures + 1, number = EXCLUDED.number \
                   RETURNING failures";
        let values = [(&name).into(), wrong.at.into(), i64::from(wrong.is_account).into()];
        let row = tx.row(sql, &values).await?;
        let failures = row.map_or(Ok(1), |row| row.int(0))?;
        let until = wrong.at.plus(wait(u32::try_from(failures).unwrap_or(u32::MAX)));
        tx.execute("UPDATE attempts SET locked_until = $2 WHERE name = $1", &[(&name).into(), until.into()]).await?;
        tx.commit().await
    }

    /// Removes the wrong passwords of a name, after the right one.
    #[tracing::instrument(name = "store.attempts.right", skip_all)]
    #[boxed]
    pub async fn count_right(&self, name: &Digest) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.execute("DELETE FROM attempts WHERE name = $1", &[name.to_string().into()]).await?;
        tx.commit().await
    }

    /// Runs in its own transaction, so that two nodes that remove the same rows hold no other locks meanwhile.
    async fn forget_attempts(&self, wrong: &FailedAttempt) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.execute("DELETE FROM attempts WHERE locked_until < $1", &[wrong.forget_before.into()]).await?;
        tx.commit().await?;
        let mut tx = self.write().await?;
        let sql = "DELETE FROM attempts WHERE number <= (SELECT MAX(number) FROM attempts) - $1";
        tx.execute(sql, &[wrong.most.into()]).await?;
        tx.commit().await
    }
}
