//! Header bytes to text. An attacker may choose the bytes: every input yields a result, and none blocks.

use crate::{
    bound,
    sender::Senders,
    types::{Location, Message, MessageRef, Query},
    words,
};

/// The fields that [`describe`] reads, in addition to those that a query wants.
pub const FIELDS: [&str; 6] = ["From", "To", "Cc", "Subject", "Date", "Message-ID"];

/// What the store knows of a message, in addition to its header.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The connector's own handle.
    pub locator: String,
    /// Where the message is.
    pub location: Location,
    /// Microseconds since 1970-01-01 UTC.
    pub received_at: i64,
    /// Bytes of the whole message.
    pub size: u64,
    /// Flags in IMAP spelling.
    pub flags: Vec<String>,
}

/// Returns the fields of a header block, in order: the name and everything after the colon, with folds and line ends.
///
/// Ends at the first empty line. A line that is neither a field nor a fold is ignored, as by mail clients.
pub fn raw_fields(block: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut fields: Vec<(&[u8], &[u8])> = Vec::new();
    let mut open: Option<usize> = None;
    let mut start = 0;
    while start < block.len() {
        let end = block[start..].iter().position(|byte| *byte == b'\n').map_or(block.len(), |at| start + at + 1);
        let line = &block[start..end];
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            if let (Some(value_at), Some((_, value))) = (open, fields.last_mut()) {
                *value = &block[value_at..end];
            }
        } else if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            open = Some(start + colon + 1);
            fields.push((trim(&line[..colon]), &line[colon + 1..]));
        } else {
            open = None;
        }
        start = end;
    }
    fields
}

/// Returns the message as the contract describes it, with the headers that `query` wants and no attachment names.
///
/// Texts are limited, so that a message never fills a page; `cut` names those that are truncated.
pub fn describe(stored: Stored, header: &[u8], query: &Query) -> Message {
    let fields = raw_fields(header);
    let mut cut = Vec::new();
    let mut note = |is_cut: bool, name: &str| {
        if is_cut && !cut.iter().any(|known| known == name) {
            cut.push(name.to_owned());
        }
    };
    let (subject, is_cut) = bound::text(texts(&fields, "subject").next().unwrap_or_default(), bound::SUBJECT);
    note(is_cut || is_unread(&fields, &["subject"]), "subject");

    let from = addresses(&fields, &["from"]);
    let shown = from.shown().cloned().unwrap_or_default();
    let (also_from, is_cut) = others(&from, &shown.address);
    note(is_cut || is_unread(&fields, &["from"]), "from");
    // No condition reads the name, so a long one does not affect the conditions on senders.
    let (from_name, is_cut) = bound::text(shown.name, bound::NAME);
    note(is_cut, "from-name");

    // Recipients are only listed here: no more are read than fit in the list.
    let mut to = Senders::default();
    for value in ["to", "cc"].iter().flat_map(|name| values(&fields, name)) {
        note(value.len() > bound::LISTED, "to");
        to.read(&value[..value.len().min(bound::LISTED)]);
    }
    let (to, is_cut) = bound::list(to.addresses().map(str::to_owned), bound::RECIPIENTS);
    note(is_cut, "to");

    let mut wanted: Vec<String> = query.want_headers.iter().map(|name| name.to_lowercase()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut headers = Vec::new();
    for name in wanted {
        let (values, is_cut) = bound::list(texts(&fields, &name), bound::HEADER);
        note(is_cut || is_unread(&fields, &[name.as_str()]), &format!("header {name}"));
        headers.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    Message {
        ref_: reference(stored.locator, header),
        location: stored.location,
        original_location: None,
        subject,
        from_address: shown.address,
        from_name,
        also_from,
        to,
        received_at: stored.received_at,
        size: stored.size,
        flags: stored.flags,
        attachments: Vec::new(),
        headers,
        cut,
        extra: Vec::new(),
    }
}

/// Returns the senders in addition to the one that is shown, each once.
fn others(from: &Senders, shown: &str) -> (Vec<String>, bool) {
    let mut others: Vec<String> = Vec::new();
    for address in from.addresses() {
        if address == shown || others.iter().any(|known| known == address) {
            continue;
        }
        if others.len() == bound::SENDERS {
            return (others, true);
        }
        others.push(address.to_owned());
    }
    let is_cut = from.addresses().any(|address| address.len() >= crate::sender::LONGEST);
    (others, is_cut)
}

/// Returns the reference to a message, from its header block.
pub fn reference(locator: String, header: &[u8]) -> MessageRef {
    MessageRef { locator, message_id: message_id(header), fingerprint: crate::fingerprint::fingerprint(header) }
}

/// Returns the Message-ID with its angle brackets; the content of a field without them; empty if there is no field.
pub fn message_id(header: &[u8]) -> String {
    let fields = raw_fields(header);
    let Some((_, value)) = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"message-id")) else {
        return String::new();
    };
    let value = &value[..value.len().min(2 * bound::MESSAGE_ID)];
    let text = String::from_utf8_lossy(value).split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let text = match (text.find('<'), text.rfind('>')) {
        (Some(open), Some(close)) if open < close => text[open..=close].to_owned(),
        _ => text,
    };
    bound::text(text, bound::MESSAGE_ID).0
}

/// Returns the mailboxes and addresses of these fields, in the order of the names.
pub fn addresses(fields: &[(&[u8], &[u8])], names: &[&str]) -> Senders {
    let mut found = Senders::default();
    for name in names {
        values(fields, name).for_each(|value| found.read(value));
    }
    found
}

/// Returns the text of every field of this name, unfolded and decoded.
pub fn texts<'a>(fields: &'a [(&'a [u8], &'a [u8])], name: &'a str) -> impl Iterator<Item = String> + 'a {
    values(fields, name).map(words::text)
}

/// Returns whether a field of these names is too long to be read to its end: conditions on it cannot be checked.
pub fn is_unread(fields: &[(&[u8], &[u8])], names: &[&str]) -> bool {
    fields.iter().any(|(field, value)| {
        value.len() > bound::FIELD && names.iter().any(|name| field.eq_ignore_ascii_case(name.as_bytes()))
    })
}

fn values<'a>(fields: &'a [(&'a [u8], &'a [u8])], name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
    fields
        .iter()
        .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| &value[..value.len().min(bound::FIELD)])
}

fn trim(name: &[u8]) -> &[u8] {
    name.trim_ascii()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::matching::everything;
    use crate::types::LocationKind;

    fn parse(header: &[u8]) -> Message {
        let stored = Stored {
            locator: "1".into(),
            location: Location { kind: LocationKind::Inbox, path: "INBOX".into() },
            received_at: 0,
            size: 1,
            flags: Vec::new(),
        };
        let query = Query { want_headers: vec!["X-Spam".into(), "received".into()], ..everything() };
        describe(stored, header, &query)
    }

    #[test]
    fn reads_what_mail_clients_show() {
        let message = parse(
            b"Received: a\r\n\tby b\r\nReceived: c\r\nFrom: =?utf-8?Q?J=C3=B6rg?= <J@Evil.Example>, b@c\r\n\
              To: Team: x@y, \"Z\" <Z@Y>;\r\nCc: w@v\r\nSubject: =?utf-8?B?UmVjaG51bmc=?=\r\n  offen\r\n\
              Message-ID:\r\n <a.b@c>\r\nx-spam: no\r\n\r\nSubject: body\r\n",
        );
        assert_eq!((message.from_name.as_str(), message.from_address.as_str()), ("Jörg", "j@evil.example"));
        assert_eq!(message.to, ["x@y", "z@y", "w@v"]);
        assert_eq!(message.subject, "Rechnung offen");
        assert_eq!(message.ref_.message_id, "<a.b@c>");
        let expected = [("received", "a by b"), ("received", "c"), ("x-spam", "no")];
        assert_eq!(message.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn broken_and_eight_bit_headers_survive() {
        let message = parse(b"garbage line\r\nSubject: caf\xe9 =?x?Q?\r\nFrom: <<>>@\r\nMessage-ID: no brackets\r\n");
        assert!(message.subject.starts_with("caf"));
        assert_eq!(message.ref_.message_id, "no brackets");
        assert_eq!(parse(b"").subject, "");
        assert_eq!(parse(b":\n :\n\n").subject, "");
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(header in proptest::collection::vec(any::<u8>(), 0..400)) {
            parse(&header);
        }

        #[test]
        fn no_header_like_bytes_stop_it(header in "(From|To|Cc|Subject|Message-ID|X-Spam)?:?[ -~\t\r\n=?<>\"(),;:@]{0,200}") {
            parse(header.as_bytes());
        }
    }
}
