//! Sets of short texts that are asked about for every message, almost always in vain.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// A set of texts in lower case.
#[derive(Debug, Default)]
pub(crate) struct Words {
    all: HashSet<String, BuildHasherDefault<Quick>>,
    /// A bit for each length that a word has: most texts have another, and are then not hashed.
    lengths: u64,
    longest: usize,
}

impl Words {
    /// Whether the text, which must be in lower case, is one of them.
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

/// The words are those of the configuration: a stranger can ask for any text, but cannot put one in, so nobody can fill one
/// slot of the table on purpose and the hash need not be keyed.
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
        // The high half is the good one after a product, and a table takes its slot from the low one.
        self.0 ^ self.0 >> 32
    }
}

/// The text in lower case, which addresses and domains almost always are already.
pub(crate) fn lower_case(text: &str) -> Cow<'_, str> {
    // No early end: the loop then goes over many bytes at once.
    let is_lower = text.bytes().fold(true, |lower, byte| lower & byte.is_ascii() & !byte.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

/// What follows the last of these ASCII letters; all of it if there is none. In short texts a plain loop is the fastest.
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
        // By chance alone 63 in 100 slots are taken.
        assert!(slots.len() > 550, "{}", slots.len());
    }
}
