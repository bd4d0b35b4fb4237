//! Limits on what runs without a vote: how much one requester, service, playbook or sender may have in an hour and in a
//! day, over all remediations of the site. They prevent that a large request is split into small ones to avoid the
//! vote.

use serde::{Deserialize, Serialize};

use crate::counted::{Counted, CountedBy, Unit, Window};
use crate::stop_reason::StopReason;

/// Sums over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Messages.
    pub messages: u64,
    /// Mailboxes; each counts once per remediation.
    pub mailboxes: u64,
    /// Remediations.
    pub remediations: u64,
}

impl Amount {
    const fn of(self, unit: Unit) -> u64 {
        match unit {
            Unit::Messages => self.messages,
            Unit::Mailboxes => self.mailboxes,
            Unit::Remediations => self.remediations,
        }
    }
}

/// What one start would add to a count, and the sums of the hour and the day before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The amount to add.
    pub adds: Counted,
    /// The sum over the last hour.
    pub hour: Amount,
    /// The sum over the last day.
    pub day: Amount,
}

/// `[without-a-vote]`: the limits on what runs without a vote. A limit that is not set has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct WithoutAVote {
    /// Whether the limits apply at all. The votes that playbooks require are independent of this.
    pub limited: bool,
    /// The limits of one person.
    pub requester: Windows,
    /// The limits of one service, and of the site's automation.
    pub service: Windows,
    /// The limits of one playbook.
    pub playbook: Windows,
    /// The limits of one sender of messages.
    pub sender: Windows,
}

/// Limits by window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Windows {
    pub hour: Limited,
    pub day: Limited,
}

/// Limits on one window; `None` means the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Limited {
    pub messages: Option<u64>,
    pub mailboxes: Option<u64>,
    pub remediations: Option<u64>,
}

impl Default for WithoutAVote {
    fn default() -> Self {
        let unnamed = Windows::default();
        Self { limited: true, requester: unnamed, service: unnamed, playbook: unnamed, sender: unnamed }
    }
}

impl WithoutAVote {
    /// Returns limits that are off: nothing is limited or counted.
    pub fn unlimited() -> Self {
        Self { limited: false, ..Self::default() }
    }

    /// Returns the limit on one count. By default a person may have in an hour as many messages as one plan of the
    /// shipped `remove-handpicked`, in as many mailboxes, and three times that in a day. The site's automation may have
    /// what the shipped schedule takes in the same times, with a margin.
    pub fn limit(&self, by: CountedBy, window: Window, unit: Unit) -> u64 {
        let windows = match by {
            CountedBy::Requester => self.requester,
            CountedBy::Service => self.service,
            CountedBy::Playbook => self.playbook,
            CountedBy::Sender => self.sender,
        };
        let named = match window {
            Window::Hour => windows.hour,
            Window::Day => windows.day,
        };
        let named = match unit {
            Unit::Messages => named.messages,
            Unit::Mailboxes => named.mailboxes,
            Unit::Remediations => named.remediations,
        };
        named.unwrap_or(match (by, window, unit) {
            (CountedBy::Requester, Window::Hour, Unit::Remediations) => 30,
            (CountedBy::Requester, Window::Day, Unit::Remediations) | (CountedBy::Requester, Window::Hour, _) => 100,
            (CountedBy::Requester, Window::Day, _) => 300,
            (_, Window::Hour, Unit::Remediations) => 60,
            (_, Window::Day, Unit::Remediations) => 500,
            (CountedBy::Service | CountedBy::Playbook, Window::Hour, _) => 300,
            (CountedBy::Sender, Window::Hour, _) => 200,
            (CountedBy::Service | CountedBy::Playbook, Window::Day, _) => 5_000,
            (CountedBy::Sender, Window::Day, _) => 1_000,
        })
    }

    /// Returns the first limit that a start without a vote would exceed.
    pub fn check(&self, used: &[Used]) -> Option<StopReason> {
        if !self.limited {
            return None;
        }
        used.iter().find_map(|one| {
            Window::ALL.into_iter().find_map(|window| {
                let had = match window {
                    Window::Hour => one.hour,
                    Window::Day => one.day,
                };
                let adds = Amount { messages: one.adds.messages, mailboxes: one.adds.mailboxes, remediations: 1 };
                Unit::ALL.into_iter().find_map(|unit| {
                    let (limit, used, adds) = (self.limit(one.adds.by, window, unit), had.of(unit), adds.of(unit));
                    let (by, name) = (one.adds.by, one.adds.name.clone());
                    let reason = StopReason::WithoutAVote { by, name, unit, limit, window, used, adds };
                    (used.saturating_add(adds) > limit).then_some(reason)
                })
            })
        })
    }

    /// Returns the limits as sentences, one for each count.
    pub fn in_words(&self) -> Vec<String> {
        if !self.limited {
            return vec!["no limit in addition to the votes that playbooks require".to_owned()];
        }
        let sentence = |by: CountedBy| {
            let windows = Window::ALL.map(|window| {
                let limits = Unit::ALL.map(|unit| format!("{} {}", self.limit(by, window, unit), unit.as_str()));
                format!("{} {}", limits.join(", "), window.as_str())
            });
            format!("one {} has at most {}", by.as_str(), windows.join("; "))
        };
        CountedBy::ALL.map(sentence).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(by: CountedBy, hour: u64, day: u64, adds: u64) -> Used {
        let amount = |messages| Amount { messages, mailboxes: 1, remediations: 1 };
        let adds = Counted { by, name: "ann".into(), messages: adds, mailboxes: 1 };
        Used { adds, hour: amount(hour), day: amount(day) }
    }

    #[test]
    fn the_last_message_within_a_limit_is_free_and_the_next_asks_for_a_vote() {
        let site = WithoutAVote::default();
        assert_eq!(site.check(&[used(CountedBy::Requester, 94, 94, 6)]), None);
        let said = site.check(&[used(CountedBy::Requester, 95, 95, 6)]).unwrap().to_string();
        assert_eq!(
            said,
            "without-a-vote: asks for a vote: ann has had 95 of 100 messages within an hour without one, and this would be 6 more"
        );
        let said = site.check(&[used(CountedBy::Requester, 0, 300, 1)]).unwrap().to_string();
        assert!(said.contains("300 of 300 messages within a day"), "{said}");
        assert_eq!(WithoutAVote::unlimited().check(&[used(CountedBy::Requester, 9_000, 9_000, 6)]), None);
    }

    #[test]
    fn mailboxes_and_remediations_are_limited_too_and_a_count_has_its_own_limits() {
        let few = Limited { mailboxes: Some(1), ..Limited::default() };
        let site = WithoutAVote { sender: Windows { hour: few, ..Windows::default() }, ..WithoutAVote::default() };
        assert_eq!(site.check(&[used(CountedBy::Requester, 1, 1, 1)]), None);
        let said = site.check(&[used(CountedBy::Requester, 1, 1, 1), used(CountedBy::Sender, 1, 1, 1)]).unwrap();
        assert!(said.to_string().contains("1 of 1 mailboxes within an hour"), "{said}");
        let none = Limited { remediations: Some(0), ..Limited::default() };
        let site = WithoutAVote { playbook: Windows { day: none, ..Windows::default() }, ..WithoutAVote::default() };
        assert!(site.check(&[used(CountedBy::Playbook, 0, 0, 0)]).is_some(), "0: never without a vote");
    }

    #[test]
    fn a_limit_that_is_left_out_is_the_default_and_a_key_that_is_unknown_is_refused() {
        let read = |text: serde_json::Value| serde_json::from_value::<WithoutAVote>(text);
        let site = read(serde_json::json!({ "requester": { "hour": { "messages": 7 } } })).unwrap();
        assert_eq!(site.limit(CountedBy::Requester, Window::Hour, Unit::Messages), 7);
        assert_eq!(site.limit(CountedBy::Requester, Window::Day, Unit::Messages), 300);
        assert_eq!(site.limit(CountedBy::Requester, Window::Hour, Unit::Mailboxes), 100);
        assert!(read(serde_json::json!({ "requester": { "week": {} } })).is_err());
        assert_eq!(site.in_words().len(), 4);
        assert!(
            site.in_words()[0]
                .starts_with("one requester has at most 7 messages, 100 mailboxes, 30 remediations an hour; 300")
        );
    }
}
