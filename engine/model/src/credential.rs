//! The credential by which an actor was authenticated: a token or a session, who issued it, and when. Every event that
//! a person or a service causes names it in the field `credential` of its body.

use std::fmt;

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::clock::Timestamp;

/// The kind of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// A session that began with a password of this site.
    Password,
    /// A session that began at the identity provider.
    Provider,
    /// A token.
    Token,
}

words!(CredentialKind, "credential kind");

/// The credential that a request was authenticated by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Credential {
    /// Session or token.
    pub kind: CredentialKind,
    /// The label of a token; for a session, the first 12 hexadecimal digits of the digest that its event `signed-in`
    /// carries.
    pub label: String,
    /// The principal who made the token or set the password, or the issuer's URL of the identity provider. Empty if not
    /// recorded.
    pub issued_by: String,
    /// When the token was made, or the session began.
    pub issued_at: Timestamp,
}

impl Credential {
    /// Returns the label of a session: enough of its digest to find its event `signed-in`.
    pub fn session_label(digest: &crate::sha256::Digest) -> String {
        digest.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Credential {
    /// Formats the credential as one line, unescaped; the caller escapes it for its output.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, label, issued_by, issued_at } = self;
        let by = if issued_by.is_empty() { "an unknown principal" } else { issued_by };
        match kind {
            CredentialKind::Token => write!(f, "token `{label}`, made by {by} at {issued_at}"),
            CredentialKind::Password => {
                write!(f, "session {label}, begun at {issued_at} with a password set by {by}")
            }
            CredentialKind::Provider => write!(f, "session {label}, begun at {issued_at} at {by}"),
        }
    }
}

/// A credential that another principal issued and its owner has not replaced. Another may know it, so it must not
/// decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "rule own-credential: {}, so it cannot {what}; {name} takes over first, with the command `clawback take-over` or on the page \
     People: change the password that somebody else set, then make a token",
    of(name, credential.as_deref())
)]
pub struct ForeignCredential {
    /// The principal that was authenticated.
    pub name: String,
    /// The credential; `None` if there was none.
    pub credential: Option<Box<Credential>>,
    /// The permission that was requested.
    pub what: &'static str,
}

impl ForeignCredential {
    /// Returns who issued the credential; empty if not recorded.
    pub fn issued_by(&self) -> &str {
        self.credential.as_ref().map_or("", |credential| &credential.issued_by)
    }
}

fn of(name: &str, credential: Option<&Credential>) -> String {
    let Some(credential) = credential else { return format!("{name} was not authenticated") };
    let by = if credential.issued_by.is_empty() { "an unknown principal" } else { &credential.issued_by };
    match credential.kind {
        CredentialKind::Token => format!("the token `{}` of {name} was made by {by}", credential.label),
        CredentialKind::Password | CredentialKind::Provider => {
            format!("the password of {name} was set by {by}")
        }
    }
}

/// Adds the credential to the body of an event. Without one the body is unchanged.
pub fn with_credential(mut body: String, credential: Option<&Credential>) -> String {
    let Some(credential) = credential else { return body };
    // Every event is an object with at least its kind.
    if body.pop() == Some('}') {
        body.push_str(",\"credential\":");
        body.push_str(&serde_json::to_string(credential).expect("texts and a number serialize"));
        body.push('}');
    }
    body
}

/// Returns the credential that the body of an event names.
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
    use crate::event::Event;
    use crate::sha256::Digest;
    use crate::vote::{Decision, Vote};

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
