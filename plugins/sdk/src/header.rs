//! Header bytes to text. The bytes are an attacker's: whatever they are, this yields something and never stops.

use mail_parser::{HeaderValue, parsers::MessageStream};

use crate::types::{Location, Message, MessageRef, Query};

/// The fields that [`describe`] reads, beside those that a query wants.
pub const FIELDS: [&str; 6] = ["From", "To", "Cc", "Subject", "Date", "Message-ID"];

/// What the store itself knows of a message, beside its header.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The connector's own handle.
    pub locator: String,
    /// Where it lies.
    pub location: Location,
    /// Microseconds since 1970 UTC.
    pub received_at: i64,
    /// Bytes of the whole message.
    pub size: u64,
    /// Flags in IMAP spelling.
    pub flags: Vec<String>,
}

/// The fields of a header block, in order: name and everything behind the colon, folds and line ends included.
///
/// Ends at the first empty line. A line that is neither a field nor a fold is passed over, as mail clients do.
pub fn raw_fields(block: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut fields: Vec<(&[u8], &[u8])> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut start = 0;
    while start < block.len() {
        let end = block[start..].iter().position(|byte| *byte == b'\n').map_or(block.len(), |at| start + at + 1);
        let line = &block[start..end];
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            if let (Some((name_at, value_at)), Some(last)) = (open, fields.last_mut()) {
                *last = (trim(&block[name_at..value_at - 1]), &block[value_at..end]);
            }
        } else if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            open = Some((start, start + colon + 1));
            fields.push((trim(&line[..colon]), &line[colon + 1..]));
        } else {
            open = None;
        }
        start = end;
    }
    fields
}

/// The message as the contract describes it, with the headers that `query` wants and no attachment names.
pub fn describe(stored: Stored, header: &[u8], query: &Query) -> Message {
    let fields = raw_fields(header);
    let from = addresses(&fields, &["from"]);
    let mut from = from.into_iter();
    let (from_name, from_address) = from.next().unwrap_or_default();
    let mut wanted: Vec<String> = query.want_headers.iter().map(|name| name.to_lowercase()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    Message {
        ref_: reference(stored.locator, header),
        location: stored.location,
        original_location: None,
        subject: texts(&fields, "subject").next().unwrap_or_default(),
        from_address,
        from_name,
        also_from: from.map(|(_, address)| address).collect(),
        to: addresses(&fields, &["to", "cc"]).into_iter().map(|(_, address)| address).collect(),
        received_at: stored.received_at,
        size: stored.size,
        flags: stored.flags,
        attachments: Vec::new(),
        headers: wanted
            .iter()
            .flat_map(|name| texts(&fields, name).map(|text| (name.clone(), text)).collect::<Vec<_>>())
            .collect(),
        cut: Vec::new(),
        extra: Vec::new(),
    }
}

/// The reference to a message, from its header block.
pub fn reference(locator: String, header: &[u8]) -> MessageRef {
    MessageRef { locator, message_id: message_id(header), fingerprint: crate::fingerprint::fingerprint(header) }
}

/// The Message-ID with its angle brackets; what stands in the field where it has none, nothing where it is missing.
pub fn message_id(header: &[u8]) -> String {
    let fields = raw_fields(header);
    let Some((_, value)) = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"message-id")) else {
        return String::new();
    };
    let text = String::from_utf8_lossy(value).split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    match (text.find('<'), text.rfind('>')) {
        (Some(open), Some(close)) if open < close => text[open..=close].to_owned(),
        _ => text,
    }
}

/// Display name and lower-case address of every mailbox in these fields, in order.
pub fn addresses(fields: &[(&[u8], &[u8])], names: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in names {
        for (_, value) in fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes())) {
            let value = ended(value);
            if let HeaderValue::Address(list) = MessageStream::new(&value).parse_address() {
                found.extend(list.iter().map(|one| {
                    let address = one.address.as_deref().unwrap_or_default().trim().to_lowercase();
                    (one.name.as_deref().unwrap_or_default().trim().to_owned(), address)
                }));
            }
        }
    }
    found
}

/// The text of every field of this name, unfolded and decoded.
pub fn texts<'a>(fields: &'a [(&'a [u8], &'a [u8])], name: &'a str) -> impl Iterator<Item = String> + 'a {
    fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| {
        match MessageStream::new(&ended(value)).parse_unstructured() {
            HeaderValue::Text(text) => text.trim().to_owned(),
            _ => String::new(),
        }
    })
}

/// The parser wants a field to end, which a field cut off by the end of a block does not.
fn ended(value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if !value.ends_with(b"\n") {
        value.push(b'\n');
    }
    value
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
