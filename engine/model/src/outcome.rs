//! The outcome of each target.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::location::Location;
use crate::message::MessageRef;
use crate::sha256::Digest;
use crate::unknown_word::UnknownWord;

/// The one outcome of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

impl OutcomeKind {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Succeeded,
        Self::AlreadyInDestination,
        Self::NotFound,
        Self::MovedSince,
        Self::NotRemediable,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Returns the word used in JSON, SQL and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::AlreadyInDestination => "already-in-destination",
            Self::NotFound => "not-found",
            Self::MovedSince => "moved-since",
            Self::NotRemediable => "not-remediable",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for OutcomeKind {
    type Err = UnknownWord;
    fn from_str(given: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == given)
            .ok_or_else(|| UnknownWord::new("outcome", given, Self::ALL.map(Self::as_str)))
    }
}

impl fmt::Display for OutcomeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The reason of an outcome, as a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 16] = [
        Self::Confirmed,
        Self::ConfirmedAfterRestart,
        Self::AlreadyThere,
        Self::Gone,
        Self::MovedByOwner,
        Self::LocationNotRemediable,
        Self::ActionNotSupported,
        Self::ScriptError,
        Self::StoreRefused,
        Self::Denied,
        Self::MailboxNotFound,
        Self::StoreUnavailable,
        Self::ThrottledTooLong,
        Self::ConnectorFault,
        Self::EvidenceNotKept,
        Self::CancelledByPerson,
    ];

    /// Returns the code used in JSON, SQL and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::ConfirmedAfterRestart => "confirmed-after-restart",
            Self::AlreadyThere => "already-there",
            Self::Gone => "gone",
            Self::MovedByOwner => "moved-by-owner",
            Self::LocationNotRemediable => "location-not-remediable",
            Self::ActionNotSupported => "action-not-supported",
            Self::ScriptError => "script-error",
            Self::StoreRefused => "store-refused",
            Self::Denied => "denied",
            Self::MailboxNotFound => "mailbox-not-found",
            Self::StoreUnavailable => "store-unavailable",
            Self::ThrottledTooLong => "throttled-too-long",
            Self::ConnectorFault => "connector-fault",
            Self::EvidenceNotKept => "evidence-not-kept",
            Self::CancelledByPerson => "cancelled-by-person",
        }
    }
}

impl FromStr for Reason {
    type Err = UnknownWord;
    fn from_str(given: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == given)
            .ok_or_else(|| UnknownWord::new("reason", given, Self::ALL.map(Self::as_str)))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The state of a message before an action; enough to undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Former {
    /// Where it was.
    pub location: Location,
    /// Its flags and keywords.
    pub flags: Vec<String>,
}

/// The proof of an action, with what an undo needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Receipt {
    /// The state before the action.
    pub former: Former,
    /// The message after the action; `None` if it was deleted permanently.
    pub now: Option<MessageRef>,
    /// Where it is after the action.
    pub location: Option<Location>,
    /// The sha256 of the raw message, if it was kept before deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
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
                let former = Former { location: planned.clone(), flags: vec![] };
                let receipt = receipt.map(|location| Receipt { former, now: None, location, evidence: None });
                let (detail, batch, recorded_at) = (None, None, Timestamp(0));
                let outcome = Outcome { seq: 0, kind, reason: Reason::Confirmed, detail, receipt, batch, recorded_at };
                assert_eq!(outcome.location_after(&planned), after, "{outcome:?}");
            }
        }
    }
}
