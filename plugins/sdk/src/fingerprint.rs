//! The digest by which a message is identified after a move.
//!
//! It covers what every store keeps in a move or a copy and can return without reading the body: the fields of
//! [`FIELDS`] as delivered. The size is excluded, because servers correct it; `INTERNALDATE` and modification times are
//! excluded, because servers may change them on a copy. The sender chooses all of it, so a fingerprint never identifies
//! a message alone: the locator does, and the fingerprint shows whether the locator is still correct.
//!
//! Histories contain digests of an older kind, over fewer fields and the size. [`is_of`] knows both by their length.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The fields under the digest, in order, in lower case.
pub const FIELDS: [&str; 7] = ["message-id", "date", "from", "to", "subject", "cc", "content-type"];

/// How many of [`FIELDS`] the older kind covers.
const SIZED_FIELDS: usize = 5;
/// The bytes of a digest, and of one of the older kind. The two lengths distinguish the kinds.
const LENGTH: usize = 20;
const SIZED_LENGTH: usize = 16;

/// Returns 40 lower-case hexadecimal characters over the fields of [`FIELDS`] in `header`.
///
/// `header` may contain other fields. Folding, line ends and runs of blanks are ignored, as servers differ in them.
pub fn fingerprint(header: &[u8]) -> String {
    hex(&over(header, &FIELDS).finalize()[..LENGTH])
}

/// Returns whether `stored` is the fingerprint of the message with this header: of the kind that [`fingerprint`] makes,
/// or of the older kind, which also covers `size`.
pub fn is_of(stored: &str, header: &[u8], size: u64) -> bool {
    if stored.len() == SIZED_LENGTH * 2 { stored == sized(header, size) } else { stored == fingerprint(header) }
}

/// Both kinds of one message, to compare it with many stored ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprints {
    now: String,
    sized: String,
}

impl Fingerprints {
    /// Returns those of the message with this header and this size.
    pub fn of(header: &[u8], size: u64) -> Self {
        Self { now: fingerprint(header), sized: sized(header, size) }
    }

    /// Like [`is_of`].
    pub fn has(&self, stored: &str) -> bool {
        stored == self.now || stored == self.sized
    }

    /// Returns every fingerprint that a history may contain for this message.
    pub fn all(&self) -> [&str; 2] {
        [&self.now, &self.sized]
    }
}

/// Returns the older kind: 32 characters over the first fields and the size.
fn sized(header: &[u8], size: u64) -> String {
    let mut digest = over(header, &FIELDS[..SIZED_FIELDS]);
    digest.update(size.to_be_bytes());
    hex(&digest.finalize()[..SIZED_LENGTH])
}

fn over(header: &[u8], names: &[&str]) -> Sha256 {
    let mut digest = Sha256::new();
    let fields = crate::header::raw_fields(header);
    for name in names {
        digest.update(name.as_bytes());
        for (_, value) in fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes())) {
            digest.update(b"\n");
            for word in value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
                digest.update(word);
                digest.update(b" ");
            }
        }
        digest.update(b"\0");
    }
    digest
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] =
        b"Message-ID: <a@b>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nFrom: x@y\r\nSubject: one two\r\n\r\n";

    #[test]
    fn folding_line_ends_and_other_fields_do_not_count() {
        let folded = b"Received: from z\nsubject:  one\n\ttwo\nFROM: x@y\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-Id: <a@b>\n\n";
        assert_eq!(fingerprint(HEADER), fingerprint(folded));
        assert_eq!(fingerprint(HEADER).len(), 40);
    }

    #[test]
    fn fields_and_their_borders_count() {
        assert_ne!(fingerprint(b"Subject: a\n\n"), fingerprint(b"To: a\n\n"));
        assert_ne!(fingerprint(b"Subject: a\nSubject: b\n\n"), fingerprint(b"Subject: a b\n\n"));
        let typed = |boundary: &str| {
            fingerprint(format!("Subject: a\nContent-Type: multipart/mixed;\n boundary={boundary}\n\n").as_bytes())
        };
        assert_ne!(typed("one"), typed("two"));
    }

    #[test]
    fn a_corrected_size_is_still_that_message() {
        let stored = fingerprint(HEADER);
        assert!(is_of(&stored, HEADER, 10) && is_of(&stored, HEADER, 11));
        assert!(!is_of(&stored, b"Subject: a\n\n", 10));
    }

    #[test]
    fn histories_of_the_older_kind_are_still_read() {
        // The fingerprint that versions up to 0.1.0 wrote for HEADER and 10 bytes.
        let stored = "1fd0b723b11297d4007ac92e40cf357a";
        assert!(is_of(stored, HEADER, 10));
        assert!(!is_of(stored, HEADER, 11), "that kind covers the size");
        let both = Fingerprints::of(HEADER, 10);
        assert!(both.has(stored) && both.has(&fingerprint(HEADER)) && !both.has("other"));
        assert_eq!(both.all(), [fingerprint(HEADER).as_str(), stored]);
    }
}
