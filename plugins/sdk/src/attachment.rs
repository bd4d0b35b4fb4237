//! Names of attachments, from a raw message.
//!
//! mail-parser parses the structure; the names are read from all raw fields: a part may have several names, and clients
//! differ in the one they offer.

use mail_parser::{HeaderName, Message, MessageParser, PartType};

use crate::{bound, parameter, types};

/// The deepest nesting of attached messages that is read.
const DEEPEST: usize = 8;

/// Returns the file names of all parts, decoded, including attached messages; each name once per part.
pub fn names(raw: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(message) = MessageParser::default().parse(raw) {
        collect(&message, DEEPEST, &mut found);
    }
    found
}

/// Adds names to a message record, up to its limit; `cut` says so if that is not all.
pub fn put(message: &mut types::Message, names: Vec<String>) {
    let (names, is_cut) = bound::list(names, bound::ATTACHMENTS);
    message.attachments = names;
    if is_cut && !message.cut.iter().any(|cut| cut == "attachments") {
        message.cut.push("attachments".to_owned());
    }
}

fn collect(message: &Message<'_>, depth: usize, found: &mut Vec<String>) {
    for part in &message.parts {
        let first = found.len();
        for header in &part.headers {
            if !matches!(header.name, HeaderName::ContentType | HeaderName::ContentDisposition) {
                continue;
            }
            let at = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
            let value = message.raw_message.get(at(header.offset_start)..at(header.offset_end)).unwrap_or_default();
            for name in parameter::names(&value[..value.len().min(bound::FIELD)]) {
                if !found[first..].contains(&name) {
                    found.push(name);
                }
            }
        }
        if let (PartType::Message(inner), Some(depth)) = (&part.body, depth.checked_sub(1)) {
            collect(inner, depth, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_in_both_spellings_and_in_attached_messages() {
        let raw =
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x\r\n\
            Content-Type: application/pdf; name=\"=?utf-8?Q?Rechnung=5F=C3=A4.pdf?=\"\r\n\r\nA\r\n--x\r\n\
            Content-Disposition: attachment; filename*=utf-8''evil%20one.exe\r\n\r\nB\r\n--x\r\n\
            Content-Type: message/rfc822\r\n\r\nContent-Type: application/zip; name=in.zip\r\n\r\nC\r\n--x--\r\n";
        assert_eq!(names(raw), ["Rechnung_ä.pdf", "evil one.exe", "in.zip"]);
    }

    #[test]
    fn names_that_hide() {
        let part = |fields: &[u8]| {
            let part = b"Content-Type: multipart/mixed; boundary=bb\n\n--bb\nContent-Type: text/plain\n\nhello\n--bb\n";
            names(&[part, fields, b"\n\nQUFB\n--bb--\n"].concat())
        };
        let inner = "RnJvbTogYUBiCk1JTUUtVmVyc2lvbjogMS4wCkNvbnRlbnQtVHlwZTogYXBwbGljYXRpb24vbXN3\nb3JkOyBuYW1lPSJkZWVwLWI2NC5kb2NtIgoKeAo=";
        let attached = format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{inner}");
        for (fields, all) in [
            (&b"Content-Disposition: attachment; filename=My Invoice March.exe"[..], &["My Invoice March.exe"][..]),
            (
                b"Content-Type: application/pdf; name=\"evil-ct.exe\"\nContent-Disposition: attachment; filename=\"ok.pdf\"",
                &["evil-ct.exe", "ok.pdf"],
            ),
            (b"Content-Type: a/b; name=a.pdf\nContent-Type: a/b; name=b.exe", &["a.pdf", "b.exe"]),
            (attached.as_bytes(), &["deep-b64.docm"]),
        ] {
            assert_eq!(part(fields), all, "{}", String::from_utf8_lossy(fields));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = names(&raw);
        }
    }
}
