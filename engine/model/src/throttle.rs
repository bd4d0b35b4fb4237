//! Throttles of the whole site: how much may run at once, how a plan must be spread over mailboxes, and which
//! selections are not repeated. The defaults are the reference product's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::counts::Counts;
use crate::event::Event;
use crate::guard::{PlanFacts, ratio};
use crate::id::RemediationId;
use crate::stop_reason::StopReason;

/// Limits on what the site does at once and on what it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Throttles {
    /// The most remediations in progress at once; a further one waits.
    pub in_progress: u64,
    /// While a remediation of more messages than this is in progress, no other one starts.
    pub exclusive_above: u64,
    /// The least share of recipients (mailboxes) to messages in a plan, between 0 and 1. A plan below it must keep
    /// [`Throttles::messages_to_one`].
    pub recipients_ratio: f64,
    /// The most messages to one recipient in a plan below [`Throttles::recipients_ratio`].
    pub messages_to_one: u64,
    /// The minutes in which the same selection does not run again; 0 means no limit.
    pub same_selection_minutes: u32,
}

impl Default for Throttles {
    fn default() -> Self {
        Self {
            in_progress: 50,
            exclusive_above: 1_000_000,
            recipients_ratio: 0.4,
            messages_to_one: 1_000,
            same_selection_minutes: 60,
        }
    }
}

/// The load of the site by other remediations when one is about to start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteLoad {
    /// The number of remediations in progress.
    pub in_progress: u64,
    /// The largest of these that is above the limit, with the number of its messages.
    pub exclusive: Option<(RemediationId, u64)>,
    /// A remediation of the same selection that was approved within the time, with the time of its approval.
    pub same: Option<(RemediationId, Timestamp)>,
}

impl Throttles {
    /// Decides on an approved remediation: it starts, waits for capacity, or is paused for a person.
    pub fn start(&self, load: &SiteLoad) -> Event {
        if let Some((other, approved_at)) = load.same.clone() {
            let minutes = self.same_selection_minutes;
            return Event::Paused { reason: StopReason::SameSelection { other, approved_at, minutes } };
        }
        match self.room(load) {
            Some(reason) => Event::Held { reason },
            None => Event::Started,
        }
    }

    /// Returns why no further remediation may be in progress now.
    pub fn room(&self, load: &SiteLoad) -> Option<StopReason> {
        if let Some((remediation, messages)) = load.exclusive.clone() {
            return Some(StopReason::ExclusiveAbove { limit: self.exclusive_above, remediation, messages });
        }
        let (limit, running) = (self.in_progress, load.in_progress);
        (running >= limit).then_some(StopReason::InProgress { limit, running })
    }

    /// Returns the rule that a plan with too many messages to too few mailboxes breaks.
    pub fn check_plan(&self, counts: &Counts, facts: &PlanFacts) -> Option<StopReason> {
        let (planned, limit) = (counts.submitted, self.messages_to_one);
        let (mailbox, messages) = facts.largest.clone().filter(|(_, messages)| *messages > limit)?;
        let recipients = facts.mailboxes;
        (ratio(recipients, planned) < self.recipients_ratio).then_some(StopReason::RecipientsRatio {
            share: self.recipients_ratio,
            limit,
            recipients,
            planned,
            mailbox,
            messages,
        })
    }

    /// Returns the time in which the same selection does not run again.
    pub fn same_selection(&self) -> Duration {
        Duration::from_mins(self.same_selection_minutes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    fn held(event: &Event) -> String {
        match event {
            Event::Held { reason } | Event::Paused { reason } => reason.to_string(),
            other => other.kind().to_owned(),
        }
    }

    #[test]
    fn a_full_site_lets_wait_and_names_limit_and_count() {
        let site = Throttles { in_progress: 2, ..Throttles::default() };
        let load = |in_progress| SiteLoad { in_progress, ..SiteLoad::default() };
        assert_eq!(site.start(&load(1)), Event::Started);
        assert_eq!(held(&site.start(&load(2))), "in-progress: 2 remediations are in progress, and at most 2 may be");
    }

    #[test]
    fn a_very_large_one_runs_alone() {
        let id = Id::from_random(7);
        let load = SiteLoad { in_progress: 1, exclusive: Some((id, 1_000_001)), same: None };
        let said = held(&Throttles::default().start(&load));
        assert!(
            said.starts_with("exclusive-above: R-") && said.contains("1000001") && said.contains("1000000"),
            "{said}"
        );
    }

    #[test]
    fn the_same_selection_is_left_to_a_person() {
        let load = SiteLoad { same: Some((Id::from_random(7), Timestamp(0))), ..SiteLoad::default() };
        let event = Throttles::default().start(&load);
        assert!(matches!(&event, Event::Paused { reason: StopReason::SameSelection { .. } }), "{event:?}");
    }

    #[test]
    fn much_to_few_is_refused_and_much_to_many_is_not() {
        let check = |planned, mailboxes, most| {
            let facts = PlanFacts { mailboxes, largest: Some(("a@x".into(), most)), ..PlanFacts::default() };
            Throttles::default().check_plan(&Counts::planned(planned, 0), &facts)
        };
        assert_eq!(check(10_000, 10, 1_000), None, "no mailbox has more than 1,000");
        assert_eq!(check(10_000, 4_000, 5_000), None, "40 % are recipients");
        let said = check(10_000, 3_999, 1_001).unwrap().to_string();
        assert_eq!(
            said,
            "recipients-ratio: 3999 recipients of 10000 messages are less than 40.0 %, so one recipient may have at most 1000; a@x has 1001"
        );
    }

    #[test]
    fn a_plan_within_one_of_the_two_limits_is_accepted() {
        let site = Throttles { recipients_ratio: 0.5, messages_to_one: 10, ..Throttles::default() };
        let check = |planned, mailboxes, largest| {
            let facts = PlanFacts { mailboxes, largest, ..PlanFacts::default() };
            site.check_plan(&Counts::planned(planned, 0), &facts)
        };
        assert_eq!(check(100, 1, Some(("a@x".into(), 10))), None);
        assert_eq!(check(100, 1, None), None, "an empty plan has no largest mailbox");
        assert_eq!(check(100, 50, Some(("a@x".into(), 11))), None);
        assert!(check(100, 49, Some(("a@x".into(), 11))).is_some());
    }

    #[test]
    fn the_time_of_the_same_selection_is_given_in_minutes() {
        assert_eq!(Throttles::default().same_selection(), Duration::from_hours(1));
        let load = SiteLoad { in_progress: 49, ..SiteLoad::default() };
        assert_eq!(Throttles::default().room(&load), None);
    }
}
