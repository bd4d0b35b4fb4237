//! The calls of the contract.

use clawback_connector_sdk::{
    Connector,
    describe::{self, ACTIONS, HEADER_FIELDS},
    examiner::{Examined, Request},
    host::{Host, MailServer, MailStream},
    page,
    types::{
        Action, Capabilities, Error, Located, MailboxPage, MessagePage, MessageRef, Outcome, Query, Readiness, Target,
    },
};

use crate::{act, examine, locate, raw, readiness, refusal, search, session::Session};

/// The connector, on top of its host's grants.
#[derive(Debug, Clone, Default)]
pub struct Imap<H> {
    host: H,
}

impl<H: Host + MailServer> Imap<H> {
    /// Creates a connector with the grants of this host.
    pub fn new(host: H) -> Self {
        Self { host }
    }

    fn open(&self, mailbox: &str) -> Result<Session<H::Stream>, Error> {
        self.host.open(mailbox).map(Session::new).map_err(refusal::of_stream)
    }

    /// Opens a connection, runs `task` on it, and returns the connection to the host. After an error it is dropped and
    /// so closed, because unread data may remain.
    fn with_session<T>(
        &self,
        mailbox: &str,
        task: impl FnOnce(&mut Session<H::Stream>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut session = self.open(mailbox)?;
        let result = task(&mut session)?;
        session.release();
        Ok(result)
    }
}

impl<H: Host + MailServer> Connector for Imap<H>
where
    H::Stream: MailStream,
{
    fn describe(&self) -> Capabilities {
        describe::capabilities("imap", env!("CARGO_PKG_VERSION"), &ACTIONS, &HEADER_FIELDS, 1_000)
    }

    /// Returns the addresses of the setting `mailboxes`, because IMAP cannot list mailboxes.
    fn mailboxes(&self, cursor: Option<&str>, most: u32) -> Result<MailboxPage, Error> {
        let Some(setting) = self.host.setting("mailboxes") else {
            return Err(Error::Permanent(
                "an IMAP server cannot list its mailboxes: name them in the setting `mailboxes`".into(),
            ));
        };
        let mut mailboxes: Vec<String> = setting
            .split(|character: char| character == ',' || character.is_whitespace())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        mailboxes.sort_unstable();
        mailboxes.dedup();
        let (mailboxes, next) = page::after(mailboxes, String::as_str, cursor, most);
        Ok(MailboxPage { mailboxes, next, gaps: Vec::new() })
    }

    fn search(&self, mailbox: &str, query: &Query, cursor: Option<&str>, most: u32) -> Result<MessagePage, Error> {
        let mut session = self.open(mailbox)?;
        let page = search::search(&mut session, &self.host, query, cursor, most)?;
        // The host keeps few connections. Those of mailboxes with hits are used again: for the next page, or to act.
        if !page.messages.is_empty() || page.next.is_some() {
            session.release();
        }
        Ok(page)
    }

    fn locate(&self, mailbox: &str, refs: &[MessageRef]) -> Result<Vec<Located>, Error> {
        self.with_session(mailbox, |session| locate::locate(session, &self.host, refs))
    }

    fn apply(&self, mailbox: &str, action: Action, targets: &[Target]) -> Result<Vec<Outcome>, Error> {
        self.with_session(mailbox, |session| act::apply(session, &self.host, action, targets))
    }

    fn fetch_raw(&self, mailbox: &str, message: &MessageRef, most: u64) -> Result<Vec<u8>, Error> {
        self.with_session(mailbox, |session| raw::fetch(session, &self.host, message, most))
    }

    fn examine(&self, mailbox: &str, refs: &[MessageRef], request: &Request) -> Result<Vec<Examined>, Error> {
        self.with_session(mailbox, |session| examine::examine(session, &self.host, refs, request))
    }

    fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, Error> {
        self.with_session(mailbox, |session| readiness::check(session, &self.host, &ACTIONS))
    }
}
