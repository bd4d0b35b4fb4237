//! The escaping of stored text. Mail may contain NUL characters, which PostgreSQL refuses and SQLite's functions
//! mishandle. The plan's digest covers every character, so NUL is written as two harmless characters and restored on
//! reading.

use std::borrow::Cow;

/// Marks an escape. A non-character that mail should not contain; if it does, the mark itself is escaped.
const MARK: char = '\u{10FFFF}';

/// Escapes NUL.
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

/// Reverts [`escape`].
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
