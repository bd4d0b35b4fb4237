//! The messages that must be in a store before the suite runs.

use std::sync::Arc;

use clawback_model::Message;

/// What must be in the store before the suite runs: [`raw`](Self::raw) has the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    mailbox: Arc<str>,
    subject: String,
    messages: usize,
}

/// Why a seed cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSeed {
    /// Some rules need a message before and one after another.
    #[error("{0} messages are too few: the rules need 3 at least, and 100 at most")]
    Messages(usize),
    /// It is part of header fields.
    #[error("the {0} is empty, or has a control character or a character outside ASCII")]
    Text(&'static str),
}

impl Seed {
    /// Creates a seed. `subject` is a part of the subject that the seeded messages have, and no other message.
    pub fn new(mailbox: &str, subject: &str, messages: usize) -> Result<Self, InvalidSeed> {
        if !(3..=100).contains(&messages) {
            return Err(InvalidSeed::Messages(messages));
        }
        for (what, text) in [("mailbox", mailbox), ("subject", subject)] {
            if text.is_empty() || !text.chars().all(|character| matches!(character, ' '..='~')) {
                return Err(InvalidSeed::Text(what));
            }
        }
        Ok(Self { mailbox: mailbox.into(), subject: subject.to_owned(), messages })
    }

    /// Returns the mailbox.
    pub fn mailbox(&self) -> &Arc<str> {
        &self.mailbox
    }

    /// Returns the part of the subject.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the number of messages.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Returns whether a message is one of the seeded ones.
    pub(super) fn is_of(&self, message: &Message) -> bool {
        let id = &message.reference.message_id;
        message.subject.contains(&self.subject) && id.starts_with("<seed-") && id.ends_with("@bulk.example>")
    }

    /// Returns the raw messages to put into the inbox.
    pub fn raw(&self) -> Vec<String> {
        (0..self.messages)
            .map(|number| {
                format!(
                    "From: Parcels <Parcels@Bulk.Example>\r\nTo: {to}\r\nSubject: {subject} {number}\r\n\
                     Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <seed-{number}@bulk.example>\r\n\r\nBody {number}\r\n",
                    to = self.mailbox,
                    subject = self.subject,
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_that_no_rule_can_use_is_refused() {
        assert_eq!(Seed::new("a@x", "s", 2), Err(InvalidSeed::Messages(2)));
        assert_eq!(Seed::new("a@x\r\nBcc: b", "s", 3), Err(InvalidSeed::Text("mailbox")));
        assert_eq!(Seed::new("a@x", "", 3), Err(InvalidSeed::Text("subject")));
        assert_eq!(Seed::new("a@x", "s", 3).unwrap().raw().len(), 3);
    }
}
