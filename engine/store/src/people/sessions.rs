//! Browser sessions. A cookie has two parts, of which the database stores only digests: an ID that finds the session
//! and stays, and a secret that is replaced while the session is in use.

use crate::boxed::boxed;
use clawback_model::{Actor, Credential, CredentialKind, Digest, Principal, Timestamp};

use super::principals::{COLUMNS, read};
use crate::database::dialect::Value;
use crate::error::StoreError;
use crate::rows::{digest, places};
use crate::site_events::{SiteEvent, append};
use crate::store::Store;

/// The number of sessions per statement.
const TOUCHED: usize = 500;

/// The issuer of a session: the identity provider, or the principal who set the password.
const ISSUER: &str = "COALESCE(CASE s.at_provider WHEN 1 THEN (SELECT i.issuer FROM identities i WHERE i.principal = s.principal) \
    ELSE (SELECT a.password_by FROM accounts a WHERE a.principal = s.principal) END, '')";

fn credential(id: &Digest, at_provider: bool, issued_by: String, issued_at: Timestamp) -> Credential {
    let kind = if at_provider { CredentialKind::Provider } else { CredentialKind::Password };
    Credential { kind, label: Credential::session_label(id), issued_by, issued_at }
}

/// A new session.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'a> {
    /// The digest of the ID in its cookie.
    pub id: Digest,
    /// The digest of its first secret.
    pub secret: Digest,
    /// Its principal.
    pub principal: &'a str,
    /// The time of the sign-in.
    pub at: Timestamp,
    /// The time at which it ends in any case.
    pub expires: Timestamp,
    /// Whether it began at the identity provider.
    pub at_provider: bool,
}

/// A session that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The principal, with its current roles.
    pub principal: Principal,
    /// When it began.
    pub created_at: Timestamp,
    /// The time of the last request.
    pub seen_at: Timestamp,
    /// The time at which it ends.
    pub expires_at: Timestamp,
    /// Whether it began at the identity provider.
    pub at_provider: bool,
    /// The secrets that its cookie may contain.
    pub secrets: Secrets,
}

/// The secrets of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The current secret.
    pub current: Digest,
    /// When it was set.
    pub since: Timestamp,
    /// The previous secret.
    pub earlier: Option<Digest>,
    /// The time until which the previous secret is valid; `None` until the current one has been used.
    pub earlier_until: Option<Timestamp>,
}

/// A replacement of a session's secret.
#[derive(Debug, Clone, Copy)]
pub struct Renewal {
    /// The ID of the session.
    pub id: Digest,
    /// The secret that the browser sent, which becomes the previous one.
    pub shown: Digest,
    /// The current secret when it was sent.
    pub current: Digest,
    /// The new secret.
    pub new: Digest,
}

impl Store {
    /// Begins a session and removes those that had ended at `forget`.
    #[tracing::instrument(name = "store.sessions.begin", skip_all)]
    #[boxed]
    pub async fn begin_session(&self, new: &NewSession<'_>, forget: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.execute("DELETE FROM sessions WHERE expires_at <= $1", &[forget.into()]).await?;
        let sql = "INSERT INTO sessions (digest, secret, secret_at, principal, created_at, seen_at, expires_at, at_provider) \
                   VALUES ($1, $2, $3, $4, $3, $3, $5, $6)";
        let values = [
            new.id.to_string().into(),
            new.secret.to_string().into(),
            new.at.into(),
            new.principal.into(),
            new.expires.into(),
            i64::from(new.at_provider).into(),
        ];
        tx.execute(sql, &values).await?;
        // Recorded so that a session that was written into the table by hand is detected.
        let event = SiteEvent::SignedIn {
            principal: new.principal.to_owned(),
            session: new.id,
            expires_at: new.expires,
            at_provider: new.at_provider,
        };
        let sql = format!("SELECT {ISSUER} FROM sessions s WHERE s.digest = $1");
        let row = tx.row(sql, &[new.id.to_string().into()]).await?;
        let issued_by = row.map_or(Ok(String::new()), |row| row.string(0))?;
        let credential = credential(&new.id, new.at_provider, issued_by, new.at);
        append(&mut tx, &event, Actor { name: new.principal, credential: Some(&credential) }, new.at).await?;
        tx.commit().await
    }

    /// Returns the session of a cookie, if it has not been idle since before `idle_since`. The caller checks whether
    /// the session has ended and whether the cookie's secret is valid.
    #[tracing::instrument(name = "store.sessions.find", skip_all)]
    #[boxed]
    pub async fn session(&self, id: &Digest, idle_since: Timestamp) -> Result<Option<Session>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, s.created_at, s.seen_at, s.expires_at, s.secret, s.secret_at, s.earlier, s.earlier_until, \
             s.at_provider, {ISSUER} FROM sessions s JOIN principals p ON p.name = s.principal \
             WHERE s.digest = $1 AND s.seen_at > $2"
        );
        let row = self.row(sql, &[id.to_string().into(), idle_since.into()]).await?;
        let Some(row) = row else { return Ok(None) };
        let earlier = match row.opt_text(11)? {
            Some(_) => Some(digest(&row, 11, "sessions", "earlier")?),
            None => None,
        };
        let (created_at, at_provider) = (row.time(6)?, row.int(13)? != 0);
        let mut principal = read(&row)?;
        principal.credential = Some(credential(id, at_provider, row.string(14)?, created_at));
        Ok(Some(Session {
            principal,
            created_at,
            seen_at: row.time(7)?,
            expires_at: row.time(8)?,
            at_provider,
            secrets: Secrets {
                current: digest(&row, 9, "sessions", "secret")?,
                since: row.time(10)?,
                earlier,
                earlier_until: row.opt_int(12)?.map(Timestamp),
            },
        }))
    }

    /// Replaces the secret of a session. Returns false if it was replaced concurrently, or if the secret that was sent
    /// is no longer valid because the current one has been used.
    #[tracing::instrument(name = "store.sessions.renew", skip_all)]
    #[boxed]
    pub async fn renew_session(&self, renewal: &Renewal, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE sessions SET secret = $2, secret_at = $3, earlier = $4, earlier_until = NULL \
                   WHERE digest = $1 AND secret = $5 AND (secret = $4 OR earlier_until IS NULL)";
        let Renewal { id, shown, current, new } = renewal;
        let [id, shown, current, new] = [id, shown, current, new].map(|digest| Value::from(digest.to_string()));
        let renewed = tx.execute(sql, &[id, new, at.into(), shown, current]).await?;
        tx.commit().await?;
        Ok(renewed == 1)
    }

    /// Records that the current secret of a session has been used: the previous one is valid until `until`.
    #[tracing::instrument(name = "store.sessions.settle", skip_all)]
    #[boxed]
    pub async fn expire_earlier_secret(
        &self,
        id: &Digest,
        current: &Digest,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let sql = "UPDATE sessions SET earlier_until = $3 WHERE digest = $1 AND secret = $2 AND earlier_until IS NULL";
        tx.execute(sql, &[id.to_string().into(), current.to_string().into(), until.into()]).await?;
        tx.commit().await
    }

    /// Records that these sessions are in use.
    #[tracing::instrument(name = "store.sessions.touch", skip_all, fields(sessions = ids.len()))]
    #[boxed]
    pub async fn touch_sessions(&self, ids: &[Digest], now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        for some in ids.chunks(TOUCHED) {
            let sql = format!("UPDATE sessions SET seen_at = $1 WHERE digest IN {}", places(2, some.len()));
            let digests = some.iter().map(|id| Value::from(id.to_string()));
            let values: Vec<Value<'_>> = [now.into()].into_iter().chain(digests).collect();
            tx.execute(sql, &values).await?;
        }
        tx.commit().await
    }

    /// Ends a session with all its secrets.
    #[tracing::instrument(name = "store.sessions.end", skip_all)]
    #[boxed]
    pub async fn end_session(&self, id: &Digest) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        tx.execute("DELETE FROM sessions WHERE digest = $1", &[id.to_string().into()]).await?;
        tx.commit().await
    }
}
