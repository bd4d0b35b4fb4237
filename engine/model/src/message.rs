//! One message as a mail store reports it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::comparison::is_same;
use crate::features::Features;
use crate::location::Location;

/// The reference by which a message is found again. The sender chooses the Message-ID, so the fingerprint accompanies
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MessageRef {
    /// The connector's handle; opaque.
    pub locator: String,
    /// Message-ID (RFC 5322 3.6.4) with angle brackets, or empty.
    pub message_id: String,
    /// A digest over what stays the same when the message moves.
    pub fingerprint: String,
}

/// A message in a mailbox. All of its texts come from outside and must be escaped on every output: show them through
/// [`crate::visible`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The name of its store.
    pub store: Arc<str>,
    /// Its mailbox, usually an address.
    pub mailbox: Arc<str>,
    /// The reference by which it is found again.
    pub reference: MessageRef,
    /// Its latest delivery location, read from the store.
    pub location: Location,
    /// Where it was first delivered, if known.
    pub original_location: Option<Location>,
    /// Decoded subject.
    pub subject: String,
    /// The sender to show: the first From address, in lower case.
    pub from_address: String,
    /// Decoded display name.
    pub from_name: String,
    /// Every other address that a mail client could show as the sender, in lower case.
    pub also_from: Vec<String>,
    /// To and Cc addresses.
    pub to: Vec<String>,
    /// When the store received it.
    pub received_at: Timestamp,
    /// The size in bytes.
    pub size: u64,
    /// Flags and keywords in IMAP spelling.
    pub flags: Vec<String>,
    /// File names of attachments, if they were requested.
    pub attachments: Vec<String>,
    /// The header fields that were requested, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The fields that were truncated because they are too long: `subject`, `to`, `from`, `attachments`, `header NAME`.
    pub cut: Vec<String>,
    /// What an examination found; `None` if the message was not examined.
    pub features: Option<Box<Features>>,
}

impl Message {
    /// Returns every address that a mail client could show as the sender, the shown one first.
    pub fn senders(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.from_address.as_str())
            .filter(|one| !one.is_empty())
            .chain(self.also_from.iter().map(String::as_str))
    }

    /// Returns the domain of the From address; empty if it has none.
    pub fn from_domain(&self) -> &str {
        domain_of(&self.from_address)
    }

    /// Returns whether only a part of this text is known: a field of [`Message::cut`], or a feature in
    /// [`Features::cut`].
    pub fn is_cut(&self, text: &str) -> bool {
        self.cut_texts().any(|cut| cut == text)
    }

    /// Returns the texts of which only a part is known.
    pub fn cut_texts(&self) -> impl Iterator<Item = &str> {
        let of_features = self.features.iter().flat_map(|features| &features.cut);
        self.cut.iter().chain(of_features).map(String::as_str)
    }

    /// Returns whether it carries this flag or keyword.
    pub(crate) fn has_flag(&self, wanted: &str) -> bool {
        self.flags.iter().any(|flag| is_same(flag, wanted))
    }

    /// Returns whether its owner has answered it.
    pub fn is_answered(&self) -> bool {
        self.has_flag("\\Answered")
    }

    /// Returns the first value of a header field, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Returns the part after the last `@`; empty if there is none.
pub(crate) fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::message;

    #[test]
    fn who_could_be_shown_as_the_sender() {
        let mut mail = message(1);
        mail.also_from = vec!["ceo@corp.example".into()];
        assert_eq!(mail.senders().collect::<Vec<_>>(), ["eve@evil.example", "ceo@corp.example"]);
        assert_eq!(mail.from_domain(), "evil.example");
        mail.from_address = String::new();
        assert_eq!(mail.senders().collect::<Vec<_>>(), ["ceo@corp.example"]);
        assert_eq!(mail.from_domain(), "");
        assert_eq!(domain_of("\"a@b\"@c.example"), "c.example");
    }

    #[test]
    fn the_first_field_of_a_name_is_the_header() {
        let mut mail = message(1);
        mail.headers = vec![("x".into(), "0".into()), ("list-id".into(), "1".into()), ("list-id".into(), "2".into())];
        assert_eq!((mail.header("list-id"), mail.header("subject")), (Some("1"), None));
    }
}
