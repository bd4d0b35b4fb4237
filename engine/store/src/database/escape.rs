//! Text as it can be stored. Mail may hold NUL characters, which PostgreSQL refuses and SQLite's functions trip over, and the
//! plan's digest covers every character: so NUL is written as two harmless characters and read back as it was.

use std::borrow::Cow;

/// Announces an escape. A non-character that no mail should hold; where one does, it is escaped itself.
const MARK: char = '\u{10FFFF}';

/// The text without NUL.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', MARK]) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\0' => escaped.extend([MARK, '0']),
            MARK => escaped.extend([MARK, '1']),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// The text as it was before [`escape`].
pub(crate) fn unescape(stored: &str) -> Cow<'_, str> {
    if !stored.contains(MARK) {
        return Cow::Borrowed(stored);
    }
    let mut text = String::with_capacity(stored.len());
    let mut chars = stored.chars();
    while let Some(c) = chars.next() {
        match (c, c == MARK) {
            (_, true) => text.push(if chars.next() == Some('0') { '\0' } else { MARK }),
            (other, false) => text.push(other),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_back_as_it_was() {
        for text in ["", "plain", "Größe 日本", "\0", "a\0b\u{10FFFF}0\0", "\u{10FFFF}\u{10FFFF}1"] {
            assert!(!escape(text).contains('\0'));
            assert_eq!(unescape(&escape(text)), text);
        }
    }
}
