//! A message of Graph as a record of the contract.
//!
//! The properties are Exchange's, which every mail program of the mailbox shows: the sender is `from`, and `sender` where
//! that is another. Raw header fields are read where a query wants them.

use clawback_connector_sdk::{
    bound, fingerprint, header,
    header::Stored,
    matching,
    types::{Location, Message, MessageRef, Query},
    web,
};

use crate::{
    flags,
    wire::{Mail, Recipient},
};

/// The properties by which a message is recognised, with those of its state.
pub(crate) const IDENTITY: &str = "id,parentFolderId,internetMessageId,sentDateTime,receivedDateTime,subject,from,sender,toRecipients,isRead,isDraft,\
     flag,categories";
/// The size of a message, which is no property of its own.
pub(crate) const SIZE: &str = "singleValueExtendedProperties($filter=id eq 'Integer 0xe08')";

/// How many recipients are under a fingerprint: a sender can write thousands.
pub(crate) const RECIPIENTS: usize = 20;

/// Returns the Message-ID as Exchange has it.
fn message_id(mail: &Mail) -> String {
    bound::text(mail.internet_message_id.clone().unwrap_or_default(), bound::MESSAGE_ID).0
}

/// Returns the reference to a message.
pub(crate) fn reference(mail: &Mail) -> MessageRef {
    MessageRef { locator: mail.id.clone(), message_id: message_id(mail), fingerprint: print(mail) }
}

/// Returns the fingerprint: over the Message-ID, both times, sender, the first recipients and subject. The size is not part of it:
/// it changes with categories and flags.
pub(crate) fn print(mail: &Mail) -> String {
    let text = |text: &Option<String>| line(text.as_deref().unwrap_or_default());
    let one = |recipient: &Recipient| {
        let mailbox = recipient.email_address.clone().unwrap_or_default();
        format!("{} <{}>", text(&mailbox.name), text(&mailbox.address))
    };
    let block = format!(
        "Message-ID: {}\r\nDate: {} {}\r\nFrom: {}\r\nTo: {}\r\nSubject: {}\r\n\r\n",
        text(&mail.internet_message_id),
        text(&mail.sent_date_time),
        text(&mail.received_date_time),
        mail.from.as_ref().map(one).unwrap_or_default(),
        mail.to_recipients.iter().take(RECIPIENTS).map(one).collect::<Vec<_>>().join(", "),
        text(&mail.subject),
    );
    fingerprint::fingerprint(block.as_bytes())
}

/// Returns a text without line breaks, so that it stays one field.
fn line(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], " ")
}

/// Returns the header block of the raw fields, if Graph has them: not of drafts and of sent messages.
pub(crate) fn block(mail: &Mail) -> Option<Vec<u8>> {
    let fields = mail.internet_message_headers.as_ref().filter(|fields| !fields.is_empty())?;
    let mut block = String::new();
    for field in fields {
        let (name, value) = (field.name.as_deref().unwrap_or_default(), field.value.as_deref().unwrap_or_default());
        if !name.is_empty() && !name.contains([':', '\r', '\n', ' ', '\t']) {
            block.extend([name, ": ", &line(value), "\r\n"]);
        }
    }
    block.push_str("\r\n");
    Some(block.into_bytes())
}

/// A message with its whole texts, before they are bounded.
pub(crate) struct Whole {
    message: Message,
    header: Vec<u8>,
}

impl Whole {
    /// Reads a message. `header` is its raw header block, empty if the query needs none.
    pub(crate) fn read(mail: &Mail, header: Vec<u8>, query: &Query) -> Self {
        let received_at = mail.received_date_time.as_deref().and_then(web::from_rfc3339).unwrap_or_default();
        let size = mail
            .single_value_extended_properties
            .iter()
            .find(|property| property.id.eq_ignore_ascii_case("Integer 0xe08"))
            .and_then(|property| property.value.as_deref()?.parse().ok());
        let location = Location { kind: clawback_connector_sdk::types::LocationKind::Unknown, path: String::new() };
        let stored =
            Stored { locator: mail.id.clone(), location, received_at, size: size.unwrap_or(0), flags: flags::of(mail) };
        let mut message = header::describe(stored, &header, query);
        message.cut.retain(|name| name.starts_with("header "));
        let (from, sender) = (person(mail.from.as_ref()), person(mail.sender.as_ref()));
        let (first, other) = if from.1.is_empty() { (sender, (String::new(), String::new())) } else { (from, sender) };
        message.ref_ = reference(mail);
        message.subject = mail.subject.clone().unwrap_or_default();
        // Of the raw fields, if they are there: further senders that a mail program could show.
        let raw =
            std::iter::once(std::mem::take(&mut message.from_address)).chain(std::mem::take(&mut message.also_from));
        let mut also_from: Vec<String> = Vec::new();
        for address in std::iter::once(other.1).chain(raw.map(|address| lower(&address))) {
            if !address.is_empty() && address != first.1 && !also_from.contains(&address) {
                also_from.push(address);
            }
        }
        message.also_from = also_from;
        (message.from_name, message.from_address) = first;
        let recipients = mail.to_recipients.iter().chain(&mail.cc_recipients);
        message.to = recipients.map(|one| person(Some(one)).1).filter(|address| !address.is_empty()).collect();
        Self { message, header }
    }

    /// Returns whether all conditions hold, except folders and attachment names.
    pub(crate) fn matches(&self, query: &Query) -> bool {
        matching::matches(query, &self.message, &self.header)
    }

    pub(crate) fn whole(&self) -> &Message {
        &self.message
    }

    /// Returns the record, its texts bounded.
    pub(crate) fn bounded(self, location: Location) -> Message {
        let mut message = self.message;
        let mut cut = std::mem::take(&mut message.cut);
        let mut note = |is_cut: bool, name: &str| {
            if is_cut && !cut.iter().any(|known| known == name) {
                cut.push(name.to_owned());
            }
        };
        let (subject, is_cut) = bound::text(message.subject, bound::SUBJECT);
        note(is_cut, "subject");
        let (name, is_cut) = bound::text(message.from_name, bound::NAME);
        note(is_cut, "from-name");
        let (address, is_cut) = bound::text(message.from_address, bound::ADDRESS);
        note(is_cut, "from");
        let (also, is_cut) = bound::list(message.also_from, (bound::SENDERS, bound::ADDRESS));
        note(is_cut, "from");
        let (to, is_cut) = bound::list(message.to, bound::RECIPIENTS);
        note(is_cut, "to");
        Message { subject, from_name: name, from_address: address, also_from: also, to, location, cut, ..message }
    }
}

/// Returns name and address of a sender or recipient; the address in lower case.
fn person(recipient: Option<&Recipient>) -> (String, String) {
    let mailbox = recipient.and_then(|recipient| recipient.email_address.clone()).unwrap_or_default();
    (mailbox.name.unwrap_or_default(), lower(&mailbox.address.unwrap_or_default()))
}

/// Returns an address in lower case. A character that only becomes ASCII by that stays: the store's comparison does not
/// take the Kelvin sign for a `k`.
fn lower(address: &str) -> String {
    let mut lower = String::with_capacity(address.len());
    for character in address.chars() {
        if !character.is_ascii() && character.to_lowercase().all(|one| one.is_ascii()) {
            lower.push(character);
        } else {
            lower.extend(character.to_lowercase());
        }
    }
    lower
}

#[cfg(test)]
mod tests {
    use clawback_connector_sdk::matching::everything;

    use super::*;

    fn mail(text: &str) -> Mail {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_fingerprint_is_of_what_stays() {
        let base = r#"{"id":"A","internetMessageId":"<a@b>","subject":"s","sentDateTime":"2026-11-23T10:00:00Z",
            "from":{"emailAddress":{"address":"x@y"}}"#;
        let plain = mail(&format!("{base}}}"));
        for change in [
            r#""isRead":true,"categories":["c"],"parentFolderId":"F","flag":{"flagStatus":"flagged"}"#,
            r#""singleValueExtendedProperties":[{"id":"Integer 0xe08","value":"9"}]"#,
        ] {
            assert_eq!(print(&mail(&format!("{base},{change}}}"))), print(&plain), "{change}");
        }
        for change in
            [r#""receivedDateTime":"2026-11-23T10:00:01Z""#, r#""toRecipients":[{"emailAddress":{"address":"t@u"}}]"#]
        {
            assert_ne!(print(&mail(&format!("{base},{change}}}"))), print(&plain), "{change}");
        }
        let broken = mail(r#"{"subject":"s\r\nFrom: x@y"}"#);
        assert_ne!(print(&broken), print(&mail(r#"{"subject":"s","from":{"emailAddress":{"address":"x@y"}}}"#)));
    }

    #[test]
    fn texts_are_bounded_after_they_are_compared() {
        let long = format!("{} parcel", "x".repeat(20_000));
        let query = Query { subject_contains: vec!["PARCEL".into()], ..everything() };
        let one = Mail { subject: Some(long), ..Mail::default() };
        let whole = Whole::read(&one, Vec::new(), &query);
        assert!(whole.matches(&query));
        let location = Location { kind: clawback_connector_sdk::types::LocationKind::Inbox, path: "Inbox".into() };
        let message = whole.bounded(location);
        assert!(message.subject.len() <= 8_192 && message.cut == ["subject"]);
    }

    #[test]
    fn raw_fields_have_further_senders() {
        let one = mail(r#"{"from":{"emailAddress":{"address":"a@good"}},"sender":{"emailAddress":{"address":"c@x"}}}"#);
        let header = b"From: Bank <a@good>, <B@evil.example>\r\nSender: c@x\r\n\r\n".to_vec();
        let query = Query { from_address: vec!["b@evil.example".into()], ..everything() };
        let whole = Whole::read(&one, header, &query);
        assert!(whole.matches(&query));
        assert_eq!(whole.whole().from_address, "a@good");
        assert_eq!(whole.whole().also_from, ["c@x", "b@evil.example"]);
        let whole = Whole::read(&one, Vec::new(), &query);
        assert_eq!(whole.whole().also_from, ["c@x"]);
    }

    #[test]
    fn addresses_become_lower_case_as_the_store_compares_them() {
        assert_eq!(lower("BOSS@Evil.Example"), "boss@evil.example");
        assert_eq!(lower("JÖRG@x"), "jörg@x");
        assert_eq!(lower("\u{212a}@x"), "\u{212a}@x");
    }

    #[test]
    fn raw_fields_cannot_make_others() {
        let one =
            mail(r#"{"internetMessageHeaders":[{"name":"X-A","value":"1\r\nX-B: 2"},{"name":"X:C","value":"3"}]}"#);
        assert_eq!(String::from_utf8(block(&one).unwrap()).unwrap(), "X-A: 1  X-B: 2\r\n\r\n");
        assert_eq!(block(&mail(r#"{"internetMessageHeaders":[]}"#)), None);
    }
}
