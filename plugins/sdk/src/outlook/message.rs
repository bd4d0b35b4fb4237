//! A message of its properties (MS-OXPROPS): header, body, attachments.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::compound::{Children, Compound, Node, u32_at, utf16};
use super::{code_page, compressed, rtf};
use crate::charset;

/// The most attachments of one message, and the deepest nesting of messages.
const ATTACHMENTS: usize = 500;
const DEEPEST: usize = 8;
/// The bytes of a text other than a body that are read.
const TEXT: usize = 1024 * 1024;
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

/// Returns the message as RFC 5322 has it; `None` if the file has no property of a message.
pub(super) fn rebuilt(file: Compound<'_>, raw: &[u8]) -> Option<Vec<u8>> {
    // No text in the file can have its own hash, so none can end a part.
    let digest = Sha256::digest(raw);
    let boundary = digest.iter().take(16).fold(String::new(), |mut boundary, byte| {
        let _ = write!(boundary, "{byte:02x}");
        boundary
    });
    let mut rebuilder = Rebuilder { file, boundary, parts: 0 };
    rebuilder.message(Compound::root(), OF_MESSAGE, 0)
}

struct Rebuilder<'a> {
    file: Compound<'a>,
    boundary: String,
    /// Multiparts so far; each has a boundary of its own.
    parts: u32,
}

/// A storage with its properties.
struct Properties {
    children: Children,
    charset: &'static str,
}

impl Properties {
    fn node(&self, id: u16, kind: u16) -> Option<Node> {
        self.children.get(&format!("__substg1.0_{id:04x}{kind:04x}")).copied()
    }
}

impl Rebuilder<'_> {
    fn properties(&mut self, node: Node, before: usize) -> Properties {
        let children = self.file.children(node);
        let fixed = children.get("__properties_version1.0").map(|node| self.file.read(*node)).unwrap_or_default();
        let values = fixed.get(before..).unwrap_or_default();
        let page = |id: u16| {
            let tag = u32::from(id) << 16 | 3;
            let value = values.chunks_exact(16).find(|value| u32_at(value, 0) == Some(tag))?;
            code_page(u32_at(value, 8)?)
        };
        let charset = CODE_PAGES.into_iter().find_map(page).unwrap_or("cp1252");
        Properties { children, charset }
    }

    /// Returns a property that is text.
    fn text(&mut self, of: &Properties, id: u16) -> Option<String> {
        if let Some(node) = of.node(id, 0x001f) {
            return Some(utf16(&self.file.read(node)));
        }
        let bytes = of.node(id, 0x001e).map(|node| self.file.read(node))?;
        Some(charset::decode(of.charset, &bytes))
    }

    /// Returns a property that is a short text, on one line.
    fn line(&mut self, of: &Properties, id: u16) -> Option<String> {
        let text = self.text(of, id)?;
        let text = text[..text.floor_char_boundary(TEXT)].trim_end_matches('\0');
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Some(line.trim().to_owned()).filter(|line| !line.is_empty())
    }

    fn message(&mut self, node: Node, before: usize, depth: usize) -> Option<Vec<u8>> {
        let properties = self.properties(node, before);
        if !properties.children.keys().any(|name| name.starts_with("__substg1.0_")) {
            return None;
        }
        let mut raw = self.header(&properties).into_bytes();
        self.parts += 1;
        let boundary = format!("{}-{:04}", self.boundary, self.parts);
        raw.extend(format!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\r\n").bytes());
        if let Some((subtype, body)) = self.body(&properties) {
            let fields = format!("Content-Type: text/{subtype}; charset=utf-8\r\n");
            part(&mut raw, &boundary, &fields, body.as_bytes());
        }
        let attachments = properties.children.iter().filter(|(name, _)| name.starts_with("__attach_version1.0_"));
        for node in attachments.map(|(_, node)| *node).take(ATTACHMENTS) {
            self.attachment(&mut raw, &boundary, node, depth);
        }
        raw.extend(format!("\r\n--{boundary}--\r\n").bytes());
        Some(raw)
    }

    /// Returns the header fields as the message came, without those of its MIME structure, which is another one now.
    /// What they lack, such as in a message that was never sent, is taken from properties.
    fn header(&mut self, properties: &Properties) -> String {
        let given = self.text(properties, HEADERS).unwrap_or_default();
        let given = given.trim_end_matches('\0');
        let (mut header, mut is_kept) = (String::with_capacity(given.len()), false);
        let mut has = [false; 3];
        for line in given.split('\n').map(|line| line.trim_end_matches('\r')) {
            if line.starts_with([' ', '\t']) {
                is_kept &= !line.trim().is_empty();
            } else {
                let name = line.split(':').next().unwrap_or_default().trim_end().to_ascii_lowercase();
                let is_name =
                    name.len() < line.len() && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
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
        let [has_from, has_subject, has_id] = has;
        if !has_from && let Some((name, address)) = self.sender(properties) {
            let name: String = name.chars().filter(|c| !matches!(c, '"' | '\\' | '<' | '>')).collect();
            let _ = write!(header, "From: \"{name}\" <{address}>\r\n");
        }
        for (is_there, field, id) in [(has_subject, "Subject", SUBJECT), (has_id, "Message-ID", MESSAGE_ID)] {
            if !is_there && let Some(value) = self.line(properties, id) {
                let _ = write!(header, "{field}: {value}\r\n");
            }
        }
        header
    }

    /// Returns name and address of the sender. An address of another kind than that of mail is none.
    fn sender(&mut self, properties: &Properties) -> Option<(String, String)> {
        let smtp = [REPRESENTED, SENDER].into_iter().find_map(|(name, id)| Some((name, self.line(properties, id)?)));
        let found = smtp.or_else(|| Some((SENDER.0, self.line(properties, SENDER_ADDRESS)?)));
        let (name, address) =
            found.filter(|(_, address)| address.contains('@') && !address.contains(['<', '>', ' ']))?;
        Some((self.line(properties, name).unwrap_or_default(), address))
    }

    /// Returns the best body, and its kind of text.
    fn body(&mut self, properties: &Properties) -> Option<(&'static str, String)> {
        if let Some(node) = properties.node(HTML, 0x0102) {
            let html = self.file.read(node);
            return Some(("html", charset::decode(properties.charset, &html)));
        }
        if let Some(html) = self.text(properties, HTML) {
            return Some(("html", html));
        }
        let rtf = properties.node(RTF, 0x0102).map(|node| self.file.read(node));
        let of_rtf = rtf.and_then(|rtf| compressed::rtf(&rtf)).map(|bytes| rtf::read(&bytes, properties.charset));
        match of_rtf {
            Some(body) if body.is_html => Some(("html", body.text)),
            other => self.text(properties, BODY).or(other.map(|body| body.text)).map(|text| ("plain", text)),
        }
    }

    fn attachment(&mut self, raw: &mut Vec<u8>, boundary: &str, node: Node, depth: usize) {
        let properties = self.properties(node, OF_ATTACHMENT);
        let name = FILE_NAMES.into_iter().find_map(|id| self.line(&properties, id));
        let inner = properties.node(CONTENT, 0x000d).filter(|_| depth < DEEPEST);
        let inner = inner.and_then(|node| self.message(node, OF_INNER, depth + 1));
        let (media_type, content) = if let Some(inner) = inner {
            ("message/rfc822".to_owned(), inner)
        } else {
            let content = properties.node(CONTENT, 0x0102).map(|node| self.file.read(node)).unwrap_or_default();
            (self.media_type(&properties), content)
        };
        let name = name.map(|name| format!("; filename*=utf-8''{}", escaped(&name))).unwrap_or_default();
        let fields = format!("Content-Type: {media_type}\r\nContent-Disposition: attachment{name}\r\n");
        part(raw, boundary, &fields, &content);
    }

    /// Returns the type that an attachment declares. A multipart here is a file, and no part of the message.
    fn media_type(&mut self, properties: &Properties) -> String {
        let declared = self.line(properties, MEDIA_TYPE).unwrap_or_default().to_ascii_lowercase();
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
