//! Modified UTF-7 (RFC 3501, 5.1.3): the encoding of folder names in IMAP and Maildir++.
//!
//! Written here because names come from mailboxes and must never fail a call: invalid sequences are kept.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Decodes a name to UTF-8. An invalid shift sequence is kept unchanged.
pub fn decode(name: &str) -> String {
    let mut decoded = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((plain, shifted)) = rest.split_once('&') {
        decoded.push_str(plain);
        match shifted.split_once('-') {
            Some(("", after)) => {
                decoded.push('&');
                rest = after;
            }
            Some((sequence, after)) => {
                if let Some(text) = decode_sequence(sequence) {
                    decoded.push_str(&text);
                } else {
                    decoded.push('&');
                    decoded.push_str(sequence);
                    decoded.push('-');
                }
                rest = after;
            }
            None => {
                decoded.push('&');
                rest = shifted;
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

/// Encodes a name as the store writes it.
pub fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    let mut pending = Vec::new();
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            flush(&mut pending, &mut encoded);
            encoded.push(character);
            if character == '&' {
                encoded.push('-');
            }
        } else {
            pending.push(character);
        }
    }
    flush(&mut pending, &mut encoded);
    encoded
}

fn decode_sequence(sequence: &str) -> Option<String> {
    let (mut bits, mut held, mut units) = (0_u32, 0_u32, Vec::new());
    for byte in sequence.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == byte)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push(u16::try_from((bits >> held) & 0xffff).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    // The rest must be padding: fewer bits than a base64 character has, all zero.
    if held >= 6 || bits != 0 {
        return None;
    }
    String::from_utf16(&units).ok()
}

fn flush(pending: &mut Vec<char>, encoded: &mut String) {
    if pending.is_empty() {
        return;
    }
    encoded.push('&');
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut push = |bits: u32| encoded.push(char::from(ALPHABET[(bits & 63) as usize]));
    for unit in pending.drain(..).collect::<String>().encode_utf16() {
        bits = (bits << 16) | u32::from(unit);
        held += 16;
        while held >= 6 {
            held -= 6;
            push(bits >> held);
            bits &= (1 << held) - 1;
        }
    }
    if held > 0 {
        push(bits << (6 - held));
    }
    encoded.push('-');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn examples_of_the_rfc() {
        assert_eq!(decode("~peter/mail/&U,BTFw-/&ZeVnLIqe-"), "~peter/mail/台北/日本語");
        assert_eq!(encode("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(decode("A&-B"), "A&B");
        assert_eq!(encode("Entwürfe & mehr"), "Entw&APw-rfe &- mehr");
    }

    #[test]
    fn what_is_not_valid_stays() {
        for name in ["&", "&&", "&!-", "&2D0-", "&AAAAA-x", "Jetzt &geht", "&A-"] {
            assert_eq!(decode(name), name);
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in any::<String>()) {
            prop_assert_eq!(decode(&encode(&name)), name);
        }

        #[test]
        fn no_bytes_stop_it(name in "[&A-Za-z0-9+,/ -]{0,40}") {
            let _ = decode(&name);
        }
    }
}
