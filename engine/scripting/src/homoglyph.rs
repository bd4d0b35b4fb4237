//! Look-alikes: texts that differ to a computer and not to a person.

use std::borrow::Cow;

use crate::domain::registrable_domain;
use crate::lists::TextSet;
use crate::subject::levenshtein;

/// Letters that pass for an ASCII letter in common fonts.
const TWINS: [(char, &str); 26] = [
    ('a', "аɑαàáâãäåāăąǎ"),
    ('b', "ЬƅВв"),
    ('c', "сϲçćčᴄ"),
    ('d', "ԁɗďđ"),
    ('e', "еєéèêëēĕėęěеɛ"),
    ('f', "ƒ"),
    ('g', "ɡġğǵցԍ"),
    ('h', "һհħ"),
    ('i', "іıìíîïīĭįɩⅰ!"),
    ('j', "јϳ"),
    ('k', "κкķ"),
    ('l', "1ӏłĺļľⅼ|"),
    ('m', "мṃⅿ"),
    ('n', "ոпñńņňη"),
    ('o', "0оοσөòóôõöøōŏőօ"),
    ('p', "рρƿ"),
    ('q', "ԛգ"),
    ('r', "гŕŗřɾ"),
    ('s', "ѕśşšșʂ5"),
    ('t', "тţťțτ"),
    ('u', "υսùúûüũūŭůűų"),
    ('v', "ѵνѴ"),
    ('w', "ԝѡωŵ"),
    ('x', "хχ×"),
    ('y', "уүýÿγ"),
    ('z', "ᴢźżž"),
];

/// A domain is at most this long on the wire; more is looked at by nobody.
const LONGEST: usize = 512;

/// The text as a hurried reader sees it: lower case, twins of ASCII letters replaced, `rn` as `m`, `vv` as `w`, punycode
/// labels decoded. Two texts with the same skeleton look alike.
pub(crate) fn skeleton(text: &str) -> String {
    let decoded: Vec<Cow<'_, str>> = text
        .split('.')
        .map(|label| match label.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("xn--") => {
                punycode(&label[4..]).map_or(Cow::Borrowed(label), Cow::Owned)
            }
            _ => Cow::Borrowed(label),
        })
        .collect();
    let mut plain = String::with_capacity(text.len());
    for c in decoded.join(".").chars().take(LONGEST).flat_map(char::to_lowercase) {
        if matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{300}'..='\u{36f}') {
            continue;
        }
        plain.push(twin(c));
    }
    plain.replace("rn", "m").replace("vv", "w").replace("cl", "d")
}

fn twin(c: char) -> char {
    if c.is_ascii_alphabetic() {
        return c;
    }
    // Fullwidth forms are ASCII moved.
    if let '\u{ff01}'..='\u{ff5e}' = c {
        return char::from_u32(u32::from(c) - 0xfee0).map_or(c, |plain| twin(plain.to_ascii_lowercase()));
    }
    TWINS.iter().find(|(_, twins)| twins.contains(c)).map_or(c, |(letter, _)| *letter)
}

/// Whether the domain would be taken for one of the list without being it or lying beneath it: the same skeleton, or one
/// letter off in a name long enough to mean it.
pub(crate) fn looks_like(domain: &str, list: &TextSet) -> bool {
    if list.is_empty() || domain.is_empty() || list.covers(domain) {
        return false;
    }
    let lower = domain.to_lowercase();
    let given = registrable_domain(&lower);
    if list.looks().iter().any(|(known, _)| known == given) {
        return false;
    }
    let look = skeleton(given);
    list.looks().iter().any(|(_, known)| *known == look || is_near(known, &look))
}

/// Names of five letters and more, one letter apart, under the same or another top level.
fn is_near(known: &str, look: &str) -> bool {
    let name = |domain: &str| domain.split_once('.').map_or(0, |(name, _)| name.chars().count());
    name(known) >= 5 && known.chars().count().abs_diff(look.chars().count()) <= 1 && levenshtein(known, look) <= 1
}

/// RFC 3492, decoding only. None where the label is no punycode.
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
    fn look_alikes_are_not_the_thing_itself() {
        let list = TextSet::new(["contoso.example".into(), "corp.co.uk".into(), "ann@fabrikam.example".into()]);
        for domain in ["c0ntoso.example", "contosso.example", "mail.cοntoso.example", "fabrikarn.example", "c0rp.co.uk"]
        {
            assert!(looks_like(domain, &list), "{domain}");
        }
        for domain in
            ["contoso.example", "mail.contoso.example", "fabrikam.example", "example.example", "carp.co.uk", ""]
        {
            assert!(!looks_like(domain, &list), "{domain}");
        }
    }
}
