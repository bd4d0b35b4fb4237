//! How people handle the alert of a remediation, and the incident of their ticket system that it belongs to.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::bounds::{LONGEST_TEXT, TooLong, check_length};
use crate::classification::{Classification, Determination};
use crate::link::host_of;
use crate::sha256::Digest;
use crate::text::{is_deceptive, visible_line};
use crate::words;

/// The longest address of an incident, in bytes.
const LONGEST_ADDRESS: usize = 2_000;
/// The longest number of an incident, in characters.
const LONGEST_NUMBER: usize = 100;

/// How far people are with an alert.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum AlertState {
    #[default]
    New,
    InProgress,
    Resolved,
}

words!(AlertState, "state of an alert");

/// What people recorded of an alert. As the body of an event it stands beside other fields, such as the credential.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AlertHandling {
    /// How far they are.
    pub state: AlertState,
    /// The principal who looks after it.
    pub owner: Option<String>,
    /// Whether it was right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    /// What it was exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub determination: Option<Determination>,
    /// What people say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl AlertHandling {
    /// Identifies what is recorded, so that somebody who changes it can name what they have seen.
    pub fn version(&self) -> Digest {
        Digest::of(serde_json::to_string(self).expect("words and texts serialize").as_bytes())
    }

    /// Refuses a comment that is too long.
    pub fn check_length(&self) -> Result<(), TooLong> {
        check_length("the comment", LONGEST_TEXT, self.comment.as_deref().unwrap_or_default())
    }
}

/// The incident of the site's ticket system: the address of its page, or its number.
///
/// **Invariant:** an address has `http` or `https`, a host, no user, and no character that could end the address where
/// it is quoted. Any other text is short, of one line, and has no colon, so it is never taken for an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Incident(String);

/// A text that names no incident.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is no incident: write its address like https://tickets.example/INC-1, with http or https, and without a \
     user, spaces or quotes; or its number like INC-1, in at most 100 letters, digits, spaces and -_./#()"
)]
pub struct InvalidIncident(String);

impl Incident {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the host of the address; `None` if it is no address.
    pub fn host(&self) -> Option<&str> {
        is_web(&self.0).then(|| host_of(authority(&self.0)))
    }
}

fn is_web(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// The part between the scheme and the path.
fn authority(address: &str) -> &str {
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn is_address(address: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:[]%?#&=+@!$*,;()".contains(c);
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let authority = authority(address);
    let has_host = host_of(authority).starts_with(|c: char| c.is_ascii_alphanumeric() || c == ':');
    has_host && authority.chars().all(is_host) && address.chars().all(is_plain) && address.len() <= LONGEST_ADDRESS
}

fn is_number(text: &str) -> bool {
    let is_plain = |c: char| (c.is_alphanumeric() && !is_deceptive(c)) || " -_./#()".contains(c);
    !text.is_empty() && text.chars().count() <= LONGEST_NUMBER && text.chars().all(is_plain)
}

impl TryFrom<String> for Incident {
    type Error = InvalidIncident;

    fn try_from(given: String) -> Result<Self, InvalidIncident> {
        let text = given.trim();
        if if is_web(text) { is_address(text) } else { is_number(text) } {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidIncident(visible_line(&given, 80)))
    }
}

impl std::str::FromStr for Incident {
    type Err = InvalidIncident;

    fn from_str(given: &str) -> Result<Self, InvalidIncident> {
        Self::try_from(given.to_owned())
    }
}

impl From<Incident> for String {
    fn from(incident: Incident) -> Self {
        incident.0
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn what_is_recorded_has_a_version_and_older_records_are_read() {
        let old: AlertHandling = serde_json::from_str(r#"{"state":"resolved","owner":null}"#).unwrap();
        assert_eq!(old, AlertHandling { state: AlertState::Resolved, ..AlertHandling::default() });
        assert_eq!(serde_json::to_string(&old).unwrap(), r#"{"state":"resolved","owner":null}"#);
        let beside = r#"{"event":"alert-handled","state":"resolved","owner":null,"credential":{}}"#;
        assert_eq!(serde_json::from_str::<Event>(beside).unwrap(), Event::AlertHandled(old.clone()));
        let commented = AlertHandling { comment: Some("x".repeat(LONGEST_TEXT)), ..old.clone() };
        let classified = AlertHandling { classification: Some(Classification::TruePositive), ..old.clone() };
        let versions: std::collections::BTreeSet<Digest> =
            [&old, &commented, &classified].map(AlertHandling::version).into();
        assert_eq!((versions.len(), old.version()), (3, old.clone().version()));
        assert_eq!(commented.check_length(), Ok(()));
        let long = AlertHandling { comment: Some("x".repeat(LONGEST_TEXT + 1)), ..old };
        assert!(long.check_length().unwrap_err().to_string().contains("4000 characters"));
    }

    #[test]
    fn an_incident_is_an_address_of_the_web_or_a_number() {
        for (given, host) in [
            ("https://tickets.example/browse/INC-1?view=all#c2", Some("tickets.example")),
            (" http://192.0.2.1:8080/1 ", Some("192.0.2.1")),
            ("https://[2001:db8::1]:8443/x", Some("2001:db8::1")),
            ("INC-1 (phishing) #2", None),
            ("tickets.example/1", None),
        ] {
            let incident: Incident = given.parse().unwrap();
            assert_eq!((incident.host(), incident.as_str()), (host, given.trim()));
            let again = serde_json::from_value::<Incident>(serde_json::to_value(&incident).unwrap()).unwrap();
            assert_eq!(again, incident);
        }
        let long = format!("https://tickets.example/{}", "a".repeat(LONGEST_ADDRESS));
        let many = "a".repeat(LONGEST_NUMBER + 1);
        for wrong in [
            "",
            "javascript:alert(1)",
            "javascript://tickets.example/%0Aalert(1)",
            "data:text/html,x",
            "https://",
            "https:///x",
            "https://ann@evil.example/",
            "https://tickets.example\\@evil.example/",
            "https://tickets.example/\"onclick=x",
            "https://tickets.example/<b>",
            "https://tickets.example/a b",
            "https://tickets.example/\u{202e}gnp",
            "https://t\u{456}ckets.example/",
            "INC-1\u{202e}",
            "INC-1\n2",
            "<b>",
            "=HYPERLINK(1)",
            &long,
            &many,
        ] {
            let refused = wrong.parse::<Incident>().unwrap_err().to_string();
            assert!(refused.contains("https://tickets.example/INC-1") && refused.len() < 600, "{refused}");
            assert!(serde_json::from_value::<Incident>(wrong.into()).is_err(), "{wrong}");
        }
    }
}
