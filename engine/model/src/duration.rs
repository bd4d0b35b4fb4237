//! Durations as people write them: `15m`, `48h`, `7d`, `1d12h`.

use std::time::Duration;

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Longer than any mail is kept; keeps arithmetic on times far from its ends.
const LONGEST: u64 = 100 * 366 * 86_400;

/// Reads `90s`, `15m`, `48h`, `7d`, `2w` and sums of them such as `1d12h`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut seconds = 0_u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let (_, factor) = UNITS.into_iter().find(|(known, _)| *known == unit)?;
        seconds = seconds.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    (seconds <= LONGEST).then(|| Duration::from_secs(seconds))
}

/// The shortest way to write it that [`parse_duration`] reads back; parts of a second are dropped.
pub fn show_duration(duration: Duration) -> String {
    let mut left = duration.as_secs();
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    // Weeks are for reading only: `7d` says more than `1w`.
    for (unit, factor) in &UNITS[1..] {
        if left >= *factor {
            text.push_str(&(left / factor).to_string());
            text.push(*unit);
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
}
