//! Principals and their tokens. Of a token only the sha256 is kept: whoever reads the database cannot act with it. Every
//! change is also an event of the site in the chain, so a role that somebody writes into the table by hand shows.

use clawback_model::{
    Actor, Credential, CredentialKind, Digest, PendingRoles, Principal, PrincipalKind, RemediationId, Role, Sweep,
    SweepEnd, Timestamp, Timetable, check_principal_name,
};
use serde::{Deserialize, Serialize};

use crate::chain;
use crate::dialect::{Row, Tx};
use crate::error::StoreError;
use crate::remediations::{json, parse, word};
use crate::roles::mark_own;
use crate::store::Store;

/// A token as it is listed: never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Token {
    pub principal: String,
    pub label: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// The only ones of the principal's roles that it brings; none: all of them.
    pub scope: Option<Vec<Role>>,
    /// Who made it; empty: nothing tells.
    pub issued_by: String,
}

/// What a new token is for.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenTerms<'a> {
    /// Unique per principal.
    pub label: &'a str,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// The only ones of the principal's roles that it brings; none: all of them.
    pub scope: Option<&'a [Role]>,
}

impl<'a> TokenTerms<'a> {
    /// All roles, for ever.
    pub fn labelled(label: &'a str) -> Self {
        Self { label, ..Self::default() }
    }
}

/// What happens to the site itself rather than to a remediation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub(crate) enum SiteEvent {
    PrincipalAdded {
        name: String,
        kind: PrincipalKind,
        roles: Vec<Role>,
        /// Of a service; left out in older histories.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    RolesChanged {
        name: String,
        roles: Vec<Role>,
    },
    /// Roles that wait for a second administrator, and those that the principal has until then.
    RolesAsked {
        name: String,
        roles: Vec<Role>,
        meanwhile: Vec<Role>,
        asked_by: String,
    },
    TokenAdded {
        principal: String,
        label: String,
        digest: Digest,
        expires_at: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Vec<Role>>,
        /// Left out in older histories: the actor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issued_by: Option<String>,
    },
    TokenRevoked {
        principal: String,
        label: String,
    },
    PasswordSet {
        principal: String,
        digest: Digest,
        /// Left out in older histories: the actor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_by: Option<String>,
    },
    IdentityLinked {
        principal: String,
        issuer: String,
        subject: String,
    },
    SchedulePaused {
        name: String,
    },
    ScheduleResumed {
        name: String,
    },
    ScheduleSet {
        name: String,
        timetable: Timetable,
    },
    ScheduleRemoved {
        name: String,
    },
    SweepBegun {
        remediation: String,
        sweep: Sweep,
    },
    SweepEnded {
        remediation: RemediationId,
        why: SweepEnd,
    },
    SignedIn {
        principal: String,
        session: Digest,
        expires_at: Timestamp,
        at_provider: bool,
    },
    /// Written once over a history that is older than the events of this step of the schema.
    Upgraded {
        schema: i64,
    },
    Halted {
        reason: String,
    },
    Unhalted,
    EvidenceRead {
        digest: Digest,
        remediation: String,
        seq: u32,
    },
    MessageRead {
        digest: Digest,
        remediation: String,
        seq: u32,
    },
    MessagesRemoved {
        remediation: String,
        messages: u64,
    },
}

impl SiteEvent {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::PrincipalAdded { .. } => "principal-added",
            Self::RolesChanged { .. } => "roles-changed",
            Self::RolesAsked { .. } => "roles-asked",
            Self::TokenAdded { .. } => "token-added",
            Self::TokenRevoked { .. } => "token-revoked",
            Self::PasswordSet { .. } => "password-set",
            Self::IdentityLinked { .. } => "identity-linked",
            Self::SchedulePaused { .. } => "schedule-paused",
            Self::ScheduleResumed { .. } => "schedule-resumed",
            Self::ScheduleSet { .. } => "schedule-set",
            Self::ScheduleRemoved { .. } => "schedule-removed",
            Self::SweepBegun { .. } => "sweep-begun",
            Self::SweepEnded { .. } => "sweep-ended",
            Self::SignedIn { .. } => "signed-in",
            Self::Upgraded { .. } => "upgraded",
            Self::Halted { .. } => "halted",
            Self::Unhalted => "unhalted",
            Self::EvidenceRead { .. } => "evidence-read",
            Self::MessageRead { .. } => "message-read",
            Self::MessagesRemoved { .. } => "messages-removed",
        }
    }
}

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

    /// Every principal, by name.
    #[tracing::instrument(name = "store.principals", skip_all)]
    pub async fn principals(&self) -> Result<Vec<Principal>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM principals p ORDER BY p.name");
        let rows = self.read().await?.rows(sql, &[]).await?;
        rows.iter().map(read).collect()
    }

    /// A principal by its name: to show, not to act as.
    #[tracing::instrument(name = "store.principals.load", skip_all)]
    pub async fn principal(&self, name: &str) -> Result<Principal, StoreError> {
        let found = named(&mut self.read().await?, name).await?;
        found.ok_or_else(|| StoreError::not_found("principal", name))
    }

    /// Adds a token by the digest of its secret. A scope takes away: the token brings those of the principal's roles that stand
    /// in it.
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

    /// Whose token this is, if it is good now, with the roles that it brings.
    #[tracing::instrument(name = "store.tokens.find", skip_all)]
    pub async fn principal_by_token(&self, secret: &Digest, now: Timestamp) -> Result<Option<Principal>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, t.scope, t.label, t.issued_by, t.created_at FROM tokens t \
             JOIN principals p ON p.name = t.principal \
             WHERE t.digest = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)"
        );
        let Some(row) = self.read().await?.row(sql, &[secret.to_string().into(), now.into()]).await? else {
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
            // Whoever has any role may read, so a token to read with is of less than any.
            let reads = !principal.roles.is_empty() && scope.contains(&Role::Viewer);
            principal.roles.retain(|role| scope.contains(role));
            if reads && principal.roles.is_empty() {
                principal.roles.push(Role::Viewer);
            }
        }
        Ok(Some(principal))
    }

    /// Every token, by principal and label.
    #[tracing::instrument(name = "store.tokens", skip_all)]
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let sql = "SELECT principal, label, created_at, expires_at, revoked_at, scope, issued_by FROM tokens \
                   ORDER BY principal, label";
        let rows = self.read().await?.rows(sql, &[]).await?;
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

    /// Makes a token void. Revoking it again changes nothing.
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
        // Another may have been faster; then its event tells it.
        if tx.execute(sql, &[at.into(), principal.into(), label.into()]).await? == 1 {
            let event = SiteEvent::TokenRevoked { principal: principal.to_owned(), label: label.to_owned() };
            append(&mut tx, &event, actor, at).await?;
        }
        tx.commit().await
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

/// Appends an event of the site; gives its number.
pub(crate) async fn append(tx: &mut Tx, event: &SiteEvent, actor: Actor<'_>, at: Timestamp) -> Result<i64, StoreError> {
    chain::append(tx, None, actor, event.kind(), json(event), at).await
}

/// The principal of this name, if there is one.
pub(crate) async fn named(tx: &mut Tx, name: &str) -> Result<Option<Principal>, StoreError> {
    let row = tx.row(format!("SELECT {COLUMNS} FROM principals p WHERE p.name = $1"), &[name.into()]).await?;
    row.map(|row| read(&row)).transpose()
}

/// The scope of a token in this column.
pub(crate) fn scope(row: &Row, column: usize) -> Result<Option<Vec<Role>>, StoreError> {
    let Some(text) = row.opt_text(column)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|_| StoreError::corrupt("tokens", "scope", text))
}

/// The columns that [`read`] begins with, of the table `principals p`.
pub(crate) const COLUMNS: &str = "p.name, p.kind, p.roles, p.owner, p.pending_roles, p.pending_by";

/// A principal from a row that begins with [`COLUMNS`].
pub(crate) fn read(row: &Row) -> Result<Principal, StoreError> {
    let name = row.string(0)?;
    let corrupt = |column| StoreError::corrupt("principals", column, &name);
    let kind = serde_json::from_value(row.string(1)?.into()).map_err(|_| corrupt("kind"))?;
    let roles = parse(row, 2, "principals", "roles")?;
    let owner = row.opt_text(3)?.map(Into::into);
    let pending = match row.opt_text(4)? {
        Some(roles) => Some(PendingRoles {
            roles: serde_json::from_str(&roles).map_err(|_| corrupt("pending_roles"))?,
            asked_by: row.string(5)?,
        }),
        None => None,
    };
    Ok(Principal { owner, pending, ..Principal::new(name, kind, roles) })
}
