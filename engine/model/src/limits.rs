//! The limits on one remediation's selection, and the mode of selection.

use crate::words;
use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// The mode in which messages are selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum SelectionMode {
    /// One by one.
    Handpicked,
    /// Everything that a query finds.
    Query,
    /// Everything that a query finds, with exclusions.
    QueryWithExclusions,
}

words!(SelectionMode, "selection mode");

/// The largest selections and batches. The defaults are the reference product's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// Messages picked one by one.
    pub handpicked: u64,
    /// Messages of a query.
    pub query: u64,
    /// Messages of a query that has exclusions.
    pub query_with_exclusions: u64,
    /// Exclusions from a query.
    pub exclusions: u64,
    /// Targets in one batch.
    pub batch: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { handpicked: 100, query: 200_000, query_with_exclusions: 1_000, exclusions: 100, batch: 50_000 }
    }
}

/// A selection that is too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("the {what} is limited to {limit} and {asked}; {advice}", what = self.what(), asked = self.asked(), advice = self.advice())]
#[serde(rename_all = "kebab-case")]
pub struct LimitExceeded {
    /// Configuration key of the limit: `handpicked`, `query`, `query-with-exclusions`, `exclusions` or `batch`.
    pub key: String,
    /// The limit in force.
    pub limit: u64,
    /// The number requested, or the number found when the search stopped.
    pub count: u64,
    /// Whether the search stopped at this count: more may match.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
}

impl LimitExceeded {
    /// Marks the count as a lower bound, because the search stopped at the limit.
    #[must_use]
    pub fn by_search(self) -> Self {
        Self { stopped: true, ..self }
    }

    fn asked(&self) -> String {
        if self.stopped {
            return format!("the search stopped at {}: at least so many match", self.count);
        }
        format!("{} were asked for", self.count)
    }

    fn what(&self) -> &'static str {
        match self.key.as_str() {
            "handpicked" => "number of handpicked messages",
            "query" => "number of messages of a query",
            "query-with-exclusions" => "number of messages of a query with exclusions",
            "exclusions" => "number of exclusions",
            _ => "batch size",
        }
    }

    fn advice(&self) -> &'static str {
        match self.key.as_str() {
            "handpicked" => "select by query instead",
            "query" | "query-with-exclusions" => {
                "narrow the query, for example by latest delivery location or time, or raise the limit in [limits]"
            }
            "exclusions" => "put the exceptions into a filter script instead",
            _ => "ask for a smaller batch",
        }
    }
}

impl Limits {
    /// Refuses more messages than the limit of this mode.
    pub fn check_messages(&self, mode: SelectionMode, count: u64) -> Result<(), LimitExceeded> {
        let limit = self.messages(mode);
        within(mode.as_str(), limit, count)
    }

    /// Returns the most messages in this mode.
    pub fn messages(&self, mode: SelectionMode) -> u64 {
        match mode {
            SelectionMode::Handpicked => self.handpicked,
            SelectionMode::Query => self.query,
            SelectionMode::QueryWithExclusions => self.query_with_exclusions,
        }
    }

    /// Refuses too many exclusions.
    pub fn check_exclusions(&self, count: u64) -> Result<(), LimitExceeded> {
        within("exclusions", self.exclusions, count)
    }

    /// Refuses a batch that is too large or empty.
    pub fn check_batch(&self, size: u32) -> Result<(), LimitExceeded> {
        within("batch", u64::from(self.batch), u64::from(size))
    }
}

fn within(key: &str, limit: u64, count: u64) -> Result<(), LimitExceeded> {
    if count > limit { Err(LimitExceeded { key: key.to_owned(), limit, count, stopped: false }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_limit_and_count() {
        let limits = Limits::default();
        for (mode, limit) in SelectionMode::ALL.into_iter().zip([100, 200_000, 1_000]) {
            assert_eq!(limits.check_messages(mode, limit), Ok(()));
            let refused = limits.check_messages(mode, limit + 1).unwrap_err().to_string();
            assert!(refused.contains(&limit.to_string()) && refused.contains(&(limit + 1).to_string()), "{refused}");
        }
        assert_eq!(limits.check_exclusions(100), Ok(()));
        assert_eq!(
            limits.check_exclusions(101).unwrap_err().to_string(),
            "the number of exclusions is limited to 100 and 101 were asked for; put the exceptions into a filter script instead"
        );
        let stopped = limits.check_messages(SelectionMode::QueryWithExclusions, 1_400).unwrap_err().by_search();
        assert!(stopped.to_string().contains("limited to 1000 and the search stopped at 1400: at least so many match"));
        let old = r#"{"key":"query","limit":5,"count":6}"#;
        assert_eq!(serde_json::to_string(&serde_json::from_str::<LimitExceeded>(old).unwrap()).unwrap(), old);
        assert!(limits.check_batch(50_000).is_ok() && limits.check_batch(50_001).is_err());
    }

    #[test]
    fn each_limit_names_what_it_limits_and_what_to_do() {
        let narrow =
            "narrow the query, for example by latest delivery location or time, or raise the limit in [limits]";
        for (key, what, advice) in [
            ("handpicked", "number of handpicked messages", "select by query instead"),
            ("query", "number of messages of a query", narrow),
            ("query-with-exclusions", "number of messages of a query with exclusions", narrow),
            ("exclusions", "number of exclusions", "put the exceptions into a filter script instead"),
            ("batch", "batch size", "ask for a smaller batch"),
        ] {
            let exceeded = LimitExceeded { key: key.into(), limit: 5, count: 6, stopped: false };
            let said = format!("the {what} is limited to 5 and 6 were asked for; {advice}");
            assert_eq!(exceeded.to_string(), said);
            assert_eq!(
                exceeded.by_search().to_string(),
                said.replace("6 were asked for", "the search stopped at 6: at least so many match")
            );
        }
    }

    #[test]
    fn each_mode_has_its_limit() {
        let limits = Limits { handpicked: 1, query: 2, query_with_exclusions: 3, exclusions: 4, batch: 5 };
        assert_eq!(SelectionMode::ALL.map(|mode| limits.messages(mode)), [1, 2, 3]);
        assert_eq!(limits.check_batch(6).unwrap_err().limit, 5);
    }
}
