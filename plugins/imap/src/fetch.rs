//! The items that are fetched of a message, and the record made from the answers.
//!
//! Only the sender limits the size of a header, so at most [`SECTION`] bytes of each section are requested. The fields
//! of the fingerprint are a separate section, which is always cut at the same place; the fields of a message that was
//! cut are then requested one by one, up to [`FIELD`] bytes each.

use std::{collections::BTreeMap, ops::Range};

use clawback_connector_sdk::{
    fingerprint::{self, Fingerprints},
    header,
};
use imap_codec::{
    ResponseCodec,
    decode::Decoder as _,
    imap_types::{
        fetch::MessageDataItem,
        response::{Data, Response},
    },
};

use crate::{attachment, copies, line::Fetch, session::Reply};

/// The most bytes of one section of header fields.
const SECTION: usize = 16 * 1024;
/// The most bytes of fields that are only compared.
pub(crate) const LOOK: usize = 4 * 1024;
/// The most bytes of one field of a message whose header was cut. Postfix accepts fields of 100 kB.
const FIELD: usize = 128 * 1024;

/// One message as the server reported it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) flags: Vec<String>,
    /// Whether it has the mark of a copy that was begun, which is not one of its flags.
    pub(crate) is_begun: bool,
    /// INTERNALDATE in microseconds since 1970-01-01 UTC; `None` if the server sent an invalid date.
    pub(crate) date: Option<i64>,
    pub(crate) size: u64,
    /// The requested header fields.
    pub(crate) header: Vec<u8>,
    /// The fields of the fingerprint, if `header` contains more.
    identity: Option<Vec<u8>>,
    /// Whether a section of the header is longer than requested.
    pub(crate) is_cut: bool,
    /// The unparsed structure.
    structure: Option<Vec<u8>>,
    pub(crate) attachments: Option<Vec<String>>,
    /// The ranges of the message that may contain names which are missing in the structure.
    pub(crate) windows: Vec<Range<u64>>,
    /// Part of the raw message, if requested.
    pub(crate) raw: Vec<u8>,
    /// The names of fields that are longer than [`FIELD`].
    long: Vec<String>,
}

impl Fetched {
    /// Returns whether this is the message with that fingerprint.
    pub(crate) fn is(&self, stored: &str) -> bool {
        fingerprint::is_of(stored, self.identity(), self.size)
    }

    /// Returns its fingerprint.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint::fingerprint(self.identity())
    }

    /// Returns its fingerprints, to compare it with many.
    pub(crate) fn fingerprints(&self) -> Fingerprints {
        Fingerprints::of(self.identity(), self.size)
    }

    /// Returns the fields of the fingerprint.
    fn identity(&self) -> &[u8] {
        self.identity.as_ref().unwrap_or(&self.header)
    }

    /// Replaces the header that was cut by the fields that were fetched one by one.
    pub(crate) fn complete(&mut self, whole: &Fetch, fields: &[String]) {
        let mut header = Vec::new();
        for (name, section) in fields.iter().zip(&whole.headers) {
            if section.len() >= FIELD {
                self.long.push(name.to_lowercase());
            }
            add_section(&mut header, section);
        }
        self.identity = Some(std::mem::replace(&mut self.header, header));
        self.is_cut = false;
    }

    /// Returns the names of the incomplete parts of the message, as the contract defines them.
    pub(crate) fn cut(&self) -> Vec<String> {
        let told = self.long.iter().filter_map(|name| match name.as_str() {
            "from" | "subject" | "to" => Some(name.clone()),
            "cc" => Some("to".into()),
            "message-id" | "date" => None,
            name => Some(format!("header {name}")),
        });
        told.collect()
    }
}

/// Returns the items that identify a message.
pub(crate) fn identity_items() -> String {
    format!("(UID FLAGS INTERNALDATE RFC822.SIZE {})", section(&fingerprint::FIELDS.map(str::to_owned), SECTION))
}

/// Returns the items of a search, with the further header fields `more` and the item `last`.
pub(crate) fn search_items(more: &[String], last: &str) -> String {
    let space = if last.is_empty() { "" } else { " " };
    format!("(UID FLAGS INTERNALDATE RFC822.SIZE {}{space}{last})", sections(more))
}

/// Returns the items of a message whose line could not be read: the fewest that a search needs.
pub(crate) fn fewest_items(more: &[String]) -> String {
    format!("(UID INTERNALDATE RFC822.SIZE {})", sections(more))
}

/// Returns the items for each field of a message separately, in this order.
pub(crate) fn field_items(fields: &[String]) -> String {
    let sections: Vec<String> = fields.iter().map(|field| section(std::slice::from_ref(field), FIELD)).collect();
    format!("(UID {})", sections.join(" "))
}

/// Returns the item for some fields, up to [`LOOK`] bytes, to compare many messages.
pub(crate) fn only(fields: &[String]) -> String {
    format!("(UID {})", section(fields, LOOK))
}

/// Returns all fields of a search: those that the SDK reads, and those that the query names.
pub(crate) fn fields(more: &[String]) -> Vec<String> {
    let mut fields: Vec<String> = fingerprint::FIELDS.map(str::to_owned).to_vec();
    for name in header::FIELDS.iter().map(|name| (*name).to_owned()).chain(more.iter().cloned()) {
        // An invalid field name cannot be in a message, either.
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !b":\"\\".contains(&byte));
        if is_name && !fields.iter().any(|field| field.eq_ignore_ascii_case(&name)) {
            fields.push(name);
        }
    }
    fields
}

fn sections(more: &[String]) -> String {
    let fields = fields(more);
    let (identity, rest) = fields.split_at(fingerprint::FIELDS.len());
    let mut sections = section(identity, SECTION);
    if !rest.is_empty() {
        sections = format!("{sections} {}", section(rest, SECTION));
    }
    sections
}

fn section(fields: &[String], most: usize) -> String {
    let quote = |name: &String| {
        let is_atom = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if is_atom { name.clone() } else { format!("\"{name}\"") }
    };
    format!("BODY.PEEK[HEADER.FIELDS ({})]<0.{most}>", fields.iter().map(quote).collect::<Vec<_>>().join(" "))
}

/// Returns the messages in these answers, by UID. Only those with a header: flag changes of others arrive, too.
pub(crate) fn read<'a>(replies: impl Iterator<Item = &'a Reply>) -> BTreeMap<u32, Fetched> {
    let mut found: BTreeMap<u32, (bool, Fetched)> = BTreeMap::new();
    for fetch in replies.flat_map(|reply| &reply.fetches) {
        let Some(uid) = fetch.uid else { continue };
        let (has_header, fetched) = found.entry(uid).or_default();
        if let Some(flags) = &fetch.flags {
            fetched.is_begun = flags.iter().any(|flag| is_mark(flag));
            fetched.flags = flags.iter().filter(|flag| is_own(flag)).cloned().collect();
        }
        fetched.date = fetch.date.or(fetched.date);
        fetched.size = fetch.size.unwrap_or(fetched.size);
        fetched.structure = fetch.structure.clone().or(fetched.structure.take());
        if !fetch.headers.is_empty() {
            *has_header = true;
            fetched.header.clear();
            fetched.is_cut = fetch.headers.iter().any(|section| section.len() >= SECTION);
            for section in &fetch.headers {
                add_section(&mut fetched.header, section);
            }
        }
        if let Some(raw) = &fetch.raw {
            fetched.raw.clone_from(raw);
        }
    }
    let whole = found.into_iter().filter(|(_, (has_header, _))| *has_header);
    whole.map(|(uid, (_, fetched))| (uid, fetched)).collect()
}

/// Appends the fields of one section to those of another.
fn add_section(header: &mut Vec<u8>, section: &[u8]) {
    while header.ends_with(b"\r\n\r\n") || header.ends_with(b"\n\n") {
        let end = if header.ends_with(b"\r\n") { 2 } else { 1 };
        header.truncate(header.len() - end);
    }
    if !header.is_empty() && !header.ends_with(b"\n") {
        header.extend_from_slice(b"\r\n");
    }
    if section.iter().any(|byte| !byte.is_ascii_whitespace()) {
        header.extend_from_slice(section);
    }
}

impl Fetched {
    /// Reads the names of attachments from the structure. Does nothing if it cannot be parsed.
    pub(crate) fn read_structure(&mut self) {
        let Some(structure) = self.structure.take() else { return };
        let line = [b"* 1 FETCH (BODYSTRUCTURE ", structure.as_slice(), b")\r\n"].concat();
        if let Ok((_, Response::Data(Data::Fetch { items, .. }))) = ResponseCodec::default().decode(&line) {
            for item in items.as_ref() {
                if let MessageDataItem::BodyStructure(structure) = item {
                    self.attachments = Some(attachment::names(structure));
                    self.windows = attachment::windows(structure, self.size);
                }
            }
        }
    }
}

/// Returns the part of a message that was fetched alone.
pub(crate) fn raw(reply: &Reply, uid: u32) -> Vec<u8> {
    let mut fetches = reply.fetches.iter().filter(|fetch| fetch.uid == Some(uid));
    fetches.find_map(|fetch| fetch.raw.clone()).unwrap_or_default()
}

/// Returns the parts of messages that were fetched alone, each with the UID of its message.
pub(crate) fn raws(reply: &Reply) -> impl Iterator<Item = (u32, &[u8])> {
    reply.fetches.iter().filter_map(|fetch| Some((fetch.uid?, fetch.raw.as_deref()?)))
}

/// Returns whether this is a flag of the message, unlike `\Recent` and our own mark.
pub(crate) fn is_own(flag: &str) -> bool {
    !flag.eq_ignore_ascii_case("\\Recent") && !is_mark(flag)
}

fn is_mark(flag: &str) -> bool {
    flag.eq_ignore_ascii_case(copies::MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_one_header() {
        let mut header = Vec::new();
        for section in [&b"A: 1\r\n\r\n"[..], b"\r\n", b"B: 2", b"C: 3\r\n\r\n"] {
            add_section(&mut header, section);
        }
        assert_eq!(header, b"A: 1\r\nB: 2\r\nC: 3\r\n\r\n");
    }

    #[test]
    fn every_field_is_asked_for_once_and_none_without_bound() {
        let items = search_items(&["X-Mailer".into(), "subject".into(), "X(".into(), "a:b".into()], "BODYSTRUCTURE");
        assert_eq!(
            items,
            "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (message-id date from to subject cc content-type)]<0.16384> \
             BODY.PEEK[HEADER.FIELDS (X-Mailer \"X(\")]<0.16384> BODYSTRUCTURE)"
        );
    }
}
