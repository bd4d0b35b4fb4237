//! The actions on a message, the severity of a threat, and the source of a remediation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::location::LocationKind;
use crate::unknown_word::UnknownWord;

/// The action of a remediation on each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

impl Action {
    /// Every action.
    pub const ALL: [Self; 7] = [
        Self::MoveToJunk,
        Self::MoveToInbox,
        Self::MoveToDeletedItems,
        Self::SoftDelete,
        Self::HardDelete,
        Self::MoveToQuarantine,
        Self::Restore,
    ];

    /// Returns the word used in playbooks, JSON, SQL and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MoveToJunk => "move-to-junk",
            Self::MoveToInbox => "move-to-inbox",
            Self::MoveToDeletedItems => "move-to-deleted-items",
            Self::SoftDelete => "soft-delete",
            Self::HardDelete => "hard-delete",
            Self::MoveToQuarantine => "move-to-quarantine",
            Self::Restore => "restore",
        }
    }

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

impl FromStr for Action {
    type Err = UnknownWord;
    fn from_str(given: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|action| action.as_str() == given)
            .ok_or_else(|| UnknownWord::new("action", given, Self::ALL.map(Self::as_str)))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The severity of a threat. The queue is ordered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Severity {
    Informational,
    Low,
    Medium,
    High,
}

impl Severity {
    /// Every severity, lowest first.
    pub const ALL: [Self; 4] = [Self::Informational, Self::Low, Self::Medium, Self::High];

    /// Returns the word used in playbooks, JSON, SQL and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl FromStr for Severity {
    type Err = UnknownWord;
    fn from_str(given: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.as_str() == given)
            .ok_or_else(|| UnknownWord::new("severity", given, Self::ALL.map(Self::as_str)))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The source of a remediation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

impl ActionSource {
    /// Every source.
    pub const ALL: [Self; 6] = [Self::Manual, Self::Explorer, Self::Script, Self::Schedule, Self::Air, Self::Api];

    /// Returns the word used in JSON, SQL and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Explorer => "explorer",
            Self::Script => "script",
            Self::Schedule => "schedule",
            Self::Air => "air",
            Self::Api => "api",
        }
    }
}

impl FromStr for ActionSource {
    type Err = UnknownWord;
    fn from_str(given: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|source| source.as_str() == given)
            .ok_or_else(|| UnknownWord::new("action source", given, Self::ALL.map(Self::as_str)))
    }
}

impl fmt::Display for ActionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

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
