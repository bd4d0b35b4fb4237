//! The calls of the contract.

use clawback_connector_sdk::{
    Connector,
    describe::{self, ACTIONS, HEADER_FIELDS},
    examiner::{Examined, Request},
    host::{Host, Http, Memo},
    page,
    types::{
        Action, Capabilities, Error, Gap, Located, MailboxPage, MessagePage, MessageRef, Outcome, Query, Readiness,
        Target,
    },
};
use serde::Deserialize;

use crate::{
    act,
    api::{self, Api},
    command::Command,
    locate, raw, readiness, search,
};

/// The connector, on top of its host's grants.
#[derive(Debug, Clone, Default)]
pub struct Doveadm<H> {
    host: H,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Users {
    user_list: Vec<String>,
}

impl<H: Host + Http + Memo> Doveadm<H> {
    /// Creates a connector with the grants of this host.
    pub fn new(host: H) -> Self {
        Self { host }
    }

    fn on(&self, mailbox: &str) -> Result<Api<'_, H>, Error> {
        Api::of_mailbox(&self.host, mailbox)
    }
}

impl<H: Host + Http + Memo> Connector for Doveadm<H> {
    fn describe(&self) -> Capabilities {
        describe::capabilities("doveadm", env!("CARGO_PKG_VERSION"), &ACTIONS, &HEADER_FIELDS, 500)
    }

    /// Returns the users that the server's user databases list.
    fn mailboxes(&self, cursor: Option<&str>, most: u32) -> Result<MailboxPage, Error> {
        let answer = Api::of_server(&self.host).one(Command::users())?.map_err(|refusal| {
            Error::Permanent(format!(
                "the server cannot list its users, so name the mailboxes in the configuration of the store: {}",
                refusal.why()
            ))
        })?;
        let mut users = api::value::<Users>(&answer)?.user_list;
        users.sort_unstable();
        users.dedup();
        let (users, next) = page::after(users, String::as_str, cursor, most);
        let (mailboxes, unnamed): (Vec<String>, Vec<String>) =
            users.into_iter().partition(|name| api::is_user(name) && !name.contains('\u{fffd}'));
        let gaps = unnamed.into_iter().map(|item| Gap {
            folder: String::new(),
            item,
            reason: "a command cannot name this user alone: the name has a wildcard or a control character".into(),
        });
        Ok(MailboxPage { mailboxes, next, gaps: gaps.collect() })
    }

    fn search(&self, mailbox: &str, query: &Query, cursor: Option<&str>, most: u32) -> Result<MessagePage, Error> {
        search::search(&self.on(mailbox)?, query, cursor, most)
    }

    fn locate(&self, mailbox: &str, refs: &[MessageRef]) -> Result<Vec<Located>, Error> {
        locate::locate(&self.on(mailbox)?, refs)
    }

    fn apply(&self, mailbox: &str, action: Action, targets: &[Target]) -> Result<Vec<Outcome>, Error> {
        act::apply(&self.on(mailbox)?, action, targets)
    }

    fn fetch_raw(&self, mailbox: &str, message: &MessageRef, most: u64) -> Result<Vec<u8>, Error> {
        raw::fetch(&self.on(mailbox)?, message, most)
    }

    fn examine(&self, mailbox: &str, refs: &[MessageRef], request: &Request) -> Result<Vec<Examined>, Error> {
        raw::examine(&self.on(mailbox)?, refs, request)
    }

    fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, Error> {
        readiness::check(&self.on(mailbox)?, &ACTIONS)
    }
}
