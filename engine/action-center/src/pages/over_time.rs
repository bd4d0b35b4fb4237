//! The results of a search over time, split by location, sender or subject.

use std::cmp::Reverse;
use std::collections::HashMap;

use clawback_model::{LocationKind, Timestamp, visible_line};
use clawback_runtime::{Tally, TallyRow};
use maud::{Markup, html};

use super::fields::Fields;
use super::{narrowed, query};
use crate::design::filter_bar::{Chip, chips};
use crate::design::text::short;
use crate::design::time_chart::{Bar, TimeChart};
use crate::design::words::spoken;

/// The word of the address that names the split.
pub(super) const SPLIT: &str = "split";
/// Parts of a bar; the others are one part more.
const PARTS: usize = 5;
/// Most bars.
const BARS: i64 = 48;
/// Fewest bars, so that one busy hour does not fill the chart: the time before it is empty.
const FEWEST: i64 = 24;
const HOUR: i64 = 3_600_000_000;
/// Lengths of a bar in hours; beyond the last one, multiples of it.
const LENGTHS: [i64; 9] = [1, 2, 3, 6, 12, 24, 48, 168, 720];
/// Longest name of a part, in characters.
const LONGEST: usize = 40;

/// What a bar is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Split {
    None,
    Location,
    Sender,
    Subject,
}

impl Split {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::None, "", "All"),
        (Self::Location, "location", "By location"),
        (Self::Sender, "sender", "By sender"),
        (Self::Subject, "subject", "By subject"),
    ];

    fn of(query: &Fields) -> Self {
        let word = query.get(SPLIT);
        Self::ALL.iter().find(|(_, known, _)| *known == word).map_or(Self::None, |(split, ..)| *split)
    }

    fn key(self, row: &TallyRow) -> u32 {
        match self {
            Self::None => 0,
            Self::Location => {
                (0..).zip(LocationKind::ALL).find(|(_, kind)| *kind == row.location).map_or(0, |(at, _)| at)
            }
            Self::Sender => row.sender,
            Self::Subject => row.subject,
        }
    }

    fn name(self, tally: &Tally, key: u32) -> String {
        match self {
            Self::None => String::new(),
            Self::Location => LocationKind::ALL.get(key as usize).map(|kind| spoken(kind.as_str())).unwrap_or_default(),
            Self::Subject if tally.texts.get(key).is_empty() => "(no subject)".to_owned(),
            Self::Sender | Self::Subject => visible_line(tally.texts.get(key), LONGEST),
        }
    }
}

/// The chart with the choice of its split.
pub(super) fn chart(query: &Fields, tally: &Tally) -> Markup {
    let split = Split::of(query);
    let choices: Vec<Chip> = Split::ALL
        .iter()
        .map(|(one, word, label)| Chip {
            label: (*label).to_owned(),
            count: None,
            address: format!("/search?{}&{SPLIT}={}", query::kept(query), if word.is_empty() { "all" } else { word }),
            is_set: *one == split,
        })
        .collect();
    html! { (chips("Split the chart", &choices)) (drawn(query, tally, split).draw()) }
}

fn drawn(query: &Fields, tally: &Tally, split: Split) -> TimeChart {
    let hour = |row: &TallyRow| row.received_at.0.div_euclid(HOUR);
    let (Some(first), Some(last)) = (tally.rows.iter().map(hour).min(), tally.rows.iter().map(hour).max()) else {
        return TimeChart { parts: Vec::new(), bars: Vec::new(), unit: String::new() };
    };
    let each = length(last - first + 1);
    let end = last.div_euclid(each);
    let begin = first.div_euclid(each).min(end - FEWEST + 1);
    let many = usize::try_from(end - begin + 1).unwrap_or(1);
    let mut sums: HashMap<u32, u64> = HashMap::new();
    for row in &tally.rows {
        *sums.entry(split.key(row)).or_default() += 1;
    }
    let mut largest: Vec<(u32, u64)> = sums.into_iter().collect();
    largest.sort_by_key(|(key, sum)| (Reverse(*sum), *key));
    let places: HashMap<u32, usize> = largest.iter().take(PARTS).enumerate().map(|(at, (key, _))| (*key, at)).collect();
    let mut parts: Vec<String> = largest.iter().take(PARTS).map(|(key, _)| split.name(tally, *key)).collect();
    if largest.len() > PARTS {
        parts.push("Other".to_owned());
    }
    let mut counts = vec![vec![0; parts.len()]; many];
    for row in &tally.rows {
        let bar = usize::try_from(hour(row).div_euclid(each) - begin).unwrap_or(0);
        let part = places.get(&split.key(row)).copied().unwrap_or(PARTS);
        if let Some(count) = counts.get_mut(bar).and_then(|bar| bar.get_mut(part)) {
            *count += 1;
        }
    }
    let time = |bar: i64| Timestamp((begin + bar) * each * HOUR);
    let bar = |(place, counts): (i64, Vec<u64>)| {
        let conditions = narrowed::to_time(query, time(place), time(place + 1));
        let address = conditions.map(|conditions| address(query, &conditions));
        Bar { from: short(&time(place).to_string()), counts, address }
    };
    let unit = if each % 24 == 0 { counted_days(each / 24) } else { format!("{each} h") };
    TimeChart { parts, bars: (0..).zip(counts).map(bar).collect(), unit }
}

/// The address of the search that is narrowed to these conditions.
pub(super) fn address(query: &Fields, conditions: &[(&str, String)]) -> String {
    let conditions: Vec<(&str, &str)> = conditions.iter().map(|(name, value)| (*name, value.as_str())).collect();
    format!("/search?{}", query::with_saved(query, narrowed::with(query, &conditions)))
}

/// How many hours a bar has, so that there are not too many.
fn length(hours: i64) -> i64 {
    // A bar more, since bars begin at multiples of their length.
    let fits = |each: &&i64| hours / **each + 2 <= BARS;
    let longest = LENGTHS[LENGTHS.len() - 1];
    LENGTHS.iter().find(fits).copied().unwrap_or_else(|| longest * (hours / (longest * (BARS - 2)) + 1))
}

fn counted_days(days: i64) -> String {
    if days == 1 { "day".to_owned() } else { format!("{days} days") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_few_and_have_plain_lengths() {
        for (hours, each) in [(1, 1), (46, 1), (48, 2), (24 * 30, 24), (24 * 365, 720)] {
            assert_eq!(length(hours), each, "{hours}");
        }
        let years = 24 * 365 * 60;
        assert!(years / length(years) < BARS, "{}", length(years));
    }
}
