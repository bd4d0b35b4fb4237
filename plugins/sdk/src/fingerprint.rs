//! The digest by which a message is known again after it moved.
//!
//! It covers what every store keeps through a move or a copy and can tell without reading the body: the fields
//! Message-ID, Date, From, To and Subject as they were delivered, and the size. `INTERNALDATE` and modification times
//! are left out, as servers may set them anew on a copy. All of it is the sender's to choose, so a fingerprint never
//! names a message alone: the locator does, and the fingerprint says whether the locator still tells the truth.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The fields under the digest, in their order, lower case.
pub const FIELDS: [&str; 5] = ["message-id", "date", "from", "to", "subject"];

/// 32 lower-case hexadecimal characters over the fields of [`FIELDS`] in `header` and the size of the whole message.
///
/// `header` may hold other fields too. Folding, line ends and runs of blanks do not count, as servers differ in them.
/// `size` is counted with CRLF line ends where the store can tell; it must come from the same place each time.
pub fn fingerprint(header: &[u8], size: u64) -> String {
    let mut digest = Sha256::new();
    let fields = crate::header::raw_fields(header);
    for name in FIELDS {
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
    digest.update(size.to_be_bytes());
    digest.finalize().iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
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
        assert_eq!(fingerprint(HEADER, 10), fingerprint(folded, 10));
        assert_eq!(fingerprint(HEADER, 10).len(), 32);
    }

    #[test]
    fn size_fields_and_their_borders_count() {
        assert_ne!(fingerprint(HEADER, 10), fingerprint(HEADER, 11));
        assert_ne!(fingerprint(b"Subject: a\n\n", 1), fingerprint(b"To: a\n\n", 1));
        assert_ne!(fingerprint(b"Subject: a\nSubject: b\n\n", 1), fingerprint(b"Subject: a b\n\n", 1));
    }
}
