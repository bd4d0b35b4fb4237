//! Messages of cases, as TOML; fields that are not given have ordinary values.

use clawback_model::{Location, Message, MessageRef, Timestamp, UnknownWord};
use serde::Deserialize;

use super::content::Content;

/// One message of a case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Mail {
    pub(crate) store: String,
    pub(crate) mailbox: String,
    pub(crate) message_id: String,
    pub(crate) location: String,
    pub(crate) original_location: Option<String>,
    pub(crate) subject: String,
    pub(crate) from: String,
    pub(crate) from_name: String,
    pub(crate) also_from: Vec<String>,
    pub(crate) to: Vec<String>,
    pub(crate) received_at: String,
    pub(crate) size: u64,
    pub(crate) flags: Vec<String>,
    pub(crate) attachments: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
    /// What an examination shows; without it the message cannot be examined.
    pub(crate) examined: Option<Content>,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            store: "corp".into(),
            mailbox: "ann@corp.example".into(),
            message_id: "<1@evil.example>".into(),
            location: "inbox:INBOX".into(),
            original_location: None,
            subject: "Your invoice".into(),
            from: "billing@evil.example".into(),
            from_name: "Billing".into(),
            also_from: vec![],
            to: vec!["ann@corp.example".into()],
            received_at: "2026-11-23T11:00:00Z".into(),
            size: 4_000,
            flags: vec![],
            attachments: vec![],
            headers: vec![],
            examined: None,
        }
    }
}

impl Mail {
    /// Returns the message as a store would; fails with the reason if a location or a time is invalid.
    pub(crate) fn message(self) -> Result<Message, String> {
        let place = |text: String| text.parse::<Location>().map_err(|error: UnknownWord| error.to_string());
        let received_at = Timestamp::parse(&self.received_at).ok_or_else(|| {
            format!(
                "received-at: `{}` is no time; write 2026-11-23T11:00:00Z",
                clawback_model::visible_line(&self.received_at, 60)
            )
        })?;
        Ok(Message {
            store: self.store.into(),
            mailbox: self.mailbox.into(),
            reference: MessageRef { locator: "1".into(), message_id: self.message_id, fingerprint: "f".into() },
            location: place(self.location)?,
            original_location: self.original_location.map(place).transpose()?,
            subject: self.subject,
            from_address: self.from,
            from_name: self.from_name,
            also_from: self.also_from,
            cut: Vec::new(),
            features: self.examined.map(Content::features).transpose()?.map(Box::new),
            to: self.to,
            received_at,
            size: self.size,
            flags: self.flags,
            attachments: self.attachments,
            headers: self.headers,
        })
    }
}

impl From<&Message> for Mail {
    fn from(message: &Message) -> Self {
        Self {
            store: message.store.to_string(),
            mailbox: message.mailbox.to_string(),
            message_id: message.reference.message_id.clone(),
            location: message.location.to_string(),
            original_location: message.original_location.as_ref().map(ToString::to_string),
            subject: message.subject.clone(),
            from: message.from_address.clone(),
            from_name: message.from_name.clone(),
            also_from: message.also_from.clone(),
            to: message.to.clone(),
            received_at: message.received_at.to_string(),
            size: message.size,
            flags: message.flags.clone(),
            attachments: message.attachments.clone(),
            headers: message.headers.clone(),
            examined: None,
        }
    }
}
