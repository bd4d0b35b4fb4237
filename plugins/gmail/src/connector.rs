//! The calls of the contract.

use clawback_connector_sdk::{
    Connector,
    examiner::{self, Examined},
    features,
    host::{Host, Http, Memo},
    types::{
        Action, Capabilities, Error, Located, MailboxPage, MessagePage, MessageRef, Outcome, Query, Readiness, Target,
    },
};

use crate::{act, client::Client, directory, locate, raw, readiness, search};

/// The supported actions, without the one that needs a wider scope.
const ACTIONS: [Action; 6] = [
    Action::MoveToJunk,
    Action::MoveToInbox,
    Action::MoveToDeletedItems,
    Action::SoftDelete,
    Action::MoveToQuarantine,
    Action::Restore,
];

/// The conditions that the store or the connector can decide.
const FIELDS: [&str; 9] = [
    "from-address",
    "from-domain",
    "subject-contains",
    "to-address",
    "message-id",
    "received-after",
    "received-before",
    "header-contains",
    "attachment-name",
];

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
        let mut actions = ACTIONS.to_vec();
        if self.is_set("hard-delete") {
            actions.push(Action::HardDelete);
        }
        actions
    }

    fn is_set(&self, setting: &str) -> bool {
        self.host.setting(setting).is_some_and(|value| matches!(value.trim(), "true" | "yes"))
    }
}

impl<H: Host + Http + Memo> Connector for Gmail<H> {
    fn describe(&self) -> Capabilities {
        Capabilities {
            name: "gmail".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            actions: self.actions(),
            search_fields: FIELDS.map(str::to_owned).to_vec(),
            // Before and after a hard delete they cost 4,000 of the 6,000 units of a minute, so that a call can end in one.
            largest_batch: 100,
            calls_per_mailbox: 1,
            extra: Vec::new(),
        }
    }

    fn mailboxes(&self, cursor: Option<&str>, most: u32) -> Result<MailboxPage, Error> {
        directory::mailboxes(&Client::of_store(&self.host)?, cursor, most)
    }

    fn search(&self, mailbox: &str, query: &Query, cursor: Option<&str>, most: u32) -> Result<MessagePage, Error> {
        search::search(&Client::of_mailbox(&self.host, mailbox)?, query, cursor, most)
    }

    fn locate(&self, mailbox: &str, refs: &[MessageRef]) -> Result<Vec<Located>, Error> {
        if refs.is_empty() {
            return Ok(Vec::new());
        }
        locate::locate(&Client::of_mailbox(&self.host, mailbox)?, refs)
    }

    fn apply(&self, mailbox: &str, action: Action, targets: &[Target]) -> Result<Vec<Outcome>, Error> {
        if targets.is_empty() {
            return Ok(Vec::new());
        }
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
        if refs.is_empty() {
            return Ok(Vec::new());
        }
        // One client, so that the waits of all together are bounded.
        let client = Client::of_mailbox(&self.host, mailbox)?;
        let examined = refs.iter().map(|message| match raw::fetch(&client, message, request.most) {
            Ok(raw) => Ok(Examined::Features(features::of(&raw, request))),
            Err(Error::NotFound(_)) => Ok(Examined::NotFound),
            Err(Error::Permanent(why)) => Ok(Examined::Failed(why)),
            Err(error) => Err(error),
        });
        examined.collect()
    }

    fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, Error> {
        readiness::check(&Client::of_mailbox(&self.host, mailbox)?, &self.actions())
    }
}
