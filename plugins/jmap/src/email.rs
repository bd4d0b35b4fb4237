//! Messages as the server returns them, and what identifies them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use clawback_connector_sdk::{
    fingerprint,
    host::{Host, Http, Memo},
    types::{Error, Location, LocationKind, MessageRef, Sighting},
    web,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    api::{Api, Records},
    folder::{Folder, Folders},
    label,
    session::is_id,
};

/// The properties of a message that is identified.
pub(crate) const IDENTITY: [&str; 7] = ["id", "blobId", "mailboxIds", "keywords", "size", "receivedAt", "headers"];
/// The properties that show where a message is.
pub(crate) const PLACE: [&str; 3] = ["id", "mailboxIds", "keywords"];

/// A message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Email {
    pub(crate) id: String,
    pub(crate) blob_id: String,
    mailbox_ids: BTreeMap<String, bool>,
    pub(crate) keywords: BTreeMap<String, bool>,
    pub(crate) size: u64,
    received_at: String,
    /// Its header fields, as they were sent. `None` if the server did not return them.
    fields: Option<Vec<u8>>,
    /// The fields that were requested by name, by the property in lower case. One that is no list of texts is missing.
    single: BTreeMap<String, Vec<u8>>,
}

/// Read field by field into one block: an attacker can put tens of thousands of fields into one header.
impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Properties;

        impl<'de> Visitor<'de> for Properties {
            type Value = Email;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Email, A::Error> {
                let mut email = Email::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "id" => email.id = map.next_value()?,
                        "blobId" => email.blob_id = map.next_value::<Option<String>>()?.unwrap_or_default(),
                        "mailboxIds" => email.mailbox_ids = map.next_value()?,
                        "keywords" => email.keywords = map.next_value()?,
                        "size" => email.size = map.next_value()?,
                        "receivedAt" => email.received_at = map.next_value::<Option<String>>()?.unwrap_or_default(),
                        "headers" => email.fields = Some(map.next_value::<Fields>()?.0),
                        name if name.starts_with("header:") => {
                            let text = map.next_value::<Box<RawValue>>()?;
                            if let Some(block) = lines(name, text.get()) {
                                email.single.insert(name.to_lowercase(), block);
                            }
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                if email.id.is_empty() { Err(A::Error::missing_field("id")) } else { Ok(email) }
            }
        }

        deserializer.deserialize_map(Properties)
    }
}

/// A header field, raw: with its folds, and with U+FFFD for what is not UTF-8.
#[derive(Deserialize)]
struct Field<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

/// Header fields as a block, without the line that ends it.
struct Fields(Vec<u8>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut block = Vec::new();
        deserializer.deserialize_seq(Each::new(|field: Field<'de>| put(&mut block, &field.name, &field.value)))?;
        Ok(Self(block))
    }
}

/// Returns the fields of a property `header:NAME:all` as a block. `None` if its value is no list of texts.
fn lines(property: &str, text: &str) -> Option<Vec<u8>> {
    let name = property.strip_prefix("header:")?.split(':').next()?;
    let mut block = Vec::new();
    let each = Each::new(|value: String| put(&mut block, name, &value));
    serde_json::Deserializer::from_str(text).deserialize_seq(each).ok()?;
    Some(block)
}

/// Takes each item of a list.
struct Each<F, T>(F, PhantomData<T>);

impl<T, F: FnMut(T)> Each<F, T> {
    fn new(take: F) -> Self {
        Self(take, PhantomData)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<F, T> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.0)(item);
        }
        Ok(())
    }
}

fn put(block: &mut Vec<u8>, name: &str, value: &str) {
    block.extend_from_slice(name.as_bytes());
    block.push(b':');
    block.extend_from_slice(value.as_bytes());
    if !value.ends_with('\n') {
        block.extend_from_slice(b"\r\n");
    }
}

impl Email {
    /// Returns the ids of its folders.
    pub(crate) fn folders(&self) -> BTreeSet<&str> {
        self.mailbox_ids.iter().filter(|(_, is_in)| **is_in).map(|(id, _)| id.as_str()).collect()
    }

    /// Returns its header block. `None` if the server did not return it.
    pub(crate) fn header(&self) -> Option<Vec<u8>> {
        Some([self.fields.as_deref()?, b"\r\n"].concat())
    }

    /// Returns a block of the fields that were requested by name. `None` if the server did not return each: what is
    /// missing is not a message without such a field.
    pub(crate) fn narrow_header(&self, names: &[String]) -> Option<Vec<u8>> {
        let mut block = Vec::new();
        for name in names {
            block.extend_from_slice(self.single.get(&property(name).to_lowercase())?);
        }
        block.extend_from_slice(b"\r\n");
        Some(block)
    }

    /// Returns it without its header fields, which are the most of it.
    fn without_header(self) -> Self {
        Self { fields: None, single: BTreeMap::new(), ..self }
    }

    /// Returns when the server received it, in microseconds since 1970 UTC.
    pub(crate) fn received_at(&self) -> Option<i64> {
        web::from_rfc3339(&self.received_at)
    }

    /// Returns whether it is the message with this fingerprint.
    fn is(&self, stored: &str) -> bool {
        self.header().is_some_and(|header| fingerprint::is_of(stored, &header, self.size))
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

    /// Returns where it is. A message whose folders cannot be named is not absent: its place is unknown.
    pub(crate) fn sighting(&self, folders: &Folders, wanted: &MessageRef) -> Sighting {
        let ref_ = MessageRef { locator: self.id.clone(), ..wanted.clone() };
        match self.place(folders) {
            Some(folder) => Sighting { ref_, location: folder.location.clone(), flags: self.flags(folder) },
            None => {
                Sighting { ref_, location: nowhere(), flags: label::flags(&self.keywords, self.folders().into_iter()) }
            }
        }
    }

    /// Returns where it is shown.
    pub(crate) fn shown(&self, folders: &Folders) -> Location {
        self.place(folders).map_or_else(nowhere, |folder| folder.location.clone())
    }
}

/// The place of a message that is in no folder with a name.
fn nowhere() -> Location {
    Location { kind: LocationKind::Unknown, path: String::new() }
}

/// Returns the property for all fields of this name.
pub(crate) fn property(name: &str) -> String {
    format!("header:{name}:all")
}

/// Returns those of these messages that exist, by id, without their headers. Locators that are no ids name none. Fails if
/// the server does not say of each whether it exists.
pub(crate) fn by_id<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    locators: &[&str],
    properties: &[&str],
) -> Result<BTreeMap<String, Email>, Error> {
    let mut all = BTreeMap::new();
    read(api, locators, properties, |email| {
        all.insert(email.id.clone(), email.without_header());
    })?;
    Ok(all)
}

/// What an id names.
#[derive(Debug, Clone)]
pub(crate) enum Named {
    /// The message.
    Message(Box<Email>),
    /// A message with another fingerprint.
    Other,
    /// Nothing, as the server says, or as the locator is no id.
    Nothing,
}

impl Named {
    pub(crate) fn message(self) -> Option<Email> {
        match self {
            Self::Message(email) => Some(*email),
            Self::Other | Self::Nothing => None,
        }
    }
}

/// Returns what the ids of these messages name, compared by the fingerprints. Fails like [`by_id`].
pub(crate) fn identified<H: Host + Http + Memo>(api: &Api<'_, H>, refs: &[&MessageRef]) -> Result<Vec<Named>, Error> {
    let mut wanted: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, one) in refs.iter().enumerate() {
        wanted.entry(&one.locator).or_default().push(at);
    }
    let locators: Vec<&str> = wanted.keys().copied().collect();
    let mut found = vec![Named::Nothing; refs.len()];
    read(api, &locators, &IDENTITY, |email| {
        let named = wanted.get(email.id.as_str()).into_iter().flatten();
        let named: Vec<(usize, bool)> = named.map(|at| (*at, email.is(&refs[*at].fingerprint))).collect();
        let email = email.without_header();
        for (at, is_it) in named {
            found[at] = if is_it { Named::Message(Box::new(email.clone())) } else { Named::Other };
        }
    })?;
    Ok(found)
}

/// Returns which of these messages are each of `refs` by their fingerprints, whatever their ids.
pub(crate) fn with_fingerprints<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    ids: &[&str],
    refs: &[&MessageRef],
) -> Result<Vec<Vec<Email>>, Error> {
    let mut found = vec![Vec::new(); refs.len()];
    read(api, ids, &IDENTITY, |email| {
        let same: Vec<usize> = (0..refs.len()).filter(|at| email.is(&refs[*at].fingerprint)).collect();
        let email = email.without_header();
        for at in same {
            found[at].push(email.clone());
        }
    })?;
    Ok(found)
}

fn read<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    locators: &[&str],
    properties: &[&str],
    mut take: impl FnMut(Email),
) -> Result<(), Error> {
    let ids: BTreeSet<&str> = locators.iter().copied().filter(|locator| is_id(locator)).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let read = api.each("Email/get", &ids, properties, |records: Records<Email>, asked| {
        let mut open: BTreeSet<&str> = asked.iter().copied().collect();
        for id in records.list.iter().map(|email| &email.id).chain(records.not_found.iter().flatten()) {
            open.remove(id.as_str());
        }
        if !open.is_empty() {
            let why = format!("the server does not say of {} messages whether they exist", open.len());
            return Err(Error::Transient(why));
        }
        if properties.contains(&"headers") && records.list.iter().any(|email| email.fields.is_none()) {
            return Err(Error::Transient("the server returns messages without their headers".into()));
        }
        records.list.into_iter().for_each(&mut take);
        Ok(())
    });
    Ok(read?)
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
            "header:Cc:all": null, "header:From:all": ["a", 1], "threadId": "T1",
        }))
        .unwrap();
        assert_eq!(email.header().unwrap(), b"From: A\r\n <a@b>\r\nFROM:c@d\r\n\r\n");
        let narrow =
            |names: &[&str]| email.narrow_header(&names.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        assert_eq!(narrow(&["subject", "To"]).unwrap(), b"Subject: one\r\nSubject: two\r\n\r\n");
        assert_eq!((narrow(&["Cc"]), narrow(&["To", "From"])), (None, None), "missing is not empty");
        assert_eq!(email.folders().into_iter().collect::<Vec<_>>(), ["a"]);
        assert_eq!(email.received_at(), Some(1_795_880_963_000_000));
        assert!(email.is(&fingerprint::fingerprint(b"From: A <a@b>\nFrom: c@d\n\n")));
    }
}
