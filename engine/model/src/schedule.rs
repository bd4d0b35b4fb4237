//! The fate of each slot of a schedule: it fires, waits, or is skipped for a reason. Every slot has exactly one fate,
//! whatever nodes, clocks and approvals did meanwhile.

use std::time::Duration;

use crate::words;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::clock::Timestamp;
use crate::cron::{Cron, InvalidCron};

/// The policy for a slot while an earlier run of the schedule has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// The slot is skipped.
    Skip,
    /// The slot waits until the run ends. At most one slot waits; a further one is skipped.
    Queue,
    /// The earlier run is cancelled, and the slot fires.
    Replace,
}

/// The policy for slots at which no node was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misfire {
    /// The slots are skipped.
    Skip,
    /// One run replaces all of them.
    RunOnce,
    /// The last this many of them fire.
    Backfill(u32),
}

/// The timetable of a playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Timetable {
    /// Six fields, seconds first.
    pub cron: String,
    /// The name of a time zone in the IANA database.
    pub time_zone: String,
    /// A slot fires up to this much later, so that schedules do not all start at the full hour.
    pub jitter: Duration,
    /// The policy for overlapping runs.
    pub overlap: Overlap,
    /// The policy for missed slots.
    pub misfire: Misfire,
}

/// Why a slot did not fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum SlotReason {
    /// No node was up and reached the database, and the policy skips missed slots.
    Missed,
    /// No node was up, and the run of a later slot replaces it.
    MadeUp,
    /// An earlier run had not ended.
    Overlapped,
    /// The schedule was paused, or its playbook was missing.
    Paused,
    /// The playbook could not be submitted.
    Refused,
    /// It waits for an earlier run to end.
    Waiting,
}

words!(SlotReason, "slot reason");

/// The state of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleState {
    /// Every slot up to this time has its fate.
    pub decided_to: Timestamp,
    /// Slots up to this time fall into a pause.
    pub paused_to: Option<Timestamp>,
    /// The slot that waits for a run to end.
    pub waiting: Option<Timestamp>,
    /// Whether a run of an earlier slot has not ended.
    pub busy: bool,
}

/// The fate of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It fires.
    Fire,
    /// It does not fire, or not yet ([`SlotReason::Waiting`]).
    Skip(SlotReason),
}

/// The fate of one slot, or of several consecutive ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// The first slot.
    pub first: Timestamp,
    /// The last slot; the same for a single one.
    pub last: Timestamp,
    /// The number of slots.
    pub slots: u64,
    /// The fate of each of them.
    pub fate: Fate,
}

/// All decisions made at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// The fates, in order. May contain the slot that waited before.
    pub decided: Vec<Decided>,
    /// Every slot up to this time now has its fate.
    pub decided_to: Timestamp,
    /// The slot that waits from now on.
    pub waiting: Option<Timestamp>,
    /// Whether earlier runs must be cancelled.
    pub replaces: bool,
    /// When to decide again; `None` if there is no further slot.
    pub next_at: Option<Timestamp>,
}

/// The largest delay with which a slot is in time. Workers check every second, and one may be busy.
const IN_TIME: Duration = Duration::from_mins(1);
/// The most slots that one round decides; after a long outage the rest follows in the next round.
const MOST_AT_ONCE: usize = 20_000;

impl Timetable {
    /// Parses the expression.
    pub fn cron(&self) -> Result<Cron, InvalidCron> {
        Cron::parse(&self.cron, &self.time_zone)
    }

    /// Returns when the first slot of the schedule `name` after this time fires; `None` if there is none, or the expression
    /// is invalid.
    pub fn next_due(&self, name: &str, after: Timestamp) -> Option<Timestamp> {
        let slot = self.cron().ok()?.slots_after(after).next()?;
        Some(self.due(name, slot))
    }

    /// Returns when a slot of the schedule `name` fires. The jitter is derived from both, so it is the same on every
    /// node.
    pub fn due(&self, name: &str, slot: Timestamp) -> Timestamp {
        let seconds = self.jitter.as_secs();
        if seconds == 0 {
            return slot;
        }
        let mut hash = Sha256::new();
        hash.update(b"clawback jitter 1");
        hash.update(slot.0.to_be_bytes());
        hash.update(name);
        let digest = hash.finalize();
        let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        slot.plus(Duration::from_secs(bits % (seconds + 1)))
    }

    /// Decides on every slot of the schedule `name` that is due.
    pub fn decide(&self, name: &str, cron: &Cron, standing: &ScheduleState, now: Timestamp) -> Round {
        let mut round = Round {
            decided: Vec::new(),
            decided_to: standing.decided_to,
            waiting: standing.waiting,
            replaces: false,
            next_at: None,
        };
        let (slots, rest) = self.due_slots(name, cron, standing.decided_to, now);
        round.next_at = rest.at;
        let pause = slots.partition_point(|slot| standing.paused_to.is_some_and(|until| slot.at <= until));
        let (paused, open) = slots.split_at(pause);
        round.skip(paused, SlotReason::Paused);
        if standing.waiting.is_some() && standing.waiting <= standing.paused_to {
            round.settle_waiting(Fate::Skip(SlotReason::Paused));
        }
        let late = open.partition_point(|slot| now.since(slot.due) > IN_TIME);
        let (missed, in_time) = open.split_at(late);
        if rest.cut && late > 0 {
            // It is not yet known which are the last of the missed slots.
            self.missed(&mut round, missed, true);
        } else {
            let fires = self.missed(&mut round, missed, !in_time.is_empty());
            self.fire(&mut round, &[fires, in_time].concat(), standing.busy);
        }
        if round.waiting.is_some() {
            // Each round checks whether the run has ended.
            round.next_at = Some(now);
        }
        round
    }

    /// Returns the slots that are due, and what follows them. The jitter does not change their order.
    fn due_slots(&self, name: &str, cron: &Cron, after: Timestamp, now: Timestamp) -> (Vec<Slot>, Rest) {
        let (mut slots, mut latest) = (Vec::new(), Timestamp(i64::MIN));
        for at in cron.slots_after(after) {
            latest = latest.max(self.due(name, at));
            if latest > now {
                return (slots, Rest { at: Some(latest), cut: false });
            }
            if slots.len() == MOST_AT_ONCE {
                return (slots, Rest { at: Some(now), cut: true });
            }
            slots.push(Slot { at, due: latest });
        }
        (slots, Rest { at: None, cut: false })
    }

    /// Skips missed slots by the policy; returns those that still fire. `made_up` means that a later slot fires for
    /// them.
    fn missed<'a>(&self, round: &mut Round, missed: &'a [Slot], made_up: bool) -> &'a [Slot] {
        let (reason, kept) = match self.misfire {
            Misfire::Skip => (SlotReason::Missed, 0),
            Misfire::RunOnce => (SlotReason::MadeUp, usize::from(!made_up)),
            Misfire::Backfill(most) => (SlotReason::Missed, usize::try_from(most).unwrap_or(usize::MAX)),
        };
        let (gone, kept) = missed.split_at(missed.len().saturating_sub(kept));
        round.skip(gone, reason);
        kept
    }

    fn fire(&self, round: &mut Round, slots: &[Slot], busy: bool) {
        let waited = round.waiting.is_some();
        if waited && !busy {
            round.settle_waiting(Fate::Fire);
        }
        let Some(last) = slots.last() else { return };
        match self.overlap {
            Overlap::Replace => {
                round.each(&slots[..slots.len() - 1], Fate::Skip(SlotReason::Overlapped));
                round.each(std::slice::from_ref(last), Fate::Fire);
                round.replaces = busy;
            }
            Overlap::Queue if (busy || waited) && round.waiting.is_none() => {
                round.each(&slots[..1], Fate::Skip(SlotReason::Waiting));
                round.waiting = Some(slots[0].at);
                round.each(&slots[1..], Fate::Skip(SlotReason::Overlapped));
            }
            Overlap::Skip | Overlap::Queue if busy || waited => {
                round.each(slots, Fate::Skip(SlotReason::Overlapped));
            }
            // Runs that begin together do not overlap.
            Overlap::Skip | Overlap::Queue => round.each(slots, Fate::Fire),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    at: Timestamp,
    due: Timestamp,
}

/// What follows the slots that are due.
struct Rest {
    /// The time of the next slot.
    at: Option<Timestamp>,
    /// Whether more slots are due than one round decides.
    cut: bool,
}

impl Round {
    /// Skips consecutive slots with one record.
    fn skip(&mut self, slots: &[Slot], reason: SlotReason) {
        let (Some(first), Some(last)) = (slots.first(), slots.last()) else { return };
        let fate = Fate::Skip(reason);
        self.decided.push(Decided { first: first.at, last: last.at, slots: slots.len() as u64, fate });
        self.decided_to = last.at;
    }

    fn each(&mut self, slots: &[Slot], fate: Fate) {
        for slot in slots {
            self.decided.push(Decided { first: slot.at, last: slot.at, slots: 1, fate });
            self.decided_to = slot.at;
        }
    }

    fn settle_waiting(&mut self, fate: Fate) {
        if let Some(slot) = self.waiting.take() {
            self.decided.push(Decided { first: slot, last: slot, slots: 1, fate });
        }
    }
}

#[cfg(test)]
mod tests;
