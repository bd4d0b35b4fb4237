//! One link of a message: where it leads, and where its shown text says it leads.
//!
//! A target is read as browsers and mail clients read it (WHATWG URL Standard), so that two spellings of one target give
//! one link. What a client cannot open gives none.
//!
//! A target that is neither of the web nor an address nor a number is of the kind `other`. Its `host` is the host that
//! it names, such as that of `file://HOST/share`, else its scheme: `javascript`, `data`, `bitcoin`. Its `path-hash` is
//! over the rest, so that equal payloads are equal links. References inside the message (`#top`, `cid:`) are no links.

use std::{borrow::Cow, hash::Hasher as _};

use percent_encoding::percent_decode_str;
use siphasher::sip::SipHasher24;
use url::{Host, Url};

use super::rewritten;
use crate::{
    examiner::{Link, LinkKind},
    normal::is_invisible,
    sender::Senders,
};

/// The most bytes of a host name (RFC 1035 2.3.4). No client can open a longer one.
const LONGEST_HOST: usize = 253;
/// The bytes of a `mailto:` target in which its first address is searched for.
const LONGEST_MAIL: usize = 4 * 1024;
/// The most digits of a number; E.164 allows 15.
const MOST_DIGITS: usize = 32;
/// Schemes that lead nowhere outside the message or the client.
const INTERNAL: &[&str] = &["about", "applewebdata", "blob", "cid", "mid", "x-apple-data-detectors", "x-msg"];
/// Ends of file names that look like a host in a shown text, and are no top-level domain.
const FILES: &[&str] = &[
    "aspx", "bmp", "csv", "dll", "doc", "docm", "docx", "dotm", "eml", "exe", "gif", "gz", "htm", "html", "ics", "img",
    "iso", "jar", "jpeg", "jpg", "js", "json", "lnk", "log", "msg", "msi", "odt", "pdf", "php", "png", "pptx", "rar",
    "rtf", "svg", "tar", "tif", "tiff", "txt", "vbs", "vcf", "wav", "webp", "xls", "xlsb", "xlsm", "xlsx", "xml",
];
/// Quotation marks, and the punctuation of scripts without blanks: no link in plain text continues after one.
const BORDERS: &str = "<>\"`‘’“”«»、，；：！？（）《》「」『』【】";
/// What starts a link in plain text, and whether it also does inside a word.
const STARTS: &[(&str, bool)] = &[
    ("http://", true),
    ("https://", true),
    ("ftp://", true),
    ("www.", false),
    ("mailto:", false),
    ("tel:", false),
    ("sms:", false),
];

/// Returns the link to a target (an `href` without HTML entities, or a link in plain text) with its shown text.
///
/// `None` if no client opens the target: it is empty, relative, inside the message, or invalid. The path is hashed with
/// SipHash-2-4 and `key` as it is after normalisation, with the query and without the fragment.
pub(crate) fn link(target: &str, shown: &str, key: (u64, u64)) -> Option<Link> {
    let target = with_scheme(&clean(target))?;
    let original = rewritten::original(&target);
    let is_rewritten = original.is_some();
    let target = original.unwrap_or(target);
    let (scheme, rest) = target.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    let link = |kind, host, address, path_hash| Link {
        kind,
        host,
        address,
        path_hash,
        shown_host: shown_host(shown),
        is_rewritten,
    };
    Some(match scheme.as_str() {
        "http" | "https" => {
            let url = Url::parse(&target).ok()?;
            link(LinkKind::Web, host_of(&url)?, String::new(), path_hash(&url, key))
        }
        "mailto" => {
            let address = mail_address(rest)?;
            let domain = address.rsplit_once('@')?.1;
            // An address literal (RFC 5321 4.1.3) is not a host of the web.
            let literal = || domain.is_ascii().then(|| domain.to_owned());
            let host = Host::parse(domain).ok().map(|host| host.to_string()).or_else(literal)?;
            link(LinkKind::Mail, host, address, 0)
        }
        "tel" | "sms" => link(LinkKind::Phone, String::new(), digits(rest)?, 0),
        scheme if INTERNAL.contains(&scheme) => return None,
        scheme => {
            let url = Url::parse(&target).ok()?;
            // `whatsapp://send` has a command there, not a host.
            let is_host = |host: &String| host.contains('.') || matches!(scheme, "file" | "ftp");
            let host = host_of(&url).filter(is_host).unwrap_or_else(|| scheme.to_owned());
            link(LinkKind::Other, host, String::new(), path_hash(&url, key))
        }
    })
}

/// Returns the links in plain text, in order: what starts with the scheme of a link or with `www.`. A link ends at white
/// space, a quotation mark or an angle bracket; punctuation and unpaired brackets at its end are not part of it.
pub(crate) fn found_in(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    let mut is_in_word = false;
    while at < bytes.len() {
        let first = bytes[at].to_ascii_lowercase();
        let is_start = |(start, is_anywhere): &&(&str, bool)| {
            start.as_bytes()[0] == first
                && (*is_anywhere || !is_in_word)
                && bytes.get(at..at + start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start.as_bytes()))
        };
        if let Some((start, _)) = STARTS.iter().find(is_start) {
            let link = &text[at..at + length_of(&text[at..])];
            if link.len() > start.len() {
                found.push(link);
            }
            at += link.len().max(start.len());
            is_in_word = false;
        } else {
            is_in_word = bytes[at].is_ascii_alphanumeric() || b"-_.@/".contains(&bytes[at]);
            at += 1;
        }
    }
    found
}

/// Returns the bytes of the link at the start of a text.
fn length_of(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    let mut end = text.len();
    // How many more brackets of each kind are closed than opened.
    let mut unpaired = [0_i64; 3];
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let is_border = match c {
            // A dot of a host, or the end of a sentence.
            '。' | '．' | '｡' => !next.is_some_and(|next| next.is_ascii_alphanumeric()),
            c => c.is_whitespace() || c.is_control() || BORDERS.contains(c),
        };
        if is_border {
            end = at;
            break;
        }
        match bracket(c) {
            Some((kind, true)) => unpaired[kind] -= 1,
            Some((kind, false)) => unpaired[kind] += 1,
            None => {}
        }
    }
    while let Some(last) = text[..end].chars().next_back() {
        match bracket(last) {
            Some((kind, false)) if unpaired[kind] > 0 => unpaired[kind] -= 1,
            Some((kind, true)) => unpaired[kind] += 1,
            None if matches!(last, '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '…' | '|') => {}
            _ => break,
        }
        end -= last.len_utf8();
    }
    end
}

/// Returns the kind of a bracket, and whether it opens.
const fn bracket(c: char) -> Option<(usize, bool)> {
    match c {
        '(' => Some((0, true)),
        ')' => Some((0, false)),
        '[' => Some((1, true)),
        ']' => Some((1, false)),
        '{' => Some((2, true)),
        '}' => Some((2, false)),
        _ => None,
    }
}

/// Removes what a client removes from a target before it reads it: white space and controls around it, tabs and line
/// ends in it.
fn clean(target: &str) -> Cow<'_, str> {
    let target = target.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    let is_removed = |c: char| matches!(c, '\t' | '\n' | '\r');
    if target.contains(is_removed) { Cow::Owned(target.replace(is_removed, "")) } else { Cow::Borrowed(target) }
}

/// Returns a clean target with its scheme: that which mail clients add if it has none. `None` if it is relative.
fn with_scheme(target: &str) -> Option<String> {
    let is_slash = |byte: u8| matches!(byte, b'/' | b'\\');
    if target.bytes().take(2).filter(|byte| is_slash(*byte)).count() == 2 {
        return Some(format!("http:{target}"));
    }
    let end = target.find([':', '/', '\\', '?', '#']).unwrap_or(target.len());
    let (start, rest) = target.split_at(end);
    if let Some(rest) = rest.strip_prefix(':') {
        let is_scheme = start.starts_with(|c: char| c.is_ascii_alphabetic())
            && start.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let is_port = start.contains('.') && rest.starts_with(|c: char| c.is_ascii_digit());
        if is_scheme && !is_port {
            return Some(target.to_owned());
        }
    }
    if start.contains('@') && rest.is_empty() {
        return Some(format!("mailto:{target}"));
    }
    named_host(target).map(|_| format!("http://{target}"))
}

/// Returns the host of a text such as `example.com/path` that has no scheme, if it could be one: its last label could be
/// a top-level domain, and is not the end of a file name.
fn named_host(text: &str) -> Option<String> {
    let end = text.find(['/', '\\', '?', '#']).unwrap_or(text.len());
    let has_path = end < text.len();
    let url = Url::parse(&format!("http://{}", &text[..end])).ok()?;
    let host = host_of(&url)?;
    let (_, last) = host.rsplit_once('.')?;
    let is_domain = (2..=24).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_file = FILES.contains(&last) && !has_path && !host.starts_with("www.");
    ((is_domain && !is_file) || last.starts_with("xn--")).then_some(host)
}

/// Returns the host of a URL in lower case and in ASCII, without a dot at its end; `None` if it has none, or one that no
/// client can resolve: too long, or with an empty label.
fn host_of(url: &Url) -> Option<String> {
    let host = url.host_str()?.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    (host.len() <= LONGEST_HOST && host.split('.').all(|label| !label.is_empty())).then(|| host.to_owned())
}

/// Returns the keyed hash of path and query; 0 if there is no query and the path is empty or `/`.
fn path_hash(url: &Url, key: (u64, u64)) -> u64 {
    let query = url.query().unwrap_or_default();
    if query.is_empty() && matches!(url.path(), "" | "/") {
        return 0;
    }
    let mut hasher = SipHasher24::new_with_keys(key.0, key.1);
    hasher.write(url.path().as_bytes());
    if !query.is_empty() {
        hasher.write(b"?");
        hasher.write(query.as_bytes());
    }
    // 0 has a meaning of its own.
    hasher.finish().max(1)
}

/// Returns the first address of a `mailto:` target (RFC 6068) in lower case: that of its path, else that of `to=`.
fn mail_address(rest: &str) -> Option<String> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let to =
        query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(name, _)| name.eq_ignore_ascii_case("to"));
    [path.trim_start_matches('/')].into_iter().chain(to.map(|(_, value)| value)).find_map(|list| {
        let list: Vec<u8> = percent_decode_str(list).take(LONGEST_MAIL).collect();
        let mut senders = Senders::default();
        senders.read(&list);
        let address = &senders.shown()?.address;
        address.contains('@').then(|| address.clone())
    })
}

/// Returns the number of a `tel:` or `sms:` target (RFC 3966, RFC 5724): its digits, after a `+` if it is global.
fn digits(rest: &str) -> Option<String> {
    let text = percent_decode_str(rest).decode_utf8_lossy();
    let number = text.split([';', '?', ',', '&']).next().unwrap_or_default();
    let digits = number.chars().filter(char::is_ascii_digit).take(MOST_DIGITS);
    let is_global = number.trim_start_matches(|c: char| c == '/' || c == '(' || c.is_whitespace()).starts_with('+');
    let all: String = is_global.then_some('+').into_iter().chain(digits).collect();
    all.contains(|c: char| c.is_ascii_digit()).then_some(all)
}

/// Returns the host that a shown text names: that of the first link of the web in it, or of the whole text if it reads
/// like `example.com` or `example.com/path`; empty if it names none. A rewritten link is decoded.
fn shown_host(shown: &str) -> String {
    let shown: String = shown.chars().filter(|c| !is_invisible(*c)).collect();
    let host = |text: &str| {
        let text = with_scheme(text)?;
        let url = Url::parse(&rewritten::original(&text).unwrap_or(text)).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| host_of(&url))?
    };
    let in_links = || found_in(&shown).into_iter().find_map(host);
    let is_around = |c: char| c.is_whitespace() || "<>()[]{}\"'.,;:!*“”‘’«»".contains(c);
    let whole = || {
        let text = shown.trim_matches(is_around).trim_start_matches(['/', '\\']);
        let is_one = !text.contains(|c: char| c.is_whitespace() || c == '@');
        is_one.then(|| named_host(text))?
    };
    in_links().or_else(whole).unwrap_or_default()
}

#[cfg(test)]
#[path = "link/tests.rs"]
mod tests;
