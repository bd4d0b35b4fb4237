//! What became of each target.

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
    /// It lay there already.
    AlreadyInDestination,
    /// It is nowhere in the mailbox.
    NotFound,
    /// Its owner moved it after the plan; left alone.
    MovedSince,
    /// Known at plan time: nothing can be done to it.
    NotRemediable,
    /// Tried and refused, or given up.
    Failed,
    /// A person cancelled before its turn.
    Cancelled,
}

words!(OutcomeKind, "outcome");

/// Why a target has its outcome, as a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The store confirmed the act.
    Confirmed,
    /// The act had been done before a restart; the message was found where it belongs.
    ConfirmedAfterRestart,
    /// It lay in the destination before the act.
    AlreadyThere,
    /// It is not in the mailbox.
    Gone,
    /// It lies in another folder than planned.
    MovedByOwner,
    /// Its location cannot be reached (external, failed, dropped, unknown).
    LocationNotRemediable,
    /// The connector cannot do this action.
    ActionNotSupported,
    /// A filter script failed on it.
    ScriptError,
    /// The store refused this message.
    StoreRefused,
    /// No right to the mailbox or folder.
    Denied,
    /// The mailbox does not exist (any more).
    MailboxNotFound,
    /// The store did not answer in spite of retries.
    StoreUnavailable,
    /// The store kept throttling past the time allowed.
    ThrottledTooLong,
    /// The connector broke its contract or crashed.
    ConnectorFault,
    /// The message could not be kept as evidence, and so it was not deleted.
    EvidenceNotKept,
    /// A person cancelled the remediation.
    CancelledByPerson,
}

words!(Reason, "reason");

/// What a message was like before an act; enough to undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Former {
    /// Where it was.
    pub location: Location,
    /// Its flags and keywords.
    pub flags: Vec<String>,
}

/// Proof of an act, and what undo needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Receipt {
    /// Before.
    pub former: Former,
    /// The message after the act; none where it is gone for good.
    pub now: Option<MessageRef>,
    /// Where it is after the act.
    pub location: Option<Location>,
    /// sha256 of the raw message, where it was kept before it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
}

/// What a connector answers for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Done and confirmed.
    Succeeded(Receipt),
    /// It lay there before.
    AlreadyInDestination,
    /// It is nowhere in the mailbox.
    NotFound,
    /// It lies elsewhere; nothing was done.
    MovedSince(Location),
    /// The store refused it; why.
    Failed(String),
}

/// Where a message was found by `locate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Its handle there.
    pub reference: MessageRef,
    /// The place.
    pub location: Location,
    /// Its flags there.
    pub flags: Vec<String>,
}

/// The answer to one question of `locate`: no sighting means that it is nowhere in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The locator asked for.
    pub locator: String,
    /// Every place it was found in.
    pub sightings: Vec<Sighting>,
}

/// The recorded outcome of one target: written once, never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The target's number in the plan.
    pub seq: u32,
    /// What became of it.
    pub kind: OutcomeKind,
    /// Why.
    pub reason: Reason,
    /// More about why, for people; may quote the store, so hostile on output.
    pub detail: Option<String>,
    /// What undo needs, where something was done.
    pub receipt: Option<Receipt>,
    /// The batch it was acted on in; none where it never came to that.
    pub batch: Option<u32>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Outcome {
    /// Where a message planned to be at `planned` lies after this; none where it is gone for good, and where nobody looked.
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
