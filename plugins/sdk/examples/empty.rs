//! A connector for a store with one mailbox and no mail: the smallest that loads. Replace what it answers by what your
//! store answers; the rules of each call are in `connector` of the contract.

use clawback_connector_sdk::{
    Connector, describe,
    host::Host,
    types::{
        Action, Capabilities, Error, Located, MailboxPage, MessagePage, MessageRef, Outcome, Query, Readiness, Target,
    },
};

/// The connector, on top of its host's grants.
#[derive(Debug)]
pub struct Empty<H> {
    host: H,
}

impl<H: Host> Connector for Empty<H> {
    fn describe(&self) -> Capabilities {
        describe::capabilities("empty", env!("CARGO_PKG_VERSION"), &[], &[], 1_000)
    }

    fn mailboxes(&self, _cursor: Option<&str>, _most: u32) -> Result<MailboxPage, Error> {
        Ok(MailboxPage { mailboxes: self.host.setting("mailbox").into_iter().collect(), next: None, gaps: Vec::new() })
    }

    fn search(&self, _: &str, _: &Query, _cursor: Option<&str>, _most: u32) -> Result<MessagePage, Error> {
        Ok(MessagePage { messages: Vec::new(), next: None, gaps: Vec::new() })
    }

    fn locate(&self, _mailbox: &str, refs: &[MessageRef]) -> Result<Vec<Located>, Error> {
        Ok(refs.iter().map(|one| Located { locator: one.locator.clone(), sightings: Vec::new() }).collect())
    }

    fn apply(&self, _mailbox: &str, _: Action, _targets: &[Target]) -> Result<Vec<Outcome>, Error> {
        Err(Error::Permanent("nothing can be done to an empty store".into()))
    }

    fn fetch_raw(&self, _mailbox: &str, _: &MessageRef, _most: u64) -> Result<Vec<u8>, Error> {
        Err(Error::NotFound("the message is nowhere in this mailbox".into()))
    }

    fn check(&self, _mailbox: &str) -> Result<Vec<Readiness>, Error> {
        Ok(Vec::new())
    }
}

clawback_connector_sdk::export!(Empty { host: clawback_connector_sdk::host::Granted });
