//! Links to the pages of this site, for exports and notifications.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::RemediationId;

/// The public address of the Action Center: `https://clawback.example`, with a path if it is served under one.
///
/// **Invariant:** contains nothing that could end the address where it is quoted: no space, quote, bracket, query or
/// control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(String);

/// A text that is not a public address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a public address: write it like https://clawback.example, without user, query or fragment")]
pub struct InvalidPublicUrl(String);

impl PublicUrl {
    /// Returns the page of a remediation, where a signed-in user can read and decide. It is never a link that approves,
    /// because mail scanners follow every link.
    pub fn remediation(&self, id: &RemediationId) -> String {
        self.page(&format!("/remediations/{id}"))
    }

    /// Returns the name or the address of its host, without a port.
    pub fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        host_of(rest.split('/').next().unwrap_or_default())
    }

    /// Returns the address of a page by its path, which begins with `/`.
    pub fn page(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = InvalidPublicUrl;
    fn try_from(given: String) -> Result<Self, InvalidPublicUrl> {
        let address = given.trim_end_matches('/');
        let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:[]%".contains(c);
        match rest {
            Some(rest)
                if rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') && rest.chars().all(is_plain) =>
            {
                Ok(Self(address.to_owned()))
            }
            _ => Err(InvalidPublicUrl(crate::text::visible_line(&given, 80))),
        }
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.0
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Returns the host of an authority (RFC 3986, section 3.2) without the port and without the brackets of an IPv6
/// address.
pub fn host_of(authority: &str) -> &str {
    if let Some((address, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

/// Returns whether a host, with or without the brackets of an IPv6 address, is this machine, independent of name
/// resolution.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_address_is_one() {
        let url = |text: &str| PublicUrl::try_from(text.to_owned());
        let id = RemediationId::from_random(1);
        for (given, page) in [
            ("https://clawback.example", "https://clawback.example"),
            ("https://clawback.example/soc//", "https://clawback.example/soc"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(url(given).unwrap().remediation(&id), format!("{page}/remediations/{id}"));
        }
        for (given, host) in [
            ("https://clawback.example", "clawback.example"),
            ("https://clawback.example:8443/soc", "clawback.example"),
            ("http://[::1]:8080", "::1"),
            ("http://192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(url(given).unwrap().host(), host);
        }
        for wrong in [
            "clawback.example",
            "https://",
            "javascript:alert(1)",
            "https://user@evil.example",
            "https://a.example/?next=",
            "https://a.example/#x",
            "https://a.example/\r\nBcc: all@a.example",
            "https://a.example/|<!channel>",
        ] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_is_shown_and_stored_as_it_was_given() {
        let url = PublicUrl::try_from("https://clawback.example/soc/".to_owned()).unwrap();
        assert_eq!(
            (url.to_string().as_str(), format!("{url:>30}").as_str()),
            ("https://clawback.example/soc", "  https://clawback.example/soc")
        );
        assert_eq!(url.page("/history"), "https://clawback.example/soc/history");
        assert_eq!(String::from(url), "https://clawback.example/soc");
    }

    #[test]
    fn a_host_begins_with_a_letter_a_digit_or_a_bracket() {
        for (given, right) in
            [("https://-a.example", false), ("https://.", false), ("http://7.example", true), ("https://a/%20", true)]
        {
            assert_eq!(PublicUrl::try_from(given.to_owned()).is_ok(), right, "{given}");
        }
        let refused = PublicUrl::try_from("\u{202e}x".to_owned()).unwrap_err().to_string();
        assert!(refused.starts_with("`\\u{202e}x` is not a public address"), "{refused}");
    }
}
