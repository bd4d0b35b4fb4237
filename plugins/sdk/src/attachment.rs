//! Names of attachments, from a raw message.

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

/// How deep messages within messages are followed.
const DEEPEST: usize = 8;

/// The file names of all parts that have one, decoded, attached messages included.
pub fn names(raw: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(message) = MessageParser::default().parse(raw) {
        collect(&message, DEEPEST, &mut found);
    }
    found
}

fn collect(message: &Message<'_>, depth: usize, found: &mut Vec<String>) {
    for part in &message.parts {
        if let Some(name) = part.attachment_name() {
            found.push(name.to_owned());
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

    proptest! {
        #[test]
        fn no_bytes_stop_it(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = names(&raw);
        }
    }
}
