//! The roles that wait for a second administrator, and who may confirm them. A single administrator must not be able to
//! create an approver, neither by giving the role to an invented person nor by setting the password of a person who has
//! it.

use crate::credential::ForeignCredential;
use crate::principal::{PendingRoles, Principal, PrincipalKind, Role};

/// Why an administrator cannot confirm pending roles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConfirmRefused {
    #[error("rule second-administrator: {who} asked for the roles of {name}, so another administrator confirms them")]
    Asked { who: String, name: String },
    #[error(
        "rule second-administrator: {who} owns {asked_by}, who asked for the roles of {name}, so another administrator confirms them"
    )]
    Owner { who: String, asked_by: String, name: String },
    #[error("rule second-administrator: {who} is a service, and people confirm roles")]
    Service { who: String },
    #[error(transparent)]
    ForeignCredential(#[from] ForeignCredential),
}

/// Checks whether this administrator is a second one for the pending roles of `name`. `owner` is the owner of the
/// requester, if that is a service.
///
/// # Errors
/// Returns the rule that is broken.
pub fn check_second(
    pending: &PendingRoles,
    name: &str,
    who: &Principal,
    owner: Option<&str>,
) -> Result<(), ConfirmRefused> {
    let (asked_by, name, by) = (pending.asked_by.clone(), name.to_owned(), who.name.clone());
    if who.kind == PrincipalKind::Service {
        return Err(ConfirmRefused::Service { who: by });
    }
    if by == asked_by {
        return Err(ConfirmRefused::Asked { who: by, name });
    }
    if owner == Some(&by) {
        return Err(ConfirmRefused::Owner { who: by, asked_by, name });
    }
    Ok(who.own_credential("confirm roles")?)
}

/// Returns the roles that a principal has until a second administrator confirms the change; `None` if no confirmation
/// is needed. Giving the roles approver or admin needs one, and so does taking the role admin away: otherwise one
/// administrator could remove all others.
pub fn until_confirmed(before: &[Role], after: &[Role]) -> Option<Vec<Role>> {
    let gains = |role: &Role| after.contains(role) && !before.contains(role);
    let waits = |role: &Role| matches!(role, Role::Approver | Role::Admin) && gains(role);
    let loses_admin = before.contains(&Role::Admin) && !after.contains(&Role::Admin);
    if !loses_admin && !after.iter().any(waits) {
        return None;
    }
    let mut roles: Vec<Role> = after.iter().copied().filter(|role| !waits(role)).collect();
    if loses_admin {
        roles.push(Role::Admin);
    }
    roles.sort_unstable();
    Some(roles)
}

#[cfg(test)]
mod tests {
    use Role::{Admin, Analyst, Approver, Viewer};

    use super::*;
    use crate::clock::Timestamp;
    use crate::credential::{Credential, CredentialKind};

    #[test]
    fn what_decides_waits() {
        for (before, after, meanwhile) in [
            (&[][..], &[Viewer, Analyst][..], None),
            (&[Approver, Admin], &[Approver, Admin, Viewer], None),
            (&[Approver], &[Viewer], None),
            (&[Viewer], &[Viewer, Approver], Some(vec![Viewer])),
            (&[Viewer], &[Analyst, Admin], Some(vec![Analyst])),
            (&[Admin], &[Approver], Some(vec![Admin])),
            (&[Admin, Approver], &[Viewer], Some(vec![Viewer, Admin])),
            (&[], &[Approver, Admin], Some(vec![])),
        ] {
            assert_eq!(until_confirmed(before, after), meanwhile, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_second_is_another_person_by_a_credential_of_their_own() {
        let pending = PendingRoles { roles: vec![Approver], asked_by: "ann".to_owned() };
        let own = |name: &str, kind, issued_by: &str| Principal {
            credential: Some(Credential {
                kind: CredentialKind::Token,
                label: "x".into(),
                issued_by: issued_by.into(),
                issued_at: Timestamp(0),
            }),
            ..Principal::new(name, kind, vec![Admin])
        };
        let ben = own("ben", PrincipalKind::Person, "ben");
        assert_eq!(check_second(&pending, "zoe", &ben, None), Ok(()));
        assert!(matches!(check_second(&pending, "zoe", &ben, Some("ben")), Err(ConfirmRefused::Owner { .. })));
        let ann = own("ann", PrincipalKind::Person, "ann");
        assert!(matches!(check_second(&pending, "zoe", &ann, None), Err(ConfirmRefused::Asked { .. })));
        let bot = own("bot", PrincipalKind::Service, "bot");
        assert!(matches!(check_second(&pending, "zoe", &bot, None), Err(ConfirmRefused::Service { .. })));
        let lent = own("ben", PrincipalKind::Person, "ann");
        assert!(matches!(check_second(&pending, "zoe", &lent, None), Err(ConfirmRefused::ForeignCredential(_))));
    }
}
