//! Times as texts (RFC 3339).

use chrono::{DateTime, SecondsFormat};

/// Returns a time in microseconds since 1970 UTC; `None` if the text is no time.
pub fn from_rfc3339(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros())
}

/// Returns a time in UTC, with as many digits of the second as it has; `None` if no calendar has it.
pub fn to_rfc3339(microseconds: i64) -> Option<String> {
    Some(DateTime::from_timestamp_micros(microseconds)?.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (text, microseconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-28T15:39:28Z", 1_795_880_368_000_000),
            ("2026-11-28T15:39:28.120Z", 1_795_880_368_120_000),
            ("1969-12-31T23:59:59.999999Z", -1),
        ] {
            assert_eq!(from_rfc3339(text), Some(microseconds), "{text}");
            assert_eq!(to_rfc3339(microseconds).as_deref(), Some(text));
        }
        assert_eq!(from_rfc3339("2026-11-28T16:39:28+01:00"), Some(1_795_880_368_000_000));
        assert_eq!((from_rfc3339("yesterday"), to_rfc3339(i64::MAX)), (None, None));
    }
}
