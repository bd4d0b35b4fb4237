//! One indicator, in the one spelling in which it is compared and written.

use serde::Serialize;

use super::kind::IndicatorKind;
use crate::domain::{is_registrable, registrable_domain};
use crate::likeness::Commons;
use crate::link::host_of;

/// The longest value, in bytes.
const LONGEST: usize = 1_000;
/// What people write so that a value is no link, and what it stands for.
const DEFANGED: [(&str, &str); 12] = [
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("[://]", "://"),
    ("[:]", ":"),
    ("[/]", "/"),
    ("[@]", "@"),
    ("(@)", "@"),
    ("[at]", "@"),
    ("(at)", "@"),
];

/// One indicator. Addresses and domains are in lower case and in ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Indicator {
    /// Its kind.
    pub kind: IndicatorKind,
    /// Its value.
    pub value: String,
}

/// Why a value is no indicator that can be looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidIndicator {
    #[error("it is empty")]
    Empty,
    #[error("it has {0} bytes, and {LONGEST} are the most")]
    TooLong(usize),
    #[error("it is no address, domain, URL or sha256")]
    Unknown,
    #[error("it is a digest of another kind; attachments are compared by their sha256")]
    OtherDigest,
    #[error("it is no mail address")]
    Address,
    #[error("it is no domain name")]
    Domain,
    #[error("it does not begin with http:// or https://, or has blanks")]
    Url,
    #[error("it is no sha256: 64 hexadecimal digits")]
    Sha256,
    #[error("anybody can register a domain below it")]
    PublicSuffix,
    #[error("strangers share {0}; name an address or a URL of it, or allow common domains (--allow-common)")]
    Common(String),
}

impl Indicator {
    /// Reads a value, which may be defanged (`hxxp`, `[.]`). Without a kind, the value shows it. A domain that strangers
    /// share is refused unless `allow_common`.
    pub fn read(kind: Option<IndicatorKind>, text: &str, allow_common: bool) -> Result<Self, InvalidIndicator> {
        let text = refanged(text);
        if text.is_empty() {
            return Err(InvalidIndicator::Empty);
        }
        if text.len() > LONGEST {
            return Err(InvalidIndicator::TooLong(text.len()));
        }
        let kind = kind.map_or_else(|| kind_of(&text), Ok)?;
        let value = match kind {
            IndicatorKind::Sender => address(&text)?,
            IndicatorKind::Domain => {
                let domain = domain(&text).ok_or(InvalidIndicator::Domain)?;
                if !is_registrable(&domain) {
                    return Err(InvalidIndicator::PublicSuffix);
                }
                if let (false, Some(shared)) = (allow_common, common(&domain)) {
                    return Err(InvalidIndicator::Common(shared));
                }
                domain
            }
            IndicatorKind::Url => {
                let url = url(&text).ok_or(InvalidIndicator::Url)?;
                match home_page(&url).and_then(common) {
                    Some(shared) if !allow_common => return Err(InvalidIndicator::Common(shared)),
                    _ => url,
                }
            }
            IndicatorKind::Sha256 => {
                let digest = text.to_ascii_lowercase();
                if !is_hexadecimal(&digest, 64) {
                    return Err(InvalidIndicator::Sha256);
                }
                digest
            }
        };
        Ok(Self { kind, value })
    }

    /// Returns the indicator that a condition on this value stands for.
    pub(crate) fn of_condition(key: &str, value: &str) -> Option<Self> {
        let kind = IndicatorKind::of_condition(key)?;
        Self::read(Some(kind), value.strip_prefix("*.").unwrap_or(value), true).ok()
    }
}

/// Returns the name that strangers share, if the domain is one or is below one.
pub(crate) fn common(domain: &str) -> Option<String> {
    let (commons, registered) = (Commons::default(), registrable_domain(domain));
    [domain, registered].into_iter().find(|name| commons.contains(name)).map(str::to_owned)
}

fn kind_of(text: &str) -> Result<IndicatorKind, InvalidIndicator> {
    if url(text).is_some() {
        return Ok(IndicatorKind::Url);
    }
    if is_hexadecimal(text, 64) {
        return Ok(IndicatorKind::Sha256);
    }
    if [32, 40, 128].into_iter().any(|digits| is_hexadecimal(text, digits)) {
        return Err(InvalidIndicator::OtherDigest);
    }
    if address(text).is_ok() {
        return Ok(IndicatorKind::Sender);
    }
    domain(text).map(|_| IndicatorKind::Domain).ok_or(InvalidIndicator::Unknown)
}

/// Returns the text as it was before it was defanged.
fn refanged(text: &str) -> String {
    let mut text = text.trim().trim_matches(['<', '>', '"']).to_owned();
    for (written, meant) in DEFANGED {
        if text.contains(written) {
            text = text.replace(written, meant);
        }
    }
    match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("hxxp") => format!("http{}", &text[4..]),
        _ => text,
    }
}

fn address(text: &str) -> Result<String, InvalidIndicator> {
    let (local, of) = text.rsplit_once('@').ok_or(InvalidIndicator::Address)?;
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;\"@".contains(c);
    match domain(of) {
        Some(domain) if !local.is_empty() && !local.contains(is_odd) => {
            Ok(format!("{}@{domain}", local.to_lowercase()))
        }
        _ => Err(InvalidIndicator::Address),
    }
}

/// Returns a domain of at least two labels in lower case and in ASCII.
fn domain(text: &str) -> Option<String> {
    let text = text.trim_end_matches('.');
    let text = text.strip_prefix("*.").unwrap_or(text);
    let ascii = idna::domain_to_ascii_strict(text).ok()?;
    let is_label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_address_of_host = ascii.rsplit('.').next()?.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = ascii.contains('.') && ascii.len() <= 253 && ascii.split('.').all(is_label);
    (is_name && !is_address_of_host).then_some(ascii)
}

/// Returns a link with scheme and host in lower case.
fn url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c);
    if !matches!(scheme.as_str(), "http" | "https") || rest.contains(odd) {
        return None;
    }
    // Links are compared without a fragment and without an empty query.
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let rest = rest.strip_suffix('?').unwrap_or(rest);
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    (!host.is_empty() && !host.contains('%')).then(|| format!("{scheme}://{}{path}", host.to_lowercase()))
}

/// Returns the host of a link, without user and port; empty if it has none.
pub(crate) fn host_of_url(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host_of(authority.rsplit('@').next().unwrap_or_default())
}

/// Returns the host of a link that has neither path nor query.
pub(crate) fn home_page(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let is_root = path.split('/').all(|part| matches!(part, "" | "." | ".."));
    (is_root && !rest.contains('?')).then(|| host_of_url(url))
}

fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_shows_its_kind_and_is_refanged() {
        let digest = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
        for (text, kind, value) in [
            ("Eve@Evil[.]Example", IndicatorKind::Sender, "eve@evil.example"),
            ("eve[at]evil(.)example", IndicatorKind::Sender, "eve@evil.example"),
            (" hxxps://Login.Evil[.]example/A?b=C ", IndicatorKind::Url, "https://login.evil.example/A?b=C"),
            ("hxxp[://]evil.example", IndicatorKind::Url, "http://evil.example"),
            ("https://bit.ly/3xyz", IndicatorKind::Url, "https://bit.ly/3xyz"),
            ("evil[dot]example.", IndicatorKind::Domain, "evil.example"),
            ("bücher.example", IndicatorKind::Domain, "xn--bcher-kva.example"),
            ("eve@gmail.com", IndicatorKind::Sender, "eve@gmail.com"),
            (digest, IndicatorKind::Sha256, &digest.to_ascii_lowercase()),
        ] {
            let expected = Indicator { kind, value: value.to_owned() };
            assert_eq!(Indicator::read(None, text, false), Ok(expected), "{text}");
        }
    }

    #[test]
    fn each_refusal_says_why() {
        use IndicatorKind::{Domain, Sender, Sha256, Url};
        let refused = |kind, text: &str| Indicator::read(kind, text, false).unwrap_err();
        for (kind, text, why) in [
            (None, "  ", InvalidIndicator::Empty),
            (None, "d41d8cd98f00b204e9800998ecf8427e", InvalidIndicator::OtherDigest),
            (None, "192.0.2.7", InvalidIndicator::Unknown),
            (None, "two words", InvalidIndicator::Unknown),
            (Some(Sender), "eve evil@x.example", InvalidIndicator::Address),
            (Some(Sender), "a@b@c.example", InvalidIndicator::Address),
            (Some(Sender), "eve@evil.example\nx", InvalidIndicator::Address),
            (Some(Domain), "a/b.example", InvalidIndicator::Domain),
            (Some(Domain), "localhost", InvalidIndicator::Domain),
            (Some(Domain), "co.uk", InvalidIndicator::PublicSuffix),
            (Some(Domain), "gmail.com", InvalidIndicator::Common("gmail.com".into())),
            (Some(Domain), "docs.google.com", InvalidIndicator::Common("google.com".into())),
            (Some(Url), "https://bit.ly/", InvalidIndicator::Common("bit.ly".into())),
            (Some(Url), "https://bit.ly/#", InvalidIndicator::Common("bit.ly".into())),
            (Some(Url), "https://bit.ly/./?", InvalidIndicator::Common("bit.ly".into())),
            (Some(Url), "https://%62it.ly/", InvalidIndicator::Url),
            (Some(Url), "ftp://evil.example/", InvalidIndicator::Url),
            (Some(Url), "https://evil.example/a b", InvalidIndicator::Url),
            (Some(Sha256), "abc", InvalidIndicator::Sha256),
        ] {
            assert_eq!(refused(kind, text), why, "{text}");
        }
        assert!(matches!(refused(None, &"a".repeat(1_001)), InvalidIndicator::TooLong(1_001)));
        assert!(Indicator::read(Some(Domain), "bit.ly", true).is_ok(), "a person can allow it");
        assert!(Indicator::read(Some(Domain), "com", true).is_err(), "but nothing allows a public suffix");
    }
}
