//! Durations as people write them: `500ms`, `15m`, `48h`, `7d`, `1d12h`.

use std::time::Duration;

/// Every unit and its milliseconds, longest first.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The longest duration: longer than mail is kept, and short enough that arithmetic on times does not overflow.
const LONGEST: Duration = Duration::from_hours(100 * 366 * 24);

/// Parses `90s`, `15m`, `48h`, `7d`, `2w` and sums of them such as `1d12h`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    sum(text.trim(), &UNITS[..5])
}

/// Parses a time-out: `500ms`, `60s`, `2m`, `1h` and sums of them such as `1m30s`. Days are not accepted.
pub fn parse_timeout(text: &str) -> Option<Duration> {
    sum(text, &UNITS[2..])
}

/// Parses a sum of one or more numbers with units.
fn sum(text: &str, units: &[(&str, u64)]) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let mut milliseconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len()));
        let (_, factor) = units.iter().find(|(known, _)| *known == unit)?;
        milliseconds = milliseconds.checked_add(number.parse::<u64>().ok()?.checked_mul(*factor)?)?;
        rest = after;
    }
    let duration = Duration::from_millis(milliseconds);
    (duration <= LONGEST).then_some(duration)
}

/// Returns the shortest form that [`parse_duration`] reads back; fractions of a second are dropped.
pub fn show_duration(duration: Duration) -> String {
    let mut left = duration.as_millis();
    if left < 1_000 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    // Weeks are only parsed: `7d` is clearer than `1w`.
    for (unit, factor) in &UNITS[1..5] {
        let factor = u128::from(*factor);
        if left >= factor {
            text.push_str(&(left / factor).to_string());
            text.push_str(unit);
            left %= factor;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_and_shown() {
        for (text, shown) in [("7d", "7d"), ("2w", "14d"), ("90m", "1h30m"), ("1d12h", "1d12h"), ("0s", "0s")] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), shown);
        }
        for wrong in ["", "7", "d", "7y", "-1d", "1.5h", "99999999999d", "7d 1h"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_out_has_milliseconds_and_no_days() {
        for (text, milliseconds) in [("500ms", 500), ("60s", 60_000), ("1m30s", 90_000), ("1s500ms", 1_500), ("0s", 0)]
        {
            assert_eq!(parse_timeout(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for wrong in ["", "5", "1d", "1w", "1m 30s", " 1s", "1S", "999999999h"] {
            assert_eq!(parse_timeout(wrong), None, "{wrong}");
        }
        assert_eq!(parse_duration("500ms"), None, "a period of days has no milliseconds");
    }
}
