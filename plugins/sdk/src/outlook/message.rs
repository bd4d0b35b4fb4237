//! A message of its properties (MS-OXPROPS): header, body, attachments.

use std::{borrow::Cow, fmt::Write as _};

use sha2::{Digest as _, Sha256};

use super::compound::{Children, Compound, Node, u32_at, utf16};
use super::{Cut, Message, code_page, compressed, rtf};
use crate::{bound, charset};

/// The most attachments of one message, and the deepest nesting of messages.
const ATTACHMENTS: usize = 500;
const DEEPEST: usize = 8;
/// The bytes of all headers and bodies of a file that are taken: as many as the examination of a message reads.
const TEXT: usize = 1024 * 1024;
/// The bytes of all short texts of a file that are taken, and of one: more than a message record has of one.
const LINES: usize = 1024 * 1024;
const LINE: usize = 16 * 1024;
/// The bytes before the first property of a message, of one inside another, and of an attachment (MS-OXMSG 2.4.1).
const OF_MESSAGE: usize = 32;
const OF_INNER: usize = 24;
const OF_ATTACHMENT: usize = 8;

/// Properties, by their IDs.
const SUBJECT: u16 = 0x0037;
const REPRESENTED: (u16, u16) = (0x0042, 0x5d02);
const HEADERS: u16 = 0x007d;
const SENDER: (u16, u16) = (0x0c1a, 0x5d01);
const SENDER_ADDRESS: u16 = 0x0c1f;
const BODY: u16 = 0x1000;
const RTF: u16 = 0x1009;
const HTML: u16 = 0x1013;
const MESSAGE_ID: u16 = 0x1035;
const CONTENT: u16 = 0x3701;
const FILE_NAMES: [u16; 3] = [0x3707, 0x3704, 0x3001];
const MEDIA_TYPE: u16 = 0x370e;
const CODE_PAGES: [u16; 2] = [0x3fde, 0x3ffd];

/// Types of properties (MS-OXCDATA 2.11.1).
const STORAGE: u16 = 0x000d;
const ANSI: u16 = 0x001e;
const UNICODE: u16 = 0x001f;
const BINARY: u16 = 0x0102;

/// Returns the message as RFC 5322 has it; `None` if the file has no property of a message.
pub(super) fn rebuilt(file: Compound<'_>, raw: &[u8]) -> Option<Message<'static>> {
    // No text in the file can have its own hash, so none can end a part.
    let digest = Sha256::digest(raw);
    let boundary = digest.iter().take(16).fold(String::new(), |mut boundary, byte| {
        let _ = write!(boundary, "{byte:02x}");
        boundary
    });
    let mut rebuilder = Rebuilder { file, boundary, parts: 0, text_left: TEXT, lines_left: LINES };
    rebuilder.message(Compound::root(), OF_MESSAGE, 0)
}

struct Rebuilder<'a> {
    file: Compound<'a>,
    boundary: String,
    /// Multiparts so far; each has a boundary of its own.
    parts: u32,
    /// The bytes of headers and bodies, and of short texts, that are still taken.
    text_left: usize,
    lines_left: usize,
}

/// A storage with its properties.
struct Properties {
    children: Children,
    charset: &'static str,
    /// Whether some can be missing.
    is_cut: bool,
}

impl Properties {
    fn node(&self, id: u16, kind: u16) -> Option<Node> {
        self.children.get(&format!("__substg1.0_{id:04x}{kind:04x}")).copied()
    }

    /// Returns a property that is text, and its charset.
    fn text(&self, id: u16) -> Option<(Node, Charset)> {
        let unicode = self.node(id, UNICODE).map(|node| (node, Charset::Utf16));
        unicode.or_else(|| Some((self.node(id, ANSI)?, Charset::Named(self.charset))))
    }
}

/// How a property has its text.
#[derive(Clone, Copy)]
enum Charset {
    Utf16,
    Named(&'static str),
}

impl Rebuilder<'_> {
    fn properties(&mut self, node: Node, before: usize) -> Properties {
        let (children, mut is_cut) = self.file.children(node);
        let fixed = children.get("__properties_version1.0").map(|node| self.file.read(*node, TEXT));
        let (fixed, is_fixed_cut) = fixed.unwrap_or_default();
        is_cut |= is_fixed_cut;
        let values = fixed.get(before..).unwrap_or_default();
        let page = |id: u16| {
            let tag = u32::from(id) << 16 | 3;
            let value = values.chunks_exact(16).find(|value| u32_at(value, 0) == Some(tag))?;
            code_page(u32_at(value, 8)?)
        };
        let charset = CODE_PAGES.into_iter().find_map(page).unwrap_or("cp1252");
        Properties { children, charset, is_cut }
    }

    /// Returns at most so many bytes of a text, and whether some are missing.
    fn decoded(&mut self, (node, charset): (Node, Charset), most: usize) -> (String, bool) {
        let (text, is_cut) = match charset {
            Charset::Utf16 => {
                let (bytes, is_cut) = self.file.read(node, most.saturating_mul(2));
                (utf16(&bytes), is_cut)
            }
            Charset::Named(charset) => {
                let (bytes, is_cut) = self.file.read(node, most);
                (charset::decode(charset, &bytes), is_cut)
            }
        };
        let (text, is_long) = bound::text(text, most);
        (text, is_cut || is_long)
    }

    /// Returns a header or a body, and notes whether some of it is missing.
    fn text(&mut self, stored: (Node, Charset), is_cut: &mut bool) -> String {
        let (text, is_part) = self.decoded(stored, self.text_left);
        self.text_left -= text.len();
        *is_cut |= is_part;
        text
    }

    /// Returns a property that is a short text, on one line, and notes whether some of it is missing.
    fn line(&mut self, of: &Properties, id: u16, is_cut: &mut bool) -> Option<String> {
        let (text, is_part) = self.decoded(of.text(id)?, LINE.min(self.lines_left));
        self.lines_left -= text.len();
        *is_cut |= is_part;
        let text = text.trim_end_matches('\0');
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Some(line.trim().to_owned()).filter(|line| !line.is_empty())
    }

    fn message(&mut self, node: Node, before: usize, depth: usize) -> Option<Message<'static>> {
        let properties = self.properties(node, before);
        if !properties.children.keys().any(|name| name.starts_with("__substg1.0_")) {
            return None;
        }
        let mut cut = if properties.is_cut { Cut::ALL } else { Cut::default() };
        let mut raw = self.header(&properties, &mut cut.header).into_bytes();
        self.parts += 1;
        let boundary = format!("{}-{:04}", self.boundary, self.parts);
        raw.extend(format!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\r\n").bytes());
        if let Some((subtype, body)) = self.body(&properties, &mut cut.body) {
            let fields = format!("Content-Type: text/{subtype}; charset=utf-8\r\n");
            part(&mut raw, &boundary, &fields, body.as_bytes());
        }
        let names = properties.children.iter().filter(|(name, _)| name.starts_with("__attach_version1.0_"));
        let mut attachments = names.map(|(_, node)| *node);
        let mut attached = Vec::new();
        for node in attachments.by_ref().take(ATTACHMENTS) {
            let properties = self.properties(node, OF_ATTACHMENT);
            cut.attachments |= properties.is_cut;
            if let Some(stored) = properties.node(CONTENT, STORAGE) {
                // It is no part, as `Message::attached` says, or it is too deep, or an object of another program.
                cut.attachments = true;
                if depth < DEEPEST
                    && let Some(message) = self.message(stored, OF_INNER, depth + 1)
                {
                    let name = self.name(&properties, &mut cut.attachments);
                    attached.push(Message { name, ..message });
                }
                if properties.node(CONTENT, BINARY).is_none() {
                    continue;
                }
            }
            self.file(&mut raw, &boundary, &properties, &mut cut.attachments);
        }
        cut.attachments |= attachments.next().is_some();
        raw.extend(format!("\r\n--{boundary}--\r\n").bytes());
        Some(Message { raw: Cow::Owned(raw), name: None, cut, attached })
    }

    /// Returns the header fields as the message came, without those of its MIME structure, which is another one now.
    /// What they lack, such as in a message that was never sent, is taken from properties.
    fn header(&mut self, properties: &Properties, is_cut: &mut bool) -> String {
        let given = properties.text(HEADERS).map(|stored| self.text(stored, is_cut)).unwrap_or_default();
        let (mut header, [has_from, has_subject, has_id]) = fields(given.trim_end_matches('\0'));
        if !has_from && let Some((name, address)) = self.sender(properties, is_cut) {
            let name: String = name.chars().filter(|c| !matches!(c, '"' | '\\' | '<' | '>')).collect();
            let _ = write!(header, "From: \"{name}\" <{address}>\r\n");
        }
        for (is_there, field, id) in [(has_subject, "Subject", SUBJECT), (has_id, "Message-ID", MESSAGE_ID)] {
            if !is_there && let Some(value) = self.line(properties, id, is_cut) {
                let _ = write!(header, "{field}: {value}\r\n");
            }
        }
        header
    }

    /// Returns name and address of the sender. An address of another kind than that of mail is none.
    fn sender(&mut self, properties: &Properties, is_cut: &mut bool) -> Option<(String, String)> {
        let all = [REPRESENTED, SENDER, (SENDER.0, SENDER_ADDRESS)];
        let found = all.into_iter().find_map(|(name, id)| Some((name, self.line(properties, id, is_cut)?)));
        let (name, address) =
            found.filter(|(_, address)| address.contains('@') && !address.contains(['<', '>', ' ']))?;
        Some((self.line(properties, name, is_cut).unwrap_or_default(), address))
    }

    /// Returns the best body that is not blank, and its kind of text.
    fn body(&mut self, properties: &Properties, is_cut: &mut bool) -> Option<(&'static str, String)> {
        let html = properties.node(HTML, BINARY).map(|node| (node, Charset::Named(properties.charset)));
        for stored in html.into_iter().chain(properties.text(HTML)) {
            let html = self.text(stored, is_cut);
            if !is_blank(&html) {
                return Some(("html", html));
            }
        }
        let of_rtf = self.rtf(properties);
        // Outlook makes plain text of RTF, so that RTF counts if there is none.
        let is_rtf_cut = of_rtf.as_ref().is_some_and(|body| body.is_cut);
        if let Some(body) = of_rtf.as_ref().filter(|body| body.is_html) {
            *is_cut |= is_rtf_cut;
            if !is_blank(&body.text) {
                return of_rtf.map(|body| ("html", body.text));
            }
        }
        if let Some(stored) = properties.text(BODY) {
            let plain = self.text(stored, is_cut);
            if !is_blank(&plain) {
                return Some(("plain", plain));
            }
        }
        *is_cut |= is_rtf_cut;
        of_rtf.map(|body| ("plain", body.text)).filter(|(_, text)| !is_blank(text))
    }

    /// Returns the body that is in RTF; an empty one that is cut if the RTF cannot be read.
    fn rtf(&mut self, properties: &Properties) -> Option<rtf::Body> {
        let (stored, is_stream_cut) = self.file.read(properties.node(RTF, BINARY)?, 2 * compressed::MOST);
        let Some((rtf, is_rtf_cut)) = compressed::rtf(&stored) else {
            return Some(rtf::Body { is_html: false, text: String::new(), is_cut: true });
        };
        drop(stored);
        let mut body = rtf::read(&rtf, properties.charset, self.text_left);
        body.is_cut |= is_stream_cut || is_rtf_cut;
        self.text_left -= body.text.len();
        Some(body)
    }

    /// Returns the name of an attachment.
    fn name(&mut self, properties: &Properties, is_cut: &mut bool) -> Option<String> {
        FILE_NAMES.into_iter().find_map(|id| self.line(properties, id, is_cut))
    }

    /// Adds an attached file.
    fn file(&mut self, raw: &mut Vec<u8>, boundary: &str, properties: &Properties, is_cut: &mut bool) {
        let name = self.name(properties, is_cut);
        let name = name.map(|name| format!("; filename*=utf-8''{}", escaped(&name))).unwrap_or_default();
        let media_type = self.media_type(properties, is_cut);
        let fields = format!("Content-Type: {media_type}\r\nContent-Disposition: attachment{name}\r\n");
        let content = properties.node(CONTENT, BINARY).map(|node| self.file.read(node, usize::MAX));
        let (content, is_part) = content.unwrap_or_default();
        *is_cut |= is_part;
        part(raw, boundary, &fields, &content);
    }

    /// Returns the type that an attachment declares. A multipart here is a file, and no part of the message.
    fn media_type(&mut self, properties: &Properties, is_cut: &mut bool) -> String {
        let declared = self.line(properties, MEDIA_TYPE, is_cut).unwrap_or_default().to_ascii_lowercase();
        let is_token = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
        };
        match declared.split_once('/') {
            Some((kind, subtype))
                if is_token(kind) && is_token(subtype) && kind != "multipart" && declared.len() < 128 =>
            {
                declared
            }
            _ => "application/octet-stream".to_owned(),
        }
    }
}

/// Returns the fields of a header that are not those of its MIME structure, and whether From, Subject and Message-ID are
/// among them. As in any message, an empty line ends the header: what Outlook stores after it was no field of it.
fn fields(given: &str) -> (String, [bool; 3]) {
    let (mut header, mut is_kept, mut is_begun) = (String::with_capacity(given.len()), false, false);
    let mut has = [false; 3];
    for line in given.split('\n').map(|line| line.trim_end_matches('\r')) {
        if line.is_empty() {
            if is_begun {
                break;
            }
        } else if line.starts_with([' ', '\t']) {
            // A blank fold ends no field.
            if line.trim().is_empty() {
                continue;
            }
        } else {
            let name = line.split(':').next().unwrap_or_default().trim_end().to_ascii_lowercase();
            let is_name =
                name.len() < line.len() && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            is_begun |= is_name;
            is_kept = is_name && name != "mime-version" && !name.starts_with("content-");
            for (known, field) in has.iter_mut().zip(["from", "subject", "message-id"]) {
                *known |= name == field;
            }
        }
        if is_kept {
            header.push_str(&line.replace('\r', " "));
            header.push_str("\r\n");
        }
    }
    (header, has)
}

/// Returns whether a text shows nothing.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || matches!(c, '\0' | '\u{feff}'))
}

fn part(raw: &mut Vec<u8>, boundary: &str, fields: &str, content: &[u8]) {
    raw.extend(format!("\r\n--{boundary}\r\n{fields}Content-Transfer-Encoding: binary\r\n\r\n").bytes());
    raw.extend_from_slice(content);
}

/// Returns a text as RFC 2231 writes it.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b".-_".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}
