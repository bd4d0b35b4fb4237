//! Responses by idempotency key: a repeated request gets the response of the first, and is carried out once.

use crate::boxed::boxed;
use std::time::Duration;

use clawback_model::{Digest, RemediationId, Timestamp};

use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::store::Store;

/// A key is free once its node has not renewed it for this long.
const HELD: Duration = Duration::from_secs(30);

/// An idempotency key with its principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// The principal that sent the request.
    pub principal: String,
    /// The key, as it was sent.
    pub key: String,
}

/// The state of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// The key was new and is now taken; the request must be carried out.
    None,
    /// The same request is in progress.
    UnderWay,
    /// The same request filed this remediation but has no response: its node crashed, or the response could not be
    /// stored.
    Filed(RemediationId),
    /// The key was used with another request.
    Other,
    /// The same request has a response.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
}

impl Store {
    /// Takes an idempotency key for a request. Removes keys older than `forget_before`. A key that is no longer held is
    /// taken over, unless something was filed under it.
    #[tracing::instrument(name = "store.answers.take", skip_all)]
    #[boxed]
    pub async fn take_key(
        &self,
        principal: &str,
        key: &str,
        request: &Digest,
        now: Timestamp,
        forget_before: Timestamp,
    ) -> Result<Earlier, StoreError> {
        let mut tx = self.write().await?;
        tx.execute("DELETE FROM answers WHERE created_at < $1", &[forget_before.into()]).await?;
        let request = request.to_string();
        let sql = "INSERT INTO answers (principal, idempotency_key, request, status, body, created_at) \
                   VALUES ($1, $2, $3, 0, '', $4) ON CONFLICT (principal, idempotency_key) DO NOTHING";
        let taken = tx.execute(sql, &[principal.into(), key.into(), (&request).into(), now.into()]).await? == 1;
        let earlier = if taken {
            Earlier::None
        } else {
            let sql =
                "SELECT request, status, body, created_at FROM answers WHERE principal = $1 AND idempotency_key = $2";
            match tx.row(sql, &[principal.into(), key.into()]).await? {
                Some(row) if row.text(0)? != request => Earlier::Other,
                Some(row) => match u16::try_from(row.int(1)?) {
                    Ok(0) | Err(_) if now.since(row.time(3)?) < HELD => Earlier::UnderWay,
                    Ok(0) | Err(_) => match row.text(2)?.parse() {
                        Ok(filed) => Earlier::Filed(filed),
                        Err(_) => take_over(&mut tx, principal, key, row.time(3)?, now).await?,
                    },
                    Ok(status) => Earlier::Answered { status, body: row.string(2)? },
                },
                None => Earlier::UnderWay,
            }
        };
        tx.commit().await?;
        Ok(earlier)
    }

    /// Renews the hold of a request in progress, so that its key is not taken over.
    #[tracing::instrument(name = "store.answers.hold", skip_all)]
    #[boxed]
    pub async fn hold_key(&self, of: &RequestKey, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE answers SET created_at = $1 WHERE principal = $2 AND idempotency_key = $3 AND status = 0";
        tx.execute(sql, &[now.into(), (&of.principal).into(), (&of.key).into()]).await?;
        tx.commit().await
    }

    /// Stores the response of a key; `None` frees the key, because the request failed and may be retried.
    #[tracing::instrument(name = "store.answers.keep", skip_all)]
    #[boxed]
    pub async fn keep_answer(&self, principal: &str, key: &str, answer: Option<(u16, &str)>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        if let Some((status, body)) = answer {
            let sql = "UPDATE answers SET status = $1, body = $2 WHERE principal = $3 AND idempotency_key = $4";
            tx.execute(sql, &[u32::from(status).into(), body.into(), principal.into(), key.into()]).await?;
        } else {
            let sql = "DELETE FROM answers WHERE principal = $1 AND idempotency_key = $2";
            tx.execute(sql, &[principal.into(), key.into()]).await?;
        }
        tx.commit().await
    }
}

/// Takes over a key; of concurrent callers, only one succeeds.
async fn take_over(
    tx: &mut Tx,
    principal: &str,
    key: &str,
    held: Timestamp,
    now: Timestamp,
) -> Result<Earlier, StoreError> {
    let sql = "UPDATE answers SET created_at = $1 \
               WHERE principal = $2 AND idempotency_key = $3 AND status = 0 AND body = '' AND created_at = $4";
    let taken = tx.execute(sql, &[now.into(), principal.into(), key.into(), held.into()]).await? == 1;
    Ok(if taken { Earlier::None } else { Earlier::UnderWay })
}

/// Records what is filed under a key, in the transaction that files it.
pub(crate) async fn filed(tx: &mut Tx, of: &RequestKey, id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE answers SET body = $1 WHERE principal = $2 AND idempotency_key = $3 AND status = 0";
    tx.execute(sql, &[id.into(), (&of.principal).into(), (&of.key).into()]).await.map(drop)
}
