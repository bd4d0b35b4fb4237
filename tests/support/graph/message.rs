//! A message as Graph shows it: properties made from the raw message, and nothing that was not selected.

use super::event;
use chrono::{DateTime, SecondsFormat};
use mail_parser::{Address, HeaderName, MessageParser, MimeHeaders as _};
use serde_json::{Map, Value, json};

/// The properties of a message that `$select` may name. The second is whether they come without it.
const PROPERTIES: [(&str, bool); 22] = [
    ("id", true),
    ("categories", true),
    ("changeKey", true),
    ("createdDateTime", true),
    ("lastModifiedDateTime", true),
    ("bodyPreview", true),
    ("body", true),
    ("ccRecipients", true),
    ("flag", true),
    ("from", true),
    ("hasAttachments", true),
    ("importance", true),
    ("internetMessageHeaders", false),
    ("internetMessageId", true),
    ("isDraft", true),
    ("isRead", true),
    ("parentFolderId", true),
    ("receivedDateTime", true),
    ("sender", true),
    ("sentDateTime", true),
    ("subject", true),
    ("toRecipients", true),
];

/// Whether `$select` may name this property.
pub(super) fn is_property(name: &str) -> bool {
    PROPERTIES.iter().any(|(known, _)| *known == name)
}

/// A message.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) number: usize,
    /// The id of its folder.
    pub(super) folder: String,
    pub(super) raw: Vec<u8>,
    /// Microseconds since 1970; the store knows it more precisely than it shows it.
    pub(super) received: i64,
    pub(super) is_read: bool,
    pub(super) flag: String,
    pub(super) categories: Vec<String>,
    /// Extended properties that programs have set.
    pub(super) properties: Vec<(String, String)>,
    pub(super) shown: Shown,
}

/// What is read from the raw message, once.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    pub(super) message_id: Option<String>,
    pub(super) subject: String,
    pub(super) from: Option<(String, String)>,
    pub(super) sender: Option<(String, String)>,
    pub(super) to: Vec<(String, String)>,
    pub(super) cc: Vec<(String, String)>,
    pub(super) sent: Option<i64>,
    pub(super) headers: Vec<(String, String)>,
    /// Names and types.
    pub(super) attachments: Vec<(String, String)>,
    /// The calendar object of an invitation.
    pub(super) invitation: Option<String>,
}

impl Mail {
    pub(super) fn new(number: usize, folder: String, raw: &[u8], received: i64) -> Self {
        let (flag, shown) = ("notFlagged".to_owned(), Shown::read(raw));
        let raw = raw.to_vec();
        Self {
            number,
            folder,
            raw,
            received,
            is_read: false,
            flag,
            categories: Vec::new(),
            properties: Vec::new(),
            shown,
        }
    }

    /// The id that stays when the message moves.
    pub(super) fn immutable_id(&self) -> String {
        format!(
            "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A{:08X}_aB{}=",
            self.number,
            if self.number.is_multiple_of(2) { "q" } else { "Q" }
        )
    }

    /// The id that a request gets without asking for the other kind: it changes when the message moves.
    pub(super) fn ordinary_id(&self) -> String {
        format!("AAMkADAw{}{:08X}AAA=", self.folder.trim_end_matches('='), self.number)
    }

    /// Returns the selected properties; without a selection, those that come by default.
    pub(super) fn json(&self, selected: &[String], is_immutable: bool, with_size: bool) -> Value {
        let mut shown = Map::new();
        for (name, by_default) in PROPERTIES {
            let is_wanted = if selected.is_empty() { by_default } else { selected.iter().any(|one| one == name) };
            if is_wanted || name == "id" {
                shown.insert(name.to_owned(), self.property(name, is_immutable));
            }
        }
        if with_size {
            let size = (self.raw.len() + 900 + self.categories.iter().map(String::len).sum::<usize>()).to_string();
            shown.insert("singleValueExtendedProperties".into(), json!([{ "id": "Integer 0xe08", "value": size }]));
        }
        if shown.get("internetMessageHeaders").is_some_and(Value::is_null) {
            shown.remove("internetMessageHeaders");
        }
        if self.shown.invitation.is_some() {
            // A type that is not the declared one is always named.
            shown.insert("@odata.type".into(), json!("#microsoft.graph.eventMessageRequest"));
        }
        Value::Object(shown)
    }

    fn property(&self, name: &str, is_immutable: bool) -> Value {
        let person =
            |(name, address): &(String, String)| json!({ "emailAddress": { "name": name, "address": address } });
        let persons = |all: &[(String, String)]| Value::Array(all.iter().map(person).collect());
        let shown = &self.shown;
        match name {
            "id" => json!(if is_immutable { self.immutable_id() } else { self.ordinary_id() }),
            "categories" => json!(self.categories),
            "changeKey" => json!("CQAAABYAAAD"),
            "createdDateTime" | "lastModifiedDateTime" | "receivedDateTime" => json!(time(self.received)),
            "bodyPreview" => json!(""),
            "body" => json!({ "contentType": "text", "content": String::from_utf8_lossy(&self.raw) }),
            "ccRecipients" => persons(&shown.cc),
            "flag" => json!({ "flagStatus": self.flag }),
            "from" => shown.from.as_ref().map(person).unwrap_or_default(),
            "hasAttachments" => json!(!shown.attachments.is_empty()),
            "importance" => json!("normal"),
            "internetMessageHeaders" if shown.headers.is_empty() => Value::Null,
            "internetMessageHeaders" => {
                shown.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
            }
            "internetMessageId" => json!(shown.message_id),
            "isDraft" => json!(false),
            "isRead" => json!(self.is_read),
            "parentFolderId" => json!(self.folder),
            "sender" => shown.sender.as_ref().map(person).unwrap_or_default(),
            "sentDateTime" => json!(time(shown.sent.unwrap_or(self.received))),
            "subject" => json!(shown.subject),
            "toRecipients" => persons(&shown.to),
            _ => Value::Null,
        }
    }
}

impl Shown {
    fn read(raw: &[u8]) -> Self {
        let Some(message) = MessageParser::new().parse(raw) else { return Self::default() };
        let people = |address: Option<&Address<'_>>| -> Vec<(String, String)> {
            let all = address.map(|address| address.clone().into_list()).unwrap_or_default();
            let person = |one: &mail_parser::Addr<'_>| {
                let address = one.address.as_deref().unwrap_or_default().to_owned();
                (one.name.as_deref().unwrap_or(&address).to_owned(), address)
            };
            all.iter().map(person).collect()
        };
        let from = people(message.from()).into_iter().next();
        let headers = message
            .headers_raw()
            .map(|(name, value)| (name.to_owned(), value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")));
        let id = message.header_raw(HeaderName::MessageId).map(|id| id.trim().to_owned());
        Self {
            message_id: id,
            subject: message.subject().unwrap_or_default().to_owned(),
            sender: people(message.sender()).into_iter().next().or_else(|| from.clone()),
            from,
            to: people(message.to()),
            cc: people(message.cc()),
            sent: message.date().map(|date| date.to_timestamp() * 1_000_000),
            headers: headers.collect(),
            attachments: message.attachments().map(attachment).collect(),
            invitation: event::invitation(raw),
        }
    }
}

/// Returns name and type of an attachment; an attached message has its subject as its name.
fn attachment(part: &mail_parser::MessagePart<'_>) -> (String, String) {
    let kind = part.content_type().map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()));
    let subject = part.message().and_then(|message| message.subject());
    let name = part.attachment_name().or(subject).unwrap_or_default();
    (name.to_owned(), kind.unwrap_or_default())
}

/// A time as Graph writes it: to the second, the rest cut off.
pub(super) fn time(micros: i64) -> String {
    let at = DateTime::from_timestamp(micros.div_euclid(1_000_000), 0).expect("the times of tests are in range");
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
