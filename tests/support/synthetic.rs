//! A mail store inside the process whose mail is computed, not kept: for benches of the engine alone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clawback_connectors::{ActionTarget, CallError, Capabilities, MailStore, Page};
use clawback_model::{
    Action, Effect, Located, Location, LocationKind, Message, MessageRef, Query, Receipt, RestorePoint, Sighting,
    Timestamp,
};

/// The sender of all messages.
pub const SENDER: &str = "payroll@evil.example";

/// A number of mailboxes with the same number of messages each.
pub struct Synthetic {
    name: Arc<str>,
    mailboxes: u32,
    each: u32,
    known: Capabilities,
    takes: Duration,
}

impl Synthetic {
    /// A store called `corp`.
    pub fn new(mailboxes: u32, each: u32) -> Self {
        let known = Capabilities {
            connector: "synthetic".to_owned(),
            version: "1.0.0".to_owned(),
            digest: "built-in".to_owned(),
            actions: Action::ALL.to_vec(),
            search_fields: vec!["from-address".to_owned()],
            largest_batch: 1_000,
            calls_per_mailbox: 1,
            calls: 32,
            calls_per_second: None,
            grant: clawback_model::Grant::new(),
        };
        Self { name: "corp".into(), mailboxes, each, known, takes: Duration::ZERO }
    }

    /// The same with calls that take this long to act.
    #[must_use]
    pub fn taking(mut self, takes: Duration) -> Self {
        self.takes = takes;
        self
    }

    fn message(&self, mailbox: &Arc<str>, number: u32) -> Message {
        Message {
            store: Arc::clone(&self.name),
            mailbox: Arc::clone(mailbox),
            reference: MessageRef {
                locator: format!("1700000000:{number}:INBOX"),
                message_id: format!("<{number}.{mailbox}.evil.example>"),
                fingerprint: format!("{number:032x}"),
            },
            location: Location::new(LocationKind::Inbox, "INBOX"),
            original_location: None,
            subject: "Action required: updated salary statement".to_owned(),
            from_address: SENDER.to_owned(),
            from_name: "Payroll".to_owned(),
            also_from: Vec::new(),
            cut: Vec::new(),
            features: None,
            to: vec![mailbox.to_string()],
            received_at: Timestamp(1_700_000_000_000_000 + i64::from(number)),
            size: 4_096,
            flags: vec!["\\Seen".to_owned()],
            attachments: vec![],
            headers: vec![],
        }
    }
}

#[async_trait]
impl MailStore for Synthetic {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.known
    }

    async fn mailboxes(&self, cursor: Option<String>, most: u32) -> Result<Page<Arc<str>>, CallError> {
        let first: u32 = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let end = (first + most).min(self.mailboxes);
        let items = (first..end).map(|number| format!("user{number:06}@corp.example").into()).collect();
        Ok(Page { items, next: (end < self.mailboxes).then(|| end.to_string()), gaps: Vec::new() })
    }

    async fn search(
        &self,
        mailbox: &Arc<str>,
        _query: &Query,
        cursor: Option<String>,
        most: u32,
    ) -> Result<Page<Message>, CallError> {
        let first: u32 = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let end = (first + most).min(self.each);
        let items = (first..end).map(|number| self.message(mailbox, number)).collect();
        Ok(Page { items, next: (end < self.each).then(|| end.to_string()), gaps: Vec::new() })
    }

    async fn locate(&self, _mailbox: &str, references: &[MessageRef]) -> Result<Vec<Located>, CallError> {
        let answer = |reference: &MessageRef| Located {
            locator: reference.locator.clone(),
            sightings: vec![Sighting {
                reference: reference.clone(),
                location: Location::new(LocationKind::Inbox, "INBOX"),
                flags: vec![],
            }],
        };
        Ok(references.iter().map(answer).collect())
    }

    async fn apply(&self, _mailbox: &str, _action: Action, aims: &[ActionTarget]) -> Result<Vec<Effect>, CallError> {
        let receipt = |aim: &ActionTarget| {
            let locator = aim.reference.locator.replace("INBOX", "Recoverable Items");
            Effect::Succeeded(Receipt {
                former: RestorePoint { location: aim.location.clone(), flags: vec!["\\Seen".to_owned()] },
                now: Some(MessageRef { locator, ..aim.reference.clone() }),
                location: Some(Location::new(LocationKind::RecoverableItems, "Recoverable Items")),
                evidence: None,
                calendar_entry: None,
            })
        };
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        Ok(aims.iter().map(receipt).collect())
    }

    async fn fetch_raw(&self, mailbox: &str, _: &MessageRef, _: u64) -> Result<Vec<u8>, CallError> {
        Err(CallError::NotFound { store: Arc::clone(&self.name), mailbox: mailbox.to_owned(), detail: None })
    }
}
