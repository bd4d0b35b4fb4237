//! Principals, their roles and permissions.

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::action::Action;
use crate::credential::{Credential, CredentialKind, ForeignCredential};

/// A role. A principal may have several.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumCount,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads the history.
    Viewer,
    /// Submits remediations.
    Analyst,
    /// Approves and rejects: the reference product's Search and Purge.
    Approver,
    /// Manages principals, and halts the site.
    Admin,
    /// Reads the content of messages, in mailboxes and as evidence.
    Examiner,
    /// With the role analyst, requests hard deletes; with the role approver, approves them.
    Purger,
    /// Suggests remediations, as a detector does.
    Suggester,
}

words!(Role, "role");

/// An operation that a principal may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Read remediations and history.
    Read,
    /// Submit, plan and run remediations; undo and retry them.
    Submit,
    /// Vote on approvals.
    Decide,
    /// Pause, resume and cancel.
    Control,
    /// Manage principals and tokens, halt the site and lift the halt.
    Administer,
    /// Read the content of messages, in mailboxes and as evidence.
    Examine,
    /// Request a hard delete, and approve one; required in addition to the permission to submit or decide.
    Purge,
    /// Suggest remediations from outside; for services.
    Suggest,
}

impl Permission {
    /// Returns the role that grants it, for error messages.
    pub const fn role(self) -> Role {
        match self {
            Self::Read => Role::Viewer,
            Self::Submit | Self::Control => Role::Analyst,
            Self::Decide => Role::Approver,
            Self::Administer => Role::Admin,
            Self::Examine => Role::Examiner,
            Self::Purge => Role::Purger,
            Self::Suggest => Role::Suggester,
        }
    }
}

/// A person or a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum PrincipalKind {
    Person,
    Service,
}

words!(PrincipalKind, "principal kind");

/// The roles that a principal gets when another administrator confirms them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRoles {
    /// All roles after the confirmation.
    pub roles: Vec<Role>,
    /// The administrator who gave them, or whose credential the principal took over. Empty if not recorded.
    pub asked_by: String,
}

/// A principal. It is always found by a credential, never by a name that the caller gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Unique name, as recorded in the history.
    pub name: String,
    /// Person or program.
    pub kind: PrincipalKind,
    /// The roles it has.
    pub roles: Vec<Role>,
    /// The person who is responsible for a service, and who never approves what it requests. `None` for people, and for
    /// services of older histories.
    pub owner: Option<String>,
    /// Roles that wait for a second administrator.
    pub pending: Option<PendingRoles>,
    /// The credential by which it was authenticated; `None` for one that is only shown, and for the program itself.
    pub credential: Option<Credential>,
}

impl Principal {
    /// Creates a principal that was not authenticated, to add or to show.
    pub fn new(name: impl Into<String>, kind: PrincipalKind, roles: Vec<Role>) -> Self {
        Self { name: name.into(), kind, roles, owner: None, pending: None, credential: None }
    }

    /// Creates a service with this owner.
    pub fn service(name: impl Into<String>, roles: Vec<Role>, owner: impl Into<String>) -> Self {
        Self { owner: Some(owner.into()), ..Self::new(name, PrincipalKind::Service, roles) }
    }

    /// Refuses a principal who acts with a credential that another issued. Their own are a session from the identity
    /// provider, a session by a password that they set themselves, and a token that they made with one of these.
    ///
    /// # Errors
    /// Names who issued the credential, and how to replace it.
    pub fn own_credential(&self, what: &'static str) -> Result<(), ForeignCredential> {
        let owned = self
            .credential
            .as_ref()
            .is_some_and(|credential| credential.kind == CredentialKind::Provider || credential.issued_by == self.name);
        if owned {
            return Ok(());
        }
        Err(ForeignCredential { name: self.name.clone(), credential: self.credential.clone().map(Box::new), what })
    }

    /// Returns whether it is a service without an owner, added before services had owners.
    pub fn lacks_owner(&self) -> bool {
        self.kind == PrincipalKind::Service && self.owner.is_none()
    }

    /// Returns whether one of the roles allows it. An admin may do everything except decide, delete permanently and
    /// read other people's mail, which require roles of their own.
    pub fn may(&self, permission: Permission) -> bool {
        self.roles.iter().any(|role| match permission {
            Permission::Read => true,
            Permission::Submit => matches!(role, Role::Analyst | Role::Approver | Role::Admin),
            Permission::Suggest => matches!(role, Role::Analyst | Role::Approver | Role::Admin | Role::Suggester),
            Permission::Control => matches!(role, Role::Analyst | Role::Approver | Role::Admin),
            Permission::Decide => *role == Role::Approver,
            Permission::Administer => *role == Role::Admin,
            Permission::Examine => *role == Role::Examiner,
            Permission::Purge => *role == Role::Purger,
        })
    }

    /// Returns whether the roles allow to submit and to approve this action. A hard delete cannot be undone, so it takes
    /// [`Permission::Purge`], which is checked beside the permission for the request or the vote.
    pub fn may_order(&self, action: Action) -> bool {
        action != Action::HardDelete || self.may(Permission::Purge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_it_is_for() {
        use Permission::{Administer, Control, Decide, Examine, Purge, Read, Submit, Suggest};
        let all = [Read, Submit, Decide, Control, Administer, Examine, Purge, Suggest];
        for (role, allowed) in [
            (Role::Viewer, &[Read][..]),
            (Role::Analyst, &[Read, Submit, Control, Suggest]),
            (Role::Approver, &[Read, Submit, Decide, Control, Suggest]),
            (Role::Admin, &[Read, Submit, Control, Administer, Suggest]),
            (Role::Examiner, &[Read, Examine]),
            (Role::Purger, &[Read, Purge]),
            (Role::Suggester, &[Read, Suggest]),
        ] {
            let who = Principal::new("ann", PrincipalKind::Person, vec![role]);
            let may: Vec<_> = all.into_iter().filter(|permission| who.may(*permission)).collect();
            assert_eq!(may, allowed, "{role}");
        }
        let nobody = Principal::new("ann", PrincipalKind::Person, vec![]);
        assert!(all.into_iter().all(|permission| !nobody.may(permission)));
        for permission in all {
            let who = Principal { roles: vec![permission.role()], ..nobody.clone() };
            assert!(who.may(permission), "{permission:?}: an error names a role that helps");
        }
    }
}
