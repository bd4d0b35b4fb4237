//! Conversions between the model and the contract. Answers are moved, never cloned; requests are copied once, because
//! the guest needs its own copy.

pub(crate) mod calendar;
pub(crate) mod features;

use std::sync::Arc;
use std::time::Duration;

use clawback_model::{
    Action, Effect, Gap, Located, Location, LocationKind, Message, MessageRef, Query, Receipt, RestorePoint, Sighting,
    Timestamp, visible_line,
};

use crate::imports::bindings::clawback::mail_store::types as wit;
use crate::mail_store::{ActionTarget, Readiness};

pub(crate) fn action_to_wit(action: Action) -> wit::Action {
    match action {
        Action::MoveToJunk => wit::Action::MoveToJunk,
        Action::MoveToInbox => wit::Action::MoveToInbox,
        Action::MoveToDeletedItems => wit::Action::MoveToDeletedItems,
        Action::SoftDelete => wit::Action::SoftDelete,
        Action::HardDelete => wit::Action::HardDelete,
        Action::MoveToQuarantine => wit::Action::MoveToQuarantine,
        Action::Restore => wit::Action::Restore,
    }
}

pub(crate) fn action(action: wit::Action) -> Action {
    match action {
        wit::Action::MoveToJunk => Action::MoveToJunk,
        wit::Action::MoveToInbox => Action::MoveToInbox,
        wit::Action::MoveToDeletedItems => Action::MoveToDeletedItems,
        wit::Action::SoftDelete => Action::SoftDelete,
        wit::Action::HardDelete => Action::HardDelete,
        wit::Action::MoveToQuarantine => Action::MoveToQuarantine,
        wit::Action::Restore => Action::Restore,
    }
}

fn kind_to_wit(kind: LocationKind) -> wit::LocationKind {
    match kind {
        LocationKind::Inbox => wit::LocationKind::Inbox,
        LocationKind::Junk => wit::LocationKind::Junk,
        LocationKind::DeletedItems => wit::LocationKind::DeletedItems,
        LocationKind::SentItems => wit::LocationKind::SentItems,
        LocationKind::Archive => wit::LocationKind::Archive,
        LocationKind::RecoverableItems => wit::LocationKind::RecoverableItems,
        LocationKind::Quarantine => wit::LocationKind::Quarantine,
        LocationKind::Folder => wit::LocationKind::Folder,
        LocationKind::OnPremisesExternal => wit::LocationKind::OnPremisesExternal,
        LocationKind::Failed => wit::LocationKind::Failed,
        LocationKind::Dropped => wit::LocationKind::Dropped,
        LocationKind::Unknown => wit::LocationKind::Unknown,
    }
}

fn kind(kind: wit::LocationKind) -> LocationKind {
    match kind {
        wit::LocationKind::Inbox => LocationKind::Inbox,
        wit::LocationKind::Junk => LocationKind::Junk,
        wit::LocationKind::DeletedItems => LocationKind::DeletedItems,
        wit::LocationKind::SentItems => LocationKind::SentItems,
        wit::LocationKind::Archive => LocationKind::Archive,
        wit::LocationKind::RecoverableItems => LocationKind::RecoverableItems,
        wit::LocationKind::Quarantine => LocationKind::Quarantine,
        wit::LocationKind::Folder => LocationKind::Folder,
        wit::LocationKind::OnPremisesExternal => LocationKind::OnPremisesExternal,
        wit::LocationKind::Failed => LocationKind::Failed,
        wit::LocationKind::Dropped => LocationKind::Dropped,
        wit::LocationKind::Unknown => LocationKind::Unknown,
    }
}

fn location_to_wit(location: &Location) -> wit::Location {
    wit::Location { kind: kind_to_wit(location.kind), path: location.path.clone() }
}

fn location(location: wit::Location) -> Location {
    Location { kind: kind(location.kind), path: location.path }
}

pub(crate) fn reference_to_wit(reference: &MessageRef) -> wit::MessageRef {
    wit::MessageRef {
        locator: reference.locator.clone(),
        message_id: reference.message_id.clone(),
        fingerprint: reference.fingerprint.clone(),
    }
}

fn reference(reference: wit::MessageRef) -> MessageRef {
    MessageRef { locator: reference.locator, message_id: reference.message_id, fingerprint: reference.fingerprint }
}

fn former(former: wit::Former) -> RestorePoint {
    RestorePoint { location: location(former.location), flags: former.flags }
}

pub(crate) fn target_to_wit(target: &ActionTarget) -> wit::Target {
    wit::Target {
        ref_: reference_to_wit(&target.reference),
        location: location_to_wit(&target.location),
        former: target
            .former
            .as_ref()
            .map(|former| wit::Former { location: location_to_wit(&former.location), flags: former.flags.clone() }),
    }
}

pub(crate) fn query_to_wit(query: &Query) -> wit::Query {
    wit::Query {
        from_address: query.from_address.clone(),
        from_domain: query.from_domain.clone(),
        subject_contains: query.subject_contains.clone(),
        to_address: query.to_address.clone(),
        message_id: query.message_id.clone(),
        received_after: query.received_after.map(|time| time.0),
        received_before: query.received_before.map(|time| time.0),
        header_contains: query.header_contains.clone(),
        attachment_name: query.attachment_name.clone(),
        locations: query.locations.iter().copied().map(kind_to_wit).collect(),
        folders: query.folders.clone(),
        want_headers: query.want_headers.clone(),
        want_attachments: query.want_attachments,
        extra: Vec::new(),
    }
}

pub(crate) fn message(message: wit::Message, store: &Arc<str>, mailbox: &Arc<str>) -> Message {
    Message {
        store: Arc::clone(store),
        mailbox: Arc::clone(mailbox),
        reference: reference(message.ref_),
        location: location(message.location),
        original_location: message.original_location.map(location),
        subject: message.subject,
        from_address: message.from_address,
        from_name: message.from_name,
        also_from: message.also_from,
        to: message.to,
        received_at: Timestamp(message.received_at),
        size: message.size,
        flags: message.flags,
        attachments: message.attachments,
        headers: message.headers,
        cut: message.cut,
        features: None,
    }
}

/// Converts a gap. The reason is truncated and escaped; names come from the store and are shown through `visible`.
pub(crate) fn gap(gap: &wit::Gap, most: usize) -> Gap {
    let text = |text: &str| visible_line(text, most);
    Gap { folder: text(&gap.folder), item: text(&gap.item), reason: text(&gap.reason) }
}

pub(crate) fn readiness(readiness: wit::Readiness, most: usize) -> Readiness {
    let text = |text: Option<String>| text.map(|text| visible_line(&text, most));
    Readiness {
        action: action(readiness.action),
        obstacle: text(readiness.obstacle),
        creates: text(readiness.creates),
        visible: text(readiness.visible),
    }
}

pub(crate) fn located(located: wit::Located) -> Located {
    let sighting = |sighting: wit::Sighting| Sighting {
        reference: reference(sighting.ref_),
        location: location(sighting.location),
        flags: sighting.flags,
    };
    Located { locator: located.locator, sightings: located.sightings.into_iter().map(sighting).collect() }
}

pub(crate) fn effect(effect: wit::Effect) -> Effect {
    match effect {
        wit::Effect::Succeeded(receipt) => Effect::Succeeded(Receipt {
            former: former(receipt.former),
            now: receipt.now.map(reference),
            location: receipt.location.map(location),
            evidence: None,
            calendar_entry: None,
        }),
        wit::Effect::AlreadyInDestination => Effect::AlreadyInDestination,
        wit::Effect::NotFound => Effect::NotFound,
        wit::Effect::MovedSince(to) => Effect::MovedSince(location(to)),
        wit::Effect::Failed(why) => Effect::Failed(why),
    }
}

pub(crate) fn pause(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
