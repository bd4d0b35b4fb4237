//! The made-up answers of a well-behaved connector.

use clawback_connector_sdk::{
    describe, place,
    types::{
        Action, Capabilities, Effect, Former, Located, Location, LocationKind, MailboxPage, Message, MessagePage,
        MessageRef, Outcome, Receipt, Sighting, Target,
    },
};

pub(crate) fn describe() -> Capabilities {
    let actions = [Action::MoveToJunk, Action::SoftDelete, Action::HardDelete, Action::Restore];
    describe::capabilities("hostile", env!("CARGO_PKG_VERSION"), &actions, &[], 1_000)
}

pub(crate) fn mailboxes() -> MailboxPage {
    MailboxPage { mailboxes: vec!["one@example.test".into(), "two@example.test".into()], next: None, gaps: Vec::new() }
}

/// Returns a page of as many messages as the setting `records` says (default: 3), numbered from the cursor on.
pub(crate) fn search(cursor: Option<&str>, most: u32) -> MessagePage {
    let records: u32 = crate::setting("records").and_then(|text| text.parse().ok()).unwrap_or(3);
    let from: u32 = cursor.and_then(|text| text.parse().ok()).unwrap_or(0);
    let to = records.min(from.saturating_add(most));
    MessagePage {
        messages: (from..to).map(message).collect(),
        next: (to < records).then(|| to.to_string()),
        gaps: Vec::new(),
    }
}

pub(crate) fn message(number: u32) -> Message {
    Message {
        ref_: MessageRef {
            locator: format!("INBOX/{number}"),
            message_id: format!("<{number}@bulk.example.test>"),
            fingerprint: format!("{number:032x}"),
        },
        location: Location { kind: LocationKind::Inbox, path: "INBOX".into() },
        original_location: None,
        subject: format!("Your parcel {number} is waiting"),
        from_address: "parcels@bulk.example.test".into(),
        from_name: "Parcel service".into(),
        also_from: Vec::new(),
        to: vec!["one@example.test".into()],
        received_at: 1_700_000_000_000_000 + i64::from(number),
        size: 4096,
        flags: vec!["\\Seen".into()],
        attachments: vec!["label.pdf".into()],
        headers: vec![("x-mailer".into(), "bulk 1.0".into())],
        cut: Vec::new(),
        extra: Vec::new(),
    }
}

pub(crate) fn locate(refs: &[MessageRef]) -> Vec<Located> {
    let inbox = || Location { kind: LocationKind::Inbox, path: "INBOX".into() };
    refs.iter()
        .map(|one| Located {
            locator: one.locator.clone(),
            sightings: vec![Sighting { ref_: one.clone(), location: inbox(), flags: Vec::new() }],
        })
        .collect()
}

pub(crate) fn apply(action: Action, targets: &[Target]) -> Vec<Outcome> {
    let kind = place::destination(action).unwrap_or(LocationKind::Inbox);
    let is_gone = action == Action::HardDelete;
    targets
        .iter()
        .map(|target| {
            let receipt = Receipt {
                former: Former { location: target.location.clone(), flags: Vec::new() },
                now: (!is_gone).then(|| target.ref_.clone()),
                location: (!is_gone).then(|| Location { kind, path: "elsewhere".into() }),
            };
            Outcome { locator: target.ref_.locator.clone(), effect: Effect::Succeeded(receipt) }
        })
        .collect()
}
