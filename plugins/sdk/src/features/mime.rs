//! The parts of a raw message (RFC 2046), as a flat list.
//!
//! mail-parser reads the fields and decodes, but does not build its tree of parts here: that tree nests attached messages
//! without a limit, and dropping it recurses as deep; an inner multipart continues beyond the boundary of an outer one,
//! so that it can swallow what clients show; and a boundary that is missing is searched for once per part. This walk
//! reads each line once, and ends inner parts at outer boundaries (RFC 2046 5.1.2).

use std::{borrow::Cow, collections::HashSet};

use mail_parser::{HeaderName, HeaderValue, MessageParser};

use super::transfer;
use crate::{
    bound, charset, header,
    outlook::{self, Message},
    parameter, words,
};

/// The most parts of one message that are read.
pub(crate) const PARTS: usize = 10_000;
/// The deepest nesting of multiparts that is read.
pub(crate) const DEEPEST: usize = 100;
/// The bytes of one field of a part that are read.
const FIELD: usize = 64 * 1024;
/// The bytes of a Content-Type that are read for the type, the charset, and the boundary.
const TYPE: usize = 8 * 1024;
/// The most names of one part, and their total bytes: more than a message record has, so that a record shows that names
/// are missing.
const NAMES: (usize, usize) = (bound::ATTACHMENTS.0 + 1, bound::ATTACHMENTS.1 + 1);
/// The most bytes of a media type.
const MEDIA_TYPE: usize = 255;

/// One part that is not a multipart.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// Its type in lower case without parameters; `text/plain` if it declares none (RFC 2045 5.2).
    pub media_type: String,
    /// Its file names, decoded, each once.
    pub names: Vec<String>,
    /// Whether names are missing.
    pub are_names_cut: bool,
    /// Whether its Content-Disposition is `attachment`.
    pub is_detached: bool,
    charset: String,
    encoding: Encoding,
    /// Its content in transfer encoding.
    body: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Base64,
    QuotedPrintable,
}

impl<'a> Part<'a> {
    /// Returns the content, with the transfer encoding decoded as leniently as by clients (RFC 2045 6.7, 6.8).
    pub(crate) fn bytes(&self) -> Cow<'a, [u8]> {
        match self.encoding {
            Encoding::Identity => Cow::Borrowed(self.body),
            Encoding::Base64 => Cow::Owned(transfer::from_base64(self.body)),
            Encoding::QuotedPrintable => Cow::Owned(transfer::from_quoted_printable(self.body)),
        }
    }

    /// Returns the content as text, in the declared charset or the most likely one.
    pub(crate) fn text(&self, bytes: &[u8]) -> String {
        match bytes {
            [0xff, 0xfe, rest @ ..] => charset::decode("utf-16le", rest),
            [0xfe, 0xff, rest @ ..] => charset::decode("utf-16be", rest),
            [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
            _ if self.charset.is_empty() => charset::guess(bytes).into_owned(),
            _ => charset::decode(&self.charset, bytes),
        }
    }

    /// Returns whether a name ends with one of these extensions, compared without case.
    pub(crate) fn is_named(&self, extensions: &[&str]) -> bool {
        let extension = |name: &str| name.rsplit_once('.').map(|(_, extension)| extension.trim().to_ascii_lowercase());
        self.names.iter().filter_map(|name| extension(name)).any(|found| extensions.contains(&found.as_str()))
    }

    /// Returns whether it is an attached message, unless its content shows that it is none.
    pub(crate) fn is_message(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            "message/rfc822" | "message/global" | "application/vnd.ms-outlook" | "application/x-msg"
        ) || self.is_named(&["eml", "msg"])
    }

    /// Returns the message that it is, of which `bytes` is its content; `None` if it is none. A `.msg` file of Outlook
    /// is rebuilt.
    pub(crate) fn message<'b>(&self, bytes: &'b [u8]) -> Option<Message<'b>> {
        if !self.is_message() {
            return None;
        }
        if outlook::is_compound(bytes) {
            return outlook::message(bytes);
        }
        // A name with this extension alone makes no message.
        let is_file = self.is_named(&["msg"]) && !self.is_named(&["eml"]) && !self.media_type.starts_with("message/");
        (!is_file && !self.media_type.starts_with("application/vnd.ms-outlook")).then(|| Cow::Borrowed(bytes).into())
    }
}

/// Returns the parts of a message in order, and whether some are missing. Attached messages are not opened.
pub(crate) fn parts(raw: &[u8]) -> (Vec<Part<'_>>, bool) {
    let mut walk = Walk {
        raw,
        parser: MessageParser::new().header_content_type(HeaderName::ContentType).default_header_ignore(),
        multiparts: Vec::new(),
        open: Open::Head(0),
        parts: Vec::new(),
        is_cut: false,
    };
    walk.run();
    (walk.parts, walk.is_cut)
}

/// What the current line belongs to.
enum Open<'a> {
    /// The fields of a part, and where they start.
    Head(usize),
    /// The content of a part, and where it starts.
    Body(Part<'a>, usize),
    /// Text before the first or after the last part of a multipart, which clients do not show.
    Nothing,
}

/// A multipart that is not closed yet.
struct Multipart<'a> {
    boundary: Vec<u8>,
    /// Whether its parts are messages by default (RFC 2046 5.1.5).
    is_digest: bool,
    /// The whole as a part, and where its content starts, until its boundary was found.
    unread: Option<(Part<'a>, usize)>,
}

struct Walk<'a> {
    raw: &'a [u8],
    parser: MessageParser,
    multiparts: Vec<Multipart<'a>>,
    open: Open<'a>,
    parts: Vec<Part<'a>>,
    is_cut: bool,
}

impl<'a> Walk<'a> {
    fn run(&mut self) {
        let mut at = 0;
        while at < self.raw.len() {
            let rest = &self.raw[at..];
            let end = rest.iter().position(|byte| *byte == b'\n').map_or(self.raw.len(), |line| at + line + 1);
            let line = &self.raw[at..end];
            if let Some((place, is_last)) = self.boundary(line) {
                self.close(before(self.raw, at), place + 1);
                self.multiparts[place].unread = None;
                if is_last {
                    self.multiparts.truncate(place);
                } else {
                    self.open = Open::Head(end);
                }
                if self.parts.len() >= PARTS {
                    self.is_cut = true;
                    return;
                }
            } else if let Open::Head(start) = self.open
                && matches!(line, b"\n" | b"\r\n")
            {
                self.begin(start, end);
            }
            at = end;
        }
        self.close(self.raw.len(), 0);
    }

    /// Returns the multipart whose boundary this line is, and whether it is the last. A line that only starts with a
    /// boundary counts (RFC 2046 5.1.1), unless another boundary is the whole line.
    fn boundary(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.strip_prefix(b"--")?.trim_ascii_end();
        let all = || self.multiparts.iter().enumerate().rev().map(|(place, open)| (place, open.boundary.as_slice()));
        let whole = all().find_map(|(place, boundary)| match line.strip_prefix(boundary)? {
            b"" => Some((place, false)),
            b"--" => Some((place, true)),
            _ => None,
        });
        whole.or_else(|| {
            all().find_map(|(place, boundary)| Some((place, line.strip_prefix(boundary)?.starts_with(b"--"))))
        })
    }

    /// Ends the open part and the multiparts inside the outer `kept` ones.
    fn close(&mut self, end: usize, kept: usize) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Head(start) if start < end => {
                let (part, _) = self.describe(start, end);
                self.put(part, end, end);
            }
            Open::Body(part, start) => self.put(part, start, end),
            Open::Head(_) | Open::Nothing => {}
        }
        while self.multiparts.len() > kept {
            // Clients show a multipart whose boundary never occurs as text.
            if let Some((part, start)) = self.multiparts.pop().and_then(|multipart| multipart.unread) {
                self.put(Part { media_type: "text/plain".to_owned(), ..part }, start, end);
            }
        }
    }

    fn put(&mut self, part: Part<'a>, start: usize, end: usize) {
        self.parts.push(Part { body: self.raw.get(start..end).unwrap_or_default(), ..part });
    }

    /// Begins the content after the fields from `start` to `end`.
    fn begin(&mut self, start: usize, end: usize) {
        let (part, boundary) = self.describe(start, end);
        if boundary.is_empty() {
            self.open = Open::Body(part, end);
        } else if self.multiparts.len() < DEEPEST {
            let is_digest = part.media_type == "multipart/digest";
            self.multiparts.push(Multipart { boundary, is_digest, unread: Some((part, end)) });
            self.open = Open::Nothing;
        } else {
            self.is_cut = true;
            self.open = Open::Body(part, end);
        }
    }

    /// Returns the part with these fields, and its boundary if it is a multipart. Of several fields the last counts, as
    /// in mail-parser; names are read from all.
    fn describe(&mut self, start: usize, end: usize) -> (Part<'a>, Vec<u8>) {
        let fields = header::raw_fields(&self.raw[start..end]);
        let values = |name: &'static str| {
            let named = fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
            named.map(|(_, value)| &value[..value.len().min(FIELD)])
        };
        let mut part = Part {
            media_type: "text/plain".to_owned(),
            names: Vec::new(),
            are_names_cut: false,
            is_detached: false,
            charset: String::new(),
            encoding: Encoding::Identity,
            body: b"",
        };
        if self.multiparts.last().is_some_and(|multipart| multipart.is_digest) {
            "message/rfc822".clone_into(&mut part.media_type);
        }
        let mut boundary = Vec::new();
        let field = values("content-type").next_back();
        self.is_cut |= field.is_some_and(|value| value.len() > TYPE);
        let line = field.map(|value| [b"Content-Type:", &value[..value.len().min(TYPE)], b"\n\n"].concat());
        let parsed = line.as_ref().and_then(|line| self.parser.parse_headers(line));
        let value = parsed.as_ref().and_then(|message| message.header(HeaderName::ContentType));
        if let Some(HeaderValue::ContentType(kind)) = value {
            let main = kind.ctype().to_ascii_lowercase();
            let media_type = kind.subtype().map(|subtype| format!("{main}/{}", subtype.to_ascii_lowercase()));
            if let Some(media_type) = media_type {
                part.media_type = bound::text(media_type, MEDIA_TYPE).0;
            }
            kind.attribute("charset").unwrap_or_default().trim().clone_into(&mut part.charset);
            // A boundary that is read in part would be another one.
            if main == "multipart" && field.is_some_and(|value| value.len() <= TYPE) {
                boundary = kind.attribute("boundary").unwrap_or_default().trim_end().as_bytes().to_vec();
            }
        }
        let mut seen = HashSet::new();
        let fields = || values("content-type").chain(values("content-disposition"));
        let names = fields().flat_map(parameter::names).filter(|name| seen.insert(name.clone()));
        (part.names, part.are_names_cut) = bound::list(names, NAMES);
        part.are_names_cut |= fields().any(|value| value.len() == FIELD);
        let first = |name| {
            let value = values(name).next_back().map(words::text).unwrap_or_default().to_ascii_lowercase();
            value.split(|c: char| c.is_whitespace() || matches!(c, ';' | '(')).next().unwrap_or_default().to_owned()
        };
        part.is_detached = first("content-disposition") == "attachment";
        part.encoding = match first("content-transfer-encoding").as_str() {
            "base64" => Encoding::Base64,
            "quoted-printable" => Encoding::QuotedPrintable,
            _ => Encoding::Identity,
        };
        (part, boundary)
    }
}

/// Returns the end of the text before a boundary line: its line end belongs to the boundary.
fn before(raw: &[u8], at: usize) -> usize {
    let text = &raw[..at];
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text).len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(raw: &[u8]) -> Vec<(String, String)> {
        let text = |part: Part<'_>| (part.media_type.clone(), part.text(&part.bytes()));
        parts(raw).0.into_iter().map(text).collect()
    }

    fn expect(raw: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(kind, text)| ((*kind).to_owned(), (*text).to_owned())).collect();
        assert_eq!(texts(raw.as_bytes()), expected, "{raw}");
        let windows: Vec<_> = expected.iter().map(|(kind, text)| (kind.clone(), text.replace('\n', "\r\n"))).collect();
        assert_eq!(texts(raw.replace('\n', "\r\n").as_bytes()), windows, "{raw}");
    }

    #[test]
    fn parts_in_order() {
        expect("Subject: x\n\nhello\n", &[("text/plain", "hello\n")]);
        expect("Content-Type: Text/HTML; charset=utf-8\n\n<p>", &[("text/html", "<p>")]);
        expect("Subject: only fields\n", &[("text/plain", "")]);
        let nested = "Content-Type: multipart/mixed; boundary=\"a b\"\n\npreamble\n--a b\n\
            Content-Type: multipart/alternative; boundary=ab\n\n--ab\n\none\n--ab\nContent-Type: text/html\n\ntwo\n--ab--\n\
            between\n--a b  \nContent-Type: image/png\n\nthree\n--a b--\nepilogue";
        expect(nested, &[("text/plain", "one"), ("text/html", "two"), ("image/png", "three")]);
        let digest = "Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: a\n\nb\n--x--\n";
        expect(digest, &[("message/rfc822", "Subject: a\n\nb")]);
    }

    #[test]
    fn an_outer_boundary_ends_inner_parts() {
        let swallowing = "Content-Type: multipart/mixed; boundary=out\n\n--out\n\
            Content-Type: multipart/mixed; boundary=in\n\nhidden\n--out\nContent-Type: text/html\n\nshown\n--in\n\nmore\n--out--\n";
        expect(swallowing, &[("text/plain", "hidden"), ("text/html", "shown\n--in\n\nmore")]);
        let attached = "Content-Type: multipart/mixed; boundary=out\n\n--out\nContent-Type: message/rfc822\n\n\
            Content-Type: multipart/mixed; boundary=in\n\n--in\n\nx\n--out\n\nshown\n--out--\n";
        let inner = "Content-Type: multipart/mixed; boundary=in\n\n--in\n\nx";
        expect(attached, &[("message/rfc822", inner), ("text/plain", "shown")]);
    }

    #[test]
    fn a_multipart_without_its_boundary_is_text() {
        expect("Content-Type: multipart/mixed; boundary=x\n\nclick\n", &[("text/plain", "click\n")]);
        expect("Content-Type: multipart/mixed\n\nclick\n", &[("multipart/mixed", "click\n")]);
    }

    #[test]
    fn hostile_structures_take_linear_time() {
        let many = ["Content-Type: multipart/mixed; boundary=x\n\n", &"--x\n".repeat(100_000)].concat();
        let (found, _) = parts(many.as_bytes());
        assert!(found.is_empty());
        let full = ["Content-Type: multipart/mixed; boundary=x\n\n", &"--x\n\n.\n".repeat(100_000)].concat();
        let (found, is_cut) = parts(full.as_bytes());
        assert_eq!((found.len(), is_cut), (PARTS, true));
        let open = |level: usize| format!("Content-Type: multipart/mixed; boundary=b{level}z\n\n--b{level}z\n");
        let deep: String = (0..1_000).map(open).collect();
        let (found, is_cut) = parts(deep.as_bytes());
        assert_eq!((found.len(), is_cut), (1, true));
        let missing = "--x\nContent-Type: multipart/mixed; boundary=nowhere\n\n".repeat(20_000);
        let missing = ["Content-Type: multipart/mixed; boundary=x\n\n", &missing].concat();
        assert_eq!(parts(missing.as_bytes()).0.len(), PARTS);
        for length in [TYPE / 2, 2 * TYPE] {
            let dashes =
                format!("Content-Type: multipart/mixed; boundary={}x\n\n{}", "-".repeat(length), "-".repeat(1_000_000));
            let (found, is_cut) = parts(dashes.as_bytes());
            assert_eq!((found.len(), is_cut), (1, length > TYPE));
        }
        let messages = "Content-Type: message/rfc822\n\n".repeat(60_000);
        assert_eq!(parts(messages.as_bytes()).0.len(), 1);
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
            texts(&raw);
        }

        #[test]
        fn no_structure_stops_it(raw in "(Content-Type: |multipart/(mixed|digest); boundary=[ab\"]|text/html|;|--|a|b|ab|\r?\n|\n\n|=|é){0,60}") {
            let all = texts(raw.as_bytes());
            prop_assert!(all.iter().map(|(_, text)| text.len()).sum::<usize>() <= 3 * raw.len());
        }
    }
}
