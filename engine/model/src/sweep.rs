//! Sweeps: after a remediation its selection is searched repeatedly, and follow-up remediations act on copies that
//! arrive late. This module decides which look is due, which votes cover a follow-up, and which messages are already
//! handled.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::clock::Timestamp;
use crate::id::RemediationId;
use crate::location::Location;
use crate::message::Message;
use crate::outcome::{Outcome, OutcomeKind};
use crate::plan::target::Target;
use crate::remediation::Remediation;
use crate::status::Status;
use crate::stop_reason::StopReason;

/// The approval under which follow-ups act on late copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SweepApproval {
    /// The approval of the first remediation, up to `at-most` copies.
    Same,
    /// A new approval of each follow-up, by the playbook's `approve` step.
    New,
}

/// The sweep settings of a playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sweep {
    /// The time between two looks.
    pub every: Duration,
    /// The duration of the sweep, from the end of the first remediation.
    pub lasts: Duration,
    /// The approval of follow-ups.
    pub approval: SweepApproval,
    /// The most late copies, in all, that the first approval covers.
    pub at_most: u64,
}

/// Why a sweep ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum SweepEnd {
    /// Its duration is over.
    Over,
    /// The first remediation ended in a status that has no follow-up.
    FirstEnded { status: Status },
    /// A person rejected or cancelled a follow-up, or its plan was refused by a limit or a stop rule.
    FollowUpEnded { id: RemediationId, status: Status },
    /// The `when` condition of the step does not hold for the first plan.
    NotAskedFor,
    /// The playbook can no longer be read, or has no such step.
    Broken { detail: String },
    /// An undo began to put the messages back: the selection is not a threat.
    PutBack { undo: RemediationId },
    /// A person requested an undo. Only in older histories: now a sweep ends when the undo begins.
    Undone { by: String },
    /// A person stopped it.
    Stopped { by: String },
}

impl fmt::Display for SweepEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => f.write_str("its time is over"),
            Self::FirstEnded { status } => write!(f, "the first remediation is {status}"),
            Self::FollowUpEnded { id, status } => write!(f, "{id} is {status}"),
            Self::NotAskedFor => f.write_str("its `when` does not hold for the first plan"),
            Self::Broken { detail } => f.write_str(detail),
            Self::PutBack { undo } => write!(f, "{undo} puts back what was moved"),
            Self::Undone { by } => write!(f, "{by} asked for an undo"),
            Self::Stopped { by } => write!(f, "{by} stopped it"),
        }
    }
}

/// The result of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SweepStep {
    /// The first remediation, or the last follow-up, has not ended yet.
    Wait,
    /// A search is due.
    Look {
        /// Whether it is the last one.
        last: bool,
    },
    /// The sweep is over.
    End(SweepEnd),
}

impl Sweep {
    /// Returns what to do now, given the first remediation and the newest follow-up.
    pub fn next(&self, first: &Remediation, newest: Option<&Remediation>, now: Timestamp) -> SweepStep {
        if !first.status.is_final() {
            return SweepStep::Wait;
        }
        // A plan that cancelled itself because its messages were gone was refused by nobody.
        let had_nothing_left = |one: &Remediation| {
            one.status == Status::Cancelled && matches!(one.stop, Some(StopReason::NothingLeft { .. }))
        };
        let ended_well = matches!(first.status, Status::Completed | Status::PartiallyCompleted | Status::NothingToDo);
        if !ended_well && !had_nothing_left(first) {
            return SweepStep::End(SweepEnd::FirstEnded { status: first.status });
        }
        if let Some(newest) = newest {
            let refused = match newest.status {
                Status::Rejected => true,
                Status::Cancelled => !had_nothing_left(newest),
                // After a store that could not be reached the sweep continues; after a limit it ends.
                Status::Failed => !matches!(newest.stop, None | Some(StopReason::PlanFailed { .. })),
                _ => false,
            };
            if refused {
                return SweepStep::End(SweepEnd::FollowUpEnded { id: newest.id.clone(), status: newest.status });
            }
            if !newest.status.is_final() {
                return SweepStep::Wait;
            }
        }
        SweepStep::Look { last: now >= self.until(first) }
    }

    /// Returns when the sweep is over, once the first remediation has ended.
    pub fn until(&self, first: &Remediation) -> Timestamp {
        first.updated_at.plus(self.lasts)
    }

    /// Returns whether the first approval covers `more` late copies in addition to the `taken` ones.
    pub fn covers(&self, taken: u64, more: u64) -> bool {
        self.approval == SweepApproval::Same && taken.saturating_add(more) <= self.at_most
    }
}

/// The messages that a family of remediations has handled, each with the place where it was left. Stored as digests of
/// 16 bytes each.
#[derive(Debug, Default)]
pub struct HandledMessages(HashSet<[u8; 16]>);

impl HandledMessages {
    /// Records the outcome of a target.
    pub fn note(&mut self, target: &Target, outcome: &Outcome) {
        let left_at = match (outcome.kind, &outcome.receipt) {
            // The owner has moved it: it is left alone wherever it is.
            (OutcomeKind::MovedSince, _) => None,
            (_, Some(receipt)) => match &receipt.location {
                Some(location) => Some(location),
                // Deleted permanently: a message that is found is another copy.
                None => return,
            },
            // It was to be deleted, so a message that is found is another copy.
            (OutcomeKind::NotFound, None) => return,
            (_, None) => Some(&target.location),
        };
        self.0.insert(key(&target.store, &target.mailbox, &target.reference.fingerprint, left_at));
    }

    /// Returns whether this message was handled and is where it was left.
    pub fn contains(&self, message: &Message) -> bool {
        let known = |place| {
            let fingerprint = &message.reference.fingerprint;
            self.0.contains(&key(&message.store, &message.mailbox, fingerprint, place))
        };
        !self.0.is_empty() && (known(Some(&message.location)) || known(None))
    }
}

fn key(store: &str, mailbox: &str, fingerprint: &str, place: Option<&Location>) -> [u8; 16] {
    let (kind, path) = place.map_or(("", ""), |place| (place.kind.as_str(), place.path.as_str()));
    let mut hash = Sha256::new();
    for text in [store, mailbox, fingerprint, kind, path] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    let mut key = [0; 16];
    key.copy_from_slice(&hash.finalize()[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::example::{events, fold, messages};
    use crate::location::LocationKind;
    use crate::plan::tests::message;

    fn sweep(approval: SweepApproval) -> Sweep {
        Sweep { every: Duration::from_mins(15), lasts: Duration::from_hours(48), approval, at_most: 10 }
    }

    fn ended(status: Status) -> Remediation {
        Remediation { status, ..fold(&events(Action::SoftDelete)) }
    }

    #[test]
    fn the_first_approval_covers_so_many_and_no_more() {
        let same = sweep(SweepApproval::Same);
        assert!(same.covers(4, 6) && same.covers(10, 0) && !same.covers(4, 7) && !same.covers(u64::MAX, 1));
        assert!(!sweep(SweepApproval::New).covers(0, 1));
    }

    #[test]
    fn a_sweep_follows_what_ended_well_until_its_time_is_over() {
        let sweep = sweep(SweepApproval::Same);
        for status in Status::ALL {
            let first = ended(status);
            let next = sweep.next(&first, None, first.updated_at);
            let expected = match status {
                Status::Completed | Status::PartiallyCompleted | Status::NothingToDo => SweepStep::Look { last: false },
                _ if status.is_final() => SweepStep::End(SweepEnd::FirstEnded { status }),
                _ => SweepStep::Wait,
            };
            assert_eq!(next, expected, "{status}");
        }
        let gone = Remediation { stop: Some(StopReason::NothingLeft { gone: 3 }), ..ended(Status::Cancelled) };
        assert_eq!(sweep.next(&gone, None, gone.updated_at), SweepStep::Look { last: false }, "late copies may come");
        let first = ended(Status::Completed);
        let until = first.updated_at.plus(Duration::from_hours(48));
        assert_eq!(sweep.until(&first), until);
        let before = until.minus(Duration::from_micros(1));
        assert_eq!(sweep.next(&first, None, before), SweepStep::Look { last: false });
        assert_eq!(sweep.next(&first, None, until), SweepStep::Look { last: true });
    }

    #[test]
    fn a_follow_up_that_a_person_or_a_rule_refused_is_the_last() {
        let first = ended(Status::Completed);
        let look = SweepStep::Look { last: false };
        let limit = || Some(StopReason::Targets { limit: 1, planned: 2 });
        let away = || Some(StopReason::PlanFailed { detail: "no answer".into() });
        for (status, stop, expected) in [
            (Status::Completed, None, Some(look.clone())),
            (Status::NothingToDo, None, Some(look.clone())),
            (Status::Failed, None, Some(look.clone())),
            (Status::Failed, away(), Some(look.clone())),
            (Status::Expired, None, Some(look.clone())),
            (Status::Cancelled, Some(StopReason::NothingLeft { gone: 1 }), Some(look)),
            (Status::InProgress, None, Some(SweepStep::Wait)),
            (Status::PendingApproval, None, Some(SweepStep::Wait)),
            (Status::Failed, limit(), None),
            (Status::Rejected, None, None),
            (Status::Cancelled, None, None),
        ] {
            let newest = Remediation { stop, ..ended(status) };
            let end = SweepStep::End(SweepEnd::FollowUpEnded { id: newest.id.clone(), status });
            let next = sweep(SweepApproval::Same).next(&first, Some(&newest), first.updated_at);
            assert_eq!(next, expected.unwrap_or(end), "{status} {:?}", newest.stop);
        }
    }

    #[test]
    fn what_was_dealt_with_is_no_news_where_it_was_left() {
        let found = |target: &Target, location: &Location| {
            let mut mail = message(1);
            (mail.store, mail.mailbox) = (target.store.clone(), target.mailbox.clone());
            mail.reference = target.reference.clone();
            mail.location = location.clone();
            mail
        };
        let elsewhere = Location::new(LocationKind::Folder, "Elsewhere");
        for (target, outcome) in messages() {
            let mut done = HandledMessages::default();
            assert!(!done.contains(&found(&target, &target.location)));
            done.note(&target, &outcome);
            let moved_to = outcome.receipt.as_ref().and_then(|receipt| receipt.location.clone());
            let known = |place: &Location| done.contains(&found(&target, place));
            let expected = match outcome.kind {
                OutcomeKind::Succeeded => (false, true, false),
                // The owner has moved it.
                OutcomeKind::MovedSince => (true, true, true),
                OutcomeKind::NotFound => (false, false, false),
                _ => (true, true, false),
            };
            let left_at = moved_to.as_ref().unwrap_or(&target.location);
            assert_eq!((known(&target.location), known(left_at), known(&elsewhere)), expected, "{}", outcome.kind);
            // Other mailboxes, stores and messages are not covered.
            for change in [
                |mail: &mut Message| mail.mailbox = "other".into(),
                |mail: &mut Message| mail.store = "other".into(),
                |mail: &mut Message| mail.reference.fingerprint.push('x'),
            ] {
                let mut other = found(&target, left_at);
                change(&mut other);
                assert!(!done.contains(&other), "{}", outcome.kind);
            }
        }
    }

    #[test]
    fn what_was_deleted_for_good_may_come_again() {
        let (target, mut outcome) = messages().remove(0);
        outcome.receipt.as_mut().unwrap().location = None;
        let mut done = HandledMessages::default();
        done.note(&target, &outcome);
        assert!(done.0.is_empty());
    }

    #[test]
    fn a_sweep_says_why_it_ended() {
        let id = RemediationId::from_random(0);
        let by = || "ann".to_owned();
        for (end, said) in [
            (SweepEnd::Over, "its time is over"),
            (SweepEnd::FirstEnded { status: Status::Failed }, "the first remediation is failed"),
            (SweepEnd::FollowUpEnded { id: id.clone(), status: Status::Rejected }, "R-000000000000 is rejected"),
            (SweepEnd::PutBack { undo: id }, "R-000000000000 puts back what was moved"),
            (SweepEnd::NotAskedFor, "its `when` does not hold for the first plan"),
            (SweepEnd::Broken { detail: "no such step".into() }, "no such step"),
            (SweepEnd::Undone { by: by() }, "ann asked for an undo"),
            (SweepEnd::Stopped { by: by() }, "ann stopped it"),
        ] {
            assert_eq!(end.to_string(), said);
        }
    }
}
