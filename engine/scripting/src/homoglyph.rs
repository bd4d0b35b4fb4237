//! Look-alikes: texts that differ for a computer but not for a person.

use std::borrow::Cow;
use std::cell::RefCell;

use clawback_model::registrable_domain;

use crate::words::Words;

/// Letters beyond ASCII that look like an ASCII letter in common fonts.
const CONFUSABLES: [(char, &str); 26] = [
    ('a', "аɑαàáâãäåāăąǎ"),
    ('b', "ЬƅВв"),
    ('c', "сϲçćčᴄ"),
    ('d', "ԁɗďđ"),
    ('e', "еєéèêëēĕėęěеɛ"),
    ('f', "ƒ"),
    ('g', "ɡġğǵցԍ"),
    ('h', "һհħ"),
    ('i', "іıìíîïīĭįɩⅰ"),
    ('j', "јϳ"),
    ('k', "κкķ"),
    ('l', "ӏłĺļľⅼ"),
    ('m', "мṃⅿ"),
    ('n', "ոпñńņňη"),
    ('o', "оοσөòóôõöøōŏőօ"),
    ('p', "рρƿ"),
    ('q', "ԛգ"),
    ('r', "гŕŗřɾ"),
    ('s', "ѕśşšșʂ"),
    ('t', "тţťțτ"),
    ('u', "υսùúûüũūŭůűų"),
    ('v', "ѵνѴ"),
    ('w', "ԝѡωŵ"),
    ('x', "хχ×"),
    ('y', "уүýÿγ"),
    ('z', "ᴢźżž"),
];

/// The longest text that is compared: longer than any domain on the wire.
const LONGEST: usize = 512;

/// Returns the text as a person reads it at a glance: lower case, confusable letters replaced by ASCII, `rn` by `m`,
/// `vv` by `w`, punycode labels decoded. Two texts with the same skeleton look alike.
pub(crate) fn skeleton(text: &str) -> String {
    let decoded = if text.contains("--") { decode(text) } else { Cow::Borrowed(text) };
    let mut plain = String::with_capacity(decoded.len().min(LONGEST));
    for c in decoded.chars().take(LONGEST) {
        if c.is_ascii() {
            push_merged(&mut plain, twin(c.to_ascii_lowercase()));
            continue;
        }
        for c in c.to_lowercase() {
            if !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{300}'..='\u{36f}') {
                push_merged(&mut plain, twin(c));
            }
        }
    }
    plain
}

/// Adds a letter; a pair that looks like one letter is merged.
fn push_merged(plain: &mut String, c: char) {
    let merged = match (plain.as_bytes().last(), c) {
        (Some(b'r'), 'n') => 'm',
        (Some(b'v'), 'v') => 'w',
        (Some(b'c'), 'l') => 'd',
        _ => return plain.push(c),
    };
    plain.pop();
    plain.push(merged);
}

fn decode(text: &str) -> Cow<'_, str> {
    let label = |label| match str::get(label, ..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("xn--") => {
            punycode(&label[4..]).map_or(Cow::Borrowed(label), Cow::Owned)
        }
        _ => Cow::Borrowed(label),
    };
    Cow::Owned(text.split('.').map(label).collect::<Vec<_>>().join("."))
}

fn twin(c: char) -> char {
    match c {
        '!' => 'i',
        '1' | '|' => 'l',
        '0' => 'o',
        '5' => 's',
        '\0'..='\x7f' => c,
        // Fullwidth forms are ASCII at an offset.
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(c) - 0xfee0).map_or(c, |plain| twin(plain.to_ascii_lowercase()))
        }
        _ => CONFUSABLES.iter().find(|(_, twins)| twins.contains(c)).map_or(c, |(letter, _)| *letter),
    }
}

/// An index of the domains of a list by their looks.
#[derive(Debug, Default)]
pub(crate) struct SkeletonIndex {
    /// The registrable domains, as written.
    domains: Words,
    /// Their skeletons.
    skeletons: Words,
    /// The skeletons of names that are long enough for a match with one wrong letter, with their length in letters.
    long: Vec<(String, usize)>,
}

/// The letters of a name, without its top level, from which a match with one wrong letter is not a coincidence.
const LONG_NAME: usize = 5;

impl SkeletonIndex {
    pub(crate) fn of<'a>(entries: impl Iterator<Item = &'a str>) -> Self {
        let bare = entries.map(|entry| entry.rsplit_once('@').map_or(entry, |(_, domain)| domain));
        let domains: Words = bare.map(|domain| registrable_domain(domain).to_owned()).collect();
        let skeletons: Words = domains.iter().map(skeleton).collect();
        let name = |domain: &str| domain.split_once('.').map_or(0, |(name, _)| name.chars().count());
        let long = skeletons.iter().filter(|look| name(look) >= LONG_NAME);
        let long = long.map(|look| (look.to_owned(), look.chars().count())).collect();
        Self { domains, skeletons, long }
    }

    /// Returns whether this registrable domain is not in the list, but looks like one in it.
    pub(crate) fn mislead(&self, domain: &str) -> bool {
        !self.domains.has(domain) && with_skeleton(domain, |look| self.take_in(look))
    }

    /// Returns whether a text with this skeleton looks like one in the list.
    fn take_in(&self, look: &str) -> bool {
        if self.skeletons.has(look) {
            return true;
        }
        let letters = look.chars().count();
        self.long.iter().any(|(known, length)| length.abs_diff(letters) <= 1 && is_near(known, look))
    }
}

/// Calls `ask` with the skeleton of a domain. The last skeleton is cached: scripts check one domain against several
/// lists, and the mails of a campaign are consecutive.
fn with_skeleton<R>(domain: &str, ask: impl FnOnce(&str) -> R) -> R {
    thread_local! {
        static LAST: RefCell<(String, String)> = const { RefCell::new((String::new(), String::new())) };
    }
    if domain.len() > LONGEST {
        return ask(&skeleton(domain));
    }
    LAST.with_borrow_mut(|(of, look)| {
        if of != domain {
            *look = skeleton(domain);
            domain.clone_into(of);
        }
        ask(look)
    })
}

/// Returns whether one inserted, removed or replaced letter makes the texts equal.
fn is_near(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.chars(), other.chars());
    loop {
        let (here, there) = (one.as_str(), other.as_str());
        match (one.next(), other.next()) {
            (None, None) => return true,
            (a, b) if a == b => {}
            _ => return one.as_str() == other.as_str() || here == other.as_str() || one.as_str() == there,
        }
    }
}

/// Decodes punycode (RFC 3492). Returns `None` if the label is not valid punycode.
fn punycode(label: &str) -> Option<String> {
    let (base, digits) = label.rsplit_once('-').unwrap_or(("", label));
    let mut output: Vec<char> = base.chars().collect();
    let (mut n, mut i, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = digits.bytes().peekable();
    while digits.peek().is_some() {
        let before = i;
        let (mut weight, mut k) = (1_u32, 36_u32);
        loop {
            let digit = match digits.next()? {
                byte @ b'a'..=b'z' => u32::from(byte - b'a'),
                byte @ b'A'..=b'Z' => u32::from(byte - b'A'),
                byte @ b'0'..=b'9' => u32::from(byte - b'0') + 26,
                _ => return None,
            };
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let threshold = if k <= bias { 1 } else { (k - bias).min(26) };
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
            k += 36;
        }
        let length = u32::try_from(output.len()).ok()?.checked_add(1)?;
        bias = adapt(i - before, length, before == 0);
        n = n.checked_add(i / length)?;
        i %= length;
        if output.len() >= 64 {
            return None;
        }
        output.insert(i as usize, char::from_u32(n)?);
        i += 1;
    }
    Some(output.into_iter().collect())
}

fn adapt(delta: u32, length: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / length;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skeletons() {
        for (text, expected) in [
            ("PayPa1.com", "paypal.com"),
            ("раураl.com", "paypal.com"),
            ("rnicrosoft.com", "microsoft.com"),
            ("ｃｏｒｐ.example", "corp.example"),
            ("co\u{200b}rp.example", "corp.example"),
            ("xn--pypal-4ve.com", "paypal.com"),
        ] {
            assert_eq!(skeleton(text), skeleton(expected), "{text}");
        }
        assert_eq!(punycode("mnchen-3ya").as_deref(), Some("münchen"));
        assert_eq!(punycode("999999999999"), None);
    }

    #[test]
    fn one_letter_apart() {
        let words = ["", "a", "b", "ab", "ba", "abc", "abd", "acb", "bc", "aabc", "abcc", "xabc", "äbc", "abcde"];
        for (one, other) in words.iter().flat_map(|one| words.map(|other| (*one, other))) {
            assert_eq!(is_near(one, other), strsim::levenshtein(one, other) <= 1, "{one} {other}");
        }
    }

    #[test]
    fn letters_that_merge() {
        for (text, expected) in
            [("vvvv", "ww"), ("vvv", "wv"), ("c1r\u{200b}n", "dm"), ("VVcLRN", "wdm"), ("rnn", "mn")]
        {
            assert_eq!(skeleton(text), expected);
        }
    }
}
