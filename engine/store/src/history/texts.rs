//! The texts that plans were made with: playbooks, scripts and lists. Each is stored once, under its sha256, as long as
//! a plan whose messages are kept refers to it.

use crate::boxed::boxed;
use std::collections::BTreeMap;

use clawback_model::{Digest, RemediationId};

use super::locking::lock_for;
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::lease::Lease;
use crate::store::Store;

impl Store {
    /// Stores the texts that a plan is made with, under their sha256.
    #[tracing::instrument(name = "store.texts.keep", skip_all, fields(remediation.id = %id))]
    #[boxed]
    pub async fn keep_texts(
        &self,
        id: &RemediationId,
        lease: &Lease,
        texts: &BTreeMap<Digest, String>,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let number = lock_for(&mut tx, id, lease, "planning").await?;
        for (digest, body) in texts {
            let digest = digest.to_string();
            // The update locks the row of an existing text, so that it is not removed concurrently.
            let sql = "INSERT INTO texts (digest, body) VALUES ($1, $2) ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest";
            tx.execute(sql, &[digest.as_str().into(), body.as_str().into()]).await?;
            let sql = "INSERT INTO plan_texts (remediation, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            tx.execute(sql, &[number.into(), digest.as_str().into()]).await?;
        }
        tx.commit().await
    }

    /// Returns the text with this sha256; `None` if it is not stored, or the stored text has another.
    #[tracing::instrument(name = "store.texts.text", skip_all)]
    #[boxed]
    pub async fn text(&self, digest: &Digest) -> Result<Option<String>, StoreError> {
        let sql = "SELECT body FROM texts WHERE digest = $1";
        let row = self.row(sql, &[digest.to_string().into()]).await?;
        let body = row.map(|row| row.string(0)).transpose()?;
        Ok(body.filter(|body| Digest::of(body.as_bytes()) == *digest))
    }
}

/// Removes the texts that the plan of a remediation refers to and no other plan does.
pub(crate) async fn forget(tx: &mut Tx, remediation: i64) -> Result<(), StoreError> {
    let sql = "SELECT digest FROM plan_texts WHERE remediation = $1 ORDER BY digest";
    let digests: Vec<String> =
        tx.rows(sql, &[remediation.into()]).await?.iter().map(|row| row.string(0)).collect::<Result<_, _>>()?;
    tx.execute("DELETE FROM plan_texts WHERE remediation = $1", &[remediation.into()]).await?;
    for digest in &digests {
        // Locked first, so that the next statement sees references that were added in the meantime.
        tx.execute("UPDATE texts SET digest = digest WHERE digest = $1", &[digest.as_str().into()]).await?;
        let sql = "DELETE FROM texts WHERE digest = $1 AND NOT EXISTS (SELECT 1 FROM plan_texts p WHERE p.digest = $1)";
        tx.execute(sql, &[digest.as_str().into()]).await?;
    }
    Ok(())
}

/// Returns the name of a text that does not have the sha256 under which it is stored.
pub(crate) async fn first_altered(tx: &mut Tx) -> Result<Option<String>, StoreError> {
    let mut sql = "SELECT digest, body FROM texts WHERE digest >= $1 ORDER BY digest LIMIT 1";
    let mut after = String::new();
    while let Some(row) = tx.row(sql, &[after.as_str().into()]).await? {
        after = row.string(0)?;
        if after != Digest::of(row.text(1)?.as_bytes()).to_string() {
            return Ok(Some(after));
        }
        sql = "SELECT digest, body FROM texts WHERE digest > $1 ORDER BY digest LIMIT 1";
    }
    Ok(None)
}
