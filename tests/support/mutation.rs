//! What senders change from copy to copy of a phishing message, as changes of its text, for measurements of how many
//! copies are found. The same seed makes the same copy.

use crate::mail::Random;

/// A change of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Other numbers, addresses and links, and another name: one word.
    Token,
    /// Another word in place of 10 % of the words.
    Spin10,
    /// Another word in place of 25 % of the words.
    Spin25,
    /// Other text after it, 30 % of its length.
    Padded30,
    /// Other text after it, of its length.
    Padded100,
    /// Cyrillic letters in place of 30 % of the letters that have one of the same look.
    Homoglyph,
    /// An invisible character before 10 % of the letters.
    ZeroWidth,
    /// The warning of a mail gateway before it.
    Banner,
    /// Quoted as a forwarded message.
    Forward,
    /// A mark or a blank in 10 % of the words of at least six letters.
    SplitWords,
}

impl Mutation {
    /// Every change.
    pub const ALL: [Self; 10] = [
        Self::Token,
        Self::Spin10,
        Self::Spin25,
        Self::Padded30,
        Self::Padded100,
        Self::Homoglyph,
        Self::ZeroWidth,
        Self::Banner,
        Self::Forward,
        Self::SplitWords,
    ];

    /// Returns the changed text. `other` is a text of another message, from which words are taken; it has at least one.
    pub fn apply(self, text: &str, other: &str, seed: u64) -> String {
        let mut random = Random::new(seed);
        match self {
            Self::Token => token(text, other, &mut random),
            Self::Spin10 => spin(text, other, 10, &mut random),
            Self::Spin25 => spin(text, other, 25, &mut random),
            Self::Padded30 => padded(text, other, 30, &mut random),
            Self::Padded100 => padded(text, other, 100, &mut random),
            Self::Homoglyph => homoglyph(text, &mut random),
            Self::ZeroWidth => zero_width(text, &mut random),
            Self::Banner => format!("{BANNER}\n\n{text}"),
            Self::Forward => forward(text),
            Self::SplitWords => split_words(text, &mut random),
        }
    }
}

const BANNER: &str = "CAUTION: This email originated from outside of the organization. Do not click links or open \
    attachments unless you recognize the sender and know the content is safe.";

/// Replaces each word by what `change` returns for it and keeps the white space.
fn each_word(text: &str, mut change: impl FnMut(&str) -> Option<String>) -> String {
    let mut changed = String::with_capacity(text.len());
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end_matches(char::is_whitespace);
        let replaced = if word.is_empty() { None } else { change(word) };
        changed.push_str(replaced.as_deref().unwrap_or(word));
        changed.push_str(&part[word.len()..]);
    }
    changed
}

/// Returns the words of the text from which words are taken.
fn vocabulary(other: &str) -> Vec<&str> {
    other.split_whitespace().collect()
}

fn token(text: &str, other: &str, random: &mut Random) -> String {
    let words = vocabulary(other);
    let name = random.below(text.split_whitespace().count().max(1) as u64);
    let mut at = 0;
    each_word(text, |word| {
        at += 1;
        if word.contains("://") {
            return Some(format!("https://{:x}.example/{:x}", random.draw(), random.draw()));
        }
        if word.contains('@') {
            return Some(format!("{:x}@{:x}.example", random.draw(), random.draw()));
        }
        if word.contains(|c: char| c.is_ascii_digit()) {
            return Some(format!("{}", random.below(1_000_000)));
        }
        (at == name + 1).then(|| (*random.pick(&words)).to_owned())
    })
}

fn spin(text: &str, other: &str, percent: u64, random: &mut Random) -> String {
    let words = vocabulary(other);
    each_word(text, |_| random.chance(percent).then(|| (*random.pick(&words)).to_owned()))
}

/// Appends words of the other text from a random place on, again from its start at its end.
fn padded(text: &str, other: &str, percent: usize, random: &mut Random) -> String {
    let words = vocabulary(other);
    let start = usize::try_from(random.below(words.len() as u64)).expect("an index fits");
    let count = (text.split_whitespace().count() * percent).div_ceil(100);
    let filler: Vec<&str> = words.iter().cycle().skip(start).take(count).copied().collect();
    format!("{text}\n\n{}", filler.join(" "))
}

fn homoglyph(text: &str, random: &mut Random) -> String {
    let alike = |c: char| match c {
        'a' => 'а',
        'c' => 'с',
        'e' => 'е',
        'i' => 'і',
        'o' => 'о',
        'p' => 'р',
        's' => 'ѕ',
        'x' => 'х',
        'y' => 'у',
        'A' => 'А',
        'E' => 'Е',
        'O' => 'О',
        'P' => 'Р',
        'T' => 'Т',
        _ => c,
    };
    text.chars().map(|c| if random.chance(30) { alike(c) } else { c }).collect()
}

fn zero_width(text: &str, random: &mut Random) -> String {
    let mut changed = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphabetic() && random.chance(10) {
            changed.push(*random.pick(&['\u{200b}', '\u{200c}', '\u{2060}', '\u{feff}', '\u{ad}']));
        }
        changed.push(c);
    }
    changed
}

fn forward(text: &str) -> String {
    let quoted: Vec<String> = text.lines().map(|line| format!("> {line}")).collect();
    format!(
        "Please see below. Is this real?\n\n---------- Forwarded message ----------\nFrom: Service <service@evil.example>\n\
         Date: Mon, 5 Jan 2026 at 09:12\nSubject: Your account\nTo: Ann <ann@corp.example>\n\n{}",
        quoted.join("\n")
    )
}

fn split_words(text: &str, random: &mut Random) -> String {
    each_word(text, |word| {
        let is_word = word.chars().count() >= 6 && word.chars().all(char::is_alphabetic);
        if !is_word || !random.chance(10) {
            return None;
        }
        let middle = word.char_indices().nth(word.chars().count() / 2).map_or(word.len(), |(at, _)| at);
        let mark = random.pick(&["-", ".", "_", " "]);
        Some(format!("{}{mark}{}", &word[..middle], &word[middle..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Dear Ann,\nplease confirm your password at https://evil.example/a before 17:00 today.";
    const OTHER: &str = "lists are archived for members only";

    #[test]
    fn the_same_seed_makes_the_same_copy() {
        for mutation in Mutation::ALL {
            assert_eq!(mutation.apply(TEXT, OTHER, 7), mutation.apply(TEXT, OTHER, 7), "{mutation:?}");
            let copies: Vec<String> = (0..20).map(|seed| mutation.apply(TEXT, OTHER, seed)).collect();
            assert!(copies.iter().any(|copy| copy != TEXT), "{mutation:?}");
        }
    }

    #[test]
    fn a_change_is_what_its_name_says() {
        let count = |text: &str| text.split_whitespace().count();
        let token = Mutation::Token.apply(TEXT, OTHER, 1);
        assert!(!token.contains("evil.example") && !token.contains("17:00") && count(&token) == count(TEXT));
        assert_eq!(count(&Mutation::Padded100.apply(TEXT, OTHER, 1)), 2 * count(TEXT));
        assert!(Mutation::Banner.apply(TEXT, OTHER, 1).ends_with(TEXT));
        assert!(Mutation::Forward.apply(TEXT, OTHER, 1).contains("> please confirm"));
        let invisible = |c: char| matches!(c, '\u{200b}' | '\u{200c}' | '\u{2060}' | '\u{feff}' | '\u{ad}');
        assert_eq!(Mutation::ZeroWidth.apply(TEXT, OTHER, 1).replace(invisible, ""), TEXT);
        let long = "word ".repeat(10_000);
        let spun = Mutation::Spin25.apply(&long, OTHER, 1);
        let replaced = spun.split(' ').filter(|word| !word.is_empty() && *word != "word").count();
        assert!((2_300..2_700).contains(&replaced), "{replaced}");
    }
}
