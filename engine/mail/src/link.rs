//! A link of a message: its text, where it really leads, and whether the text names another host.

use clawback_model::is_deceptive;
use url::Url;

use crate::rewritten;

/// What starts a link in plain text.
const STARTS: [&str; 4] = ["http://", "https://", "ftp://", "www."];
/// Longest target, in bytes.
const TARGET: usize = 8 * 1024;
/// Ends of file names, which are no top-level domains.
const FILES: [&str; 18] = [
    "csv", "doc", "docx", "eml", "exe", "gif", "htm", "html", "jpeg", "jpg", "js", "msg", "pdf", "php", "png", "pptx",
    "txt", "xlsx",
];

/// A link of a message. All texts are the sender's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The part of the message that it is in, such as `HTML`.
    pub part: String,
    /// The text that a reader sees; the target itself for a link in plain text.
    pub shown: String,
    /// Where it leads, as a browser reads it; a link that a gateway rewrote is decoded.
    pub target: String,
    /// The host of the target, or the domain of a mail address; empty if it has none.
    pub host: String,
    /// The host of the gateway that rewrote it; empty if none did.
    pub gateway: String,
    /// The host that the text names, if it is another one than that of the target; else empty.
    pub names: String,
}

impl Link {
    /// Reads a target with its text. `None` if it leads nowhere outside of the message.
    pub(crate) fn of(part: &str, target: &str, shown: &str) -> Option<Self> {
        let is_removed = |c: &char| matches!(c, '\t' | '\n' | '\r');
        let cleaned: String = target.trim().chars().filter(|c| !is_removed(c)).collect();
        let cleaned = cleaned.trim_matches(is_deceptive);
        if cleaned.is_empty() || cleaned.starts_with('#') || starts_with(cleaned, "cid:") {
            return None;
        }
        let target = with_scheme(cleaned);
        let original = rewritten::original(&target);
        let gateway = if original.is_some() { host(&target) } else { String::new() };
        let target = original.unwrap_or(target);
        let host = host(&target);
        let target = Url::parse(&target).map_or(target, String::from);
        let names = named_host(shown).filter(|of_text| bare(of_text) != bare(&host)).unwrap_or_default();
        Some(Self { part: part.to_owned(), shown: shown.to_owned(), target, host, gateway, names })
    }

    /// The target in a form that no program makes a link of: `hxxps://evil[.]example/a`.
    pub fn defanged(&self) -> String {
        let (scheme, rest) = self.target.split_once(':').unwrap_or(("", &self.target));
        let scheme = match scheme {
            "http" => "hxxp:".to_owned(),
            "https" => "hxxps:".to_owned(),
            "ftp" => "fxp:".to_owned(),
            "" => String::new(),
            other => format!("{other}[:]"),
        };
        let slashes = rest.len() - rest.trim_start_matches('/').len();
        let (slashes, rest) = rest.split_at(slashes);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        format!("{scheme}{slashes}{}{path}", host.replace('.', "[.]").replace('@', "[@]"))
    }
}

/// The links in plain text, in order. A link ends at white space, a quotation mark or an angle bracket; punctuation at
/// its end is no part of it.
pub(crate) fn found_in(text: &str) -> Vec<&str> {
    let (mut found, mut at, mut before) = (Vec::new(), 0, ' ');
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = &text[at..];
        let is_in_word = before.is_alphanumeric() || matches!(before, '-' | '_' | '.' | '@' | '/');
        let is_start = |start: &&&str| starts_with(rest, start) && (start.contains(':') || !is_in_word);
        let Some(start) = STARTS.iter().find(is_start) else {
            (at, before) = (at + c.len_utf8(), c);
            continue;
        };
        let is_end = |c: char| c.is_whitespace() || c.is_control() || "<>\"`«»“”".contains(c);
        let link = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        let link = link.trim_end_matches(|c: char| ".,;:!?'*)]}…|".contains(c));
        if link.len() > start.len() && link.len() <= TARGET {
            found.push(link);
        }
        at += link.len().max(start.len());
        before = ' ';
    }
    found
}

/// The target with the scheme that mail clients add.
fn with_scheme(target: &str) -> String {
    if target.starts_with("//") {
        return format!("http:{target}");
    }
    if starts_with(target, "www.") { format!("http://{target}") } else { target.to_owned() }
}

/// The host of a target in lower case, without a dot at its end; of a mail address its domain.
fn host(target: &str) -> String {
    let Ok(url) = Url::parse(target) else { return String::new() };
    let host = match (url.host_str(), url.scheme()) {
        (Some(host), _) => host,
        (None, "mailto") => url.path().rsplit_once('@').map_or("", |(_, domain)| domain),
        (None, _) => "",
    };
    host.trim_end_matches('.').to_lowercase()
}

/// The host that a text names: that of its first link, or of the whole if it reads like `bank.example/login`.
fn named_host(shown: &str) -> Option<String> {
    let shown: String = shown.chars().filter(|c| !is_deceptive(*c)).collect();
    let linked = found_in(&shown).into_iter().find_map(|link| {
        let link = with_scheme(link);
        Some(host(&rewritten::original(&link).unwrap_or(link))).filter(|host| !host.is_empty())
    });
    linked.or_else(|| {
        let text = shown.trim_matches(|c: char| c.is_whitespace() || "<>()[]{}\"'.,;:!*“”‘’«»".contains(c));
        if text.contains(|c: char| c.is_whitespace() || c == '@') {
            return None;
        }
        let end = text.find(['/', '?', '#']).unwrap_or(text.len());
        let named = host(&format!("http://{}", &text[..end]));
        let (_, last) = named.rsplit_once('.')?;
        let is_domain = (2..=24).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_file = FILES.contains(&last) && end == text.len();
        (is_domain && !is_file || last.starts_with("xn--")).then_some(named)
    })
}

fn bare(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
}
