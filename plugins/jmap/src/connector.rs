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

use crate::{
    act,
    api::Api,
    folder, locate, raw, readiness, search,
    session::{self, Listing, Session},
};

/// The longest name of a mailbox.
const LONGEST_NAME: usize = 320;

/// The connector, on top of its host's grants.
#[derive(Debug, Clone, Default)]
pub struct Jmap<H> {
    host: H,
}

impl<H: Host + Http + Memo> Jmap<H> {
    /// Creates a connector with the grants of this host.
    pub fn new(host: H) -> Self {
        Self { host }
    }

    /// Returns whether an account of a login has no mail, as that of an administrator.
    fn is_empty(&self, listing: &Listing) -> Result<bool, Error> {
        let api = Api::new(&self.host, listing.account.clone());
        match api.one(folder::listing())? {
            Ok(answer) => Ok(answer["list"].as_array().is_some_and(Vec::is_empty)),
            Err(refusal) => Ok(refusal.is("accountNotFound")),
        }
    }
}

impl<H: Host + Http + Memo> Connector for Jmap<H> {
    fn describe(&self) -> Capabilities {
        describe::capabilities("jmap", env!("CARGO_PKG_VERSION"), &ACTIONS, &HEADER_FIELDS, 500)
    }

    /// Returns the accounts that the login reaches.
    fn mailboxes(&self, cursor: Option<&str>, most: u32) -> Result<MailboxPage, Error> {
        let (mut listings, mut gaps) = Session::fetch(&self.host)?.mailboxes()?;
        // The login's own account has no mail if it only administers others.
        if listings.len() > 1
            && let Some(at) = listings.iter().position(|listing| listing.is_own)
            && self.is_empty(&listings[at])?
        {
            listings.remove(at);
        }
        // The accounts without a name are on the first page.
        gaps.retain(|_| cursor.is_none());
        let (listings, next) = page::after(listings, |listing| &listing.name, cursor, most);
        session::keep(&self.host, &listings);
        let is_name = |name: &str| name.len() <= LONGEST_NAME && !name.chars().any(char::is_control);
        let (named, unnamed): (Vec<Listing>, Vec<Listing>) =
            listings.into_iter().partition(|listing| is_name(&listing.name));
        gaps.extend(unnamed.into_iter().map(|listing| Gap {
            folder: String::new(),
            item: listing.account.id,
            reason: "the account has a name that no plan can hold".into(),
        }));
        Ok(MailboxPage { mailboxes: named.into_iter().map(|listing| listing.name).collect(), next, gaps })
    }

    fn search(&self, mailbox: &str, query: &Query, cursor: Option<&str>, most: u32) -> Result<MessagePage, Error> {
        Api::on(&self.host, mailbox, |api| search::search(api, query, cursor, most))
    }

    fn locate(&self, mailbox: &str, refs: &[MessageRef]) -> Result<Vec<Located>, Error> {
        Api::on(&self.host, mailbox, |api| locate::locate(api, refs))
    }

    fn apply(&self, mailbox: &str, action: Action, targets: &[Target]) -> Result<Vec<Outcome>, Error> {
        Api::on(&self.host, mailbox, |api| act::apply(api, action, targets))
    }

    fn fetch_raw(&self, mailbox: &str, message: &MessageRef, most: u64) -> Result<Vec<u8>, Error> {
        Api::on(&self.host, mailbox, |api| raw::fetch(api, message, most))
    }

    fn examine(&self, mailbox: &str, refs: &[MessageRef], request: &Request) -> Result<Vec<Examined>, Error> {
        Api::on(&self.host, mailbox, |api| raw::examine(api, refs, request))
    }

    fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, Error> {
        Api::on(&self.host, mailbox, |api| readiness::check(api, &ACTIONS))
    }
}
