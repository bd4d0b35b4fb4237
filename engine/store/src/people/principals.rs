//! Principals. Every change is also an event of the site in the chain, so that a role that was written into the table
//! by hand is detected.

use crate::boxed::boxed;
use clawback_model::{Actor, PendingRoles, Principal, Timestamp, check_principal_name};

use crate::chain;
use crate::database::dialect::{Row, Tx};
use crate::error::StoreError;
use crate::rows::{json, parse, word};
use crate::site_events::{SiteEvent, append};
use crate::store::Store;

impl Store {
    /// Adds a principal.
    #[tracing::instrument(name = "store.principals.add", skip_all)]
    pub async fn add_principal(
        &self,
        principal: &Principal,
        actor: impl Into<Actor<'_>>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let actor = actor.into();
        let mut tx = self.write().await?;
        put_principal(&mut tx, principal, actor, at).await?;
        tx.commit().await
    }

    /// Returns every principal, by name.
    #[tracing::instrument(name = "store.principals", skip_all)]
    #[boxed]
    pub async fn principals(&self) -> Result<Vec<Principal>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM principals p ORDER BY p.name");
        let rows = self.rows(sql, &[]).await?;
        rows.iter().map(read).collect()
    }

    /// Returns a principal by its name, for display only.
    #[tracing::instrument(name = "store.principals.load", skip_all)]
    #[boxed]
    pub async fn principal(&self, name: &str) -> Result<Principal, StoreError> {
        let found = named(&mut self.read().await?, name).await?;
        found.ok_or_else(|| StoreError::not_found("principal", name))
    }
}

/// Adds a principal inside a larger step.
pub(crate) async fn put_principal(
    tx: &mut Tx,
    principal: &Principal,
    actor: Actor<'_>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Principal { name, kind, roles, owner, pending: _, credential: _ } = principal;
    chain::lock_chain(tx).await?;
    let known = tx.rows("SELECT name FROM principals ORDER BY name", &[]).await?;
    let known = known.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
    check_principal_name(name, known.iter().map(AsRef::as_ref))?;
    tx.execute(
        "INSERT INTO principals (name, kind, roles, created_at, owner) VALUES ($1, $2, $3, $4, $5)",
        &[name.into(), word(kind).into(), json(roles).into(), at.into(), owner.clone().into()],
    )
    .await
    .map_err(|error| error.exists("principal", name))?;
    let (name, roles, owner) = (name.clone(), roles.clone(), owner.clone());
    append(tx, &SiteEvent::PrincipalAdded { name, kind: *kind, roles, owner }, actor, at).await.map(drop)
}

/// Returns the principal of this name, if there is one.
pub(crate) async fn named(tx: &mut Tx, name: &str) -> Result<Option<Principal>, StoreError> {
    let row = tx.row(format!("SELECT {COLUMNS} FROM principals p WHERE p.name = $1"), &[name.into()]).await?;
    row.map(|row| read(&row)).transpose()
}

/// The columns that [`read`] begins with, from `principals p`.
pub(crate) const COLUMNS: &str = "p.name, p.kind, p.roles, p.owner, p.pending_roles, p.pending_by";

/// Reads a principal from a row that begins with [`COLUMNS`].
pub(crate) fn read(row: &Row) -> Result<Principal, StoreError> {
    let name = row.string(0)?;
    let corrupt = |column| StoreError::corrupt("principals", column, &name);
    let kind = serde_json::from_value(row.string(1)?.into()).map_err(|_| corrupt("kind"))?;
    let roles = parse(row, 2, "principals", "roles")?;
    let owner = row.opt_text(3)?.map(Into::into);
    let pending = match (row.opt_text(4)?, row.opt_text(5)?) {
        (Some(roles), Some(asked_by)) => Some(PendingRoles {
            roles: serde_json::from_str(&roles).map_err(|_| corrupt("pending_roles"))?,
            asked_by: asked_by.into_owned(),
        }),
        (None, None) => None,
        _ => return Err(corrupt("pending_by")),
    };
    Ok(Principal { owner, pending, ..Principal::new(name, kind, roles) })
}
