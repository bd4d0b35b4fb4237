//! Plans: the frozen, ordered list of targets, and the digest that approvers approve.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::counts::Counts;
use crate::guard::PlanFacts;
use crate::location::Location;
use crate::message::MessageRef;
use crate::outcome::{Former, Reason};

mod digest;
mod header;

pub use digest::{Hashed, LINES_OF_A_PART, PartHasher, PlanDigest, PlanHasher, PlanParts, header_line, target_line};
pub use header::{Difference, Grant, PlanHeader, Terms, TextKind};

/// One message of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its number, from 0, without gaps.
    pub seq: u32,
    /// Name of its store.
    pub store: Arc<str>,
    /// Its mailbox.
    pub mailbox: Arc<str>,
    /// How to find it.
    pub reference: MessageRef,
    /// Where it was at plan time.
    pub location: Location,
    /// Where it was first delivered, if known.
    pub original_location: Option<Location>,
    /// Decoded subject; hostile.
    pub subject: String,
    /// From address; hostile.
    pub from_address: String,
    /// When the store received it.
    pub received_at: Timestamp,
    /// What a restore goes back to.
    pub former: Option<Former>,
    /// Why nothing can be done to it; none if something can.
    pub not_remediable: Option<Reason>,
    /// Why the scripts kept it, in their words.
    pub script_reason: Option<String>,
    /// The word that a script groups it by.
    pub script_tag: Option<String>,
}

/// What approvers see of a frozen plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanSummary {
    /// What they approve.
    pub digest: PlanDigest,
    /// Submitted, remediable and not.
    pub counts: Counts,
    /// Mailboxes, VIPs.
    pub facts: PlanFacts,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::location::LocationKind;
    use crate::message::Message;

    pub(crate) fn message(number: u32) -> Message {
        Message {
            store: "corp".into(),
            mailbox: "ann@corp.example".into(),
            reference: reference(number),
            location: Location::new(LocationKind::Inbox, "INBOX"),
            original_location: None,
            subject: "Hello".into(),
            from_address: "eve@evil.example".into(),
            from_name: String::new(),
            also_from: Vec::new(),
            cut: Vec::new(),
            to: vec![],
            received_at: Timestamp(0),
            size: 1_000,
            flags: vec![],
            attachments: vec![],
            headers: vec![],
        }
    }

    pub(crate) fn reference(number: u32) -> MessageRef {
        MessageRef {
            locator: format!("1:{number}:INBOX"),
            message_id: format!("<{number}@evil.example>"),
            fingerprint: format!("{number:032x}"),
        }
    }
}
