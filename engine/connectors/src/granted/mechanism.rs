//! SASL mechanisms: which of those that the server offers is used, and what is said in it.

use data_encoding::BASE64;

use crate::granted::sasl::Identity;
use crate::granted::scram::{Hash, Scram, ScramError};
use crate::granted::secret::Secret;

/// A way to log in.
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
    /// Its name in `AUTH=`.
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

    /// A challenge proves something of the server, or of the password without sending it.
    pub(crate) fn is_scram(self) -> bool {
        matches!(self, Self::ScramSha256 | Self::ScramSha1)
    }

    /// What an identity can be proven by, the strongest first.
    pub(crate) fn of(identity: &Identity) -> &'static [Self] {
        match identity {
            // LOGIN cannot say for whom one acts.
            Identity::Plain { act_as, .. } if act_as.is_empty() => {
                &[Self::ScramSha256, Self::ScramSha1, Self::Plain, Self::Login]
            }
            Identity::Plain { .. } => &[Self::ScramSha256, Self::ScramSha1, Self::Plain],
            Identity::Token { .. } => &[Self::Xoauth2, Self::Oauthbearer],
            Identity::External { .. } => &[Self::External],
        }
    }
}

/// Those that both sides know, the strongest first.
pub(crate) fn common(identity: &Identity, offered: &[String]) -> Vec<Mechanism> {
    let known = Mechanism::of(identity).iter().copied();
    known.filter(|mechanism| names(offered).any(|name| name.eq_ignore_ascii_case(mechanism.name()))).collect()
}

/// Why none is in common.
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
    /// One message says all.
    Once {
        first: Secret,
        on_refusal: &'static str,
    },
    /// User and password, each when it is asked for.
    Login {
        left: Vec<Secret>,
    },
    Scram(Box<Scram>),
}

impl Exchange {
    /// Begins. `server` is the host and port that are logged in to.
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
                let token = token.expose();
                let first = format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01");
                Self::Once { first: Secret::new(first), on_refusal: "\x01" }
            }
            (Identity::Token { user, token }, _) => {
                once(format!("user={user}\x01auth=Bearer {}\x01\x01", token.expose()))
            }
            (Identity::External { act_as }, _) => once(act_as.clone()),
        })
    }

    /// What is said first, in base64; none where the server speaks first.
    pub(crate) fn first(&self) -> Option<Secret> {
        match self {
            Self::Once { first, .. } => Some(encoded(first.expose())),
            Self::Scram(scram) => Some(encoded(&scram.first())),
            Self::Login { .. } => None,
        }
    }

    /// The answer to a challenge, both in base64.
    pub(crate) fn answer(&mut self, challenge: &str) -> Result<Secret, ScramError> {
        match self {
            // These put the reason of a refusal into a challenge, to be answered by nothing (RFC 7628 3.2.3: by ^A).
            Self::Once { on_refusal, .. } => Ok(encoded(on_refusal)),
            Self::Login { left } => Ok(left.pop().map_or_else(|| Secret::new(""), |one| encoded(one.expose()))),
            Self::Scram(scram) => {
                let bytes = BASE64.decode(challenge.trim().as_bytes()).map_err(|_| ScramError::Malformed)?;
                let text = String::from_utf8(bytes).map_err(|_| ScramError::Malformed)?;
                Ok(encoded(&scram.answer(&text)?))
            }
        }
    }

    /// The server said that all is well.
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

    fn offered(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn admin(act_as: &str) -> Identity {
        Identity::Plain { act_as: act_as.into(), user: "admin".into(), password: Secret::new("pw") }
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
        let token = Identity::Token { user: "u".into(), token: Secret::new("t") };
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
        let token = Identity::Token { user: "u,1".into(), token: Secret::new("t") };
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
        let token = Identity::Token { user: "u".into(), token: Secret::new("t") };
        let mut exchange = Exchange::new(Mechanism::Oauthbearer, &token, ("h", 1)).unwrap();
        assert_eq!(exchange.answer("e30=").unwrap().expose(), "AQ==");
        let mut exchange = Exchange::new(Mechanism::Xoauth2, &token, ("h", 1)).unwrap();
        assert_eq!(exchange.answer("e30=").unwrap().expose(), "");
    }
}
