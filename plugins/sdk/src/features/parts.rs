//! What the parts of a message contribute: text, links, attachments, and calendar UIDs.

use std::{collections::HashSet, fmt::Write as _};

use sha2::{Digest as _, Sha256};

use super::{
    html,
    mime::{self, Part},
};
use crate::{
    bound,
    examiner::Attachment,
    normal::normalise,
    outlook::{self, Message},
};

/// The most bytes of text.
pub(crate) const TEXT: usize = 1024 * 1024;
/// The most links, and the most bytes of all their targets and texts.
pub(crate) const LINKS: (usize, usize) = (html::LINKS, 1024 * 1024);
/// The most attachments.
pub(crate) const ATTACHMENTS: usize = 500;
/// The most calendar UIDs, and their total bytes.
pub(crate) const UIDS: (usize, usize) = (100, 32 * 1024);
/// The most names of one attachment, and their total bytes.
const NAMES: (usize, usize) = (20, 8 * 1024);
/// The deepest nesting of attached messages that is opened.
pub(crate) const DEEPEST: u8 = 8;
/// The most attached messages that are returned for examination.
pub(crate) const ATTACHED: usize = 8;

/// The content of a message, without its header.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Body {
    /// The visible text of the message's own text parts: of the HTML parts, then of the plain parts if these say
    /// something else. Texts of attachments and attached messages are not part of it.
    pub text: String,
    /// The plain parts, as they are.
    pub plain: Vec<String>,
    /// The visible texts of HTML parts outside of links.
    pub bare: Vec<String>,
    /// Target and shown text of each link in HTML parts and in attached pages, each pair once.
    pub links: Vec<(String, String)>,
    /// All attachments, including those of attached messages.
    pub attachments: Vec<Attachment>,
    /// UIDs of calendar objects, each once.
    pub calendar_uids: Vec<String>,
    /// The structure of the visible HTML parts, as in [`html::Page`]. Empty without HTML.
    pub shape: Vec<u8>,
    /// What is known only in part: `body` (text or calendar UIDs), `links`, `attachments`.
    pub cut: Vec<String>,
}

/// Returns the content of a message.
pub(crate) fn of(message: &Message<'_>) -> Body {
    let mut reader = Reader { text_left: TEXT, links_left: LINKS.1, ..Reader::default() };
    reader.walk(message, 0);
    let Reader { mut body, html, .. } = reader;
    let plain = body.plain.join("\n");
    body.text = if html.is_empty() {
        plain
    } else if plain.is_empty() || normalise(&html) == normalise(&plain) {
        html
    } else {
        html + "\n" + &plain
    };
    body
}

/// Returns the messages that are attached directly to a message, decoded, at most [`ATTACHED`].
pub(crate) fn attached(message: Message<'_>) -> Vec<Message<'static>> {
    let (parts, _) = mime::parts(&message.raw);
    let decoded = |part: &Part<'_>| {
        let bytes = part.bytes();
        part.message(&bytes).map(Message::into_owned)
    };
    let files = parts.iter().filter(|part| part.is_message()).filter_map(decoded);
    message.attached.into_iter().chain(files).take(ATTACHED).collect()
}

#[derive(Debug, Default)]
struct Reader {
    body: Body,
    html: String,
    known: HashSet<(String, String)>,
    text_left: usize,
    links_left: usize,
}

impl Reader {
    /// Reads the parts of a message inside of `depth` others. Recurses at most [`DEEPEST`] times.
    fn walk(&mut self, message: &Message<'_>, depth: u8) {
        let (parts, is_cut) = mime::parts(&message.raw);
        if is_cut || message.cut.attachments {
            self.cut("attachments");
        }
        if depth == 0 && (is_cut || message.cut.body) {
            self.cut("body");
            self.cut("links");
        }
        for part in &parts {
            self.part(part, depth);
        }
        for one in &message.attached {
            self.message(one, depth);
        }
    }

    /// Reads a message that is attached to one inside of `depth` others.
    fn message(&mut self, message: &Message<'_>, depth: u8) {
        if depth < DEEPEST {
            self.walk(message, depth + 1);
        } else {
            self.cut("attachments");
        }
    }

    fn part(&mut self, part: &Part<'_>, depth: u8) {
        let is_text = part.media_type.starts_with("text/");
        // One that is nested too deep, or has no boundary. Clients show it as text, or not at all.
        let is_multipart = part.media_type.starts_with("multipart/");
        let is_attachment = !part.names.is_empty() || !(is_text || is_multipart);
        if depth > 0 && !is_attachment {
            return;
        }
        let bytes = part.bytes();
        if is_attachment {
            self.attachment(part, &bytes, depth);
        }
        if part.is_message() {
            match part.message(&bytes) {
                Some(message) => self.message(&message, depth),
                // A file of Outlook that cannot be read may have attachments.
                None if outlook::is_compound(&bytes) => self.cut("attachments"),
                None => {}
            }
        }
        if depth > 0 {
            return;
        }
        if is_opaque(part) {
            for what in ["body", "links", "attachments"] {
                self.cut(what);
            }
        }
        // A text part with a name is an attachment and is shown, unless its disposition says otherwise.
        let is_shown = !(is_attachment && part.is_detached);
        if is_page(part) {
            self.page(&part.text(&bytes), is_shown && is_text);
        } else if matches!(part.media_type.as_str(), "text/calendar" | "application/ics") || part.is_named(&["ics"]) {
            self.calendar(&part.text(&bytes));
        } else if (is_text || is_multipart)
            && is_shown
            && !matches!(part.media_type.as_str(), "text/rfc822-headers" | "text/css")
        {
            let (text, is_cut) = bound::text(part.text(&bytes), self.text_left);
            self.text_left -= text.len();
            self.body.plain.push(text);
            if is_cut {
                self.cut("body");
            }
        }
    }

    fn attachment(&mut self, part: &Part<'_>, bytes: &[u8], depth: u8) {
        let (names, is_cut) = bound::list(part.names.iter().cloned(), NAMES);
        if is_cut || part.are_names_cut {
            self.cut("attachments");
        }
        if self.body.attachments.len() == ATTACHMENTS {
            return self.cut("attachments");
        }
        self.body.attachments.push(Attachment {
            names,
            media_type: part.media_type.clone(),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut digest, byte| {
                let _ = write!(digest, "{byte:02x}");
                digest
            }),
            depth,
        });
    }

    /// Reads a page. Only its links count if it is not shown with the message.
    fn page(&mut self, text: &str, is_shown: bool) {
        let page = html::read(text, if is_shown { self.text_left } else { 0 });
        if is_shown {
            self.text_left -= page.text.len();
            if !self.html.is_empty() && !page.text.is_empty() {
                self.html.push('\n');
            }
            self.html.push_str(&page.text);
            self.body.bare.push(page.bare);
            self.body.shape.extend(page.shape);
            if page.is_text_cut {
                self.cut("body");
            }
        }
        if page.are_links_cut {
            self.cut("links");
        }
        for link in page.links {
            let length = link.0.len() + link.1.len();
            if self.known.contains(&link) {
                continue;
            }
            if self.body.links.len() == LINKS.0 || length > self.links_left {
                self.cut("links");
                continue;
            }
            self.links_left -= length;
            self.known.insert(link.clone());
            self.body.links.push(link);
        }
    }

    fn calendar(&mut self, text: &str) {
        let known = std::mem::take(&mut self.body.calendar_uids);
        let (mut all, mut seen) = (Vec::new(), HashSet::new());
        for uid in known.into_iter().chain(uids(text)) {
            if seen.insert(uid.clone()) {
                all.push(uid);
            }
        }
        let (all, is_cut) = bound::list(all, UIDS);
        self.body.calendar_uids = all;
        if is_cut {
            self.cut("body");
        }
    }

    fn cut(&mut self, what: &str) {
        if !self.body.cut.iter().any(|known| known == what) {
            self.body.cut.push(what.to_owned());
        }
    }
}

/// Returns whether this part has content that only some clients open: signed or encrypted, or of Outlook.
fn is_opaque(part: &Part<'_>) -> bool {
    let types = ["application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"];
    let of_outlook = ["application/ms-tnef", "application/vnd.ms-tnef"];
    types.contains(&part.media_type.as_str())
        || of_outlook.contains(&part.media_type.as_str())
        || part.is_named(&["p7m"])
}

/// Returns whether clients or browsers open this part as a page.
fn is_page(part: &Part<'_>) -> bool {
    let types = ["text/html", "text/x-amp-html", "application/xhtml+xml", "image/svg+xml"];
    types.contains(&part.media_type.as_str()) || part.is_named(&["html", "htm", "shtml", "xhtml", "xht", "svg"])
}

/// Returns the values of UID properties, from unfolded lines (RFC 5545 3.1, 3.8.4.7).
fn uids(calendar: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    // Whether the line before is a UID that can continue.
    let mut is_open = false;
    let mut folded = calendar.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).peekable();
    while let Some(line) = folded.next() {
        if let Some(rest) = line.strip_prefix([' ', '\t']) {
            if let Some(uid) = found.last_mut().filter(|_| is_open) {
                uid.push_str(rest);
            }
            continue;
        }
        is_open = false;
        // The name itself can be folded.
        let mut start = line.to_owned();
        while !start.contains(':')
            && start.len() < 256
            && let Some(rest) = folded.peek().and_then(|next| next.strip_prefix([' ', '\t']))
        {
            start.push_str(rest);
            folded.next();
        }
        if let Some(value) = value_of_uid(&start) {
            found.push(value.to_owned());
            is_open = true;
        }
    }
    found.retain_mut(|uid| {
        *uid = uid.trim().to_owned();
        !uid.is_empty()
    });
    found
}

/// Returns the value of `UID:value` or `UID;parameter="a:b":value`.
fn value_of_uid(line: &str) -> Option<&str> {
    let name = line.get(..3).filter(|name| name.eq_ignore_ascii_case("uid"))?;
    let rest = &line[name.len()..];
    if !rest.starts_with([':', ';']) {
        return None;
    }
    let mut is_quoted = false;
    let colon = rest.bytes().position(|byte| {
        is_quoted ^= byte == b'"';
        byte == b':' && !is_quoted
    })?;
    Some(&rest[colon + 1..])
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
