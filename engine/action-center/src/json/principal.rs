//! Principals and their credentials.

use clawback_app::{MadeToken, TokenOrder};
use clawback_model::{Credential, CredentialKind, PendingRoles, Principal, PrincipalKind, Role};
use clawback_store::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A principal: a person, or a service.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrincipalJson {
    /// Unique.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Only a service may submit what a detector suggests.
    #[schema(schema_with = crate::json::words::principal_kind)]
    pub kind: PrincipalKind,
    /// The roles.
    #[schema(schema_with = crate::json::words::roles)]
    pub roles: Vec<Role>,
    /// The person who answers for a service, and never approves what it asks for. Needed for a new service; null for
    /// people.
    #[serde(default)]
    pub owner: Option<String>,
    /// Roles that wait for a second administrator; null if none do. Only in answers.
    #[serde(default)]
    pub pending: Option<PendingRolesJson>,
}

/// The roles that a principal gets once another administrator confirms them.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PendingRolesJson {
    /// All roles after the change.
    #[schema(schema_with = crate::json::words::roles)]
    pub roles: Vec<Role>,
    /// The administrator who asked, or whose credential the principal took over: somebody else confirms.
    pub asked_by: String,
}

impl From<PendingRoles> for PendingRolesJson {
    fn from(pending: PendingRoles) -> Self {
        Self { roles: pending.roles, asked_by: pending.asked_by }
    }
}

impl From<Principal> for PrincipalJson {
    fn from(principal: Principal) -> Self {
        let Principal { name, kind, roles, owner, pending, credential: _ } = principal;
        Self { name, kind, roles, owner, pending: pending.map(Into::into) }
    }
}

impl From<PrincipalJson> for Principal {
    fn from(given: PrincipalJson) -> Self {
        Self { owner: given.owner, ..Self::new(given.name, given.kind, given.roles) }
    }
}

/// The credential of an event's actor.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CredentialJson {
    /// A token, or a session that began with a password or at the identity provider.
    #[schema(schema_with = crate::json::words::credential_kind)]
    pub kind: CredentialKind,
    /// The label of a token; of a session, the first 12 digits of the digest in its event `signed-in`.
    pub label: String,
    /// Who made the token or set the password, or the issuer's URL; empty if unknown.
    pub issued_by: String,
    /// When the token was made, or the session began.
    pub issued_at: String,
    /// All of it in one line.
    pub in_words: String,
}

impl From<Credential> for CredentialJson {
    fn from(credential: Credential) -> Self {
        Self {
            in_words: credential.to_string(),
            kind: credential.kind,
            label: credential.label,
            issued_by: credential.issued_by,
            issued_at: credential.issued_at.to_string(),
        }
    }
}

/// The new roles of a principal.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolesJson {
    /// All of them.
    #[schema(schema_with = crate::json::words::roles)]
    pub roles: Vec<Role>,
}

/// A password to sign in with.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordJson {
    /// At least 15 characters, at most 1,024 bytes.
    #[schema(format = Password)]
    pub password: String,
}

/// A request to replace credentials that somebody else issued.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeOverJson {
    /// The password that somebody else set.
    #[schema(format = Password)]
    pub password: String,
    /// The new password: at least 15 characters, at most 1,024 bytes.
    #[schema(format = Password)]
    pub new_password: String,
    /// The first token that the principal makes.
    #[serde(default)]
    pub token: TokenOrderJson,
}

/// A token without its secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct TokenJson {
    pub principal: String,
    pub label: String,
    pub created_at: String,
    pub expires_at: Option<String>,
    pub revoked_at: Option<String>,
    /// Who made it; empty if unknown.
    pub issued_by: String,
    /// The subset of the principal's roles that it has; null: all of them.
    #[schema(schema_with = crate::json::words::roles_or_null)]
    pub roles: Option<Vec<Role>>,
}

impl From<Token> for TokenJson {
    fn from(token: Token) -> Self {
        Self {
            principal: token.principal,
            label: token.label,
            created_at: token.created_at.to_string(),
            expires_at: token.expires_at.map(|at| at.to_string()),
            revoked_at: token.revoked_at.map(|at| at.to_string()),
            issued_by: token.issued_by,
            roles: token.scope,
        }
    }
}

/// A token to be made.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenOrderJson {
    /// What it is for; unique among its owner's tokens. Default: the time at which it is made.
    #[schema(max_length = 200)]
    pub label: String,
    /// Days until it expires; default: never.
    #[schema(minimum = 1, maximum = 3650)]
    pub days: Option<u32>,
    /// The subset of its owner's roles that it has; empty: all of them.
    #[schema(schema_with = crate::json::words::roles)]
    pub roles: Vec<Role>,
}

impl From<TokenOrderJson> for TokenOrder {
    fn from(given: TokenOrderJson) -> Self {
        Self { label: given.label, days: given.days, roles: given.roles }
    }
}

impl From<TokenOrder> for TokenOrderJson {
    fn from(order: TokenOrder) -> Self {
        Self { label: order.label, days: order.days, roles: order.roles }
    }
}

/// A token that was just made.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct MadeTokenJson {
    /// The secret: shown only here.
    pub token: String,
    /// Its label.
    pub label: String,
    /// When it expires.
    pub expires_at: Option<String>,
    /// Its owner's roles that wait for a second administrator, since they took over what another issued; null
    /// otherwise.
    #[serde(default)]
    pub pending: Option<PendingRolesJson>,
}

impl From<&MadeToken> for MadeTokenJson {
    fn from(made: &MadeToken) -> Self {
        Self {
            token: made.secret.reveal().to_owned(),
            label: made.label.clone(),
            expires_at: made.expires.map(|at| at.to_string()),
            pending: made.pending.clone().map(Into::into),
        }
    }
}

/// The token that is to be revoked.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationJson {
    /// Its label.
    pub label: String,
}
