//! Looks into mailboxes for reports. A node takes a look by advancing the time of the next one, so only one node looks.
//! What each mail becomes is recorded with its fingerprint, in the transaction of the report: a look that is repeated
//! records nothing twice.

use std::collections::HashSet;

use crate::boxed::boxed;
use clawback_model::{ReportSource, Timestamp};

use crate::database::dialect::Value;
use crate::error::StoreError;
use crate::rows::{number, places};
use crate::store::Store;

/// A mailbox for reports, and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbuseMailbox {
    /// The name of the store.
    pub store: String,
    /// The mailbox.
    pub mailbox: String,
    /// The time of the next look.
    pub next_at: Timestamp,
    /// The start of the last look that left no mail; until there is one, the start of the first look.
    pub whole_at: Option<Timestamp>,
    /// The time of the last look.
    pub looked_at: Option<Timestamp>,
    /// The looks in a row that failed.
    pub failures: u32,
    /// What the last look could not do.
    pub trouble: Option<String>,
    version: i64,
}

impl Store {
    /// Returns the state of a mailbox for reports. One that no node has looked into is due.
    #[tracing::instrument(name = "store.abuse_mailboxes.load", skip_all)]
    #[boxed]
    pub async fn abuse_mailbox(&self, store: &str, mailbox: &str) -> Result<AbuseMailbox, StoreError> {
        let sql = "SELECT next_at, whole_at, looked_at, failures, trouble, version FROM abuse_mailboxes \
                   WHERE store = $1 AND mailbox = $2";
        let row = self.row(sql, &[store.into(), mailbox.into()]).await?;
        let (store, mailbox) = (store.to_owned(), mailbox.to_owned());
        let Some(row) = row else {
            let (next_at, whole_at, looked_at, trouble) = (Timestamp(0), None, None, None);
            return Ok(AbuseMailbox { store, mailbox, next_at, whole_at, looked_at, failures: 0, trouble, version: 0 });
        };
        Ok(AbuseMailbox {
            store,
            mailbox,
            next_at: row.time(0)?,
            whole_at: row.opt_int(1)?.map(Timestamp),
            looked_at: row.opt_int(2)?.map(Timestamp),
            failures: number(&row, 3, "abuse_mailboxes", "failures")?,
            trouble: row.opt_text(4)?.map(Into::into),
            version: row.int(5)?,
        })
    }

    /// Takes a look, keeps one that was taken, or gives it back: the next one is at `next`. Returns `None` if another
    /// node took it. The first time at which a look is taken is its `whole_at`, if the caller gives one.
    #[tracing::instrument(name = "store.abuse_mailboxes.take", skip_all)]
    #[boxed]
    pub async fn take_abuse_mailbox(
        &self,
        due: &AbuseMailbox,
        next: Timestamp,
    ) -> Result<Option<AbuseMailbox>, StoreError> {
        let mut tx = self.write().await?;
        let sql = if due.version == 0 {
            "INSERT INTO abuse_mailboxes (store, mailbox, next_at, version, whole_at) VALUES ($1, $2, $3, $4 + 1, $5) \
             ON CONFLICT DO NOTHING"
        } else {
            "UPDATE abuse_mailboxes SET next_at = $3, version = version + 1, whole_at = COALESCE(whole_at, $5) \
             WHERE store = $1 AND mailbox = $2 AND version = $4"
        };
        let values = [(&due.store).into(), (&due.mailbox).into(), next.into(), due.version.into(), due.whole_at.into()];
        let touched = tx.execute(sql, &values).await?;
        tx.commit().await?;
        Ok((touched == 1).then(|| AbuseMailbox { next_at: next, version: due.version + 1, ..due.clone() }))
    }

    /// Writes the result of a look that was taken. Writes nothing if another node has taken it meanwhile.
    #[tracing::instrument(name = "store.abuse_mailboxes.finish", skip_all)]
    #[boxed]
    pub async fn finish_abuse_mailbox(&self, looked: &AbuseMailbox) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE abuse_mailboxes SET next_at = $3, whole_at = $4, looked_at = $5, failures = $6, trouble = $7, \
                   version = version + 1 WHERE store = $1 AND mailbox = $2 AND version = $8";
        let values = [
            (&looked.store).into(),
            (&looked.mailbox).into(),
            looked.next_at.into(),
            looked.whole_at.into(),
            looked.looked_at.into(),
            looked.failures.into(),
            looked.trouble.as_deref().into(),
            looked.version.into(),
        ];
        let touched = tx.execute(sql, &values).await?;
        tx.commit().await?;
        Ok(touched == 1)
    }

    /// Returns those of the fingerprints whose mails were recorded.
    #[tracing::instrument(name = "store.abuse_mailboxes.recorded", skip_all)]
    #[boxed]
    pub async fn recorded_mails(&self, fingerprints: &[&str]) -> Result<HashSet<String>, StoreError> {
        if fingerprints.is_empty() {
            return Ok(HashSet::new());
        }
        let sql = format!("SELECT fingerprint FROM reports WHERE fingerprint IN {}", places(1, fingerprints.len()));
        let values: Vec<Value<'_>> = fingerprints.iter().map(|one| (*one).into()).collect();
        self.rows(sql, &values).await?.iter().map(|row| row.string(0)).collect()
    }

    /// Returns how many mails to mailboxes for reports were not counted since then, by reason.
    #[tracing::instrument(name = "store.abuse_mailboxes.not_counted", skip_all)]
    #[boxed]
    pub async fn mails_not_counted(&self, since: Timestamp) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = "SELECT COALESCE(not_counted, kind), COUNT(*) FROM reports \
                   WHERE report_group IS NULL AND source = $1 AND reported_at >= $2 GROUP BY 1 ORDER BY 1";
        let rows = self.rows(sql, &[ReportSource::AbuseMailbox.as_str().into(), since.into()]).await?;
        rows.iter().map(|row| Ok((row.string(0)?, row.int(1)?))).collect()
    }
}
