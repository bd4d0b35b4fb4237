//! The actor that causes an event.

use crate::credential::{Credential, CredentialKind};
use crate::principal::Principal;

/// The actor that causes an event, as the event records it.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// A principal's name, the issuer's URL of an identity provider, or `automation`.
    pub name: &'a str,
    /// `None` for the program itself.
    pub credential: Option<&'a Credential>,
}

impl<'a> Actor<'a> {
    /// Returns the principal who is responsible for what the actor issues to `owner`. What an owner issues with a
    /// credential that another principal issued is attributed to that other principal.
    pub fn issues_as(self, owner: &str) -> &'a str {
        match self.credential {
            Some(credential) if self.name == owner && credential.kind != CredentialKind::Provider => {
                &credential.issued_by
            }
            _ => self.name,
        }
    }
}

/// The program itself, by the name of one of its loops. There is no conversion from the name of a principal: an
/// authenticated principal is recorded with their credential.
impl<'a> From<&'a str> for Actor<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, credential: None }
    }
}

impl<'a> From<&'a Principal> for Actor<'a> {
    fn from(principal: &'a Principal) -> Self {
        Self { name: &principal.name, credential: principal.credential.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn what_somebody_else_made_is_nobodys_own() {
        use crate::principal::PrincipalKind;
        let by = |kind, issued_by: &str| Principal {
            credential: Some(Credential {
                kind,
                label: "x".into(),
                issued_by: issued_by.into(),
                issued_at: Timestamp(0),
            }),
            ..Principal::new("ben", PrincipalKind::Person, vec![])
        };
        for (kind, issued_by, own) in [
            (CredentialKind::Token, "ben", true),
            (CredentialKind::Token, "root", false),
            (CredentialKind::Token, "", false),
            (CredentialKind::Token, "Ben", false),
            (CredentialKind::Password, "ben", true),
            (CredentialKind::Password, "root", false),
            (CredentialKind::Password, "", false),
            (CredentialKind::Provider, "https://id.example", true),
        ] {
            assert_eq!(by(kind, issued_by).own_credential("vote").is_ok(), own, "{kind:?} {issued_by}");
        }
        let said = by(CredentialKind::Token, "root").own_credential("vote").unwrap_err().to_string();
        assert!(
            said.starts_with("rule own-credential: the token `x` of ben was made by root, so it cannot vote;"),
            "{said}"
        );
        assert!(Principal::new("ben", PrincipalKind::Person, vec![]).own_credential("vote").is_err());

        // A credential made with another's credential is attributed to that other, too.
        let issues = |who: &Principal, owner: &str| Actor::from(who).issues_as(owner).to_owned();
        let unowned = by(CredentialKind::Token, "root");
        assert_eq!((issues(&unowned, "ben"), issues(&unowned, "eve")), ("root".into(), "ben".into()));
        assert_eq!(issues(&by(CredentialKind::Provider, "https://id.example"), "ben"), "ben");
        assert_eq!(issues(&by(CredentialKind::Token, "ben"), "ben"), "ben");
    }
}
