//! Who acts, and what they may do.

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::credential::{Credential, CredentialKind, Unowned};

/// A role. One principal may have several.
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
    /// Reads history.
    Viewer,
    /// Submits remediations.
    Analyst,
    /// Approves and rejects: the reference product's Search and Purge.
    Approver,
    /// Manages principals, and halts the site.
    Admin,
    /// Reads what messages say, where they lie and as evidence.
    Examiner,
    /// With the role of an analyst, asks for hard deletes; with that of an approver, approves them.
    Purger,
    /// Suggests remediations, as a detector does.
    Suggester,
}

words!(Role, "role");

/// Something a principal may be allowed to do.
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
    /// Manage principals and tokens, throw the kill switch and take it back.
    Administer,
    /// Read what messages say, where they lie and as evidence.
    Examine,
    /// Ask for a hard delete, and approve one: both beside what asks for these.
    Purge,
    /// Suggest remediations from outside; for services.
    Suggest,
}

impl Permission {
    /// The role that grants it, for error messages.
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

/// The roles that a principal gets once another administrator confirms them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRoles {
    /// All roles of then.
    pub roles: Vec<Role>,
    /// The administrator who gave them, or whose credential the principal took over. Empty: nothing tells.
    pub asked_by: String,
}

/// Who acts. Always found by a token, never by a name that the caller gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Unique name, as it stands in the history.
    pub name: String,
    /// Person or program.
    pub kind: PrincipalKind,
    /// What it may do.
    pub roles: Vec<Role>,
    /// The person who answers for a service, and never approves what it asks for. None for people, and for services of older
    /// histories.
    pub owner: Option<String>,
    /// Roles that wait for a second administrator.
    pub pending: Option<PendingRoles>,
    /// By what it was authenticated; none for one that is only shown, and for the program itself.
    pub credential: Option<Credential>,
}

impl Principal {
    /// One that was not authenticated: to add, or to show.
    pub fn new(name: impl Into<String>, kind: PrincipalKind, roles: Vec<Role>) -> Self {
        Self { name: name.into(), kind, roles, owner: None, pending: None, credential: None }
    }

    /// A service of this owner.
    pub fn service(name: impl Into<String>, roles: Vec<Role>, owner: impl Into<String>) -> Self {
        Self { owner: Some(owner.into()), ..Self::new(name, PrincipalKind::Service, roles) }
    }

    /// Refuses whoever acts by a credential that is not their own. Their own are a session from the identity provider, a session
    /// by a password that they set themselves, and a token that they made by one of these.
    ///
    /// # Errors
    /// Names who made the credential, and how it is taken over.
    pub fn own_credential(&self, what: &'static str) -> Result<(), Unowned> {
        let owned = self
            .credential
            .as_ref()
            .is_some_and(|credential| credential.kind == CredentialKind::Provider || credential.issued_by == self.name);
        if owned {
            return Ok(());
        }
        Err(Unowned { name: self.name.clone(), credential: self.credential.clone().map(Box::new), what })
    }

    /// Whether it is a service that nobody owns: it was added before services had owners.
    pub fn lacks_owner(&self) -> bool {
        self.kind == PrincipalKind::Service && self.owner.is_none()
    }

    /// Whether one of the roles allows it. An admin may do everything but decide, delete for good and read other people's
    /// mail: these ask for the roles of their own.
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
