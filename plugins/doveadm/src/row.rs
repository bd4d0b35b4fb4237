//! Messages, as the server returns them.

use std::collections::BTreeMap;

use clawback_connector_sdk::{
    fingerprint,
    types::{Error, Location, MessageRef, Sighting},
};
use serde_json::value::RawValue;

use crate::{
    api::value,
    command::{Query, in_folder},
    flags,
    folder::Folders,
    locator::{Locator, is_message},
};

/// The fields that name the place of a message.
pub(crate) const PLACE: [&str; 4] = ["mailbox", "mailbox-guid", "uid", "guid"];
/// The fields that identify and describe a message.
pub(crate) const WHOLE: [&str; 8] =
    ["mailbox", "mailbox-guid", "uid", "guid", "flags", "date.received.unixtime", "size.virtual", "hdr"];

/// One message: the fields that were requested, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// The name of the folder. A virtual folder has the name of another one here.
    pub(crate) mailbox: String,
    /// The GUID of the folder.
    pub(crate) folder: String,
    pub(crate) uid: u32,
    fields: BTreeMap<String, String>,
}

/// Reads an answer to a fetch.
pub(crate) fn rows(answer: &RawValue) -> Result<Vec<Row>, Error> {
    let wrong = || Error::Permanent("the server returned a message without its place".into());
    let all: Vec<BTreeMap<String, String>> = value(answer)?;
    let read = |mut fields: BTreeMap<String, String>| {
        let folder = fields.remove("mailbox-guid").ok_or_else(wrong)?;
        let uid = fields.remove("uid").and_then(|uid| uid.parse().ok()).ok_or_else(wrong)?;
        let mailbox = fields.remove("mailbox").ok_or_else(wrong)?;
        Ok(Row { mailbox, folder, uid, fields })
    };
    all.into_iter().map(read).collect()
}

impl Row {
    /// Returns a field of those that were requested; empty if the message does not have it.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn guid(&self) -> &str {
        self.field("guid")
    }

    pub(crate) fn header(&self) -> &[u8] {
        self.field("hdr").as_bytes()
    }

    pub(crate) fn flags(&self) -> Vec<String> {
        flags::read(self.field("flags"))
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.field("size.virtual").parse().ok()
    }

    /// Returns when it was received, in microseconds.
    pub(crate) fn received_at(&self) -> Option<i64> {
        self.field("date.received.unixtime").parse::<i64>().ok()?.checked_mul(1_000_000)
    }

    pub(crate) fn locator(&self) -> Locator {
        Locator { folder: self.folder.clone(), uid: self.uid, guid: self.guid().to_owned() }
    }

    /// Returns a query for its place.
    pub(crate) fn query(&self) -> Query {
        in_folder(&self.mailbox, &self.folder, &self.uid.to_string())
    }

    /// Returns its place in order of search.
    pub(crate) fn key(&self) -> (String, u32) {
        (self.folder.clone(), self.uid)
    }

    /// Returns whether it is this message: by its GUID, which a sender does not choose, and by its fingerprint.
    pub(crate) fn is(&self, wanted: &MessageRef) -> bool {
        let is_named = Locator::parse(&wanted.locator).is_none_or(|locator| locator.guid == self.guid());
        is_named
            && is_message(self.guid())
            && fingerprint::is_of(&wanted.fingerprint, self.header(), self.size().unwrap_or_default())
    }

    /// Returns a sighting of it.
    pub(crate) fn sighting(&self, location: &Location, wanted: &MessageRef) -> Sighting {
        let ref_ = MessageRef { locator: self.locator().to_string(), ..wanted.clone() };
        Sighting { ref_, location: location.clone(), flags: self.flags() }
    }
}

/// Keeps the messages of listed folders, each once. A folder of another namespace is not listed, and a virtual one
/// returns the names of others.
pub(crate) fn of_owner(rows: Vec<Row>, folders: &Folders) -> Vec<Row> {
    let mut seen = std::collections::BTreeSet::new();
    rows.into_iter().filter(|row| folders.holds(row) && seen.insert(row.key())).collect()
}
