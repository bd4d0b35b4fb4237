//! One mailbox: messages with labels, the latter by id.

use std::collections::{BTreeMap, BTreeSet};

use super::header;

/// The labels that every mailbox has.
pub(super) const SYSTEM: [&str; 14] = [
    "CATEGORY_FORUMS",
    "CATEGORY_PERSONAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_SOCIAL",
    "CATEGORY_UPDATES",
    "CHAT",
    "DRAFT",
    "IMPORTANT",
    "INBOX",
    "SENT",
    "SPAM",
    "STARRED",
    "TRASH",
    "UNREAD",
];

/// A message.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Its id.
    pub id: String,
    /// The bytes as delivered.
    pub raw: Vec<u8>,
    /// The ids of its labels.
    pub labels: BTreeSet<String>,
    /// When it was received, milliseconds since 1970.
    pub received: i64,
    /// Whether a search by text does not find it yet.
    pub is_unindexed: bool,
}

impl Mail {
    /// The fields of the header: name and value, unfolded and decoded.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        header::fields(&self.raw)
    }

    /// The first field of this name, or nothing.
    pub(super) fn field(&self, name: &str) -> String {
        let mut fields = self.fields().into_iter();
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).unwrap_or_default()
    }
}

/// A label of the owner's own.
#[derive(Debug, Clone)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Whether it is hidden in the list of labels and in the list of messages.
    pub is_hidden: bool,
}

/// A mailbox.
#[derive(Debug, Default)]
pub struct Mailbox {
    /// By id.
    pub mails: BTreeMap<String, Mail>,
    /// The owner's own labels, by id.
    pub labels: BTreeMap<String, Label>,
    /// A user whose account is suspended.
    pub is_suspended: bool,
    /// A user without Gmail.
    pub is_without_mail: bool,
    made: u64,
}

impl Mailbox {
    /// Puts a message into the mailbox and returns its id. Each is received a minute after the one before.
    pub fn deliver(&mut self, raw: &[u8], labels: &[&str]) -> String {
        self.made += 1;
        // Hexadecimal, as Google's.
        let id = format!("{:016x}", 0x19ab_0000_0000_0000 + self.made);
        let received = 1_790_000_000_000 + i64::try_from(self.made).expect("few") * 60_000;
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let mail = Mail { id: id.clone(), raw: raw.to_vec(), labels, received, is_unindexed: false };
        self.mails.insert(id.clone(), mail);
        id
    }

    /// Creates a label of the owner's own, and returns its id.
    pub fn create_label(&mut self, name: &str, is_hidden: bool) -> String {
        self.made += 1;
        let id = format!("Label_{}", self.made);
        self.labels.insert(id.clone(), Label { name: name.to_owned(), is_hidden });
        id
    }

    /// Removes a label of the owner's own, also from all messages.
    pub fn delete_label(&mut self, id: &str) {
        self.labels.remove(id);
        for mail in self.mails.values_mut() {
            mail.labels.remove(id);
        }
    }

    pub(super) fn has_label(&self, id: &str) -> bool {
        SYSTEM.contains(&id) || self.labels.contains_key(id)
    }
}
