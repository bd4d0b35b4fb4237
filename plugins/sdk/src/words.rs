//! Texts of header fields: folds, encoded words (RFC 2047, RFC 2231 5), raw bytes.

use std::borrow::Cow;

use crate::charset;

/// One encoded word, split into its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word<'a> {
    charset: &'a str,
    is_base64: bool,
    data: &'a str,
    /// The bytes of the whole word.
    length: usize,
}

/// Returns the text of a field as mail clients show it: unfolded, decoded, trimmed.
pub(crate) fn text(value: &[u8]) -> String {
    decode(&unfold(value)).trim().to_owned()
}

/// Returns the value on one line, decoded in its most likely charset.
pub(crate) fn unfold(value: &[u8]) -> Cow<'_, str> {
    let raw = charset::guess(value.trim_ascii());
    if !raw.bytes().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return raw;
    }
    let mut line = String::with_capacity(raw.len());
    let mut parts = raw.split(['\r', '\n']);
    line.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let part = part.trim_start_matches([' ', '\t']);
        if !part.is_empty() {
            // The white space of a fold is one blank, however wide it is.
            line.truncate(line.trim_end_matches([' ', '\t']).len());
            line.push(' ');
            line.push_str(part);
        }
    }
    Cow::Owned(line)
}

/// Decodes the encoded words in a text. White space between two of them is removed; adjacent words in one charset are
/// joined before decoding, so that characters split over them survive. Invalid words are kept.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find("=?") else { return Cow::Borrowed(text) };
    let mut decoded = String::with_capacity(text.len());
    decoded.push_str(&text[..first]);
    let mut rest = &text[first..];
    let mut open: Option<(&str, Vec<u8>)> = None;
    loop {
        let plain = rest.find("=?").unwrap_or(rest.len());
        let word = Word::at(&rest[plain..]).and_then(|word| Some((word, word.bytes()?)));
        if word.is_none() && plain == rest.len() {
            close(&mut open, &mut decoded);
            decoded.push_str(rest);
            return Cow::Owned(decoded);
        }
        let between = &rest[..plain];
        if let Some((word, bytes)) = word {
            let is_next = open.is_some() && between.bytes().all(|byte| byte.is_ascii_whitespace());
            match &mut open {
                Some((charset, joined)) if is_next && charset.eq_ignore_ascii_case(word.charset) => {
                    joined.extend(bytes);
                }
                _ => {
                    close(&mut open, &mut decoded);
                    if !is_next {
                        decoded.push_str(between);
                    }
                    open = Some((word.charset, bytes));
                }
            }
            rest = &rest[plain + word.length..];
        } else {
            close(&mut open, &mut decoded);
            decoded.push_str(&rest[..plain + 2]);
            rest = &rest[plain + 2..];
        }
    }
}

fn close(open: &mut Option<(&str, Vec<u8>)>, decoded: &mut String) {
    if let Some((charset, bytes)) = open.take() {
        decoded.push_str(&charset::decode(charset, &bytes));
    }
}

/// Returns the bytes of the encoded word at the start of `text`, if it is valid in an address field: without blanks and
/// without characters that have a meaning there.
pub(crate) fn length_of_atom(text: &str) -> Option<usize> {
    let word = Word::at(text)?;
    let is_plain = |byte: u8| !byte.is_ascii_whitespace() && !b"<>()\",;\\".contains(&byte);
    (word.bytes().is_some() && text.bytes().take(word.length).all(is_plain)).then_some(word.length)
}

impl<'a> Word<'a> {
    /// The longest charset name, including a language tag.
    const LONGEST_CHARSET: usize = 64;

    /// Returns the encoded word at the start of `text`.
    fn at(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix("=?")?;
        let charset = inner.bytes().take(Self::LONGEST_CHARSET).position(|byte| byte == b'?')?;
        let name = &inner[..charset];
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let is_base64 = match inner.as_bytes().get(charset + 1..charset + 3)? {
            b"B?" | b"b?" => true,
            b"Q?" | b"q?" => false,
            _ => return None,
        };
        let data = &inner[charset + 3..];
        let end = end_of(data.as_bytes())?;
        Some(Self {
            charset: name.split('*').next().unwrap_or(name),
            is_base64,
            data: &data[..end],
            length: 2 + charset + 3 + end + 2,
        })
    }

    /// Returns the decoded bytes; `None` if its base64 is invalid.
    fn bytes(&self) -> Option<Vec<u8>> {
        if self.is_base64 { from_base64(self.data.as_bytes()) } else { Some(from_q(self.data.as_bytes())) }
    }
}

/// Returns the end of a word's data. A word that contains the start of another has no end, so that scans stay short.
fn end_of(data: &[u8]) -> Option<usize> {
    (0..data.len().saturating_sub(1)).find_map(|at| match &data[at..] {
        [b'?', b'=', ..] => Some(Some(at)),
        [b'=', b'?', b'=', ..] => None,
        [b'=', b'?', ..] => Some(None),
        _ => None,
    })?
}

/// Decodes base64. Padding may be missing or excessive, as clients accept that; other characters are invalid.
fn from_base64(data: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(data.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in data.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    Some(bytes)
}

/// Decodes Q encoding. An `=` without two hexadecimal digits is kept.
fn from_q(data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(data.len());
    let mut at = 0;
    while let Some(byte) = data.get(at) {
        at += 1;
        match (byte, data.get(at..at + 2).and_then(from_hex)) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                at += 2;
            }
            (b'_', _) => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
    }
    bytes
}

/// Returns the byte of two hexadecimal digits.
pub(crate) fn from_hex(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_mail_clients_show_it() {
        for (raw, shown) in [
            (&b" plain\r\n"[..], "plain"),
            (b"one\r\n  two\r\n\tthree", "one two three"),
            (b"=?UTF-8?B?UmVjaG51bmdzcHLD?=\r\n =?UTF-8?B?vGZ1bmcgZXJmb3JkZXJsaWNo?=", "Rechnungsprüfung erforderlich"),
            (b"=?UTF-8?Q?Best=C3?= =?utf-8?Q?=A4tigung_n=C3=B6tig?=", "Bestätigung nötig"),
            (b"=?utf-8?Q?a?= =?iso-8859-1?Q?=E9?= b", "aé b"),
            (b"a =?utf-8?Q?b?= c =?utf-8?Q?d?=", "a b c d"),
            (b"=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"),
            (b"=?utf-8*de?Q?Gr=C3=BC=C3=9Fe?= Bonus", "Grüße Bonus"),
            (b"=?x-evil-9?Q?secret=20invoice?= overdue", "secret invoice overdue"),
            (b"=?UTF-8?B?WmFobHVuZ3NlcmlubmVyd!!?= x", "=?UTF-8?B?WmFobHVuZ3NlcmlubmVyd!!?= x"),
            (b"=?UTF-8?B?WmFobA?=", "Zahl"),
            (b"=?utf-7?Q?Pr+APw-fung?= Konto", "Prüfung Konto"),
            (b"=?utf-8?Q?with blanks in it?=", "with blanks in it"),
            (b"=?utf-8?Q?50=_off=ZZ?=", "50= off=ZZ"),
            (b"=?utf-8?X?a?= =?utf-8?Q?open", "=?utf-8?X?a?= =?utf-8?Q?open"),
            (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
            (b"=?gb2312?B?08o=?= =?gb2312?B?z+Q=?=", "邮箱"),
            (b"R\xe9siliation =?utf-8?Q?=C3=A9?=", "Résiliation é"),
            (b"=?=?=?utf-8?Q?a?=", "=?=?a"),
            (b"", ""),
        ] {
            assert_eq!(text(raw), shown, "{}", String::from_utf8_lossy(raw));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            text(&value);
        }

        #[test]
        fn no_words_stop_it(value in "(=\\?|utf-8|\\*de|\\?Q|\\?B|\\?|=|_|[A-F0-9 é]){0,40}") {
            text(value.as_bytes());
        }

        #[test]
        fn splitting_a_word_anywhere_changes_nothing(words in "[a-zé日ß ]{1,20}", at in 0_usize..60) {
            let bytes = words.as_bytes();
            let (one, other) = bytes.split_at(at.min(bytes.len()));
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("={byte:02X}")).collect::<Vec<_>>().concat();
            let word = |bytes: &[u8]| format!("=?utf-8?Q?{}?=", hex(bytes));
            let both = format!("{} {}", word(one), word(other));
            prop_assert_eq!(decode(&both), words.as_str());
        }
    }
}
