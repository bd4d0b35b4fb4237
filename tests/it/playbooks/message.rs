//! Messages of cases, as TOML: what is left out has an ordinary value.

use clawback_model::{Location, Message, MessageRef, Timestamp};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Mail {
    store: String,
    mailbox: String,
    message_id: String,
    location: String,
    original_location: Option<String>,
    subject: String,
    from: String,
    from_name: String,
    to: Vec<String>,
    received_at: String,
    size: u64,
    flags: Vec<String>,
    attachments: Vec<String>,
    headers: Vec<(String, String)>,
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
            to: vec!["ann@corp.example".into()],
            received_at: "2026-11-23T11:00:00Z".into(),
            size: 4_000,
            flags: vec![],
            attachments: vec![],
            headers: vec![],
        }
    }
}

impl From<Mail> for Message {
    fn from(mail: Mail) -> Self {
        let place = |text: String| text.parse::<Location>().unwrap();
        Self {
            store: mail.store.into(),
            mailbox: mail.mailbox.into(),
            reference: MessageRef { locator: "1".into(), message_id: mail.message_id, fingerprint: "f".into() },
            location: place(mail.location),
            original_location: mail.original_location.map(place),
            subject: mail.subject,
            from_address: mail.from,
            from_name: mail.from_name,
            also_from: Vec::new(),
            cut: Vec::new(),
            to: mail.to,
            received_at: Timestamp::parse(&mail.received_at).unwrap(),
            size: mail.size,
            flags: mail.flags,
            attachments: mail.attachments,
            headers: mail.headers,
        }
    }
}
