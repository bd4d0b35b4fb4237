//! What is fetched of a message, and how the answers become one record each.

use std::collections::BTreeMap;

use clawback_connector_sdk::{
    fingerprint::{self, Fingerprints},
    header,
};
use imap_codec::imap_types::{
    fetch::{MessageDataItem, Section},
    flag::FlagFetch,
    response::Data,
};

use crate::{attachment, copies, session::Reply};

/// One message as the server told it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) flags: Vec<String>,
    /// Whether it has the mark of a copy that was begun, which is none of its flags.
    pub(crate) is_begun: bool,
    /// INTERNALDATE in microseconds since 1970 UTC.
    pub(crate) received_at: i64,
    pub(crate) size: u64,
    /// The header fields that were asked for.
    pub(crate) header: Vec<u8>,
    pub(crate) attachments: Option<Vec<String>>,
    /// Part of the whole message, if that was asked for.
    pub(crate) raw: Vec<u8>,
}

impl Fetched {
    /// Whether this is the message with that fingerprint.
    pub(crate) fn is(&self, stored: &str) -> bool {
        fingerprint::is_of(stored, &self.header, self.size)
    }

    /// Its fingerprints, to compare it with many.
    pub(crate) fn fingerprints(&self) -> Fingerprints {
        Fingerprints::of(&self.header, self.size)
    }
}

/// The items that tell whether a message is the one that is meant.
pub(crate) fn identity_items() -> String {
    items(&fingerprint::FIELDS.map(str::to_owned), "")
}

/// The items of a search: also the header fields `more`, and the item `last`.
pub(crate) fn search_items(more: &[String], last: &str) -> String {
    let mut fields: Vec<String> = header::FIELDS.map(str::to_owned).to_vec();
    for name in fingerprint::FIELDS.iter().map(|name| (*name).to_owned()).chain(more.iter().cloned()) {
        // What is no field name cannot be in a message either.
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !b":\"\\".contains(&byte));
        if is_name && !fields.iter().any(|field| field.eq_ignore_ascii_case(&name)) {
            fields.push(name);
        }
    }
    items(&fields, last)
}

fn items(fields: &[String], last: &str) -> String {
    let quote = |name: &String| {
        let is_atom = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if is_atom { name.clone() } else { format!("\"{name}\"") }
    };
    let fields = fields.iter().map(quote).collect::<Vec<_>>().join(" ");
    let space = if last.is_empty() { "" } else { " " };
    format!("(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS ({fields})]{space}{last})")
}

/// The messages that these answers tell of, by UID. Only those whose header came: flag changes of others arrive too.
pub(crate) fn read<'a>(replies: impl Iterator<Item = &'a Reply>) -> BTreeMap<u32, Fetched> {
    let mut found: BTreeMap<u32, (bool, Fetched)> = BTreeMap::new();
    for data in replies.flat_map(|reply| &reply.data) {
        let Data::Fetch { items, .. } = data else { continue };
        let uid = items.as_ref().iter().find_map(|item| match item {
            MessageDataItem::Uid(uid) => Some(uid.get()),
            _ => None,
        });
        let Some(uid) = uid else { continue };
        let (has_header, fetched) = found.entry(uid).or_default();
        for item in items.as_ref() {
            match item {
                MessageDataItem::Flags(flags) => {
                    fetched.is_begun = flags.iter().any(is_mark);
                    fetched.flags = flags.iter().filter_map(flag).collect();
                }
                MessageDataItem::InternalDate(time) => fetched.received_at = time.as_ref().timestamp_micros(),
                MessageDataItem::Rfc822Size(size) => fetched.size = u64::from(*size),
                MessageDataItem::BodyStructure(structure) => {
                    fetched.attachments = Some(attachment::names(structure));
                }
                MessageDataItem::BodyExt { section: Some(Section::HeaderFields(None, _)), data, .. } => {
                    *has_header = true;
                    fetched.header = data.clone().into_option().map(std::borrow::Cow::into_owned).unwrap_or_default();
                }
                MessageDataItem::BodyExt { section: None, data, .. } => {
                    fetched.raw = data.clone().into_option().map(std::borrow::Cow::into_owned).unwrap_or_default();
                }
                _ => {}
            }
        }
    }
    found.into_iter().filter(|(_, (has_header, _))| *has_header).map(|(uid, (_, fetched))| (uid, fetched)).collect()
}

/// The part of a message that was fetched alone.
pub(crate) fn raw(reply: &Reply, uid: u32) -> Vec<u8> {
    let fetches = reply.data.iter().filter_map(|data| match data {
        Data::Fetch { items, .. } => Some(items.as_ref()),
        _ => None,
    });
    let is_it = |item: &MessageDataItem<'_>| matches!(item, MessageDataItem::Uid(told) if told.get() == uid);
    fetches
        .filter(|items| items.iter().any(is_it))
        .flatten()
        .find_map(|item| match item {
            MessageDataItem::BodyExt { section: None, data, .. } => data.clone().into_option(),
            _ => None,
        })
        .map(std::borrow::Cow::into_owned)
        .unwrap_or_default()
}

/// A flag as text; none for `\Recent` and for our own mark, which are no flags of the message.
pub(crate) fn flag(flag: &FlagFetch<'_>) -> Option<String> {
    match flag {
        FlagFetch::Flag(name) => Some(name.to_string()).filter(|_| !is_mark(flag)),
        FlagFetch::Recent => None,
    }
}

fn is_mark(flag: &FlagFetch<'_>) -> bool {
    matches!(flag, FlagFetch::Flag(name) if name.to_string().eq_ignore_ascii_case(copies::MARK))
}
