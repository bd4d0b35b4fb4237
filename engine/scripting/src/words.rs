//! Sets of short texts that are searched for every message, almost always without a match.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// A set of texts in lower case.
#[derive(Debug, Default)]
pub(crate) struct Words {
    all: HashSet<String, BuildHasherDefault<Quick>>,
    /// One bit for each length of a word: texts of other lengths, which are most, are not hashed.
    lengths: u64,
    longest: usize,
}

impl Words {
    /// Returns whether the text, which must be in lower case, is in the set.
    pub(crate) fn has(&self, lower: &str) -> bool {
        self.lengths & length_bit(lower) != 0 && lower.len() <= self.longest && self.all.contains(lower)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(String::as_str)
    }
}

impl FromIterator<String> for Words {
    fn from_iter<I: IntoIterator<Item = String>>(words: I) -> Self {
        let all: HashSet<String, _> = words.into_iter().collect();
        let lengths = all.iter().fold(0, |lengths, word| lengths | length_bit(word));
        let longest = all.iter().map(String::len).max().unwrap_or(0);
        Self { all, lengths, longest }
    }
}

fn length_bit(text: &str) -> u64 {
    1 << text.len().min(63)
}

/// A hasher for the words of the configuration. Senders can look up any text but cannot insert one, so they cannot
/// cause collisions and the hash need not be keyed.
#[derive(Debug, Default)]
struct Quick(u64);

impl Quick {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        self.mix(rest.iter().fold(bytes.len() as u64, |word, byte| word << 8 | u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        // After a product the high half is well mixed, and a table uses the low half for its slot.
        self.0 ^ self.0 >> 32
    }
}

/// Returns the text in lower case, which addresses and domains almost always are already.
pub(crate) fn lower_case(text: &str) -> Cow<'_, str> {
    // No early exit, so that the loop is vectorised.
    let is_lower = text.bytes().fold(true, |lower, byte| lower & byte.is_ascii() & !byte.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

/// Returns the part after the last of these ASCII letters; the whole text if there is none. A simple loop is the
/// fastest for short texts.
pub(crate) fn after_last(text: &str, letter: u8) -> &str {
    text.bytes().rposition(|byte| byte == letter).map_or(text, |at| &text[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_found_and_no_other() {
        let texts: Vec<_> = (0..2_000).map(|n| format!("{}user{n}@corp.example", "x".repeat(n % 90))).collect();
        let words: Words = texts.iter().step_by(2).cloned().collect();
        for (at, text) in texts.iter().enumerate() {
            assert_eq!(words.has(text), at % 2 == 0, "{text}");
        }
        assert!(!words.has("") && words.len() == 1_000);
    }

    #[test]
    fn hashes_spread() {
        let slot = |n: u32| {
            let mut hasher = Quick::default();
            hasher.write(format!("user{n}@corp.example").as_bytes());
            hasher.finish() & 1_023
        };
        let slots: HashSet<_> = (0..1_024).map(slot).collect();
        // Random hashing fills 63 of 100 slots.
        assert!(slots.len() > 550, "{}", slots.len());
    }
}
