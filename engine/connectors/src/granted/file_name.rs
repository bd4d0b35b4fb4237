//! The encoding of file names that are not UTF-8 for guests, whose texts are.
//!
//! A byte that is not UTF-8 is encoded as the private character U+10FF00 plus the byte; so are the four bytes of such a
//! character itself. So each name has one encoding, and each encoding that the host returns names one file.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};

/// The encoding of the byte 0x00; bytes below 0x80 are not encoded.
const BASE: u32 = 0x10_ff00;
/// The characters that encode a byte.
const SPELLING: std::ops::RangeInclusive<char> = '\u{10ff80}'..='\u{10ffff}';

/// Encodes a name for a guest. `None` if the system's names are not bytes and this one is not a text.
#[cfg_attr(unix, expect(clippy::unnecessary_wraps, reason = "elsewhere there may be no spelling"))]
pub(crate) fn encode(name: &OsStr) -> Option<String> {
    if let Some(text) = name.to_str()
        && (text.is_ascii() || !text.contains(|c| SPELLING.contains(&c)))
    {
        return Some(text.to_owned());
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let spell = |byte: u8| char::from_u32(BASE + u32::from(byte));
        let mut spelling = String::with_capacity(name.len() * 4);
        for chunk in name.as_bytes().utf8_chunks() {
            for c in chunk.valid().chars() {
                if SPELLING.contains(&c) {
                    spelling.extend(c.encode_utf8(&mut [0; 4]).bytes().filter_map(spell));
                } else {
                    spelling.push(c);
                }
            }
            spelling.extend(chunk.invalid().iter().copied().filter_map(spell));
        }
        Some(spelling)
    }
    #[cfg(not(unix))]
    None
}

/// Decodes a name from a guest.
pub(crate) fn decode(name: &str) -> Cow<'_, OsStr> {
    if !cfg!(unix) || name.is_ascii() || !name.contains(|c| SPELLING.contains(&c)) {
        return Cow::Borrowed(OsStr::new(name));
    }
    let mut bytes = Vec::with_capacity(name.len());
    for c in name.chars() {
        match u8::try_from(u32::from(c).wrapping_sub(BASE)) {
            Ok(byte) if SPELLING.contains(&c) => bytes.push(byte),
            _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(os_string(bytes))
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_names_are_told_as_they_are() {
        for name in ["cur", "1.M1.host:2,S", "Entwürfe"] {
            assert_eq!(encode(OsStr::new(name)).as_deref(), Some(name));
            assert!(matches!(decode(name), Cow::Borrowed(_)));
        }
        assert_eq!(encode(OsStr::from_bytes(b"h\xe9")).as_deref(), Some("h\u{10ffe9}"));
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in proptest::collection::vec(any::<u8>(), 0..40), more in "[a\u{10ff7f}-\u{10ffff}]{0,3}") {
            let name = OsString::from_vec([name, more.into_bytes()].concat());
            let back = encode(&name).map(|spelling| decode(&spelling).into_owned());
            prop_assert_eq!(back, Some(name));
        }
    }
}
