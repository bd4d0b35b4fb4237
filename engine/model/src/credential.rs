//! By what somebody who acts was known: a token or a session, who issued it, and when. Every event that a person or a service
//! causes names it, in the field `credential` of its body.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::principal::Principal;

/// What kind of credential it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// A session that began with a password of this site.
    Password,
    /// A session that began at the identity provider.
    Provider,
    /// A token.
    Token,
}

impl CredentialKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Password, Self::Provider, Self::Token];

    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Provider => "provider",
            Self::Token => "token",
        }
    }
}

/// The credential that a request was authenticated by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Credential {
    /// Session or token.
    pub kind: CredentialKind,
    /// The label of a token; of a session the first 12 hexadecimal digits of the digest that its event `signed-in` carries.
    pub label: String,
    /// The principal who made the token or set the password, or the issuer's URL of the identity provider. Empty: nothing tells.
    pub issued_by: String,
    /// When the token was made, or the session began.
    pub issued_at: Timestamp,
}

impl Credential {
    /// The label of a session: enough of its digest to find its event `signed-in`.
    pub fn session_label(digest: &crate::chain::Digest) -> String {
        digest.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Credential {
    /// One line, as it was given: made safe by whoever shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, label, issued_by, issued_at } = self;
        let by = if issued_by.is_empty() { "nobody knows whom" } else { issued_by };
        match kind {
            CredentialKind::Token => write!(f, "token `{label}`, made by {by} at {issued_at}"),
            CredentialKind::Password => {
                write!(f, "session {label}, begun at {issued_at} with a password set by {by}")
            }
            CredentialKind::Provider => write!(f, "session {label}, begun at {issued_at} at {by}"),
        }
    }
}

/// A credential that its principal has not taken over: somebody else could know it, so it decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "rule own-credential: {}, so it cannot {what}; {name} takes over first, with the command `clawback take-over` or on the page \
     People: change the password that somebody else set, then make a token",
    of(name, credential.as_deref())
)]
pub struct Unowned {
    /// Who was authenticated.
    pub name: String,
    /// By what; none: by nothing.
    pub credential: Option<Box<Credential>>,
    /// What was asked for.
    pub what: &'static str,
}

fn of(name: &str, credential: Option<&Credential>) -> String {
    let Some(credential) = credential else { return format!("{name} was not authenticated") };
    let by = if credential.issued_by.is_empty() { "nobody knows whom" } else { &credential.issued_by };
    match credential.kind {
        CredentialKind::Token => format!("the token `{}` of {name} was made by {by}", credential.label),
        CredentialKind::Password | CredentialKind::Provider => {
            format!("the password of {name} was set by {by}")
        }
    }
}

impl Principal {
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
}

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

/// The body of an event with the credential in it. A body without one stays as it is.
pub fn with_credential(mut body: String, credential: Option<&Credential>) -> String {
    let Some(credential) = credential else { return body };
    // Every event is an object with its kind in it at least.
    if body.pop() == Some('}') {
        body.push_str(",\"credential\":");
        body.push_str(&serde_json::to_string(credential).expect("texts and a number serialize"));
        body.push('}');
    }
    body
}

/// The credential that the body of an event names.
pub fn credential_of(body: &str) -> Option<Credential> {
    #[derive(Deserialize)]
    struct Named {
        credential: Option<Credential>,
    }
    serde_json::from_str(body).ok().and_then(|named: Named| named.credential)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{Decision, Vote};
    use crate::chain::Digest;
    use crate::event::Event;

    #[test]
    fn a_body_with_a_credential_is_the_same_event() {
        let laptop = Credential {
            kind: CredentialKind::Token,
            label: "the \"laptop\"}".into(),
            issued_by: "root".into(),
            issued_at: Timestamp(7),
        };
        let vote = Vote {
            by: "ben".into(),
            decision: Decision::Approve,
            digest: Digest([1; 32]),
            comment: Some("{\"credential\":1}".into()),
            at: Timestamp(10),
            signature: None,
        };
        for event in [Event::Started, Event::PauseRequested { by: "ben".into() }, Event::Voted { vote }] {
            let plain = serde_json::to_string(&event).unwrap();
            assert_eq!(credential_of(&plain), None);
            assert_eq!(with_credential(plain.clone(), None), plain, "older events stay as they are");
            let body = with_credential(plain, Some(&laptop));
            assert_eq!(serde_json::from_str::<Event>(&body).unwrap(), event);
            assert_eq!(credential_of(&body), Some(laptop.clone()));
        }
    }

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

    #[test]
    fn words_say_who_made_it() {
        let mut one = Credential {
            kind: CredentialKind::Token,
            label: "laptop".into(),
            issued_by: "root".into(),
            issued_at: Timestamp(0),
        };
        assert_eq!(one.to_string(), "token `laptop`, made by root at 1970-01-01T00:00:00Z");
        one.kind = CredentialKind::Password;
        assert_eq!(one.to_string(), "session laptop, begun at 1970-01-01T00:00:00Z with a password set by root");
        for kind in CredentialKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.as_str()));
        }
    }
}
