//! The outcome of each target.

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::clock::Timestamp;
use crate::location::Location;
use crate::message::MessageRef;
use crate::sha256::Digest;

/// The one outcome of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeKind {
    /// Done, and the store confirmed it.
    Succeeded,
    /// The message was already in the destination.
    AlreadyInDestination,
    /// The message is not in the mailbox.
    NotFound,
    /// The owner moved the message after the plan; it was left alone.
    MovedSince,
    /// The plan already knew that the message cannot be acted on.
    NotRemediable,
    /// The store refused, or the attempts were given up.
    Failed,
    /// A person cancelled the remediation before the message was acted on.
    Cancelled,
}

words!(OutcomeKind, "outcome");

/// The reason of an outcome, as a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The store confirmed the action.
    Confirmed,
    /// The action had been done before a restart; the message was found in the destination.
    ConfirmedAfterRestart,
    /// The message was in the destination before the action.
    AlreadyThere,
    /// The message is not in the mailbox.
    Gone,
    /// The message is in another folder than planned.
    MovedByOwner,
    /// Its location cannot be reached (external, failed, dropped, unknown).
    LocationNotRemediable,
    /// The connector does not support this action.
    ActionNotSupported,
    /// A filter script failed on it.
    ScriptError,
    /// The store refused this message.
    StoreRefused,
    /// Access to the mailbox or folder was denied.
    Denied,
    /// The mailbox does not exist, or no longer exists.
    MailboxNotFound,
    /// The store did not answer in spite of retries.
    StoreUnavailable,
    /// The store throttled the call for longer than the allowed time.
    ThrottledTooLong,
    /// The connector violated its contract or crashed.
    ConnectorFault,
    /// The message could not be kept as evidence, and so it was not deleted.
    EvidenceNotKept,
    /// A person cancelled the remediation.
    CancelledByPerson,
}

words!(Reason, "reason");

/// The state of a message before an action; enough to undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RestorePoint {
    /// Where it was.
    pub location: Location,
    /// Its flags and keywords.
    pub flags: Vec<String>,
}

/// What became of the calendar entry of an invitation that was acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum CalendarFate {
    /// It was removed from the calendar.
    Removed,
    /// It had been removed, and is in the calendar again.
    Restored,
    /// It was left alone: it is the owner's own, or may be.
    Left,
    /// It should have been removed or restored, and was not.
    Failed,
    /// The calendar could not be read, so nothing is known of an entry.
    NotLookedFor,
}

words!(CalendarFate, "calendar entry");

/// The calendar entry of an invitation that was acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CalendarEntry {
    /// What became of it.
    pub fate: CalendarFate,
    /// Why it was not removed or restored, for people; may quote the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl CalendarEntry {
    /// Returns an entry of which nothing is known, for this reason.
    pub fn not_looked_for(detail: String) -> Self {
        Self { fate: CalendarFate::NotLookedFor, detail: Some(detail) }
    }
}

/// The proof of an action, with what an undo needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Receipt {
    /// The state before the action.
    pub former: RestorePoint,
    /// The message after the action; `None` if it was deleted permanently.
    pub now: Option<MessageRef>,
    /// Where it is after the action.
    pub location: Option<Location>,
    /// The sha256 of the raw message, if it was kept before deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
    /// What became of the calendar entry; `None` if the message left none, or its store has no calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar_entry: Option<CalendarEntry>,
}

/// A connector's answer for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Done and confirmed.
    Succeeded(Receipt),
    /// The message was already in the destination.
    AlreadyInDestination,
    /// The message is not in the mailbox.
    NotFound,
    /// The message is elsewhere; nothing was done.
    MovedSince(Location),
    /// The store refused, for this reason.
    Failed(String),
}

/// A place where `locate` found a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Its handle there.
    pub reference: MessageRef,
    /// The place.
    pub location: Location,
    /// Its flags there.
    pub flags: Vec<String>,
}

/// The answer to one query of `locate`; no sighting means that the message is not in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The locator asked for.
    pub locator: String,
    /// Every place where it was found.
    pub sightings: Vec<Sighting>,
}

/// The recorded outcome of one target: written once, never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The target's number in the plan.
    pub seq: u32,
    /// The kind of outcome.
    pub kind: OutcomeKind,
    /// The reason.
    pub reason: Reason,
    /// Further detail for people; may quote the store, so it is escaped on output.
    pub detail: Option<String>,
    /// What an undo needs, if something was done.
    pub receipt: Option<Receipt>,
    /// The batch in which it was acted on; `None` if it was not acted on.
    pub batch: Option<u32>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Outcome {
    /// Returns where a message planned at `planned` is after this outcome; `None` if it was deleted permanently or its
    /// location is not known.
    pub fn location_after<'a>(&'a self, planned: &'a Location) -> Option<&'a Location> {
        match (&self.receipt, self.kind) {
            (Some(receipt), _) => receipt.location.as_ref(),
            (None, OutcomeKind::NotFound | OutcomeKind::MovedSince) => None,
            (None, _) => Some(planned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::LocationKind;

    #[test]
    fn a_message_lies_where_the_receipt_says_or_where_it_was() {
        let planned = Location::new(LocationKind::Inbox, "INBOX");
        let junk = Location::new(LocationKind::Junk, "Junk");
        for kind in OutcomeKind::ALL {
            let unseen = matches!(kind, OutcomeKind::NotFound | OutcomeKind::MovedSince);
            for (receipt, after) in
                [(None, (!unseen).then_some(&planned)), (Some(Some(junk.clone())), Some(&junk)), (Some(None), None)]
            {
                let former = RestorePoint { location: planned.clone(), flags: vec![] };
                let receipt = receipt.map(|location| Receipt {
                    former,
                    now: None,
                    location,
                    evidence: None,
                    calendar_entry: None,
                });
                let (detail, batch, recorded_at) = (None, None, Timestamp(0));
                let outcome = Outcome { seq: 0, kind, reason: Reason::Confirmed, detail, receipt, batch, recorded_at };
                assert_eq!(outcome.location_after(&planned), after, "{outcome:?}");
            }
        }
    }
}
