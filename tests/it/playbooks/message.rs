//! An ordinary message.

use clawback_model::{Location, LocationKind, Message, MessageRef, Timestamp};

pub(super) fn ordinary() -> Message {
    Message {
        store: "corp".into(),
        mailbox: "ann@corp.example".into(),
        reference: MessageRef { locator: "1".into(), message_id: "<1@evil.example>".into(), fingerprint: "f".into() },
        location: Location::new(LocationKind::Inbox, "INBOX"),
        original_location: None,
        subject: "Your invoice".into(),
        from_address: "billing@evil.example".into(),
        from_name: "Billing".into(),
        also_from: vec![],
        cut: vec![],
        features: None,
        to: vec!["ann@corp.example".into()],
        received_at: Timestamp(0),
        size: 4_000,
        flags: vec![],
        attachments: vec![],
        headers: vec![],
    }
}
