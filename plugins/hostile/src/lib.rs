//! Violates the contract in one way at a time, for the tests of the host.
//!
//! The setting `hostile` selects the behaviour, otherwise the name of the mailbox up to its `@`. Without either, the
//! connector is well-behaved: `search` makes up as many messages as the setting `records` says, and `apply` succeeds on
//! everything. That mode is used to measure the cost of calls between host and guest.

mod behaviour;
mod benign;

use clawback_connector_sdk::{
    Connector,
    host::{Granted, Host as _},
    types::{
        Action, Capabilities, Error, Located, MailboxPage, MessagePage, MessageRef, Outcome, Query, Readiness, Target,
    },
};

use crate::behaviour::Behaviour;

/// The connector.
#[derive(Debug)]
pub struct Hostile;

/// Runs when the component is instantiated, before any call.
#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "the name by which it is found")]
#[unsafe(export_name = "_initialize")]
extern "C" fn start() {
    behaviour::in_start(Behaviour::of(""));
}

impl Connector for Hostile {
    fn describe(&self) -> Capabilities {
        behaviour::in_describe(Behaviour::of(""));
        benign::describe()
    }

    fn mailboxes(&self, cursor: Option<&str>, most: u32) -> Result<MailboxPage, Error> {
        match Behaviour::of("") {
            Behaviour::EndlessCursor => Ok(MailboxPage {
                mailboxes: vec!["again".into()],
                next: Some(cursor.unwrap_or("again").to_owned()),
                gaps: Vec::new(),
            }),
            Behaviour::OversizedPage => Ok(MailboxPage {
                mailboxes: vec!["x".repeat(1024); (most as usize + 1).max(20_000)],
                next: None,
                gaps: Vec::new(),
            }),
            _ => Ok(benign::mailboxes()),
        }
    }

    fn search(&self, mailbox: &str, _query: &Query, cursor: Option<&str>, most: u32) -> Result<MessagePage, Error> {
        behaviour::in_search(Behaviour::of(mailbox), mailbox, cursor, most)
    }

    fn locate(&self, mailbox: &str, refs: &[MessageRef]) -> Result<Vec<Located>, Error> {
        Ok(behaviour::in_locate(Behaviour::of(mailbox), benign::locate(refs)))
    }

    fn apply(&self, mailbox: &str, action: Action, targets: &[Target]) -> Result<Vec<Outcome>, Error> {
        behaviour::in_apply(Behaviour::of(mailbox), benign::apply(action, targets))
    }

    fn fetch_raw(&self, mailbox: &str, message: &MessageRef, most: u64) -> Result<Vec<u8>, Error> {
        match Behaviour::of(mailbox) {
            Behaviour::OversizedPage => {
                Ok(vec![b'x'; usize::try_from(most).unwrap_or(usize::MAX - 1).saturating_add(1)])
            }
            _ => Ok(format!("Message-ID: {}\r\n\r\n", message.message_id).into_bytes()),
        }
    }

    fn check(&self, _mailbox: &str) -> Result<Vec<Readiness>, Error> {
        Ok(Vec::new())
    }
}

pub(crate) fn setting(key: &str) -> Option<String> {
    Granted.setting(key)
}

clawback_connector_sdk::export!(Hostile);
