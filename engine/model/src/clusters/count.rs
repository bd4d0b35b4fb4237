//! The counts of a cluster, as they are shown to those who decide on it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::by::ClusterBy;
use super::judge::Cluster;
use crate::clock::Timestamp;
use crate::location::LocationKind;
use crate::message::Message;
use crate::text::counted;

/// A cluster with its counts in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClusterCount {
    /// What its messages share.
    pub by: ClusterBy,
    /// The value that they share, in words; from mail, so untrusted.
    pub value: String,
    /// Its messages in the plan.
    pub messages: u64,
    /// Those of them that are in no other cluster.
    pub alone: u64,
    /// Those that their owners have read.
    pub read: u64,
    /// Those that their owners have answered.
    pub answered: u64,
    /// Where they are.
    pub locations: Vec<(LocationKind, u64)>,
    /// When the first was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Timestamp>,
    /// When the last was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
}

impl ClusterCount {
    /// Returns a cluster without messages.
    pub fn of(cluster: &Cluster) -> Self {
        Self {
            by: cluster.by,
            value: cluster.value.clone(),
            messages: 0,
            alone: 0,
            read: 0,
            answered: 0,
            locations: Vec::new(),
            first_at: None,
            last_at: None,
        }
    }

    /// Counts a message. `is_alone`: it is in no other cluster.
    pub fn add(&mut self, message: &Message, is_alone: bool) {
        self.messages += 1;
        self.alone += u64::from(is_alone);
        self.read += u64::from(message.has_flag("\\Seen"));
        self.answered += u64::from(message.is_answered());
        let kind = message.location.kind;
        match self.locations.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, number)) => *number += 1,
            None => self.locations.push((kind, 1)),
        }
        let at = message.received_at;
        self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
        self.last_at = Some(self.last_at.map_or(at, |last| last.max(at)));
    }

    /// Returns where its messages are, in words.
    pub fn places(&self) -> String {
        let places = self.locations.iter().map(|(kind, number)| format!("{number} in {kind}"));
        places.collect::<Vec<_>>().join(", ")
    }

    /// Returns the counts in one line. The value comes from mail: treat the line as untrusted.
    pub fn in_words(&self) -> String {
        let mut words = format!("{} ({}): {}", self.by, self.value, counted(self.messages, "message"));
        if self.messages > 0 {
            let Self { alone, read, answered, .. } = self;
            _ = write!(words, ", {alone} in no other cluster, {read} read, {answered} answered; ");
            words.push_str(&self.places());
        }
        words
    }
}
