//! Roles of principals, and roles that wait for a second administrator. The administrators are counted in the
//! transaction that gives the roles.

use crate::boxed::boxed;
use clawback_model::{Actor, PendingRoles, Principal, PrincipalKind, Role, Timestamp, check_second, until_confirmed};

use super::principals::{COLUMNS, named, read};
use crate::chain;
use crate::database::dialect::Tx;
use crate::error::StoreError;
use crate::rows::json;
use crate::site_events::{SiteEvent, append};
use crate::store::Store;

impl Store {
    /// Sets the roles of a principal without confirmation.
    #[tracing::instrument(name = "store.roles.change", skip_all)]
    pub async fn change_roles(
        &self,
        name: &str,
        roles: &[Role],
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        give(&mut tx, name, roles, actor, at).await?;
        tx.commit().await
    }

    /// Sets the roles of a principal as far as one administrator may: deciding roles wait for a second administrator,
    /// if there are several and the principal has had a credential of their own. Returns the waiting roles.
    #[tracing::instrument(name = "store.roles.ask", skip_all)]
    pub async fn ask_roles(
        &self,
        name: &str,
        roles: &[Role],
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
    ) -> Result<Option<PendingRoles>, StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        chain::lock_chain(&mut tx).await?;
        let known = named(&mut tx, name).await?.ok_or_else(|| StoreError::not_found("principal", name))?;
        let meanwhile = match until_confirmed(&known.roles, roles) {
            Some(meanwhile) if has_own(&mut tx, name).await? && administrators(&mut tx).await?.len() > 1 => meanwhile,
            _ => {
                give(&mut tx, name, roles, actor, at).await?;
                tx.commit().await?;
                return Ok(None);
            }
        };
        let pending = PendingRoles { roles: roles.to_vec(), asked_by: actor.name.to_owned() };
        put_pending(&mut tx, name, &meanwhile, &pending, actor, at).await?;
        tx.commit().await?;
        Ok(Some(pending))
    }

    /// Returns the people who are administrators, or will be once confirmed, and who have had a credential of their
    /// own.
    #[tracing::instrument(name = "store.roles.administrators", skip_all)]
    #[boxed]
    pub async fn administrators(&self) -> Result<Vec<Principal>, StoreError> {
        administrators(&mut self.read().await?).await
    }

    /// Gives a principal the waiting roles, if the actor is a second administrator.
    #[tracing::instrument(name = "store.roles.confirm", skip_all)]
    #[boxed]
    pub async fn confirm_roles(&self, name: &str, who: &Principal, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        chain::lock_chain(&mut tx).await?;
        let known = named(&mut tx, name).await?.ok_or_else(|| StoreError::not_found("principal", name))?;
        let pending = known.pending.ok_or_else(|| StoreError::NothingPending { name: name.to_owned() })?;
        let owner = named(&mut tx, &pending.asked_by).await?.and_then(|asker| asker.owner);
        check_second(&pending, name, who, owner.as_deref())?;
        give(&mut tx, name, &pending.roles, who.into(), at).await?;
        tx.commit().await
    }
}

/// Suspends the deciding roles of a principal until a second administrator confirms that it was this person who
/// replaced the credential that `asked_by` issued. The last administrator who can act keeps the role.
pub(crate) async fn suspend(
    tx: &mut Tx,
    who: &Principal,
    asked_by: &str,
    at: Timestamp,
) -> Result<Option<PendingRoles>, StoreError> {
    chain::lock_chain(tx).await?;
    let known = named(tx, &who.name).await?.ok_or_else(|| StoreError::not_found("principal", &who.name))?;
    let counted = administrators(tx).await?;
    let another = counted.iter().any(|one| one.name != who.name && one.roles.contains(&Role::Admin));
    // As if the administrator gave all of them now.
    let Some(meanwhile) = until_confirmed(&[], &known.roles).filter(|_| counted.len() > 1 && another) else {
        return Ok(None);
    };
    let pending = PendingRoles { roles: known.roles, asked_by: asked_by.to_owned() };
    put_pending(tx, &who.name, &meanwhile, &pending, who.into(), at).await?;
    Ok(Some(pending))
}

/// Records that a principal has had a credential that they made themselves.
pub(crate) async fn mark_own(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE principals SET own = 1 WHERE name = $1 AND own = 0", &[name.into()]).await.map(drop)
}

pub(crate) async fn give(
    tx: &mut Tx,
    name: &str,
    roles: &[Role],
    actor: Actor<'_>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE principals SET roles = $1, pending_roles = NULL, pending_by = NULL WHERE name = $2";
    if tx.execute(sql, &[json(&roles).into(), name.into()]).await? == 0 {
        return Err(StoreError::not_found("principal", name));
    }
    let event = SiteEvent::RolesChanged { name: name.to_owned(), roles: roles.to_vec() };
    append(tx, &event, actor, at).await.map(drop)
}

async fn put_pending(
    tx: &mut Tx,
    name: &str,
    meanwhile: &[Role],
    pending: &PendingRoles,
    actor: Actor<'_>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE principals SET roles = $1, pending_roles = $2, pending_by = $3 WHERE name = $4";
    let PendingRoles { roles, asked_by } = pending;
    tx.execute(sql, &[json(&meanwhile).into(), json(roles).into(), asked_by.into(), name.into()]).await?;
    let event = SiteEvent::RolesAsked {
        name: name.to_owned(),
        roles: roles.clone(),
        meanwhile: meanwhile.to_vec(),
        asked_by: asked_by.clone(),
    };
    append(tx, &event, actor, at).await.map(drop)
}

async fn has_own(tx: &mut Tx, name: &str) -> Result<bool, StoreError> {
    let sql = "SELECT name FROM principals WHERE name = $1 AND own = 1";
    Ok(tx.row(sql, &[name.into()]).await?.is_some())
}

async fn administrators(tx: &mut Tx) -> Result<Vec<Principal>, StoreError> {
    let rows = tx.rows(format!("SELECT {COLUMNS} FROM principals p WHERE p.own = 1 ORDER BY p.name"), &[]).await?;
    let mut found: Vec<Principal> = rows.iter().map(read).collect::<Result<_, _>>()?;
    found.retain(|one| {
        let pending = one.pending.iter().flat_map(|pending| &pending.roles);
        one.kind == PrincipalKind::Person && one.roles.iter().chain(pending).any(|role| *role == Role::Admin)
    });
    Ok(found)
}
