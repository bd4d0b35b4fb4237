//! Answers by idempotency key: a request that is sent again gets the answer of the first, and happens once.

use clawback_model::{Digest, Timestamp};

use crate::error::StoreError;
use crate::store::Store;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// Nothing: the key is taken now, and the request is to be carried out.
    None,
    /// The same request is under way, or its node died before it answered.
    UnderWay,
    /// The key was given with another request.
    Other,
    /// The same request was answered.
    Answered {
        /// HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
}

impl Store {
    /// Takes an idempotency key for a request. Keys older than `forget_before` are forgotten.
    #[tracing::instrument(name = "store.answers.take", skip_all)]
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
            let sql = "SELECT request, status, body FROM answers WHERE principal = $1 AND idempotency_key = $2";
            match tx.row(sql, &[principal.into(), key.into()]).await? {
                Some(row) if row.text(0)? != request => Earlier::Other,
                Some(row) => match u16::try_from(row.int(1)?) {
                    Ok(0) | Err(_) => Earlier::UnderWay,
                    Ok(status) => Earlier::Answered { status, body: row.string(2)? },
                },
                None => Earlier::UnderWay,
            }
        };
        tx.commit().await?;
        Ok(earlier)
    }

    /// Keeps the answer of a key, or with `None` gives the key free: the request failed and may be tried again.
    #[tracing::instrument(name = "store.answers.keep", skip_all)]
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
