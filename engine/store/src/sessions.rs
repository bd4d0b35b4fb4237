//! Browsers that are signed in. A session is found by the digest of its cookie; the cookie itself is never stored.

use clawback_model::{Digest, Principal, Timestamp};

use crate::dialect::Value;
use crate::error::StoreError;
use crate::principals::read;
use crate::store::Store;
use crate::words::places;

/// Sessions in one statement.
const TOUCHED: usize = 500;

/// A session that holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who is signed in, with the roles of now.
    pub principal: Principal,
    /// Since when.
    pub created_at: Timestamp,
    /// The last request.
    pub seen_at: Timestamp,
}

impl Store {
    /// Begins a session; those that are over are forgotten with it.
    #[tracing::instrument(name = "store.sessions.begin", skip_all)]
    pub async fn begin_session(
        &self,
        cookie: &Digest,
        principal: &str,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.execute("DELETE FROM sessions WHERE expires_at <= $1", &[now.into()]).await?;
        let sql =
            "INSERT INTO sessions (digest, principal, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)";
        tx.execute(sql, &[cookie.to_string().into(), principal.into(), now.into(), expires.into()]).await?;
        tx.commit().await
    }

    /// The session of a cookie, if it has neither ended nor been idle since before `idle_since`.
    #[tracing::instrument(name = "store.sessions.find", skip_all)]
    pub async fn session(
        &self,
        cookie: &Digest,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let sql = "SELECT p.name, p.kind, p.roles, s.created_at, s.seen_at FROM sessions s \
                   JOIN principals p ON p.name = s.principal WHERE s.digest = $1 AND s.expires_at > $2 AND s.seen_at > $3";
        let row = self.read().await?.row(sql, &[cookie.to_string().into(), now.into(), idle_since.into()]).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Session { principal: read(&row)?, created_at: row.time(3)?, seen_at: row.time(4)? }))
    }

    /// Notes that these sessions are in use.
    #[tracing::instrument(name = "store.sessions.touch", skip_all, fields(sessions = cookies.len()))]
    pub async fn touch_sessions(&self, cookies: &[Digest], now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        for some in cookies.chunks(TOUCHED) {
            let sql = format!("UPDATE sessions SET seen_at = $1 WHERE digest IN {}", places(2, some.len()));
            let digests = some.iter().map(|cookie| Value::from(cookie.to_string()));
            let values: Vec<Value<'_>> = [now.into()].into_iter().chain(digests).collect();
            tx.execute(sql, &values).await?;
        }
        tx.commit().await
    }

    /// Ends a session.
    #[tracing::instrument(name = "store.sessions.end", skip_all)]
    pub async fn end_session(&self, cookie: &Digest) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.execute("DELETE FROM sessions WHERE digest = $1", &[cookie.to_string().into()]).await?;
        tx.commit().await
    }
}
