//! What was refused to whom: wrong passwords, forged cookies, votes against a rule. Bounded, and beside the chain: whoever is
//! refused must not be able to make the history grow.

use clawback_model::Timestamp;

use crate::error::StoreError;
use crate::store::Store;

/// How many are kept.
const MOST: i64 = 10_000;

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// To whom; none where the caller is unknown.
    pub principal: Option<String>,
    /// What was asked for: method and path.
    pub request: String,
    /// Why not.
    pub reason: String,
}

impl Store {
    /// Notes a refusal.
    #[tracing::instrument(name = "store.refusals.note", skip_all)]
    pub async fn note_refusal(&self, refusal: &Refusal) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let values = [
            refusal.at.into(),
            refusal.principal.as_deref().unwrap_or_default().into(),
            (&refusal.request).into(),
            (&refusal.reason).into(),
        ];
        tx.execute("INSERT INTO refusals (at, principal, request, reason) VALUES ($1, $2, $3, $4)", &values).await?;
        let sql = "DELETE FROM refusals WHERE number <= (SELECT MAX(number) FROM refusals) - $1";
        tx.execute(sql, &[MOST.into()]).await?;
        tx.commit().await
    }

    /// The newest refusals first.
    #[tracing::instrument(name = "store.refusals", skip_all)]
    pub async fn refusals(&self, most: u32) -> Result<Vec<Refusal>, StoreError> {
        let sql = "SELECT at, principal, request, reason FROM refusals ORDER BY number DESC LIMIT $1";
        let rows = self.read().await?.rows(sql, &[most.into()]).await?;
        rows.iter()
            .map(|row| {
                let principal = Some(row.string(1)?).filter(|name| !name.is_empty());
                Ok(Refusal { at: row.time(0)?, principal, request: row.string(2)?, reason: row.string(3)? })
            })
            .collect()
    }
}
