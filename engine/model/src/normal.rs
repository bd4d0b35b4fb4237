//! The one normalisation by which texts are compared: two texts are equal if a person could not distinguish them on a
//! screen that shows neither invisible characters nor the width of a blank.
//!
//! In this order: NFKC (Unicode Standard Annex 15), invisible characters removed, case folded (Unicode 3.13, D144),
//! NFKC again, each run of white space made one space and trimmed. The host decides every match by it; the connectors'
//! SDK compiles this file, too, so that a connector that narrows a search never returns too little.

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;

/// Returns the text as it is compared. The function is idempotent.
///
/// Nothing composes with a space (Unicode Standard Annex 15: no primary composite begins or ends with one), so each part
/// between spaces is normalised alone. Parts of ASCII, which most mail consists of, take a short way.
pub fn normalise(text: &str) -> String {
    let mut folded = Folded { text: String::with_capacity(text.len()), is_space_due: false };
    for part in text.split_inclusive(SPACES) {
        if part.is_ascii() {
            part.bytes().for_each(|byte| folded.push_ascii(byte.to_ascii_lowercase()));
        } else {
            normalise_part(part).chars().for_each(|c| folded.push(c));
        }
    }
    folded.text
}

/// Where a text is split.
const SPACES: [char; 4] = [' ', '\t', '\n', '\r'];

fn normalise_part(text: &str) -> String {
    // Each step can undo the one before: folding `ŉ` makes a sequence that NFKC composes, and composing joins what an
    // invisible character separated. After a second round the text is stable.
    let round =
        |text: &str| -> String { text.nfkc().filter(|c| !is_invisible(*c)).default_case_fold().nfkc().collect() };
    let mut folded = round(text);
    for _ in 0..3 {
        let again = round(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

/// Returns whether a character leaves no mark on a screen and is not white space: controls, format characters, fillers,
/// variation selectors and tags (Unicode `Default_Ignorable_Code_Point` and `Cc`).
pub const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{ad}' | '\u{34f}'
        | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text whose runs of white space are one space, without any at its ends, and without invisible characters.
struct Folded {
    text: String,
    is_space_due: bool,
}

impl Folded {
    fn push(&mut self, c: char) {
        if is_invisible(c) {
        } else if c.is_whitespace() {
            self.is_space_due = !self.text.is_empty();
        } else {
            if std::mem::take(&mut self.is_space_due) {
                self.text.push(' ');
            }
            self.text.push(c);
        }
    }

    fn push_ascii(&mut self, byte: u8) {
        if !byte.is_ascii_graphic() {
            self.push(char::from(byte));
            return;
        }
        if std::mem::take(&mut self.is_space_due) {
            self.text.push(' ');
        }
        self.text.push(char::from(byte));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (one, other) in [
            ("Rechnung  \t offen", "rechnung offen"),
            ("Gru\u{308}ße", "GRÜSSE"),
            ("in\u{200b}vo\u{ad}ice", "Invoice"),
            ("your\u{a0}account", " your account "),
            ("ｉｎｖｏｉｃｅ", "invoice"),
            ("ﬁnal", "FINAL"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("pay\u{202e}roll", "payroll"),
            ("a\0b\r\n c", "ab c"),
        ] {
            assert_eq!(normalise(one), normalise(other), "{one:?} {other:?}");
        }
        assert_ne!(normalise("a b"), normalise("ab"));
        assert_eq!(normalise("\u{200b}\u{3164} "), "");
    }

    proptest! {
        #[test]
        fn twice_changes_nothing(text in any::<String>()) {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn parts_take_a_short_way_to_the_same(
            text in "([\\x00-\\x7f]{0,6}|[a-z \\u{300}-\\u{36f}\\u{a0}\\u{a8}\\u{ad}\\u{1100}-\\u{11ff}]{0,4}|\\PC{0,3}){0,8}",
        ) {
            let mut whole = Folded { text: String::new(), is_space_due: false };
            normalise_part(&text).chars().for_each(|c| whole.push(c));
            prop_assert_eq!(normalise(&text), whole.text);
        }
    }
}
