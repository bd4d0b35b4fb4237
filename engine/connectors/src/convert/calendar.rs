//! Conversions of the interface `calendar`.

use clawback_model::{CalendarEntry, CalendarFate, visible_line};

use crate::imports::bindings::calendars::exports::clawback::mail_store::calendar as wit;

/// Converts what became of an entry. The reason is truncated and escaped.
pub(crate) fn entry(entry: &wit::Entry, most: usize) -> CalendarEntry {
    let fate = match entry.fate {
        wit::Fate::Removed => CalendarFate::Removed,
        wit::Fate::Restored => CalendarFate::Restored,
        wit::Fate::Left => CalendarFate::Left,
        wit::Fate::Failed => CalendarFate::Failed,
        wit::Fate::NotLookedFor => CalendarFate::NotLookedFor,
    };
    CalendarEntry { fate, detail: (!entry.why.is_empty()).then(|| visible_line(&entry.why, most)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line() {
        let left = wit::Entry { fate: wit::Fate::Left, why: "it\nis \u{202e}own".into() };
        let left = entry(&left, 10);
        assert_eq!(left.fate, CalendarFate::Left);
        let detail = left.detail.unwrap();
        assert!(!detail.contains(['\n', '\u{202e}']) && detail.chars().count() < 30, "{detail}");
        assert_eq!(entry(&wit::Entry { fate: wit::Fate::Removed, why: String::new() }, 10).detail, None);
    }
}
