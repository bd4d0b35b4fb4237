//! Time as data. Only the binary reads the real clock.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the time `by` later, at most the latest time that can be represented.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Returns the time `by` earlier.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Rounds down to a multiple of `unit`: to the start of the second, or of the hour.
    #[must_use]
    pub fn in_whole(self, unit: Duration) -> Self {
        let unit = i64::try_from(unit.as_micros()).unwrap_or(i64::MAX).max(1);
        Self(self.0.div_euclid(unit) * unit)
    }

    /// Returns the time from `earlier` to this; zero if it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads RFC 3339 (`2026-11-23T12:00:00Z`) or a date (`2026-11-23`, midnight UTC).
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
            return Some(Self(time.timestamp_micros()));
        }
        let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(Self(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros()))
    }
}

/// Formats as RFC 3339 in UTC with seconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match chrono::DateTime::from_timestamp_micros(self.0) {
            Some(time) => f.pad(&time.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            None => write!(f, "{}us", self.0),
        }
    }
}

/// A source of time.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// A clock that a test moves.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Starts at `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Advances the clock by `by`.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_added_and_taken_away_within_its_range() {
        let (second, day) = (Duration::from_secs(1), Duration::from_hours(24));
        assert_eq!(Timestamp(5).plus(second), Timestamp(1_000_005));
        assert_eq!(Timestamp(5).minus(second), Timestamp(-999_995));
        assert_eq!([5, 1_999_999, -1].map(|at| Timestamp(at).in_whole(second).0), [0, 1_000_000, -1_000_000]);
        assert_eq!(Timestamp(5).plus(Duration::MAX), Timestamp(i64::MAX));
        assert_eq!(Timestamp(-5).minus(Duration::MAX), Timestamp(i64::MIN));
        assert_eq!(Timestamp(5).plus(day).since(Timestamp(5)), day);
        assert_eq!(Timestamp(5).since(Timestamp(6)), Duration::ZERO);
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        let noon = Timestamp(1_795_435_200_000_000);
        for given in ["2026-11-23T12:00:00Z", "2026-11-23T13:00:00+01:00"] {
            assert_eq!(Timestamp::parse(given), Some(noon), "{given}");
        }
        assert_eq!(Timestamp::parse("2026-11-23"), Some(noon.minus(Duration::from_hours(12))));
        assert_eq!((Timestamp::parse("yesterday"), Timestamp::parse("2026-02-30")), (None, None));
        assert_eq!(noon.to_string(), "2026-11-23T12:00:00Z");
        assert_eq!(format!("{noon:>22}"), "  2026-11-23T12:00:00Z");
        assert_eq!(Timestamp(i64::MAX).to_string(), format!("{}us", i64::MAX));
    }

    #[test]
    fn a_manual_clock_moves_when_it_is_told_to() {
        let clock = ManualClock::new(Timestamp(7));
        assert_eq!(clock.now(), Timestamp(7));
        clock.advance(Duration::from_micros(3));
        assert_eq!(clock.now(), Timestamp(10));
    }
}
