//! The times at which a schedule fires: cron expressions of six fields, seconds first, in a time zone of the IANA
//! database.
//!
//! The `cron` crate decides which wall-clock times match. This module decides, as cron(8) does, what happens when the
//! zone changes its offset:
//!
//! - An expression with a **fixed** hour and minute means "once at that time of the day". A time that the clocks skip
//!   fires at the first instant after the gap (several such times: once). A time that occurs twice fires the first
//!   time.
//! - An expression with `*` or a step in its hour or minute field means "at such intervals". It fires on elapsed time:
//!   a time that is skipped does not fire, as the next one is near, and a time that occurs twice fires twice.

use std::str::FromStr as _;
use std::time::Duration;

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

use crate::clock::Timestamp;

/// An expression in a time zone.
#[derive(Debug, Clone)]
pub struct Cron {
    fields: cron::Schedule,
    zone: Tz,
    /// Whether it counts elapsed time; otherwise it means times of the day.
    by_interval: bool,
}

/// An invalid expression or time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidCron {
    #[error("it has {0} fields")]
    Fields(usize),
    #[error("{0}")]
    Expression(String),
    /// Some crons count from Sunday as 0, others from Sunday as 1.
    #[error("the day of the week is a number, which crons read in different ways; write MON or MON-FRI")]
    WeekdayNumber,
    #[error("no day of any year fits it")]
    Never,
    #[error("no such name")]
    Zone,
}

const SECOND: TimeDelta = TimeDelta::seconds(1);
/// Longer than any zone has ever skipped (a day, at the date line), shorter than the time between two changes of an
/// offset.
const AROUND_A_GAP: TimeDelta = TimeDelta::hours(36);

impl Cron {
    /// Parses an expression and the name of a time zone.
    pub fn parse(expression: &str, time_zone: &str) -> Result<Self, InvalidCron> {
        let zone = Tz::from_str(time_zone).map_err(|_| InvalidCron::Zone)?;
        let words: Vec<&str> = expression.split_whitespace().collect();
        // The crate also accepts seven fields, and it would read five in another way than the author means.
        let &[_, minute, hour, _, _, weekday] = words.as_slice() else {
            return Err(InvalidCron::Fields(words.len()));
        };
        let fields = cron::Schedule::from_str(expression).map_err(|error| {
            // The crate's message contains a caret drawing; its last line states the error.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            InvalidCron::Expression(last.trim().trim_end_matches('.').to_owned())
        })?;
        let is_number =
            |part: &str| part.split('/').next().is_some_and(|days| days.contains(|c: char| c.is_ascii_digit()));
        if weekday.split(',').any(is_number) {
            return Err(InvalidCron::WeekdayNumber);
        }
        let by_interval = [minute, hour].iter().any(|field| field.contains(['*', '?', '/']));
        let cron = Self { fields, zone, by_interval };
        // A leap day occurs in any eight years.
        cron.next_after(Timestamp(0)).ok_or(InvalidCron::Never)?;
        Ok(cron)
    }

    /// Returns the first slot later than `after`; `None` after 2100, where the calendar of the crate ends.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let mut from = DateTime::from_timestamp(after.0.div_euclid(1_000_000), 0)?.with_timezone(&self.zone);
        let mut wall = from.naive_local();
        if self.by_interval
            && let LocalResult::Ambiguous(first, second) = self.zone.from_local_datetime(&wall)
            && first == from
        {
            // The clocks will be put back over times that have already passed: these are searched again.
            let put_back = offset_change(first, second);
            match self.first_match(wall, from) {
                Some(next) if next < put_back => return Some(timestamp(next)),
                _ => (from, wall) = (put_back - SECOND, put_back.naive_local() - SECOND),
            }
        }
        self.first_match(wall, from).map(timestamp)
    }

    /// Returns every slot later than `after`, in order.
    pub fn slots_after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        std::iter::successors(self.next_after(after), |last| self.next_after(*last))
    }

    /// Formats a slot as the wall clock of the zone shows it, with the offset.
    pub fn local(&self, slot: Timestamp) -> String {
        let time = DateTime::from_timestamp_micros(slot.0).map(|time| time.with_timezone(&self.zone));
        time.map_or_else(|| slot.to_string(), |time| time.format("%a %Y-%m-%d %H:%M:%S %:z").to_string())
    }

    /// Returns the first instant later than `from` whose wall-clock time matches and is later than `wall`.
    fn first_match(&self, wall: NaiveDateTime, from: DateTime<Tz>) -> Option<DateTime<Tz>> {
        let walls = self.fields.after(&wall.and_utc()).map(|wall| wall.naive_utc());
        walls.flat_map(|wall| self.instants(wall)).flatten().find(|instant| *instant > from)
    }

    /// Returns the instants at which a wall-clock time fires.
    fn instants(&self, wall: NaiveDateTime) -> [Option<DateTime<Tz>>; 2] {
        match (self.zone.from_local_datetime(&wall), self.by_interval) {
            (LocalResult::Single(instant), _) => [Some(instant), None],
            (LocalResult::Ambiguous(first, second), true) => [Some(first), Some(second)],
            (LocalResult::Ambiguous(first, _), false) => [Some(first), None],
            (LocalResult::None, true) => [None, None],
            (LocalResult::None, false) => {
                let at = |wall: NaiveDateTime| self.zone.from_utc_datetime(&wall);
                [Some(offset_change(at(wall - AROUND_A_GAP), at(wall + AROUND_A_GAP))), None]
            }
        }
    }
}

/// Returns the first instant after `before` at which its offset no longer applies; at `after` it does not apply.
fn offset_change(before: DateTime<Tz>, after: DateTime<Tz>) -> DateTime<Tz> {
    let offset = before.offset().fix();
    let (mut low, mut high) = (before, after);
    while high - low > SECOND {
        let middle = low + TimeDelta::seconds((high - low).num_seconds() / 2);
        if middle.offset().fix() == offset {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

fn timestamp(time: DateTime<Tz>) -> Timestamp {
    Timestamp(0).plus(Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(expression: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(expression, zone).unwrap();
        let from = Timestamp::parse(from).unwrap();
        cron.slots_after(from).take(count).map(|slot| slot.to_string()[5..16].to_owned()).collect()
    }

    #[test]
    fn a_fixed_time_fires_once_a_day_whatever_the_clocks_do() {
        // Berlin, 2026-03-29: 02:00 becomes 03:00 (01:00 UTC).
        assert_eq!(
            slots("0 30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
            ["03-28T01:30", "03-29T01:00", "03-30T00:30"]
        );
        // 2026-10-25: 03:00 becomes 02:00 (01:00 UTC); the first 02:30 is 00:30 UTC.
        assert_eq!(slots("0 30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2), ["10-25T00:30", "10-26T01:30"]);
        // Two times in the gap and the one after it fire once.
        assert_eq!(
            slots("0 0,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3),
            ["03-29T01:00", "03-29T01:30", "03-30T00:00"]
        );
    }

    #[test]
    fn an_interval_goes_on_as_time_does() {
        assert_eq!(
            slots("0 */30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 5),
            ["10-25T00:30", "10-25T01:00", "10-25T01:30", "10-25T02:00", "10-25T02:30"]
        );
        assert_eq!(
            slots("0 */30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3),
            ["03-29T00:30", "03-29T01:00", "03-29T01:30"]
        );
        // The clocks go back by half an hour on Lord Howe Island (2026-04-05, 02:00 becomes 01:30 at 15:00 UTC).
        assert_eq!(
            slots("0 */15 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z", 6),
            ["04-04T14:15", "04-04T14:30", "04-04T14:45", "04-04T15:00", "04-04T15:15", "04-05T14:30"]
        );
    }

    #[test]
    fn the_second_pass_is_seen_also_when_the_next_match_is_a_year_away() {
        // 2026-10-25 at 02:45 for the first time: the second 02:30 is still to come; the next 25 October is a year
        // away.
        assert_eq!(
            slots("0 */30 2 25 10 *", "Europe/Berlin", "2026-10-25T00:45:00Z", 3),
            ["10-25T01:00", "10-25T01:30", "10-25T00:00"]
        );
    }

    #[test]
    fn a_day_that_a_zone_left_out_fires_at_its_end() {
        // Samoa had no 30 December 2011.
        assert_eq!(
            slots("0 0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 3),
            ["12-29T22:00", "12-30T10:00", "12-30T22:00"]
        );
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        for (expression, zone, why) in [
            ("*/5 * * * *", "UTC", "it has 5 fields"),
            ("0 0 0 30 2 *", "UTC", "no day of any year fits it"),
            ("0 0 9 * * 1", "UTC", "the day of the week is a number"),
            ("0 0 9 * * MON,2-5", "UTC", "the day of the week is a number"),
            ("0 0 9 * * *", "Mars/Olympus", "no such name"),
            ("0 */0 9 * * *", "UTC", "range step cannot be zero"),
        ] {
            let refused = Cron::parse(expression, zone).unwrap_err().to_string();
            assert!(refused.starts_with(why), "{expression}: {refused}");
        }
        assert!(Cron::parse("0 0 0 29 2 *", "UTC").is_ok());
        assert!(Cron::parse("0 0 9 ? * MON-FRI/2", "UTC").is_ok());
    }

    #[test]
    fn a_slot_is_shown_as_the_wall_shows_it() {
        let cron = Cron::parse("0 0 9 * * *", "Europe/Berlin").unwrap();
        assert_eq!(cron.local(Timestamp::parse("2026-11-23T08:00:00Z").unwrap()), "Mon 2026-11-23 09:00:00 +01:00");
    }

    #[test]
    fn no_slot_comes_again_when_the_clocks_are_put_back() {
        assert_eq!(
            slots("59 59 * * * *", "Europe/Berlin", "2026-10-24T23:59:59Z", 3),
            ["10-25T00:59", "10-25T01:59", "10-25T02:59"]
        );
    }
}
