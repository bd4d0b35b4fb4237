//! Counts of messages whose sums always hold.

use serde::{Deserialize, Serialize};

use crate::outcome::OutcomeKind;

/// The counts of a remediation's messages by their state.
///
/// **Invariant:** `submitted = remediable + not_remediable`, and `remediable` is the sum of the other outcomes and
/// `open`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the outcomes")]
pub struct Counts {
    pub submitted: u64,
    pub remediable: u64,
    pub not_remediable: u64,
    pub succeeded: u64,
    pub already_in_destination: u64,
    pub not_found: u64,
    pub moved_since: u64,
    pub failed: u64,
    pub cancelled: u64,
    /// Remediable, without an outcome yet.
    pub open: u64,
}

impl Counts {
    /// Returns the counts of a new plan, in which everything remediable is open.
    pub fn planned(remediable: u64, not_remediable: u64) -> Self {
        Self { submitted: remediable + not_remediable, remediable, not_remediable, open: remediable, ..Self::default() }
    }

    /// Records `number` outcomes of one kind. Those that are not remediable are known at plan time and counted by
    /// [`Counts::planned`].
    pub fn record(&mut self, kind: OutcomeKind, number: u64) {
        let slot = match kind {
            OutcomeKind::Succeeded => &mut self.succeeded,
            OutcomeKind::AlreadyInDestination => &mut self.already_in_destination,
            OutcomeKind::NotFound => &mut self.not_found,
            OutcomeKind::MovedSince => &mut self.moved_since,
            OutcomeKind::Failed => &mut self.failed,
            OutcomeKind::Cancelled => &mut self.cancelled,
            OutcomeKind::NotRemediable => return,
        };
        *slot += number;
        self.open = self.open.saturating_sub(number);
    }

    /// Adds the counts of other remediations or batches.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            submitted: self.submitted + other.submitted,
            remediable: self.remediable + other.remediable,
            not_remediable: self.not_remediable + other.not_remediable,
            succeeded: self.succeeded + other.succeeded,
            already_in_destination: self.already_in_destination + other.already_in_destination,
            not_found: self.not_found + other.not_found,
            moved_since: self.moved_since + other.moved_since,
            failed: self.failed + other.failed,
            cancelled: self.cancelled + other.cancelled,
            open: self.open + other.open,
        }
    }

    /// Returns the parts of `submitted` with their words, in reading order.
    pub fn parts(&self) -> [(&'static str, u64); 8] {
        [
            ("succeeded", self.succeeded),
            ("already in destination", self.already_in_destination),
            ("not found", self.not_found),
            ("moved since", self.moved_since),
            ("failed", self.failed),
            ("cancelled", self.cancelled),
            ("not remediable", self.not_remediable),
            ("open", self.open),
        ]
    }

    /// Returns the number of remediable messages with an outcome.
    pub fn acted(&self) -> u64 {
        self.succeeded + self.already_in_destination + self.not_found + self.moved_since + self.failed + self.cancelled
    }

    /// Returns whether the sums hold.
    pub fn is_consistent(&self) -> bool {
        self.submitted == self.remediable + self.not_remediable && self.remediable == self.acted() + self.open
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn always_sum(remediable in 0..500_u64, not in 0..50_u64, kinds in prop::collection::vec(0..7_usize, 0..500)) {
            let mut counts = Counts::planned(remediable, not);
            for kind in kinds.into_iter().map(|at| OutcomeKind::ALL[at]) {
                if counts.open > 0 {
                    counts.record(kind, 1);
                }
                prop_assert!(counts.is_consistent());
            }
        }
    }

    /// A different number in every field.
    fn each(number: u64) -> Counts {
        Counts {
            submitted: number,
            remediable: number * 2,
            not_remediable: number * 3,
            succeeded: number * 4,
            already_in_destination: number * 5,
            not_found: number * 6,
            moved_since: number * 7,
            failed: number * 8,
            cancelled: number * 9,
            open: number * 10,
        }
    }

    #[test]
    fn counts_are_added_place_by_place() {
        assert_eq!(each(100).plus(each(1)), each(101));
        assert_eq!(each(1).acted(), 4 + 5 + 6 + 7 + 8 + 9);
        assert_eq!(each(1).parts().map(|(_, count)| count), [4, 5, 6, 7, 8, 9, 3, 10]);
    }

    #[test]
    fn each_outcome_has_its_place() {
        for kind in OutcomeKind::ALL {
            let mut counts = Counts::planned(10, 2);
            assert_eq!((counts.submitted, counts.open), (12, 10));
            counts.record(kind, 3);
            counts.record(kind, 2);
            let places = counts.parts().into_iter().filter(|(name, _)| name.replace(' ', "-") == kind.as_str());
            let expected = if kind == OutcomeKind::NotRemediable { (2, 10) } else { (5, 5) };
            assert_eq!((places.map(|(_, count)| count).sum::<u64>(), counts.open), expected, "{kind}");
            assert_eq!(counts.parts().into_iter().map(|(_, count)| count).sum::<u64>(), counts.submitted);
        }
    }

    #[test]
    fn a_sum_that_does_not_hold_is_seen() {
        let right = Counts::planned(10, 2);
        assert!(right.is_consistent());
        for wrong in [
            Counts { submitted: 13, ..right },
            Counts { not_remediable: 3, ..right },
            Counts { open: 9, ..right },
            Counts { failed: 1, ..right },
        ] {
            assert!(!wrong.is_consistent(), "{wrong:?}");
        }
    }
}
