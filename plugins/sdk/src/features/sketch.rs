//! The sketch of a text: which pairs of adjacent words it contains, as keyed hashes that do not show the words.
//!
//! Two sketches under one key say which share of one text is in another. Copies of a message differ in names, numbers,
//! links and invisible characters, so all of these are removed or masked before words are paired. A word is
//!
//! - a run of letters, in the normal form of [`crate::normal`], without accents, each character that is not ASCII as
//!   the character that it is mistaken for (Unicode Technical Standard 39, section 4: its prototype). A single mark
//!   between two letters is dropped (`ver-ify`, `v.e.r.i.f.y`), and three or more single letters in a row are one word
//!   (`v e r i f y`);
//! - one character of a script that is written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese);
//! - a mark for a word that has a digit in it, for an e-mail address, and for a web address.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;
use unicode_security::confusable_detection::skeleton;

use crate::examiner::Sketch;

/// The most hashes of a sketch: 2 kB on the wire. The containment of a long message is then estimated from 256 pairs,
/// with a standard error of at most 0.03; half of the measured phishing messages have at most 119 words, so most
/// sketches are complete.
const MOST_HASHES: usize = 256;
/// How many single letters in a row are one word. English has rows of two (`I a…`), hardly of three.
const FEWEST_SPACED_LETTERS: usize = 3;

/// The word for each word that has a digit in it: amounts, dates, order numbers, random tokens.
const NUMBER: &str = "0";
/// The word for each web address or e-mail address.
const ADDRESS: &str = "@";

/// Returns the sketch of a normal text ([`crate::normal`]). Time and memory are proportional to its length, but for sorting the hashes.
pub(crate) fn of(text: &str, key: (u64, u64)) -> Sketch {
    let mut pairs = Pairs { key, before: String::new(), hashes: Vec::new() };
    let mut letters = SpacedLetters { letters: Vec::new(), pairs: &mut pairs };
    for token in text.split(' ') {
        for piece in pieces(token) {
            match piece {
                Piece::Address => letters.word(ADDRESS),
                Piece::Text(text) => words(text, &mut |word| letters.word(word)),
            }
        }
    }
    letters.flush();
    cut(pairs.hashes)
}

/// Returns the sketch of these hashes, whatever their order and however often each occurs.
fn cut(mut hashes: Vec<u64>) -> Sketch {
    hashes.sort_unstable();
    hashes.dedup();
    let pairs = u32::try_from(hashes.len()).unwrap_or(u32::MAX);
    hashes.truncate(MOST_HASHES);
    Sketch { hashes, pairs }
}

/// Hashes each word together with the word before it.
struct Pairs {
    key: (u64, u64),
    /// Empty before the first word.
    before: String,
    hashes: Vec<u64>,
}

impl Pairs {
    fn word(&mut self, word: &str) {
        if !self.before.is_empty() {
            let mut hasher = SipHasher24::new_with_keys(self.key.0, self.key.1);
            hasher.write(self.before.as_bytes());
            // No word contains a control character.
            hasher.write(&[0]);
            hasher.write(word.as_bytes());
            self.hashes.push(hasher.finish());
        }
        self.before.clear();
        self.before.push_str(word);
    }
}

/// Joins single letters in a row.
struct SpacedLetters<'a> {
    letters: Vec<char>,
    pairs: &'a mut Pairs,
}

impl SpacedLetters<'_> {
    fn word(&mut self, word: &str) {
        let mut chars = word.chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) if only.is_alphabetic() && !is_without_spaces(only) => self.letters.push(only),
            _ => {
                self.flush();
                self.pairs.word(word);
            }
        }
    }

    fn flush(&mut self) {
        if self.letters.len() >= FEWEST_SPACED_LETTERS {
            self.pairs.word(&self.letters.iter().collect::<String>());
        } else {
            for letter in &self.letters {
                self.pairs.word(letter.encode_utf8(&mut [0; 4]));
            }
        }
        self.letters.clear();
    }
}

/// A part of a text without spaces.
#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Text(&'a str),
    /// A web address or an e-mail address.
    Address,
}

/// Splits a normal text without spaces at its addresses: what contains `://` or begins with `www.`, and what has the
/// form of an e-mail address with a dot in its domain. A domain alone (`example.com`) is text.
fn pieces(token: &str) -> Vec<Piece<'_>> {
    let bytes = token.as_bytes();
    let (mut pieces, mut text, mut at) = (Vec::new(), 0, 0);
    // Each byte is passed once forward, and once more by the addresses' own searches, which end at the next address.
    while at < bytes.len() {
        let found = match bytes[at] {
            b':' if bytes[at..].starts_with(b"://") => {
                let start = start_of(&bytes[text..at], |b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) + text;
                (start < at).then(|| (start, web_end(token, at)))
            }
            b'w' if bytes[at..].starts_with(b"www.") && (at == text || !bytes[at - 1].is_ascii_alphanumeric()) => {
                Some((at, web_end(token, at)))
            }
            b'@' => {
                let start = start_of(&bytes[text..at], is_of_mail) + text;
                let domain = bytes[at + 1..].iter().take_while(|b| is_of_mail(**b)).count();
                let has_dot = bytes[at + 1..=at + domain].contains(&b'.');
                (start < at && has_dot).then_some((start, at + 1 + domain))
            }
            _ => None,
        };
        let Some((start, end)) = found else {
            at += 1;
            continue;
        };
        if text < start {
            pieces.push(Piece::Text(&token[text..start]));
        }
        pieces.push(Piece::Address);
        (text, at) = (end, end);
    }
    if text < token.len() {
        pieces.push(Piece::Text(&token[text..]));
    }
    pieces
}

/// Returns where the last run of bytes that fit begins.
fn start_of(bytes: &[u8], fits: impl Fn(u8) -> bool) -> usize {
    bytes.len() - bytes.iter().rev().take_while(|b| fits(**b)).count()
}

fn is_of_mail(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte)
}

/// Returns where the web address around `at` ends: at a bracket or quote, or where a text without spaces begins.
fn web_end(token: &str, at: usize) -> usize {
    let ends = |c: char| matches!(c, '<' | '>' | '"' | '\'' | '\u{3000}'..='\u{303f}') || is_without_spaces(c);
    token[at..].find(ends).map_or(token.len(), |length| at + length)
}

/// Passes each word of a normal text without addresses to `emit`.
fn words(text: &str, emit: &mut impl FnMut(&str)) {
    let mut word = Word::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii_alphabetic() {
            word.letters.push(c);
        } else if is_without_spaces(c) {
            word.end(emit);
            emit(c.encode_utf8(&mut [0; 4]));
        } else if c.is_numeric() {
            word.has_digit = true;
        } else {
            let plain = Plain::of(c);
            let is_joint = plain.is_joint && !word.is_empty() && chars.peek().is_some_and(|next| is_letter(*next));
            if plain.is_letter {
                word.letters.push_str(&plain.text);
            } else if !is_joint {
                word.end(emit);
            }
        }
    }
    word.end(emit);
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || !is_without_spaces(c) && (c.is_numeric() || Plain::of(c).is_letter)
}

/// The word that is being read.
#[derive(Default)]
struct Word {
    letters: String,
    has_digit: bool,
}

impl Word {
    fn is_empty(&self) -> bool {
        self.letters.is_empty() && !self.has_digit
    }

    fn end(&mut self, emit: &mut impl FnMut(&str)) {
        if self.has_digit {
            emit(NUMBER);
        } else if !self.letters.is_empty() {
            emit(&self.letters);
        }
        self.letters.clear();
        self.has_digit = false;
    }
}

/// The character that another is mistaken for, in lower case and without accents.
struct Plain {
    text: String,
    is_letter: bool,
    /// Whether it is a mark that separates letters of one word.
    is_joint: bool,
}

impl Plain {
    fn of(c: char) -> Self {
        let text: String = if c.is_ascii() || is_hangul(c) {
            c.into()
        } else {
            let prototype = skeleton(c.encode_utf8(&mut [0; 4])).filter(|c| !is_accent(*c)).collect::<String>();
            prototype.to_lowercase()
        };
        let is_all = |fits: fn(char) -> bool| !text.is_empty() && text.chars().all(fits);
        // An accent alone leaves nothing: it belongs to the word that it is in.
        let is_letter = c.is_alphabetic() || is_accent(c) || is_all(char::is_alphabetic);
        let is_joint = is_all(|c| "-.'_*|~^+=\u{b7}\u{2027}\u{2022}".contains(c));
        Self { text, is_letter, is_joint }
    }
}

/// Combining Diacritical Marks: what is left of `é` without the `e`.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Hangul syllables, which are confusable with nothing else. Their skeletons are long.
fn is_hangul(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}')
}

/// Returns whether the character is of a script whose words are not separated by spaces: Thai, Lao, Burmese, Khmer,
/// Hiragana, Katakana, Han.
fn is_without_spaces(c: char) -> bool {
    matches!(c,
        '\u{e01}'..='\u{e4e}' | '\u{e81}'..='\u{ecd}' | '\u{1000}'..='\u{103f}' | '\u{1780}'..='\u{17d3}'
        | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests;
