//! Messages as the server returns them, and what identifies them.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{
    fingerprint,
    host::{Host, Http, Memo},
    types::{Error, Location, MessageRef, Sighting},
    web,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    api::Api,
    folder::{Folder, Folders},
    label,
    session::is_id,
};

/// The properties of a message that is identified.
pub(crate) const IDENTITY: [&str; 6] = ["id", "mailboxIds", "keywords", "size", "receivedAt", "headers"];
/// The properties that show where a message is.
pub(crate) const PLACE: [&str; 3] = ["id", "mailboxIds", "keywords"];

/// A message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Email {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) blob_id: String,
    #[serde(default)]
    mailbox_ids: BTreeMap<String, bool>,
    #[serde(default)]
    pub(crate) keywords: BTreeMap<String, bool>,
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default)]
    received_at: String,
    #[serde(default)]
    headers: Vec<Field>,
    /// `header:NAME:all`, which have the name of the request.
    #[serde(flatten)]
    single: BTreeMap<String, Value>,
}

/// A header field, raw: with its folds, and with U+FFFD for what is not UTF-8.
#[derive(Debug, Clone, Deserialize)]
struct Field {
    name: String,
    value: String,
}

impl Email {
    /// Returns the ids of its folders.
    pub(crate) fn folders(&self) -> BTreeSet<&str> {
        self.mailbox_ids.iter().filter(|(_, is_in)| **is_in).map(|(id, _)| id.as_str()).collect()
    }

    /// Returns its header block.
    pub(crate) fn header(&self) -> Vec<u8> {
        block(self.headers.iter().map(|field| (field.name.as_str(), field.value.as_str())))
    }

    /// Returns a block of the fields that were requested by name.
    pub(crate) fn narrow_header(&self, names: &[String]) -> Vec<u8> {
        let fields = names.iter().flat_map(|name| {
            let values = self.single.get(&property(name)).and_then(Value::as_array).into_iter().flatten();
            values.filter_map(Value::as_str).map(|value| (name.as_str(), value))
        });
        block(fields)
    }

    /// Returns when the server received it, in microseconds since 1970 UTC.
    pub(crate) fn received_at(&self) -> Option<i64> {
        web::from_rfc3339(&self.received_at)
    }

    /// Returns whether it is the message with this fingerprint.
    pub(crate) fn is(&self, stored: &str) -> bool {
        fingerprint::is_of(stored, &self.header(), self.size)
    }

    /// Returns its flags, as a message of this folder.
    pub(crate) fn flags(&self, folder: &Folder) -> Vec<String> {
        label::flags(&self.keywords, self.folders().into_iter().filter(|id| *id != folder.id))
    }

    /// Returns its flags without what an earlier act marked.
    pub(crate) fn own_flags(&self, folder: &Folder) -> Vec<String> {
        let unmarked = self.keywords.iter().filter(|(keyword, _)| !label::is_mark(keyword));
        let unmarked = unmarked.map(|(keyword, is_set)| (keyword.clone(), *is_set)).collect();
        label::flags(&unmarked, self.folders().into_iter().filter(|id| *id != folder.id))
    }

    /// Returns the most visible of its folders.
    pub(crate) fn place<'f>(&self, folders: &'f Folders) -> Option<&'f Folder> {
        folders.shown(&self.folders(), |_| true)
    }

    /// Returns the folder of this location, if it is in it.
    pub(crate) fn place_at<'f>(&self, folders: &'f Folders, planned: &Location) -> Option<&'f Folder> {
        let is_there = |folder: &Folder| {
            if planned.path.is_empty() {
                planned.kind == folder.location.kind
            } else {
                planned.path == folder.location.path
            }
        };
        folders.shown(&self.folders(), is_there)
    }

    /// Returns where it is. `None` if none of its folders can be named.
    pub(crate) fn sighting(&self, folders: &Folders, wanted: &MessageRef) -> Option<Sighting> {
        let folder = self.place(folders)?;
        let ref_ = MessageRef { locator: self.id.clone(), ..wanted.clone() };
        Some(Sighting { ref_, location: folder.location.clone(), flags: self.flags(folder) })
    }
}

/// Returns the property for all fields of this name.
pub(crate) fn property(name: &str) -> String {
    format!("header:{name}:all")
}

fn block<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.extend_from_slice(name.as_bytes());
        block.push(b':');
        block.extend_from_slice(value.as_bytes());
        if !value.ends_with('\n') {
            block.extend_from_slice(b"\r\n");
        }
    }
    block.extend_from_slice(b"\r\n");
    block
}

/// Returns those of these messages that exist, by id. Locators that are no ids name none.
pub(crate) fn by_id<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    locators: &[&str],
    properties: &[&str],
) -> Result<BTreeMap<String, Email>, Error> {
    let ids: BTreeSet<&str> = locators.iter().copied().filter(|locator| is_id(locator)).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let emails: Vec<Email> = api.get("Email/get", &ids, properties)?;
    Ok(emails.into_iter().map(|email| (email.id.clone(), email)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_header_block_is_as_it_was_sent() {
        let email: Email = serde_json::from_value(json!({
            "id": "M1", "mailboxIds": { "a": true, "b": false }, "keywords": { "$seen": true }, "size": 3,
            "receivedAt": "2026-11-28T15:49:23Z",
            "headers": [{ "name": "From", "value": " A\r\n <a@b>" }, { "name": "FROM", "value": "c@d" }],
            "header:Subject:all": [" one", " two"], "header:To:all": [],
        }))
        .unwrap();
        assert_eq!(email.header(), b"From: A\r\n <a@b>\r\nFROM:c@d\r\n\r\n");
        assert_eq!(email.narrow_header(&["Subject".into(), "To".into()]), b"Subject: one\r\nSubject: two\r\n\r\n");
        assert_eq!(email.folders().into_iter().collect::<Vec<_>>(), ["a"]);
        assert_eq!(email.received_at(), Some(1_795_880_963_000_000));
        assert!(email.is(&fingerprint::fingerprint(b"From: A <a@b>\nFrom: c@d\n\n")));
    }
}
