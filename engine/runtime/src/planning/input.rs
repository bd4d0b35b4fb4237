//! What a plan is made for, what a search selects, and how a plan ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use clawback_model::{ClusterBy, Message, PlanHeader, PlanParts, PlanSummary, Request, StopReason};
use clawback_playbooks::Bound;

use super::tally::Content;

/// The result of a search.
#[expect(clippy::large_enum_variant, reason = "there is one value per search")]
pub(crate) enum Planned {
    /// Frozen, with what its parts hash to.
    Plan(PlanSummary, Option<PlanParts>),
    /// A limit or a guard forbids it.
    Refused(StopReason),
}

/// What a plan is made for.
pub(crate) struct PlanInput<'a> {
    pub(crate) request: &'a Request,
    pub(crate) bound: Arc<Bound>,
    pub(crate) header: &'a PlanHeader,
    /// How many times mailboxes whose store does not answer are searched again after `Tuning::outage_pause`. 0 if a
    /// person waits.
    pub(crate) outage_pauses: u64,
    /// Where goes what a plan does not keep; `None` if nobody looks at it.
    pub(crate) noted: Option<&'a Noted>,
}

/// Longest display name that is shown, in characters.
const LONGEST_NAME: usize = 200;

/// What a dry run notes of messages that a plan does not keep.
#[derive(Debug)]
pub(crate) struct Noted {
    most: usize,
    found: Mutex<(BTreeMap<u32, String>, Content)>,
}

impl Noted {
    /// With the display names of at most so many senders.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, found: Mutex::default() }
    }

    pub(crate) fn note(&self, seq: u32, message: &Message) {
        let name = message.from_name.trim();
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if (seq as usize) < self.most && !name.is_empty() {
            found.0.insert(seq, name.chars().take(LONGEST_NAME).collect());
        }
        found.1.note(seq, message);
    }

    /// Returns the display names by the number of the target, and what was read of the content.
    pub(crate) fn found(self) -> (BTreeMap<u32, String>, Content) {
        self.found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message that was selected, or whose filter script failed on it.
pub(crate) struct Hit {
    pub(crate) message: Message,
    pub(crate) script_failed: bool,
    pub(crate) reason: Option<String>,
    pub(crate) tag: Option<String>,
    /// The clusters that it is in.
    pub(crate) clusters: Vec<ClusterBy>,
}

impl Hit {
    pub(super) fn plain(message: Message) -> Self {
        Self { message, script_failed: false, reason: None, tag: None, clusters: Vec::new() }
    }
}
