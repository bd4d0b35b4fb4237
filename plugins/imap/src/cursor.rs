//! The position at which a search continues: `p2:UIDVALIDITY:UID:BORDERS:FOLDER`.
//!
//! The UID is the last one that was checked. The borders are the UIDs at which the next pages end, so that each page of
//! a large folder searches only its own part. A border is written as the distance from the previous one in base 36, and
//! borders are joined by dots.

use std::fmt::Write as _;

use crate::locator::Locator;

/// The most bytes of the borders in one cursor; the host accepts cursors of 16 KiB.
const LONGEST: usize = 12 * 1024;

/// A parsed cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) validity: u32,
    /// The last UID that was checked.
    pub(crate) after: u32,
    /// In ascending order, all above `after`.
    pub(crate) borders: Vec<u32>,
    /// In the server's spelling.
    pub(crate) folder: String,
}

impl Cursor {
    /// Parses a cursor; `None` for any other text. A cursor without borders may also be a locator.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some(text) = text.strip_prefix("p2:") else {
            let locator = Locator::parse(text)?;
            return Some(Self {
                validity: locator.validity,
                after: locator.uid,
                borders: Vec::new(),
                folder: locator.folder,
            });
        };
        let mut parts = text.splitn(4, ':');
        let (validity, after) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let distances = parts.next()?.split('.').filter(|distance| !distance.is_empty());
        let mut at: u32 = after;
        let borders = distances.map(|distance| {
            at = at.checked_add(u32::from_str_radix(distance, 36).ok()?)?;
            Some(at)
        });
        let borders = borders.collect::<Option<_>>()?;
        let folder = parts.next().filter(|folder| !folder.is_empty())?;
        Some(Self { validity, after, borders, folder: folder.to_owned() })
    }
}

impl Cursor {
    /// Returns the same cursor, continued from this UID.
    pub(crate) fn after(&self, uid: u32) -> Self {
        let borders = self.borders.iter().copied().filter(|border| *border > uid).collect();
        Self { after: uid, borders, ..self.clone() }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mut borders, mut before) = (String::new(), self.after);
        for border in &self.borders {
            let distance = base36(border.saturating_sub(before));
            if borders.len() + distance.len() >= LONGEST {
                break;
            }
            let dot = if borders.is_empty() { "" } else { "." };
            write!(borders, "{dot}{distance}")?;
            before = *border;
        }
        write!(formatter, "p2:{}:{}:{borders}:{}", self.validity, self.after, self.folder)
    }
}

fn base36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(number % 36, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back() {
        let cursor = Cursor {
            validity: 1_700_000_000,
            after: 7,
            borders: vec![8, 1_000, u32::MAX],
            folder: "Archive/a:b".into(),
        };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor.clone()));
        let bare = Cursor { borders: Vec::new(), ..cursor };
        assert_eq!(Cursor::parse(&bare.to_string()), Some(bare.clone()));
        assert_eq!(Cursor::parse("1700000000:7:Archive/a:b"), Some(bare));
        for text in ["", "p2:", "p2:1:2:3", "p2:1:2:3:", "p2:1:x:3:INBOX", "p2:1:2:-:INBOX", "p2:1:2:zzzzzzz:INBOX"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }

    #[test]
    fn is_never_too_long() {
        let borders: Vec<u32> = (1..100_000).map(|number| number * 40_000).collect();
        let cursor = Cursor { validity: 1, after: 0, borders, folder: "INBOX".into() };
        let text = cursor.to_string();
        assert!(text.len() < 16 * 1024);
        let read = Cursor::parse(&text).unwrap();
        assert!(read.borders.len() > 2_000 && cursor.borders.starts_with(&read.borders));
    }
}
