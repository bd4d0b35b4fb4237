//! Links that a mail gateway or a redirecting service rewrote, back to their targets.
//!
//! Only services whose links contain the target in a form that anyone can read are in the table; [`RULES`] has one line
//! for each form. Links that only the server of the service can resolve remain as they are: Mimecast without `domain=`,
//! Intermedia (`url.emailprotection.link`), Symantec `/a/1/`, Hornetsecurity and Cisco without a readable part,
//! Bitdefender (`lsems.gravityzone.bitdefender.com/scan/`), Retarus. Click counters of senders and shorteners are not
//! decoded: their own host is a fact about the message.
//!
//! A service is recognised by its host alone. Outlook on the web redirects on each site's own host, too; that form is
//! decoded on Microsoft's hosts only, because a sender could use its path on any other host to name a harmless target.
//!
//! The target is what the link itself names. A sender can invent such a link; the service refuses it at the click.

use percent_encoding::percent_decode_str;
use url::{Position, Url};

/// How many wraps around one another are decoded.
const ROUNDS: usize = 4;

/// How to take the target out of a link.
enum Take {
    /// The first of these query parameters that is a target. Names are compared without case.
    Parameter(&'static [&'static str]),
    /// A query parameter in base64 (RFC 4648 4 or 5) after a prefix.
    Base64(&'static str, &'static str),
    /// A query parameter that is the host of the target. Its scheme and path are unknown: the target is `https://HOST/`.
    Host(&'static str),
    /// A function of its own.
    Own(fn(&Url) -> Option<String>),
}

/// One form of rewritten links.
struct Rule {
    /// The hosts of the service. A `*` is any text that is not empty.
    hosts: &'static [&'static str],
    /// The start of the path, compared without case.
    path: &'static str,
    take: Take,
}

const fn rule(hosts: &'static [&'static str], path: &'static str, take: Take) -> Rule {
    Rule { hosts, path, take }
}

const SAFE_LINKS: &[&str] = &[
    "safelinks.protection.outlook.com",
    "*.safelinks.protection.outlook.com",
    "safelinks.protection.office365.us",
    "*.safelinks.protection.office365.us",
];
const TEAMS: &[&str] = &["statics.teams.cdn.office.net", "staticsint.teams.cdn.office.net"];
const OUTLOOK: &[&str] = &["outlook.office.com", "outlook.office365.com", "outlook.live.com"];
const PROOFPOINT: &[&str] = &["urldefense.proofpoint.com", "urldefense.com", "urldefense.us"];
const AVANAN: &[&str] = &["url.avanan.click", "protect.checkpoint.com"];
const AVANAN_V1: &[&str] =
    &["avanan.url-protection.com", "checkpoint.url-protection.com", "sonicwall.url-protection.com"];
const MIMECAST: &[&str] = &["protect-*.mimecast.com", "*.mimecastprotect.com"];
const FACEBOOK: &[&str] =
    &["l.facebook.com", "lm.facebook.com", "www.facebook.com", "m.facebook.com", "l.messenger.com"];
const YOUTUBE: &[&str] = &["www.youtube.com", "m.youtube.com", "youtube.com"];
/// Google's hosts in large countries. Each is listed: a pattern would match domains of others.
const GOOGLE: &[&str] = &[
    "google.com",
    "www.google.com",
    "www.google.at",
    "www.google.be",
    "www.google.ca",
    "www.google.ch",
    "www.google.cz",
    "www.google.de",
    "www.google.dk",
    "www.google.es",
    "www.google.fi",
    "www.google.fr",
    "www.google.ie",
    "www.google.it",
    "www.google.nl",
    "www.google.no",
    "www.google.pl",
    "www.google.pt",
    "www.google.se",
    "www.google.co.in",
    "www.google.co.jp",
    "www.google.co.uk",
    "www.google.com.au",
    "www.google.com.br",
    "www.google.com.mx",
];

/// Every form that is decoded. The first line that matches and has a target decides.
const RULES: &[Rule] = &[
    // Microsoft Defender Safe Links, including `/ap/x-59584e83/`, and its pages in Teams and Outlook on the web.
    rule(SAFE_LINKS, "/", Take::Parameter(&["url"])),
    rule(TEAMS, "/evergreen-assets/safelinks/", Take::Parameter(&["url"])),
    rule(OUTLOOK, "/mail/safelink.html", Take::Parameter(&["url"])),
    rule(OUTLOOK, "/owa/redir.aspx", Take::Parameter(&["url"])),
    rule(OUTLOOK, "/owa/redir.aspx", Take::Own(outlook_reference)),
    // Proofpoint URL Defense.
    rule(PROOFPOINT, "/v1/url", Take::Parameter(&["u"])),
    rule(PROOFPOINT, "/v2/url", Take::Own(proofpoint_v2)),
    rule(PROOFPOINT, "/v3/__", Take::Own(proofpoint_v3)),
    // Other gateways.
    rule(&["clicktime.symantec.com"], "/", Take::Parameter(&["u"])),
    rule(&["linkprotect.cudasvc.com"], "/", Take::Parameter(&["a"])),
    rule(&["*.trendmicro.com"], "/wis/clicktime/", Take::Parameter(&["url"])),
    rule(&["*.check.trendmicro.com"], "/", Take::Parameter(&["url"])),
    rule(&["*.protection.sophos.com"], "/", Take::Base64("u", "")),
    rule(&["*.protection.sophos.com"], "/", Take::Host("d")),
    rule(&["secure-web.cisco.com"], "/", Take::Own(encoded_piece)),
    rule(&["protect2.fireeye.com"], "/", Take::Parameter(&["u"])),
    rule(MIMECAST, "/s/", Take::Host("domain")),
    rule(AVANAN, "/v2/", Take::Own(avanan)),
    rule(AVANAN_V1, "/v1/", Take::Parameter(&["o"])),
    rule(&["atpscan.global.hornetsecurity.com"], "/", Take::Parameter(&["u"])),
    rule(&["*.vadesecure.com"], "/", Take::Parameter(&["u"])),
    rule(&["link.edgepilot.com"], "/", Take::Parameter(&["u"])),
    rule(&["link.zixcentral.com"], "/u/", Take::Parameter(&["u"])),
    rule(&["scanmail.trustwave.com"], "/", Take::Parameter(&["u"])),
    rule(&["urlsand.esvalabs.com"], "/", Take::Parameter(&["u"])),
    rule(&["scanner.topsec.com"], "/", Take::Parameter(&["u"])),
    // Mailinblack: the origin of the target; its path is in another parameter.
    rule(&["*.mailinblack.com"], "/securelink/", Take::Parameter(&["url"])),
    rule(&["shared.outlook.inky.com"], "/link", Take::Host("domain")),
    // Services that redirect and that senders use as a cover.
    rule(GOOGLE, "/url", Take::Parameter(&["q", "url"])),
    rule(GOOGLE, "/amp/", Take::Own(amp)),
    rule(&["*.cdn.ampproject.org"], "/", Take::Own(amp)),
    rule(FACEBOOK, "/l.php", Take::Parameter(&["u"])),
    rule(&["l.instagram.com"], "/", Take::Parameter(&["u"])),
    rule(&["www.linkedin.com"], "/redir/", Take::Parameter(&["url"])),
    rule(&["www.linkedin.com"], "/safety/go", Take::Parameter(&["url"])),
    rule(YOUTUBE, "/redirect", Take::Parameter(&["q"])),
    rule(&["slack-redir.net"], "/link", Take::Parameter(&["url"])),
    rule(&["www.bing.com"], "/ck/a", Take::Base64("u", "a1")),
    rule(&["r.search.yahoo.com"], "/", Take::Own(yahoo)),
    rule(&["duckduckgo.com"], "/l/", Take::Parameter(&["uddg"])),
];

/// Returns the target of a rewritten link, through up to four wraps; `None` if the link is not rewritten. The target
/// starts with `http:`, `https:` or `mailto:`.
pub(crate) fn original(url: &str) -> Option<String> {
    let mut target = unwrapped(url)?;
    for _ in 1..ROUNDS {
        let Some(inner) = unwrapped(&target) else { break };
        target = inner;
    }
    Some(target)
}

/// Removes one wrap.
fn unwrapped(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.host_str()?;
    let host = host.strip_suffix('.').unwrap_or(host);
    RULES.iter().filter(|rule| rule.is_for(host, url.path())).find_map(|rule| rule.take.target(&url))
}

impl Rule {
    fn is_for(&self, host: &str, path: &str) -> bool {
        let is_host = |pattern: &&str| match pattern.split_once('*') {
            None => *pattern == host,
            Some((start, end)) => {
                host.len() > start.len() + end.len() && host.starts_with(start) && host.ends_with(end)
            }
        };
        let is_path = path.get(..self.path.len()).is_some_and(|start| start.eq_ignore_ascii_case(self.path));
        is_path && self.hosts.iter().any(is_host)
    }
}

impl Take {
    fn target(&self, url: &Url) -> Option<String> {
        match self {
            Self::Parameter(names) => {
                names.iter().flat_map(|name| parameters(url, name)).find_map(|value| target(&decoded(value)))
            }
            Self::Base64(name, prefix) => parameters(url, name).find_map(|value| {
                let bytes = from_base64(decoded(value).strip_prefix(prefix)?)?;
                target(&String::from_utf8_lossy(&bytes))
            }),
            Self::Host(name) => parameters(url, name).find_map(|value| {
                let host = decoded(value);
                let is_host = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'));
                is_host.then(|| target(&format!("https://{host}/")))?
            }),
            Self::Own(take) => take(url),
        }
    }
}

/// Returns the values of a query parameter as they are in the link. Its name may have the `amp;` of an ampersand that
/// was escaped twice.
fn parameters<'a>(url: &'a Url, name: &'a str) -> impl Iterator<Item = &'a str> {
    url.query().unwrap_or_default().split('&').filter_map(move |pair| {
        let (key, value) = pair.split_once('=')?;
        key.strip_prefix("amp;").unwrap_or(key).eq_ignore_ascii_case(name).then_some(value)
    })
}

/// Returns the text as a target, if it is one.
fn target(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    // Gateways that rewrite the source of an HTML part keep its escaped ampersands.
    let text = text.replace("&amp;", "&");
    let is_without_scheme = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."));
    let text = if is_without_scheme { format!("http://{text}") } else { text };
    let url = Url::parse(&text).ok()?;
    matches!(url.scheme(), "http" | "https" | "mailto").then_some(text)
}

/// Decodes percent-encoding. A `+` stays: gateways encode blanks as `%20`, and leave the `+` of a target.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Decodes base64 in either alphabet, with or without padding.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let standard = |byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        byte => byte,
    };
    let text: Vec<u8> = text.bytes().map(standard).collect();
    mail_parser::decoders::base64::base64_decode(&text)
}

/// Outlook on the web, `REF=`: base64 of a signature in bytes, and the target.
fn outlook_reference(url: &Url) -> Option<String> {
    parameters(url, "ref").find_map(|value| {
        let bytes = from_base64(&decoded(value))?;
        let start = bytes.windows(4).position(|four| four == b"http")?;
        target(&String::from_utf8_lossy(&bytes[start..]))
    })
}

/// URL Defense v2, `u=`: percent-encoding with `-` as `%`, and `_` as `/`.
fn proofpoint_v2(url: &Url) -> Option<String> {
    parameters(url, "u").find_map(|value| target(&decoded(&value.replace('-', "%").replace('_', "/"))))
}

/// URL Defense v3, `/v3/__TARGET__;BASE64!!`: each `*` in the target is the next byte of the base64, each `**X` a run of
/// them.
fn proofpoint_v3(url: &Url) -> Option<String> {
    let (text, rest) = url[Position::BeforePath..].strip_prefix("/v3/__")?.split_once("__;")?;
    let bytes = rest.split('!').next().and_then(from_base64).unwrap_or_default();
    target(&filled(&decoded(text), &bytes))
}

/// Replaces the stars of URL Defense v3. A star for which no byte is left stays.
///
/// Runs count bytes; some links count characters, which only differs outside ASCII: the count that uses up all decides.
fn filled(text: &str, bytes: &[u8]) -> String {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((plain, behind)) = rest.split_once('*') {
        let run = behind.strip_prefix('*').and_then(|run| run_length(*run.as_bytes().first()?));
        pieces.push((plain, run.unwrap_or(1)));
        rest = if run.is_some() { &behind[2..] } else { behind };
    }
    let needed: usize = pieces.iter().map(|(_, count)| count).sum();
    let characters =
        std::str::from_utf8(bytes).ok().filter(|text| bytes.len() != needed && text.chars().count() == needed);
    let mut units: Box<dyn Iterator<Item = &[u8]>> = match characters {
        Some(text) => Box::new(text.split("").filter(|one| !one.is_empty()).map(str::as_bytes)),
        None => Box::new(bytes.chunks(1)),
    };
    let mut filled = Vec::with_capacity(text.len() + bytes.len());
    for (plain, count) in pieces {
        filled.extend_from_slice(plain.as_bytes());
        let before = filled.len();
        filled.extend(units.by_ref().take(count).flatten());
        if filled.len() == before {
            filled.push(b'*');
        }
    }
    filled.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&filled).into_owned()
}

/// Returns the length of a run in URL Defense v3: `A` is 2, and so on in the order of the URL-safe base64 alphabet.
fn run_length(code: u8) -> Option<usize> {
    let value = match code {
        b'A'..=b'Z' => code - b'A',
        b'a'..=b'z' => code - b'a' + 26,
        b'0'..=b'9' => code - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(usize::from(value) + 2)
}

/// Cisco Secure Email, `/TOKEN/https%3A%2F%2F...`: the piece of the path that is an encoded target, some encoded twice.
fn encoded_piece(url: &Url) -> Option<String> {
    url.path().split('/').find_map(|piece| {
        let once = decoded(piece);
        target(&once).or_else(|| target(&decoded(&once)))
    })
}

/// Check Point Harmony (Avanan) v2, `/v2/r01/___TARGET___.SIGNATURE`, with `*2F` for `%2F` in the target.
fn avanan(url: &Url) -> Option<String> {
    let (_, rest) = url[Position::BeforePath..].split_once("___")?;
    let (text, _) = rest.split_once("___.").or_else(|| rest.rsplit_once("___"))?;
    let mut pieces = text.split('*');
    let mut restored = pieces.next()?.to_owned();
    for piece in pieces {
        let is_escape = piece.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        restored.push(if is_escape { '%' } else { '*' });
        restored.push_str(piece);
    }
    target(&restored).or_else(|| target(&decoded(&restored)))
}

/// Pages in the AMP caches, `/amp/s/HOST/PATH` at Google and `/c/s/HOST/PATH`; `s` is for https.
fn amp(url: &Url) -> Option<String> {
    let all = &url[Position::BeforePath..];
    let rest = ["/amp/", "/c/", "/v/"].iter().find_map(|start| all.strip_prefix(start))?;
    let (scheme, rest) = rest.strip_prefix("s/").map_or(("http", rest), |rest| ("https", rest));
    // The name of a host follows, not a file of Google's own.
    rest.split(['/', '?', '#']).next().filter(|host| host.contains('.'))?;
    target(&format!("{scheme}://{rest}"))
}

/// Yahoo Search, `/.../RU=TARGET/RK=2/...`.
fn yahoo(url: &Url) -> Option<String> {
    url.path().split('/').find_map(|piece| target(&decoded(piece.strip_prefix("RU=")?)))
}

#[cfg(test)]
#[path = "rewritten/tests.rs"]
mod tests;
