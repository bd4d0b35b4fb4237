//! Names of attachments, from a raw message. A part may have several names, and clients differ in the one they offer.

use std::borrow::Cow;

use crate::{bound, features::mime, header, outlook::Message, types};

/// The deepest nesting of attached messages that is read.
const DEEPEST: usize = 8;

/// Returns the file names of all parts, decoded, including attached messages; each name once per part.
pub fn names(raw: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    collect(&Cow::Borrowed(raw).into(), DEEPEST, &mut found);
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

/// Returns whether the message is one part of text, so that its header names everything.
pub fn is_text_alone(header: &[u8]) -> bool {
    let fields = header::raw_fields(header);
    let mut types = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-type"));
    match (types.next(), types.next()) {
        (Some((_, value)), None) => {
            let value = value.trim_ascii_start();
            value.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"text/"))
        }
        _ => false,
    }
}

fn collect(message: &Message<'_>, depth: usize, found: &mut Vec<String>) {
    for part in mime::parts(&message.raw).0 {
        found.extend(part.names.iter().cloned());
        if let (true, Some(depth)) = (part.is_message(), depth.checked_sub(1))
            && let Some(message) = part.message(&part.bytes())
        {
            collect(&message, depth, found);
        }
    }
    for one in &message.attached {
        found.extend(one.name.clone());
        if let Some(depth) = depth.checked_sub(1) {
            collect(one, depth, found);
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

    #[test]
    fn only_one_type_that_is_text() {
        assert!(is_text_alone(b"Content-Type: TEXT/plain; name=a.txt\r\n\r\n"));
        for header in [
            &b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"[..],
            b"Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n",
            b"Subject: x\r\n\r\n",
        ] {
            assert!(!is_text_alone(header));
        }
    }

    #[test]
    fn nested_messages_do_not_exhaust_the_stack() {
        let nested = "Content-Type: message/rfc822; name=m.eml\n\n".repeat(60_000);
        assert_eq!(names(nested.as_bytes()).len(), DEEPEST + 1);
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = names(&raw);
        }
    }
}
