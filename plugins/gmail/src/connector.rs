//! The calls of the contract.

use clawback_connector_sdk::{
    Connector,
    describe::{self, ACTIONS, ATTACHMENT_NAME, HEADER_FIELDS},
    examiner::{self, Examined},
    features,
    host::{Host, Http, Memo},
    types::{
        Action, Capabilities, Error, Located, MailboxPage, MessagePage, MessageRef, Outcome, Query, Readiness, Target,
    },
};

use crate::{act, client::Client, directory, locate, raw, readiness, search};

/// The most targets of one call. Before and after a hard delete they cost 4,000 of the 6,000 units of a minute, so that a
/// call can end in one.
const LARGEST_BATCH: u32 = 100;

/// The connector, on top of its host's grants.
#[derive(Debug, Clone, Default)]
pub struct Gmail<H> {
    host: H,
}

impl<H: Host + Http + Memo> Gmail<H> {
    /// Creates a connector with the grants of this host.
    pub fn new(host: H) -> Self {
        Self { host }
    }

    fn actions(&self) -> Vec<Action> {
        let has = |action: &Action| *action != Action::HardDelete || self.is_set("hard-delete");
        ACTIONS.into_iter().filter(has).collect()
    }

    fn is_set(&self, setting: &str) -> bool {
        self.host.setting(setting).is_some_and(|value| matches!(value.trim(), "true" | "yes"))
    }
}

impl<H: Host + Http + Memo> Connector for Gmail<H> {
    fn describe(&self) -> Capabilities {
        let fields = [&HEADER_FIELDS[..], &[ATTACHMENT_NAME]].concat();
        describe::capabilities("gmail", env!("CARGO_PKG_VERSION"), &self.actions(), &fields, LARGEST_BATCH)
    }

    fn mailboxes(&self, cursor: Option<&str>, most: u32) -> Result<MailboxPage, Error> {
        directory::mailboxes(&Client::of_store(&self.host)?, cursor, most)
    }

    fn search(&self, mailbox: &str, query: &Query, cursor: Option<&str>, most: u32) -> Result<MessagePage, Error> {
        search::search(&Client::of_mailbox(&self.host, mailbox)?, query, cursor, most)
    }

    fn locate(&self, mailbox: &str, refs: &[MessageRef]) -> Result<Vec<Located>, Error> {
        locate::locate(&Client::of_mailbox(&self.host, mailbox)?, refs)
    }

    fn apply(&self, mailbox: &str, action: Action, targets: &[Target]) -> Result<Vec<Outcome>, Error> {
        if action == Action::HardDelete && !self.is_set("hard-delete") {
            let why = "the setting `hard-delete` is off; it needs the scope https://mail.google.com/";
            return Err(Error::Permanent(why.into()));
        }
        act::apply(&Client::of_mailbox(&self.host, mailbox)?, action, targets)
    }

    fn fetch_raw(&self, mailbox: &str, message: &MessageRef, most: u64) -> Result<Vec<u8>, Error> {
        raw::fetch(&Client::of_mailbox(&self.host, mailbox)?, message, most)
    }

    fn examine(&self, mailbox: &str, refs: &[MessageRef], request: &examiner::Request) -> Result<Vec<Examined>, Error> {
        // One client, so that the waits of all together are bounded.
        let client = Client::of_mailbox(&self.host, mailbox)?;
        let fetched = refs.iter().map(|message| raw::fetch(&client, message, request.most));
        fetched.map(|raw| features::examined(raw, request)).collect()
    }

    fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, Error> {
        readiness::check(&Client::of_mailbox(&self.host, mailbox)?, &self.actions())
    }
}
