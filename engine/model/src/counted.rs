//! What is counted of what runs without a vote: by whom, in which unit, over which time.

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// What is counted together.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum CountedBy {
    /// The person who asked.
    Requester,
    /// The service that asked; `automation` for what a schedule began.
    Service,
    /// The playbook, whoever asked.
    Playbook,
    /// The From address of the messages, in lower case.
    Sender,
}

words!(CountedBy, "count");

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Messages that are acted on.
    Messages,
    /// Mailboxes with such messages, each once a remediation.
    Mailboxes,
    /// Remediations that start.
    Remediations,
}

words!(Unit, "unit");

/// A time over which is counted, back from a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Window {
    Hour,
    Day,
}

impl Window {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Hour, Self::Day];

    /// How long it is.
    pub const fn duration(self) -> std::time::Duration {
        match self {
            Self::Hour => std::time::Duration::from_hours(1),
            Self::Day => std::time::Duration::from_hours(24),
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "an hour",
            Self::Day => "a day",
        }
    }
}

/// What one start adds to one count. Stored in the history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Counted {
    /// What it is counted by.
    pub by: CountedBy,
    /// Which requester, service, playbook or sender.
    pub name: String,
    /// Messages that are acted on.
    pub messages: u64,
    /// Mailboxes.
    pub mailboxes: u64,
}

/// What a start without a vote met, in words.
pub(crate) fn in_words(name: &str, unit: Unit, limit: u64, window: Window, used: u64, adds: u64) -> String {
    let (unit, window) = (unit.as_str(), window.as_str());
    format!(
        "asks for a vote: {name} has had {used} of {limit} {unit} within {window} without one, and this would be {adds} more"
    )
}
