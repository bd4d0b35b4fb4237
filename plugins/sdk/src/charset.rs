//! Decoding of bytes with a declared charset, a wrong one, or none.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use mail_parser::decoders::charsets::map::charset_decoder;

/// The bytes of a text that are used to guess.
const SAMPLE: usize = 8 * 1024;

/// Decodes text in a named charset; guesses if the name is unknown.
pub(crate) fn decode(charset: &str, bytes: &[u8]) -> String {
    let is_utf8 = charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8");
    match charset_decoder(charset.as_bytes()) {
        Some(decoder) if !is_utf8 => decoder(bytes),
        _ if is_utf8 => String::from_utf8_lossy(bytes).into_owned(),
        _ => guess(bytes).into_owned(),
    }
}

/// Decodes raw bytes of a header, which by the standards are ASCII or UTF-8: as UTF-8 if they nearly are, otherwise in
/// the most likely charset, as mail clients do.
pub(crate) fn guess(bytes: &[u8]) -> Cow<'_, str> {
    let invalid = match std::str::from_utf8(bytes) {
        Ok(text) => return Cow::Borrowed(text),
        Err(_) => bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count(),
    };
    let valid: usize =
        bytes.utf8_chunks().map(|chunk| chunk.valid().chars().filter(|c| !c.is_ascii()).take(SAMPLE).count()).sum();
    // A single invalid character does not exclude UTF-8; in other charsets, few sequences are valid UTF-8.
    if valid >= 4 * invalid {
        return String::from_utf8_lossy(bytes);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(SAMPLE)], bytes.len() <= SAMPLE);
    detector.guess(None, Utf8Detection::Deny).decode_without_bom_handling(bytes).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_what_clients_show() {
        for (bytes, text) in [
            (&b"plain"[..], "plain"),
            ("Grüße".as_bytes(), "Grüße"),
            (b"R\xe9siliation imm\xe9diate", "Résiliation immédiate"),
            (b"Gr\xfc\xdfe aus K\xf6ln", "Grüße aus Köln"),
            (b"pr\xe9cis2.scr", "précis2.scr"),
            (b"\xcf\xee\xe4\xf2\xe2\xe5\xf0\xe4\xe8\xf2\xe5 \xef\xeb\xe0\xf2\xb8\xe6", "Подтвердите платёж"),
            (b"\xd3\xca\xcf\xe4\xc9\xfd\xbc\xb6\xcd\xa8\xd6\xaa", "邮箱升级通知"),
            (b"\x83p\x83X\x83\x8f\x81[\x83h\x82\xcc\x8dX\x90V", "パスワードの更新"),
        ] {
            assert_eq!(guess(bytes), text);
        }
    }

    #[test]
    fn one_broken_character_leaves_utf8_what_it_is() {
        let mut bytes = "Grüße und schöne Wünsche".as_bytes().to_vec();
        bytes.extend(b" \xff");
        assert_eq!(guess(&bytes), "Grüße und schöne Wünsche \u{fffd}");
    }

    #[test]
    fn a_charset_that_nobody_knows_is_guessed() {
        assert_eq!(decode("x-evil-9", b"plain"), "plain");
        assert_eq!(decode("x-evil-9", "Grüße".as_bytes()), "Grüße");
        assert_eq!(decode("koi8-r", b"\xf0\xd2\xc9\xd7\xc5\xd4"), "Привет");
    }
}
