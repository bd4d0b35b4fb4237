//! The content of a message, read for a person.

use std::collections::BTreeSet;

use clawback_model::Digest;
use mail_parser::parsers::MessageStream;
use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use crate::html;
use crate::link::{Link, found_in};

/// Header fields that are read.
const FIELDS: usize = 200;
/// Bytes of the value of one.
const FIELD: usize = 16 * 1024;
/// Addresses of one field.
const PEOPLE: usize = 50;
/// Links that are read.
const LINKS: usize = 500;
/// Attachments that are read.
const FILES: usize = 200;
/// Bytes of the text of a part.
const TEXT: usize = 200_000;
/// Bytes of a text in which links are searched for.
const SEARCHED: usize = 1 << 20;
/// Attached messages inside of one another that are read.
const DEPTH: usize = 3;

/// The content of a message. All texts are the sender's; they are neither escaped nor made visible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// The decoded subject.
    pub subject: String,
    /// The senders of the field From.
    pub from: Vec<Person>,
    /// To whom an answer goes.
    pub reply_to: Vec<Person>,
    /// When it was sent, by its own words.
    pub date: String,
    /// Message-ID with angle brackets; empty if it has none.
    pub message_id: String,
    /// The header, in its order, decoded.
    pub fields: Vec<(String, String)>,
    /// The text of each `text/plain` part of the body.
    pub texts: Vec<String>,
    /// Each HTML part of the body.
    pub pages: Vec<Page>,
    /// The links of every part, also of attached files and messages.
    pub links: Vec<Link>,
    /// The attachments, also of attached messages.
    pub files: Vec<File>,
    /// Whether there are more fields, links or attachments, or longer texts, than were read.
    pub is_cut: bool,
}

/// A name with its address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The decoded display name; empty if it has none.
    pub name: String,
    /// The address.
    pub address: String,
}

/// A part in HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The text that a reader sees: a line for each block.
    pub text: String,
    /// Its source.
    pub source: String,
}

/// An attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name; empty if it has none.
    pub name: String,
    /// The declared type, such as `application/pdf`.
    pub media_type: String,
    /// Bytes, decoded.
    pub size: usize,
    /// Their digest.
    pub sha256: Digest,
    /// Whether it is inside of an attached message.
    pub is_nested: bool,
}

/// Reads a message; `None` if it has no header.
pub fn read(raw: &[u8]) -> Option<Content> {
    let message = MessageParser::default().parse(raw)?;
    let mut content = Content {
        subject: message.subject().unwrap_or_default().to_owned(),
        from: people(message.from()),
        reply_to: people(message.reply_to()),
        date: message.date().filter(|date| date.is_valid()).map(mail_parser::DateTime::to_rfc3339).unwrap_or_default(),
        message_id: message.message_id().map(|id| format!("<{id}>")).unwrap_or_default(),
        ..Content::default()
    };
    content.header(&message, raw);
    for part in message.text_body.iter().filter_map(|id| message.part(*id)) {
        if let PartType::Text(text) = &part.body {
            let text = content.bounded(text, TEXT);
            content.texts.push(text);
        }
    }
    for part in message.html_body.iter().filter_map(|id| message.part(*id)) {
        if let PartType::Html(source) = &part.body {
            let page = html::read(source, TEXT);
            content.is_cut |= page.is_text_cut;
            let source = content.bounded(source, TEXT);
            content.pages.push(Page { text: page.text, source });
        }
    }
    content.parts(&message, 0, &mut BTreeSet::new());
    Some(content)
}

impl Content {
    fn header(&mut self, message: &Message<'_>, raw: &[u8]) {
        for header in message.headers().iter().take(FIELDS) {
            let place = header.offset_start as usize..header.offset_end as usize;
            let value = String::from_utf8_lossy(raw.get(place).unwrap_or_default());
            let value = self.bounded(&value, FIELD);
            self.fields.push((header.name().to_owned(), decoded(&value)));
        }
        self.is_cut |= message.headers().len() > FIELDS;
    }

    /// Reads the links and the attachments of a message, and of those that are attached to it.
    fn parts(&mut self, message: &Message<'_>, depth: usize, seen: &mut BTreeSet<(String, String)>) {
        let inside = if depth == 0 { "" } else { "attached message, " };
        for part in &message.parts {
            let kind = |kind: &str| match part.attachment_name() {
                Some(name) => format!("{inside}{name}"),
                None => format!("{inside}{kind}"),
            };
            match &part.body {
                PartType::Text(text) => self.links_in(text, &kind("text"), seen),
                PartType::Html(source) => {
                    let page = html::read(source, SEARCHED);
                    self.is_cut |= page.are_links_cut;
                    let part = kind("HTML");
                    for (target, shown) in &page.links {
                        self.link(&part, target, shown, seen);
                    }
                    self.links_in(&page.bare, &part, seen);
                }
                PartType::Message(inner) if depth < DEPTH => self.parts(inner, depth + 1, seen),
                PartType::Message(_) => self.is_cut = true,
                PartType::Binary(_) | PartType::InlineBinary(_) | PartType::Multipart(_) => {}
            }
        }
        for part in message.attachments() {
            if self.files.len() == FILES {
                self.is_cut = true;
                break;
            }
            self.files.push(file(part, depth > 0));
        }
    }

    fn links_in(&mut self, text: &str, part: &str, seen: &mut BTreeSet<(String, String)>) {
        let text = self.bounded(text, SEARCHED);
        for link in found_in(&text) {
            self.link(part, link, link, seen);
        }
    }

    /// Keeps a link, each target with each text once.
    fn link(&mut self, part: &str, target: &str, shown: &str, seen: &mut BTreeSet<(String, String)>) {
        let Some(link) = Link::of(part, target, shown) else { return };
        if self.links.len() == LINKS {
            self.is_cut = true;
        } else if seen.insert((link.target.clone(), link.shown.clone())) {
            self.links.push(link);
        }
    }

    /// The text up to so many bytes.
    fn bounded(&mut self, text: &str, most: usize) -> String {
        self.is_cut |= text.len() > most;
        text[..text.floor_char_boundary(most)].to_owned()
    }
}

fn people(address: Option<&Address<'_>>) -> Vec<Person> {
    let of = |one: &mail_parser::Addr<'_>| Person {
        name: one.name().unwrap_or_default().to_owned(),
        address: one.address().unwrap_or_default().to_owned(),
    };
    address.map(|address| address.iter().take(PEOPLE).map(of).collect()).unwrap_or_default()
}

fn file(part: &MessagePart<'_>, is_nested: bool) -> File {
    let media_type = part.content_type().map(|kind| match kind.subtype() {
        Some(subtype) => format!("{}/{subtype}", kind.ctype()),
        None => kind.ctype().to_owned(),
    });
    File {
        name: part.attachment_name().unwrap_or_default().to_owned(),
        media_type: media_type.unwrap_or_default(),
        size: part.contents().len(),
        sha256: Digest::of(part.contents()),
        is_nested,
    }
}

/// The value of a field, unfolded and with its encoded words (RFC 2047) decoded.
fn decoded(value: &str) -> String {
    let value = value.trim();
    let unfolded = value.replace("\r\n", "\n").replace('\r', "\n");
    if !unfolded.contains("=?") {
        return value.to_owned();
    }
    // The parser ends a field at a line that is no continuation.
    let unfolded = format!("{}\n", unfolded.lines().map(str::trim).collect::<Vec<_>>().join(" "));
    let parsed = MessageStream::new(unfolded.as_bytes()).parse_unstructured();
    parsed.as_text().map_or_else(|| value.to_owned(), str::to_owned)
}
