//! A plan that waits for votes is looked at again: how many of its messages are still where the plan found them. The plan
//! itself never changes by it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::clock::Timestamp;
use crate::outcome::Sighting;
use crate::plan::target::Target;
use crate::remediation::Remediation;
use crate::status::Status;

/// The most targets of a plan that is looked at again. A larger plan is not.
pub const MOST_LOOKED_AT: u64 = 10_000;

/// Where a target of a waiting plan is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// Where the plan found it.
    StillThere,
    /// In another place, where the action would still do something.
    Moved,
    /// In no mailbox, or already where the action would put it.
    Gone,
    /// It could not be looked at, or is in a place that is not known.
    Unknown,
}

impl Whereabouts {
    /// Judges a target by the places in which its message was seen. An identical copy elsewhere counts as the message,
    /// so that a doubt cancels nothing.
    pub fn of(target: &Target, action: Action, seen: &[Sighting]) -> Self {
        let here =
            |seen: &Sighting| seen.reference.locator == target.reference.locator && seen.location == target.location;
        let done = |seen: &Sighting| action.destination() == Some(seen.location.kind);
        if seen.iter().any(here) {
            Self::StillThere
        } else if seen.iter().any(|seen| !done(seen) && seen.location.kind.is_remediable()) {
            Self::Moved
        } else if seen.iter().all(done) {
            Self::Gone
        } else {
            Self::Unknown
        }
    }
}

/// The counts of one look, over the remediable targets of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the whereabouts")]
pub struct LookedAgain {
    pub at: Timestamp,
    pub still_there: u64,
    pub moved: u64,
    pub gone: u64,
    pub unknown: u64,
}

impl LookedAgain {
    /// No target yet.
    pub const fn new(at: Timestamp) -> Self {
        Self { at, still_there: 0, moved: 0, gone: 0, unknown: 0 }
    }

    /// Counts targets.
    pub const fn add(&mut self, whereabouts: Whereabouts, targets: u64) {
        let count = match whereabouts {
            Whereabouts::StillThere => &mut self.still_there,
            Whereabouts::Moved => &mut self.moved,
            Whereabouts::Gone => &mut self.gone,
            Whereabouts::Unknown => &mut self.unknown,
        };
        *count += targets;
    }

    /// Returns whether every target of the plan was looked at and the action can do nothing with any. A plan that could
    /// not search every mailbox leaves a doubt.
    pub fn leaves_nothing(&self, remediation: &Remediation) -> bool {
        let none_elsewhere = self.still_there == 0 && self.moved == 0 && self.unknown == 0;
        let plan = remediation.plan.as_ref().filter(|plan| plan.facts.is_complete());
        none_elsewhere && self.gone > 0 && plan.is_some_and(|plan| plan.counts.remediable == self.gone)
    }
}

impl fmt::Display for LookedAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, still_there, moved, gone, unknown } = self;
        write!(f, "{still_there} still there, {moved} moved, {gone} gone, {unknown} unknown, at {at}")
    }
}

impl Remediation {
    /// Returns whether its targets are looked at again now: it waits for votes, its messages were searched for, and the
    /// plan is not too large.
    pub fn is_looked_at_again(&self, now: Timestamp) -> bool {
        let waits = self.status == Status::PendingApproval && self.asked.is_none();
        let in_time = self.approval.as_ref().is_some_and(|approval| now < approval.deadline);
        let small = self.plan.as_ref().is_some_and(|plan| plan.counts.submitted <= MOST_LOOKED_AT);
        waits && in_time && small && self.request.origin.is_searched()
    }
}
