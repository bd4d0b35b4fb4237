//! The counts of what runs without a vote: by whom, in which unit, over which window.

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// The key by which starts are summed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum CountedBy {
    /// The person who requested.
    Requester,
    /// The service that requested; `automation` for a run of a schedule.
    Service,
    /// The playbook, for all requesters together.
    Playbook,
    /// The From address of the messages, in lower case.
    Sender,
}

words!(CountedBy, "count");

/// A unit that is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Messages that are acted on.
    Messages,
    /// Mailboxes with such messages; each counts once per remediation.
    Mailboxes,
    /// Remediations that start.
    Remediations,
}

words!(Unit, "unit");

/// A window of time that ends at a start.
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

    /// Returns its length.
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
    /// The key that it is counted by.
    pub by: CountedBy,
    /// The name of the requester, service, playbook or sender.
    pub name: String,
    /// Messages that are acted on.
    pub messages: u64,
    /// Mailboxes.
    pub mailboxes: u64,
}

/// Describes the limit that a start without a vote exceeds.
pub(crate) fn in_words(name: &str, unit: Unit, limit: u64, window: Window, used: u64, adds: u64) -> String {
    let (unit, window) = (unit.as_str(), window.as_str());
    format!(
        "asks for a vote: {name} has had {used} of {limit} {unit} within {window} without one, and this would be {adds} more"
    )
}
