//! SASL mechanisms: the choice among those that the server offers, and the messages of an exchange.

use data_encoding::BASE64;

use crate::granted::sasl::Identity;
use crate::granted::scram::{Hash, Scram, ScramError};
use crate::granted::secret::Secret;

/// A login mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    External,
    ScramSha256,
    ScramSha1,
    Plain,
    Login,
    Xoauth2,
    Oauthbearer,
}

impl Mechanism {
    /// Returns its name in `AUTH=`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::External => "EXTERNAL",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::Xoauth2 => "XOAUTH2",
            Self::Oauthbearer => "OAUTHBEARER",
        }
    }

    /// Returns whether it is SCRAM, whose challenges prove the password without sending it, and verify the server.
    pub(crate) fn is_scram(self) -> bool {
        matches!(self, Self::ScramSha256 | Self::ScramSha1)
    }

    /// Returns the mechanisms for an identity, strongest first.
    pub(crate) fn of(identity: &Identity) -> &'static [Self] {
        match identity {
            // LOGIN cannot name the identity to act as.
            Identity::Plain { act_as, .. } if act_as.is_empty() => {
                &[Self::ScramSha256, Self::ScramSha1, Self::Plain, Self::Login]
            }
            Identity::Plain { .. } => &[Self::ScramSha256, Self::ScramSha1, Self::Plain],
            Identity::Token { .. } => &[Self::Xoauth2, Self::Oauthbearer],
            Identity::External { .. } => &[Self::External],
        }
    }
}

/// Returns the mechanisms that both sides support, strongest first.
pub(crate) fn common(identity: &Identity, offered: &[String]) -> Vec<Mechanism> {
    let known = Mechanism::of(identity).iter().copied();
    known.filter(|mechanism| names(offered).any(|name| name.eq_ignore_ascii_case(mechanism.name()))).collect()
}

/// Returns the error if both sides have none in common.
pub(crate) fn none_in_common(identity: &Identity, offered: &[String]) -> String {
    let known = Mechanism::of(identity).iter().map(|mechanism| mechanism.name()).collect::<Vec<_>>().join(", ");
    let offered = names(offered).map(|name| clawback_model::visible_line(name, 40)).collect::<Vec<_>>().join(", ");
    let offers = if offered.is_empty() { "no SASL mechanism".to_owned() } else { offered };
    format!("the server offers {offers} here; this `auth` can log in by {known}")
}

fn names(offered: &[String]) -> impl Iterator<Item = &str> {
    offered
        .iter()
        .filter_map(|atom| atom.split_at_checked(5))
        .filter_map(|(key, name)| key.eq_ignore_ascii_case("AUTH=").then_some(name))
}

/// The client's side of one exchange.
pub(crate) enum Exchange {
    /// A single message.
    Once {
        first: Secret,
        on_refusal: &'static str,
    },
    /// User and password, each when requested.
    Login {
        left: Vec<Secret>,
    },
    Scram(Box<Scram>),
}

impl Exchange {
    /// Begins an exchange. `server` is the host and port of the login.
    pub(crate) fn new(mechanism: Mechanism, identity: &Identity, server: (&str, u16)) -> Result<Self, ScramError> {
        let once = |first: String| Self::Once { first: Secret::new(first), on_refusal: "" };
        Ok(match (identity, mechanism) {
            (Identity::Plain { act_as, user, password }, Mechanism::ScramSha256) => {
                Self::Scram(Box::new(Scram::new(Hash::Sha256, act_as, user, password)?))
            }
            (Identity::Plain { act_as, user, password }, Mechanism::ScramSha1) => {
                Self::Scram(Box::new(Scram::new(Hash::Sha1, act_as, user, password)?))
            }
            (Identity::Plain { user, password, .. }, Mechanism::Login) => {
                Self::Login { left: vec![password.clone(), Secret::new(user.clone())] }
            }
            (Identity::Plain { act_as, user, password }, _) => once(format!("{act_as}\0{user}\0{}", password.expose())),
            (Identity::Token { user, token }, Mechanism::Oauthbearer) => {
                let user = user.replace('=', "=3D").replace(',', "=2C");
                let (host, port) = server;
                let token = token.secret.expose();
                let first = format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01");
                Self::Once { first: Secret::new(first), on_refusal: "\x01" }
            }
            (Identity::Token { user, token }, _) => {
                once(format!("user={user}\x01auth=Bearer {}\x01\x01", token.secret.expose()))
            }
            (Identity::External { act_as }, _) => once(act_as.clone()),
        })
    }

    /// Returns the initial response in base64; `None` if the server sends the first message.
    pub(crate) fn first(&self) -> Option<Secret> {
        match self {
            Self::Once { first, .. } => Some(encoded(first.expose())),
            Self::Scram(scram) => Some(encoded(&scram.first())),
            Self::Login { .. } => None,
        }
    }

    /// Returns the response to a challenge, both in base64.
    pub(crate) fn answer(&mut self, challenge: &str) -> Result<Secret, ScramError> {
        match self {
            // These mechanisms send the reason of a refusal as a challenge, to be answered by an empty response (RFC
            // 7628 3.2.3: by ^A).
            Self::Once { on_refusal, .. } => Ok(encoded(on_refusal)),
            Self::Login { left } => Ok(left.pop().map_or_else(|| Secret::new(""), |one| encoded(one.expose()))),
            Self::Scram(scram) => {
                let bytes = BASE64.decode(challenge.trim().as_bytes()).map_err(|_| ScramError::Malformed)?;
                let text = String::from_utf8(bytes).map_err(|_| ScramError::Malformed)?;
                Ok(encoded(&scram.answer(&text)?))
            }
        }
    }

    /// Checks the exchange after the server reported success.
    pub(crate) fn finish(&self) -> Result<(), ScramError> {
        if let Self::Scram(scram) = self { scram.finish() } else { Ok(()) }
    }
}

fn encoded(text: &str) -> Secret {
    Secret::new(BASE64.encode(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::granted::token::source::{Credential, Scheme};

    fn offered(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn admin(act_as: &str) -> Identity {
        Identity::Plain { act_as: act_as.into(), user: "admin".into(), password: Secret::new("pw") }
    }

    fn bearer(token: &str) -> Credential {
        let secret = Secret::new(token);
        Credential { scheme: Scheme::Bearer, hidden: secret.clone(), secret }
    }

    fn decoded(secret: &Secret) -> String {
        String::from_utf8(BASE64.decode(secret.expose().as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn the_strongest_that_both_know() {
        let all = offered("IMAP4rev1 AUTH=LOGIN auth=plain AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256 AUTH=GSSAPI");
        assert_eq!(common(&admin(""), &all)[0], Mechanism::ScramSha256);
        assert_eq!(common(&admin(""), &offered("AUTH=LOGIN AUTH=PLAIN")), [Mechanism::Plain, Mechanism::Login]);
        assert!(common(&admin("u1"), &offered("AUTH=LOGIN")).is_empty(), "LOGIN cannot act for another");
        let token = Identity::Token { user: "u".into(), token: bearer("t") };
        assert_eq!(common(&token, &offered("AUTH=OAUTHBEARER AUTH=PLAIN")), [Mechanism::Oauthbearer]);
        let said = none_in_common(&admin("u1"), &offered("IMAP4rev1 AUTH=CRAM-MD5 AUTH=GSSAPI"));
        assert!(said.contains("CRAM-MD5, GSSAPI") && said.contains("SCRAM-SHA-256, SCRAM-SHA-1, PLAIN"), "{said}");
    }

    #[test]
    fn what_is_said_first() {
        let first = |mechanism, identity: &Identity| {
            decoded(&Exchange::new(mechanism, identity, ("mail.example", 993)).unwrap().first().unwrap())
        };
        assert_eq!(first(Mechanism::Plain, &admin("u1")), "u1\0admin\0pw");
        let token = Identity::Token { user: "u,1".into(), token: bearer("t") };
        assert_eq!(first(Mechanism::Xoauth2, &token), "user=u,1\x01auth=Bearer t\x01\x01");
        let bearer = "n,a=u=2C1,\x01host=mail.example\x01port=993\x01auth=Bearer t\x01\x01";
        assert_eq!(first(Mechanism::Oauthbearer, &token), bearer);
        assert_eq!(first(Mechanism::External, &Identity::External { act_as: "u1".into() }), "u1");
        assert!(first(Mechanism::ScramSha256, &admin("u1")).starts_with("n,a=u1,n=admin,r="));
    }

    #[test]
    fn login_says_user_then_password() {
        let mut login = Exchange::new(Mechanism::Login, &admin(""), ("h", 1)).unwrap();
        assert!(login.first().is_none());
        let said = [(); 3].map(|()| decoded(&login.answer("VXNlcg==").unwrap()));
        assert_eq!(said, ["admin", "pw", ""]);
    }

    #[test]
    fn a_refused_token_is_acknowledged() {
        let token = Identity::Token { user: "u".into(), token: bearer("t") };
        let mut exchange = Exchange::new(Mechanism::Oauthbearer, &token, ("h", 1)).unwrap();
        assert_eq!(exchange.answer("e30=").unwrap().expose(), "AQ==");
        let mut exchange = Exchange::new(Mechanism::Xoauth2, &token, ("h", 1)).unwrap();
        assert_eq!(exchange.answer("e30=").unwrap().expose(), "");
    }
}
