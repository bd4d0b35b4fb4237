//! What is done to a message, how grave it is, and who thought of it.

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::location::LocationKind;

/// What a remediation does to each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Into the junk folder.
    MoveToJunk,
    /// Into the inbox.
    MoveToInbox,
    /// Into deleted items (the trash), where the owner sees it.
    MoveToDeletedItems,
    /// Into recoverable items: out of the owner's sight, restorable.
    SoftDelete,
    /// Gone for good.
    HardDelete,
    /// Into the hidden quarantine folder.
    MoveToQuarantine,
    /// Back to where a former remediation took it from.
    Restore,
}

words!(Action, "action");

impl Action {
    /// Where the message lies afterwards; none where that differs per message or there is nothing left.
    pub const fn destination(self) -> Option<LocationKind> {
        match self {
            Self::MoveToJunk => Some(LocationKind::Junk),
            Self::MoveToInbox => Some(LocationKind::Inbox),
            Self::MoveToDeletedItems => Some(LocationKind::DeletedItems),
            Self::SoftDelete => Some(LocationKind::RecoverableItems),
            Self::MoveToQuarantine => Some(LocationKind::Quarantine),
            Self::HardDelete | Self::Restore => None,
        }
    }

    /// Whether what it did can be undone from its receipts.
    pub const fn is_reversible(self) -> bool {
        !matches!(self, Self::HardDelete)
    }
}

/// How grave the threat is; orders the queue.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumCount,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Severity {
    Informational,
    Low,
    Medium,
    High,
}

words!(Severity, "severity");

/// Where a remediation came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum ActionSource {
    /// A person picked messages or a playbook.
    Manual,
    /// A person submitted a whole search result.
    Explorer,
    /// A program of a SOC engineer.
    Script,
    /// A schedule of a playbook.
    Schedule,
    /// A suggestion of an automated investigation.
    Air,
    /// Another system through the API.
    Api,
}

words!(ActionSource, "action source");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_has_its_destination_and_all_but_one_can_be_undone() {
        for (action, destination) in [
            (Action::MoveToJunk, Some(LocationKind::Junk)),
            (Action::MoveToInbox, Some(LocationKind::Inbox)),
            (Action::MoveToDeletedItems, Some(LocationKind::DeletedItems)),
            (Action::SoftDelete, Some(LocationKind::RecoverableItems)),
            (Action::MoveToQuarantine, Some(LocationKind::Quarantine)),
            (Action::HardDelete, None),
            (Action::Restore, None),
        ] {
            assert_eq!(action.destination(), destination, "{action}");
            assert_eq!(action.is_reversible(), action != Action::HardDelete, "{action}");
        }
    }
}
