//! Transfer encodings of parts (RFC 2045 6.7, 6.8), decoded as leniently as by clients.
//!
//! mail-parser refuses a whole part for one character outside the alphabet; clients ignore that character.

use mail_parser::decoders::base64::base64_decode;

use crate::words;

/// Decodes base64. Characters outside the alphabet are ignored; padding ends a group.
pub(super) fn from_base64(body: &[u8]) -> Vec<u8> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut bytes = Vec::with_capacity(body.len() / 4 * 3);
    for group in body.split(|byte| *byte == b'=') {
        let digits: Vec<u8> = group.iter().copied().filter(is_digit).collect();
        // A single digit is no byte; mail-parser would refuse the whole.
        let digits = &digits[..digits.len() - usize::from(digits.len() % 4 == 1)];
        bytes.extend(base64_decode(digits).unwrap_or_default());
    }
    bytes
}

/// Decodes quoted-printable. An `=` without two hexadecimal digits is kept.
pub(super) fn from_quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut line_start = 0;
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        at += 1;
        match byte {
            b'=' => {
                let blanks = body[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
                if let Some(byte) = body.get(at..at + 2).and_then(words::from_hex) {
                    bytes.push(byte);
                    // A coded blank is text, whatever follows it.
                    line_start = bytes.len();
                    at += 2;
                } else if matches!(body.get(at + blanks), Some(b'\n') | None) {
                    at = (at + blanks + 1).min(body.len());
                    line_start = bytes.len();
                } else {
                    bytes.push(b'=');
                }
            }
            b'\n' => {
                let is_windows = bytes.len() > line_start && bytes.last() == Some(&b'\r');
                while bytes.len() > line_start && bytes.last().is_some_and(u8::is_ascii_whitespace) {
                    bytes.pop();
                }
                bytes.extend(if is_windows { &b"\r\n"[..] } else { b"\n" });
                line_start = bytes.len();
            }
            byte => bytes.push(*byte),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encodings_that_clients_decode() {
        for (body, decoded) in [
            (&b"aGVsbG8="[..], &b"hello"[..]),
            (b"aGVs\r\nbG8", b"hello"),
            (b"aG!VsbG*8=", b"hello"),
            (b"aA==aQ==", b"hi"),
            (b"aGVsbG8hx", b"hello!"),
            (b"a", b""),
            (b"", b""),
        ] {
            assert_eq!(from_base64(body), decoded, "{}", String::from_utf8_lossy(body));
        }
        for (body, decoded) in [
            (&b"a=3Db=\r\nc"[..], &b"a=bc"[..]),
            (b"a= \t\nb", b"ab"),
            (b"blank  \r\nnext=20\r\n", b"blank\r\nnext \r\n"),
            (b"100=% =ZZ =", b"100=% =ZZ "),
        ] {
            assert_eq!(from_quoted_printable(body), decoded, "{}", String::from_utf8_lossy(body));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(from_base64(&body).len() <= body.len());
            prop_assert!(from_quoted_printable(&body).len() <= body.len());
        }

        #[test]
        fn no_encoding_stops_it(body in "(=|A|b|\r|\n| |=\n|\t|20|-){0,60}") {
            prop_assert!(from_base64(body.as_bytes()).len() <= body.len());
            prop_assert!(from_quoted_printable(body.as_bytes()).len() <= body.len() );
        }
    }
}
