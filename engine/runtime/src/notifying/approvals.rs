//! The recipients of notifications about plans that wait for votes.

use std::collections::BTreeSet;
use std::time::Duration;

use clawback_model::{parse_duration, show_duration};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The recipients of notifications about plans that wait for votes: `[approvals]` in the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Approvals {
    /// Notifiers of every plan that waits, in addition to those that its playbook names.
    pub notify: Vec<String>,
    /// The share of the time for the decision after which they are reminded; 0: never.
    pub remind_at: f64,
    /// Notifiers that are used if nobody has decided after a longer share.
    pub escalate_to: Vec<String>,
    /// This share; 0: never.
    pub escalate_at: f64,
    /// How often a plan that waits is looked at again; zero: never.
    #[serde(deserialize_with = "read_interval", serialize_with = "write_interval")]
    pub look_again: Duration,
}

const SHORTEST: Duration = Duration::from_mins(1);
/// A row that is postponed by more than a day is reported by `verify`.
const LONGEST: Duration = Duration::from_hours(12);

fn read_interval<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    if matches!(text.as_str(), "0" | "off") {
        return Ok(Duration::ZERO);
    }
    parse_duration(&text).ok_or_else(|| {
        serde::de::Error::custom(format!("`{text}` is not an interval; write one such as `15m`, or `off`"))
    })
}

fn write_interval<S: Serializer>(interval: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&show_duration(*interval))
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            notify: Vec::new(),
            remind_at: 0.5,
            escalate_to: Vec::new(),
            escalate_at: 0.75,
            look_again: Duration::from_mins(15),
        }
    }
}

impl Approvals {
    /// Checks the settings against the names of the notifiers.
    pub fn check(&self, known: impl Iterator<Item = String>) -> Result<(), String> {
        for (name, share) in [("remind-at", self.remind_at), ("escalate-at", self.escalate_at)] {
            if !(0.0..1.0).contains(&share) {
                return Err(format!("[approvals] {name} must be a share of the time: from 0 (never) to less than 1"));
            }
        }
        if !self.look_again.is_zero() && !(SHORTEST..=LONGEST).contains(&self.look_again) {
            return Err("[approvals] look-again must be from 1m to 12h, or `off`".to_owned());
        }
        let known: BTreeSet<String> = known.collect();
        match self.notify.iter().chain(&self.escalate_to).find(|name| !known.contains(*name)) {
            Some(name) => Err(format!("[approvals] names the notifier `{name}`, and there is no [notifiers.{name}]")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approvals_are_checked() {
        let known = || ["soc", "chief"].map(str::to_owned).into_iter();
        let check = |toml: Approvals| toml.check(known());
        assert_eq!(check(Approvals::default()), Ok(()));
        let wrong = Approvals { escalate_to: vec!["nobody".into()], ..Approvals::default() };
        assert!(check(wrong).unwrap_err().contains("[notifiers.nobody]"));
        let wrong = Approvals { look_again: Duration::from_secs(1), ..Approvals::default() };
        assert!(check(wrong).unwrap_err().contains("look-again"));
        assert_eq!(check(Approvals { look_again: Duration::ZERO, ..Approvals::default() }), Ok(()));
        let wrong = Approvals { remind_at: 1.0, ..Approvals::default() };
        assert!(check(wrong).unwrap_err().contains("remind-at"));
    }
}
