//! Our slots compared with those of the `croner` crate, over whole years with changes of the clock. Both interpret
//! cron(8)'s rule for these in their own way, and where they differ the difference is exactly this:
//!
//! - croner treats an expression as one of fixed times only if second, minute and hour are one number each. We only
//!   require minute and hour to be without `*` and step: `0 0,30 2 * * *` means two times of the day.
//! - So for lists and ranges croner leaves out skipped times and repeats repeated ones; ours fire once after the gap,
//!   and only the first time.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use clawback_model::{Cron, Timestamp};
use croner::parser::{CronParser, Seconds, Year};

const PLACES: [(&str, &[i32]); 7] = [
    ("Europe/Berlin", &[2024, 2025, 2026]),
    ("America/New_York", &[2024, 2025, 2026]),
    ("Australia/Lord_Howe", &[2024, 2025, 2026]),
    ("America/Sao_Paulo", &[2017, 2018]),
    ("Africa/Casablanca", &[2024, 2025, 2026]),
    ("Asia/Kolkata", &[2025]),
    ("UTC", &[2024]),
];

const EXPRESSIONS: [&str; 26] = [
    "0 30 1 * * *",
    "0 30 2 * * *",
    "0 0 2 * * *",
    "0 0 3 * * *",
    "0 0 0 * * *",
    "0 30 0 * * *",
    "59 59 1 * * *",
    "0 15 2 * * SUN",
    "0 0 9 * * MON-FRI",
    "0 0 9 13 * FRI",
    "0 45 1 1-7 4,10 SUN",
    "0 0 12 29 2 *",
    "0 0 0 31 * *",
    "0 */30 * * * *",
    "0 */20 1-3 * * *",
    "0 0 */2 * * *",
    "0 10 */3 * * MON,WED,SUN",
    "0 5 * * * SUN",
    "*/20 * 2 * * SUN",
    "0 10-50/20 2 * * *",
    // From here on fixed times for us, and an interval for croner.
    "0 0,30 1,2 * * *",
    "0 10-12 2 * * *",
    "0 0 1-3 * * *",
    "0 0,15,30,45 0-3 * * SUN",
    "*/30 30 2 * * *",
    "0 59 0,1,23 * * *",
];

fn ours(expression: &str, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> BTreeSet<i64> {
    let cron = Cron::parse(expression, zone.name()).unwrap();
    let slots = cron.slots_after(Timestamp(from.timestamp_micros())).map(|slot| slot.0 / 1_000_000);
    slots.take_while(|slot| *slot <= to.timestamp()).collect()
}

/// The slots of croner, changed by the differences above.
fn expected(expression: &str, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> BTreeSet<i64> {
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).dom_and_dow(true).build();
    let cron = parser.parse(expression).unwrap();
    let found = cron.iter_after(from.with_timezone(&zone)).take_while(|time| *time <= to);
    let mut slots: BTreeSet<i64> = found.map(|time| time.timestamp()).collect();
    let fields: Vec<&str> = expression.split(' ').collect();
    let fixed_for_us = !fields[1..3].iter().any(|field| field.contains(['*', '/']));
    let fixed_for_croner = fields[..3].iter().all(|field| field.parse::<u32>().is_ok());
    if !fixed_for_us || fixed_for_croner {
        return slots;
    }
    // croner in a zone without changes gives the times of a gap that are meant.
    let meant = |from: NaiveDateTime, to: NaiveDateTime| {
        cron.iter_after(from.and_utc() - TimeDelta::seconds(1)).next().is_some_and(|time| time.naive_utc() < to)
    };
    for (at, before, after) in changes(zone, from, to) {
        let (old, new) = (at.naive_utc() + before, at.naive_utc() + after);
        if new > old && meant(old, new) {
            slots.insert(at.timestamp());
        }
        if new < old {
            let repeated = at.timestamp()..(at + (old - new)).timestamp();
            slots.retain(|slot| !repeated.contains(slot));
        }
    }
    slots
}

/// Every change of the offset: when, and the offsets before and after. Found by checking every minute of a day that has
/// one.
fn changes(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<(DateTime<Utc>, TimeDelta, TimeDelta)> {
    let offset = |at: DateTime<Utc>| {
        TimeDelta::seconds(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc().into())
    };
    let (mut day, mut found) = (from, Vec::new());
    while day < to {
        let next = day + TimeDelta::days(1);
        if offset(day) != offset(next) {
            let mut minute = day;
            while offset(minute) == offset(day) {
                minute += TimeDelta::minutes(1);
            }
            found.push((minute, offset(day), offset(minute)));
        }
        day = next;
    }
    found
}

fn year(year: i32) -> (DateTime<Utc>, DateTime<Utc>) {
    let start = |year| Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap();
    (start(year), start(year + 1))
}

fn compare(expression: &str, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> usize {
    let (ours, expected) = (ours(expression, zone, from, to), expected(expression, zone, from, to));
    let tell = |slots: Vec<&i64>| -> Vec<String> {
        slots
            .iter()
            .filter_map(|slot| Some(DateTime::from_timestamp(**slot, 0)?.with_timezone(&zone).to_string()))
            .collect()
    };
    let (more, fewer) = (tell(ours.difference(&expected).collect()), tell(expected.difference(&ours).collect()));
    assert!(more.is_empty() && fewer.is_empty(), "`{expression}` in {zone}: only ours {more:?}, only theirs {fewer:?}");
    ours.len()
}

#[test]
fn years_of_slots_are_those_of_another_cron() {
    let (mut slots, mut seen) = (0, 0);
    for (zone, years) in PLACES {
        let zone: Tz = zone.parse().unwrap();
        for number in years {
            let (from, to) = year(*number);
            seen += changes(zone, from, to).len();
            slots += EXPRESSIONS.iter().map(|expression| compare(expression, zone, from, to)).sum::<usize>();
        }
    }
    assert!(slots > 500_000 && seen >= 22, "{slots} slots, {seen} changes of the clock");
}

#[test]
fn random_expressions_agree_around_every_change_of_the_clock() {
    let mut state = 7_u64;
    let mut pick = |most: u64| {
        // xorshift64: any distribution is sufficient, the same in each run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % most
    };
    let mut around = Vec::new();
    for (zone, years) in PLACES {
        let zone: Tz = zone.parse().unwrap();
        for number in years {
            let (from, to) = year(*number);
            around.extend(changes(zone, from, to).into_iter().map(|(at, ..)| (zone, at)));
        }
    }
    let mut slots = 0;
    for _ in 0..600 {
        let mut field = |most: u64, likely: u64| match pick(6) {
            0 => "*".to_owned(),
            1 => format!("*/{}", pick(most / 2) + 1),
            2 => format!("{},{}", pick(likely), pick(likely)),
            3 => {
                let low = pick(likely);
                format!("{low}-{}", low + pick(likely - low))
            }
            _ => pick(likely).to_string(),
        };
        let (minute, hour) = (field(60, 60), field(24, 5));
        let second = if pick(8) == 0 { "*/30".to_owned() } else { pick(60).to_string() };
        let weekday = ["*", "SUN", "SAT-SUN", "MON-FRI", "FRI,SUN"][usize::try_from(pick(5)).unwrap()];
        let expression = format!("{second} {minute} {hour} * * {}", weekday.replace("SAT-SUN", "SAT,SUN"));
        let (zone, at) = around[usize::try_from(pick(around.len() as u64)).unwrap()];
        slots += compare(&expression, zone, at - TimeDelta::days(2), at + TimeDelta::days(2));
    }
    assert!(slots > 10_000, "{slots} slots");
}
