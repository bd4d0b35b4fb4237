//! Words for readers: the names of statuses, actions and locations, and numbers.

use clawback_model::{Action, AlertHandling, Classification, Determination, Status};

/// Words that are written with capital letters.
const NAMES: [(&str, &str); 7] = [
    ("deleted items", "Deleted Items"),
    ("recoverable items", "Recoverable Items"),
    ("sent items", "Sent Items"),
    ("on premises external", "On-premises or external"),
    ("api", "API"),
    ("air", "AIR"),
    ("cancelled", "Cancelled"),
];

/// A word of the API as a reader sees it: `move-to-deleted-items` is "Move to Deleted Items".
pub(crate) fn spoken(word: &str) -> String {
    let spaced = word.replace('-', " ");
    if let Some((_, name)) = NAMES.iter().find(|(plain, _)| *plain == spaced) {
        return (*name).to_owned();
    }
    let spaced = NAMES[..3].iter().fold(spaced, |text, (plain, name)| text.replace(plain, name));
    let mut letters = spaced.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What people found an alert to be: "True positive: Phishing".
pub(crate) fn classified(handling: &AlertHandling) -> String {
    let exactly = handling.determination.map(Determination::as_str);
    let words = [handling.classification.map(Classification::as_str), exactly];
    words.into_iter().flatten().map(spoken).collect::<Vec<_>>().join(": ")
}

/// The action as a person would do it: "Soft-delete", "Move to Junk".
pub(crate) fn verb(action: Action) -> String {
    match action {
        Action::SoftDelete => "Soft-delete".to_owned(),
        Action::HardDelete => "Hard-delete".to_owned(),
        other => spoken(other.as_str()),
    }
}

/// A status by its name.
pub(crate) fn status(status: Status) -> String {
    spoken(status.as_str())
}

/// A number with separators between thousands.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A number of things: "1 message", "2,440 messages".
pub(crate) fn counted(many: u64, one: &str) -> String {
    let ending = if many == 1 {
        ""
    } else if one.ends_with('x') {
        "es"
    } else {
        "s"
    };
    format!("{} {one}{ending}", number(many))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_for_readers() {
        for (word, shown) in [
            ("move-to-deleted-items", "Move to Deleted Items"),
            ("recoverable-items", "Recoverable Items"),
            ("pending-approval", "Pending approval"),
            ("api", "API"),
            ("", ""),
        ] {
            assert_eq!(spoken(word), shown);
        }
        assert_eq!(verb(Action::SoftDelete), "Soft-delete");
        for (given, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(given), shown);
        }
        assert_eq!([counted(1, "message"), counted(2, "mailbox")], ["1 message", "2 mailboxes"]);
    }
}
