//! The calls of the contract.

use clawback_connector_sdk::{
    Connector,
    describe::{self, ACTIONS, ATTACHMENT_NAME, HEADER_FIELDS},
    examiner::{Examined, Request},
    host::{Host, Http, Memo},
    types::{
        Action, Capabilities, Effect, Error, Located, MailboxPage, MessagePage, MessageRef, Outcome, Query, Readiness,
        Target,
    },
};

use crate::{
    act,
    bindings::exports::clawback::mail_store::calendar::{Acted, Entry, Fate},
    calendar::{self, Calendar},
    client::Client,
    examine, locate, raw, readiness, search, users,
};

/// The most targets of one call: five batches in turn. Microsoft runs four parts of a batch at once, which is all that a
/// mailbox accepts.
const LARGEST_BATCH: u32 = 100;

/// The connector, on top of its host's grants.
#[derive(Debug, Clone, Default)]
pub struct Graph<H> {
    host: H,
}

impl<H: Host + Http + Memo> Graph<H> {
    /// Creates a connector with the grants of this host.
    pub fn new(host: H) -> Self {
        Self { host }
    }

    /// Acts like `apply`, with the entries that invitations left in the calendar.
    pub fn apply_with_entries(&self, mailbox: &str, action: Action, targets: &[Target]) -> Result<Vec<Acted>, Error> {
        let client = self.client(mailbox);
        let mut calendar = Calendar::new(&client, action, targets.len());
        let outcomes = act::apply(&client, action, targets, Some(&mut calendar))?;
        let acted = outcomes.into_iter().zip(calendar.entries).map(|(mut outcome, entry)| {
            let is_removed = entry.as_ref().is_some_and(|entry| entry.fate == Fate::Removed);
            if let (Effect::Failed(why), true) = (&mut outcome.effect, is_removed) {
                why.push_str("; its entry in the calendar was removed");
            }
            Acted { outcome, entry }
        });
        Ok(acted.collect())
    }

    /// Completes what an interrupted act left undone in the calendar.
    pub fn settle_entries(
        &self,
        mailbox: &str,
        action: Action,
        targets: &[Target],
    ) -> Result<Vec<Option<Entry>>, Error> {
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        calendar::settle(&self.client(mailbox), action, targets)
    }

    /// Returns why entries cannot be removed from this calendar.
    pub fn calendar_obstacle(&self, mailbox: &str) -> Result<Option<String>, Error> {
        calendar::obstacle(&self.client(mailbox))
    }

    fn actions(&self) -> Vec<Action> {
        let has = |action: &Action| *action != Action::HardDelete || !readiness::is_hard_delete_off(&self.host);
        ACTIONS.into_iter().filter(has).collect()
    }

    fn client<'a>(&'a self, mailbox: &'a str) -> Client<'a, H> {
        Client::new(&self.host, mailbox)
    }
}

impl<H: Host + Http + Memo> Connector for Graph<H> {
    fn describe(&self) -> Capabilities {
        let fields = [&HEADER_FIELDS[..], &[ATTACHMENT_NAME]].concat();
        describe::capabilities("graph", env!("CARGO_PKG_VERSION"), &self.actions(), &fields, LARGEST_BATCH)
    }

    fn mailboxes(&self, cursor: Option<&str>, most: u32) -> Result<MailboxPage, Error> {
        users::list(&self.client(""), cursor, most)
    }

    fn search(&self, mailbox: &str, query: &Query, cursor: Option<&str>, most: u32) -> Result<MessagePage, Error> {
        search::search(&self.client(mailbox), query, cursor, most)
    }

    fn locate(&self, mailbox: &str, refs: &[MessageRef]) -> Result<Vec<Located>, Error> {
        locate::locate(&self.client(mailbox), refs)
    }

    fn apply(&self, mailbox: &str, action: Action, targets: &[Target]) -> Result<Vec<Outcome>, Error> {
        act::apply(&self.client(mailbox), action, targets, None)
    }

    fn fetch_raw(&self, mailbox: &str, message: &MessageRef, most: u64) -> Result<Vec<u8>, Error> {
        raw::fetch(&self.client(mailbox), message, most)
    }

    fn examine(&self, mailbox: &str, refs: &[MessageRef], request: &Request) -> Result<Vec<Examined>, Error> {
        examine::examine(&self.client(mailbox), refs, request)
    }

    fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, Error> {
        readiness::check(&self.client(mailbox), &self.actions())
    }
}
