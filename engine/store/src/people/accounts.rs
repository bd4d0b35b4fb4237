//! Local accounts and the identities of an identity provider: the principal of a sign-in. Passwords are hashes here;
//! the caller compares them.

use crate::boxed::boxed;
use clawback_model::{Actor, Digest, PendingRoles, Principal, PrincipalKind, Role, Timestamp};

use super::principals::{COLUMNS, put_principal, read};
use super::roles;
use super::tokens::{TokenTerms, put_token};
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::site_events::{SiteEvent, append};
use crate::store::Store;

/// A local account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The principal who signs in with it.
    pub principal: Principal,
    /// Argon2id hash in PHC form.
    pub password: String,
}

impl Store {
    /// Sets the password of a principal, and ends the sessions of the old one. The password counts as the owner's own
    /// if they set it with a credential of their own.
    #[tracing::instrument(name = "store.accounts.password", skip_all)]
    pub async fn set_password(
        &self,
        principal: &str,
        hash: &str,
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        put_password(&mut tx, principal, hash, (actor, actor.issues_as(principal)), at).await?;
        tx.commit().await
    }

    /// Sets the password of a principal who has proven the current one, and creates a token if requested: both are then
    /// their own, even if another principal issued the current password. In that case, if a `second` administrator is
    /// required, the deciding roles wait for one; returns the waiting roles.
    #[tracing::instrument(name = "store.accounts.take_over", skip_all)]
    #[boxed]
    pub async fn take_over<'a>(
        &self,
        who: &Principal,
        hash: &str,
        token: Option<(&'a Digest, TokenTerms<'a>)>,
        second: bool,
        at: Timestamp,
    ) -> Result<Option<PendingRoles>, StoreError> {
        let own = (who.into(), who.name.as_str());
        let mut tx = self.write().await?;
        let pending = match who.own_credential("take over") {
            Err(unowned) if second => roles::suspend(&mut tx, who, unowned.issued_by(), at).await?,
            _ => None,
        };
        put_password(&mut tx, &who.name, hash, own, at).await?;
        if let Some((secret, terms)) = token {
            put_token(&mut tx, &who.name, secret, terms, own, at).await?;
        }
        tx.commit().await?;
        Ok(pending)
    }

    /// Returns the account of a principal, if there is one.
    #[tracing::instrument(name = "store.accounts.find", skip_all)]
    #[boxed]
    pub async fn account(&self, principal: &str) -> Result<Option<Account>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, a.password FROM accounts a JOIN principals p ON p.name = a.principal \
             WHERE a.principal = $1"
        );
        let Some(row) = self.row(sql, &[principal.into()]).await? else { return Ok(None) };
        Ok(Some(Account { principal: read(&row)?, password: row.string(6)? }))
    }

    /// Returns whether any principal has a password.
    #[tracing::instrument(name = "store.accounts.any", skip_all)]
    #[boxed]
    pub async fn has_accounts(&self) -> Result<bool, StoreError> {
        Ok(self.row("SELECT principal FROM accounts LIMIT 1", &[]).await?.is_some())
    }

    /// Returns the principal of an identity, with the roles that the provider now reports. A new identity is added; a
    /// name that another principal has is refused, so that a provider's naming cannot impersonate a principal.
    #[tracing::instrument(name = "store.identities.sign_in", skip_all)]
    #[boxed]
    pub async fn principal_of_identity(
        &self,
        issuer: &str,
        subject: &str,
        name: &str,
        roles: &[Role],
        at: Timestamp,
    ) -> Result<Principal, StoreError> {
        let mut tx = self.write().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM identities i JOIN principals p ON p.name = i.principal \
             WHERE i.issuer = $1 AND i.subject = $2"
        );
        let row = tx.row(sql, &[issuer.into(), subject.into()]).await?;
        let principal = match row.as_ref().map(read).transpose()? {
            Some(known) if known.roles == roles => return Ok(known),
            Some(known) => {
                roles::give(&mut tx, &known.name, roles, issuer.into(), at).await?;
                Principal { roles: roles.to_vec(), pending: None, ..known }
            }
            None => link(&mut tx, issuer, subject, name, roles, at).await?,
        };
        tx.commit().await?;
        Ok(principal)
    }
}

async fn put_password(
    tx: &mut Tx,
    principal: &str,
    hash: &str,
    (actor, password_by): (Actor<'_>, &str),
    at: Timestamp,
) -> Result<(), StoreError> {
    if tx.row("SELECT name FROM principals WHERE name = $1", &[principal.into()]).await?.is_none() {
        return Err(StoreError::not_found("principal", principal));
    }
    let sql = "INSERT INTO accounts (principal, password, changed_at, password_by) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (principal) DO UPDATE SET password = $2, changed_at = $3, password_by = $4";
    tx.execute(sql, &[principal.into(), hash.into(), at.into(), password_by.into()]).await?;
    let name = Digest::of(principal.as_bytes());
    tx.execute("DELETE FROM attempts WHERE name = $1", &[name.to_string().into()]).await?;
    tx.execute("DELETE FROM sessions WHERE principal = $1", &[principal.into()]).await?;
    if password_by == principal {
        roles::mark_own(tx, principal).await?;
    }
    // The digest of the hash, so that a hash that was written into the table by hand is detected.
    let event = SiteEvent::PasswordSet {
        principal: principal.to_owned(),
        digest: Digest::of(hash.as_bytes()),
        password_by: Some(password_by.to_owned()),
    };
    append(tx, &event, actor, at).await.map(drop)
}

/// Adds a principal from an identity provider.
async fn link(
    tx: &mut Tx,
    issuer: &str,
    subject: &str,
    name: &str,
    roles: &[Role],
    at: Timestamp,
) -> Result<Principal, StoreError> {
    let principal = Principal::new(name, PrincipalKind::Person, roles.to_vec());
    put_principal(tx, &principal, issuer.into(), at).await?;
    let sql = "INSERT INTO identities (issuer, subject, principal) VALUES ($1, $2, $3)";
    tx.execute(sql, &[issuer.into(), subject.into(), name.into()]).await?;
    roles::mark_own(tx, name).await?;
    let linked = SiteEvent::IdentityLinked {
        principal: name.to_owned(),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
    };
    append(tx, &linked, issuer.into(), at).await?;
    Ok(principal)
}
