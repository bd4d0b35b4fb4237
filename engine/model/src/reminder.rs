//! The times at which approvers are reminded of a plan that waits for them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::approval::{Approval, ApprovalRule};
use crate::clock::Timestamp;

/// A further notification of a plan that still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reminder {
    /// To the approvers who were notified first.
    Again,
    /// To others, because the first ones have not decided.
    Escalation,
}

impl Reminder {
    /// Returns the word used in JSON and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Again => "reminder",
            Self::Escalation => "escalation",
        }
    }
}

impl ApprovalRule {
    /// Sets reminders after these shares of the time limit; a share of 0 means no reminder.
    #[must_use]
    pub fn reminding(mut self, again: f64, escalation: f64) -> Self {
        let after = |share: f64| (share > 0.0 && share < 1.0).then(|| self.expires.mul_f64(share));
        (self.remind_after, self.escalate_after) = (after(again), after(escalation));
        self
    }
}

impl Approval {
    /// Returns every reminder with its time, in order.
    fn reminders(&self) -> Vec<(Timestamp, Reminder)> {
        let asked_at = self.deadline.minus(self.rule.expires);
        let at = |after: Option<Duration>, reminder| after.map(|after| (asked_at.plus(after), reminder));
        let both = [at(self.rule.remind_after, Reminder::Again), at(self.rule.escalate_after, Reminder::Escalation)];
        let mut reminders: Vec<_> = both.into_iter().flatten().collect();
        reminders.sort_unstable();
        reminders
    }

    /// Returns when the next reminder is due, after this many; `None` after the last.
    pub fn next_reminder(&self, sent: usize) -> Option<Timestamp> {
        self.reminders().get(sent).map(|(at, _)| *at)
    }

    /// Returns the last due reminder, after this many, and how many it covers: if no node was up for a while, several
    /// due reminders are sent as one.
    pub fn due_reminder(&self, sent: usize, now: Timestamp) -> Option<(Reminder, usize)> {
        let reminders = self.reminders();
        let due = reminders.iter().take_while(|(at, _)| *at <= now).count();
        let (_, reminder) = reminders.get(due.checked_sub(1)?)?;
        (due > sent && now < self.deadline).then_some((*reminder, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ApprovalId;
    use crate::sha256::Digest;

    fn approval(again: f64, escalation: f64) -> Approval {
        let rule = ApprovalRule { expires: Duration::from_secs(100), ..ApprovalRule::default() };
        Approval {
            id: ApprovalId::from_random(1),
            rule: rule.reminding(again, escalation),
            digest: Digest([0; 32]),
            requester: "ann".into(),
            owner: None,
            deadline: at(100),
            votes: vec![],
        }
    }

    fn at(second: u64) -> Timestamp {
        Timestamp(0).plus(Duration::from_secs(second))
    }

    #[test]
    fn one_after_the_other() {
        let approval = approval(0.5, 0.75);
        assert_eq!([0, 1, 2].map(|sent| approval.next_reminder(sent)), [Some(at(50)), Some(at(75)), None]);
        assert_eq!(approval.due_reminder(0, at(49)), None);
        assert_eq!(approval.due_reminder(0, at(50)), Some((Reminder::Again, 1)));
        assert_eq!(approval.due_reminder(1, at(74)), None);
        assert_eq!(approval.due_reminder(1, at(75)), Some((Reminder::Escalation, 2)));
        assert_eq!(approval.due_reminder(2, at(99)), None);
    }

    #[test]
    fn late_is_once_and_too_late_is_never() {
        let approval = approval(0.5, 0.75);
        assert_eq!(approval.due_reminder(0, at(80)), Some((Reminder::Escalation, 2)));
        assert_eq!(approval.due_reminder(0, at(100)), None);
    }

    #[test]
    fn either_may_be_left_out() {
        assert_eq!(approval(0.0, 0.0).next_reminder(0), None);
        assert_eq!(approval(0.0, 0.75).due_reminder(0, at(80)), Some((Reminder::Escalation, 1)));
        assert_eq!(approval(0.9, 0.1).due_reminder(1, at(95)), Some((Reminder::Again, 2)));
        assert_eq!(approval(f64::NAN, 1.0).next_reminder(0), None);
    }
}
