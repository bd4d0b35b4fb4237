//! The actions on a message, the severity of a threat, and the source of a remediation.

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::location::LocationKind;

/// The action of a remediation on each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Moves the message to the junk folder.
    MoveToJunk,
    /// Moves the message to the inbox.
    MoveToInbox,
    /// Moves the message to deleted items (the trash), where the owner sees it.
    MoveToDeletedItems,
    /// Moves the message to recoverable items: hidden from the owner, restorable.
    SoftDelete,
    /// Deletes the message permanently.
    HardDelete,
    /// Moves the message to the hidden quarantine folder.
    MoveToQuarantine,
    /// Moves the message back to where an earlier remediation took it from.
    Restore,
}

words!(Action, "action");

impl Action {
    /// Returns where the message is afterwards; `None` if that differs per message or nothing is left.
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

    /// Returns whether the action can be undone from its receipts.
    pub const fn is_reversible(self) -> bool {
        !matches!(self, Self::HardDelete)
    }
}

/// The severity of a threat. The queue is ordered by it.
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

/// The source of a remediation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum ActionSource {
    /// A person picked messages or a playbook.
    Manual,
    /// A person submitted a whole search result.
    Explorer,
    /// A program of a SOC engineer submitted it.
    Script,
    /// A schedule of a playbook fired.
    Schedule,
    /// An automated investigation suggested it.
    Air,
    /// Another system submitted it through the API.
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
