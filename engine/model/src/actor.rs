//! Who causes an event.

use crate::credential::{Credential, CredentialKind};
use crate::principal::Principal;

/// Who causes an event, as the event names them.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// A principal's name, the issuer's URL of an identity provider, or `automation`.
    pub name: &'a str,
    /// None: the program itself.
    pub credential: Option<&'a Credential>,
}

impl<'a> Actor<'a> {
    /// Who is behind what the actor makes or sets for `owner`. What an owner makes by a credential that somebody else made is still
    /// that other's.
    pub fn issues_as(self, owner: &str) -> &'a str {
        match self.credential {
            Some(credential) if self.name == owner && credential.kind != CredentialKind::Provider => {
                &credential.issued_by
            }
            _ => self.name,
        }
    }
}

/// The program itself, under the name of one of its loops. A principal is no text: whoever was authenticated is named with their
/// credential.
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

        // What is made by it is no more one's own than it is.
        let issues = |who: &Principal, owner: &str| Actor::from(who).issues_as(owner).to_owned();
        let unowned = by(CredentialKind::Token, "root");
        assert_eq!((issues(&unowned, "ben"), issues(&unowned, "eve")), ("root".into(), "ben".into()));
        assert_eq!(issues(&by(CredentialKind::Provider, "https://id.example"), "ben"), "ben");
        assert_eq!(issues(&by(CredentialKind::Token, "ben"), "ben"), "ben");
    }
}
