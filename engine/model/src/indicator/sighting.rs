//! Sightings of indicators: how many messages of a plan have each, in how many mailboxes, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::kind::IndicatorKind;
use super::value::Indicator;
use crate::clock::Timestamp;
use crate::plan::target::Target;
use crate::predicate::Predicate;
use crate::predicate::matched::{is_cut, matched_of};

/// How often an indicator was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndicatorSighting {
    /// The indicator.
    pub indicator: Indicator,
    /// Messages that have it.
    pub messages: u64,
    /// Mailboxes that have such a message.
    pub mailboxes: u64,
    /// When the store received the first and the last of them; `None` without any.
    pub seen: Option<(Timestamp, Timestamp)>,
}

/// Counts the sightings of the indicators of a remediation.
#[derive(Debug, Clone, Default)]
pub struct IndicatorSightings {
    seen: BTreeMap<Indicator, Seen>,
    is_cut: bool,
}

#[derive(Debug, Clone, Default)]
struct Seen {
    messages: u64,
    mailboxes: BTreeSet<(Arc<str>, Arc<str>)>,
    times: Option<(Timestamp, Timestamp)>,
}

impl IndicatorSightings {
    /// Begins to count the indicators among the inputs of a remediation, as its request stores them: a list is the text
    /// of a JSON array.
    pub fn of(inputs: &BTreeMap<String, String>) -> Self {
        let mut counted = BTreeMap::new();
        for kind in IndicatorKind::ALL {
            let Some(stored) = inputs.get(kind.input()) else { continue };
            let values = serde_json::from_str::<Vec<String>>(stored).unwrap_or_else(|_| vec![stored.clone()]);
            let values = values.iter().map(|value| value.strip_prefix("*.").unwrap_or(value));
            let read = values.filter_map(|value| Indicator::read(Some(kind), value, true).ok());
            counted.extend(read.map(|indicator| (indicator, Seen::default())));
        }
        Self { seen: counted, is_cut: false }
    }

    /// Returns whether there is no indicator to count.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Returns whether a message has more indicators than its plan names.
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Counts a message of a plan.
    pub fn add(&mut self, target: &Target) {
        self.is_cut |= target.script_reason.as_deref().is_some_and(is_cut);
        for indicator in matched_by(target) {
            let Some(seen) = self.seen.get_mut(&indicator) else { continue };
            let at = target.received_at;
            seen.messages += 1;
            seen.mailboxes.insert((Arc::clone(&target.store), Arc::clone(&target.mailbox)));
            seen.times = Some(seen.times.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
    }

    /// Returns the count of each indicator, by kind and value.
    pub fn counted(self) -> Vec<IndicatorSighting> {
        let count = |(indicator, seen): (Indicator, Seen)| IndicatorSighting {
            indicator,
            messages: seen.messages,
            mailboxes: seen.mailboxes.len() as u64,
            seen: seen.times,
        };
        self.seen.into_iter().map(count).collect()
    }
}

/// Returns the indicators that a predicate names, each of which selects a message by itself.
pub fn indicators_of(predicate: &Predicate) -> BTreeSet<Indicator> {
    let named = predicate.named_alone().into_iter();
    named.filter_map(|(key, value)| Indicator::of_condition(key, value)).collect()
}

/// Returns the indicators that a message of a plan matched, each once.
pub(crate) fn matched_by(target: &Target) -> BTreeSet<Indicator> {
    let reason = target.script_reason.as_deref().unwrap_or_default();
    matched_of(reason).filter_map(|(key, value)| Indicator::of_condition(key, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::matched;

    #[test]
    fn messages_mailboxes_and_times_are_counted() {
        let inputs = BTreeMap::from([
            ("domain".to_owned(), r#"["evil.example","*.evil.example","unseen.example"]"#.to_owned()),
            ("sender".to_owned(), "eve@evil.example".to_owned()),
            ("since".to_owned(), "30d".to_owned()),
        ]);
        let mut counted = IndicatorSightings::of(&inputs);
        counted.add(&matched(0, "ann", Timestamp(30), "matched from eve@evil.example, from-domain evil.example"));
        counted.add(&matched(1, "ann", Timestamp(10), "matched from-domain *.evil.example, url-host evil.example"));
        counted.add(&matched(2, "ben", Timestamp(20), "matched url-host evil.example; kept"));
        counted.add(&matched(3, "ben", Timestamp(90), "matched from stranger@other.example"));
        let found: Vec<_> = counted
            .counted()
            .into_iter()
            .map(|one| (one.indicator.value, one.messages, one.mailboxes, one.seen))
            .collect();
        let times = |first, last| Some((Timestamp(first), Timestamp(last)));
        assert_eq!(
            found,
            [
                ("eve@evil.example".to_owned(), 1, 1, times(30, 30)),
                ("evil.example".to_owned(), 3, 2, times(10, 30)),
                ("unseen.example".to_owned(), 0, 0, None),
            ]
        );
        assert!(IndicatorSightings::of(&BTreeMap::new()).is_empty());
    }
}
