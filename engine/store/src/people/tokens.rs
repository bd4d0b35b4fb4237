//! Tokens of principals. Only the sha256 of a token is stored, so that reading the database does not give access.

use crate::boxed::boxed;
use clawback_model::{Actor, Credential, CredentialKind, Digest, Principal, Role, Timestamp};

use super::principals::{COLUMNS, read};
use super::roles::mark_own;
use crate::database::dialect::{Row, Tx};
use crate::error::StoreError;
use crate::rows::json;
use crate::site_events::{SiteEvent, append};
use crate::store::Store;

/// A token as it is listed, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Token {
    pub principal: String,
    pub label: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// The subset of the principal's roles that it grants; `None` means all of them.
    pub scope: Option<Vec<Role>>,
    /// The issuer; empty if not recorded.
    pub issued_by: String,
}

/// The properties of a new token.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenTerms<'a> {
    /// Unique per principal.
    pub label: &'a str,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// The subset of the principal's roles that it grants; `None` means all of them.
    pub scope: Option<&'a [Role]>,
}

impl<'a> TokenTerms<'a> {
    /// Returns a token with all roles that does not expire.
    pub fn labelled(label: &'a str) -> Self {
        Self { label, ..Self::default() }
    }
}

impl Store {
    /// Adds a token by the digest of its secret. A scope restricts it: the token grants those of the principal's roles
    /// that are in the scope.
    #[tracing::instrument(name = "store.tokens.add", skip_all)]
    pub async fn add_token(
        &self,
        principal: &str,
        secret: &Digest,
        terms: TokenTerms<'_>,
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        put_token(&mut tx, principal, secret, terms, (actor, actor.issues_as(principal)), at).await?;
        tx.commit().await
    }

    /// Returns the principal of a token, if it is valid now, with the roles that it grants.
    #[tracing::instrument(name = "store.tokens.find", skip_all)]
    #[boxed]
    pub async fn principal_by_token(&self, secret: &Digest, now: Timestamp) -> Result<Option<Principal>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, t.scope, t.label, t.issued_by, t.created_at FROM tokens t \
             JOIN principals p ON p.name = t.principal \
             WHERE t.digest = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)"
        );
        let Some(row) = self.row(sql, &[secret.to_string().into(), now.into()]).await? else {
            return Ok(None);
        };
        let mut principal = read(&row)?;
        principal.credential = Some(Credential {
            kind: CredentialKind::Token,
            label: row.string(7)?,
            issued_by: row.string(8)?,
            issued_at: row.time(9)?,
        });
        if let Some(scope) = scope(&row, 6)? {
            // Any role may read, so a read-only token is a restriction of every role.
            let reads = !principal.roles.is_empty() && scope.contains(&Role::Viewer);
            principal.roles.retain(|role| scope.contains(role));
            if reads && principal.roles.is_empty() {
                principal.roles.push(Role::Viewer);
            }
        }
        Ok(Some(principal))
    }

    /// Returns every token, by principal and label.
    #[tracing::instrument(name = "store.tokens", skip_all)]
    #[boxed]
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let sql = "SELECT principal, label, created_at, expires_at, revoked_at, scope, issued_by FROM tokens \
                   ORDER BY principal, label";
        let rows = self.rows(sql, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(Token {
                    principal: row.string(0)?,
                    label: row.string(1)?,
                    created_at: row.time(2)?,
                    expires_at: row.opt_int(3)?.map(Timestamp),
                    revoked_at: row.opt_int(4)?.map(Timestamp),
                    scope: scope(row, 5)?,
                    issued_by: row.string(6)?,
                })
            })
            .collect()
    }

    /// Revokes a token. Revoking it again changes nothing.
    #[tracing::instrument(name = "store.tokens.revoke", skip_all)]
    pub async fn revoke_token(
        &self,
        principal: &str,
        label: &str,
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        let known = "SELECT revoked_at FROM tokens WHERE principal = $1 AND label = $2";
        let row = tx.row(known, &[principal.into(), label.into()]).await?;
        if row.ok_or_else(|| StoreError::not_found("token", label))?.opt_int(0)?.is_some() {
            return Ok(());
        }
        let sql = "UPDATE tokens SET revoked_at = $1 WHERE principal = $2 AND label = $3 AND revoked_at IS NULL";
        // If a concurrent call was first, its event records the change.
        if tx.execute(sql, &[at.into(), principal.into(), label.into()]).await? == 1 {
            let event = SiteEvent::TokenRevoked { principal: principal.to_owned(), label: label.to_owned() };
            append(&mut tx, &event, actor, at).await?;
        }
        tx.commit().await
    }
}

/// Adds a token inside a larger step.
pub(crate) async fn put_token(
    tx: &mut Tx,
    principal: &str,
    secret: &Digest,
    terms: TokenTerms<'_>,
    (actor, issued_by): (Actor<'_>, &str),
    at: Timestamp,
) -> Result<(), StoreError> {
    let TokenTerms { label, expires, scope } = terms;
    if tx.row("SELECT name FROM principals WHERE name = $1", &[principal.into()]).await?.is_none() {
        return Err(StoreError::not_found("principal", principal));
    }
    tx.execute(
        "INSERT INTO tokens (digest, principal, label, created_at, expires_at, scope, issued_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            secret.to_string().into(),
            principal.into(),
            label.into(),
            at.into(),
            expires.into(),
            scope.map(|scope| json(&scope)).into(),
            issued_by.into(),
        ],
    )
    .await
    .map_err(|error| error.exists("token", label))?;
    if issued_by == principal {
        mark_own(tx, principal).await?;
    }
    let event = SiteEvent::TokenAdded {
        principal: principal.to_owned(),
        label: label.to_owned(),
        digest: *secret,
        expires_at: expires,
        scope: scope.map(<[Role]>::to_vec),
        issued_by: Some(issued_by.to_owned()),
    };
    append(tx, &event, actor, at).await.map(drop)
}

/// Reads the scope of a token from this column.
pub(crate) fn scope(row: &Row, column: usize) -> Result<Option<Vec<Role>>, StoreError> {
    let Some(text) = row.opt_text(column)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|_| StoreError::corrupt("tokens", "scope", text))
}
