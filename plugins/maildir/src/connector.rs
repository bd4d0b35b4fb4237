//! The calls of the contract.

use clawback_connector_sdk::{
    Connector,
    describe::{self, ACTIONS, ATTACHMENT_NAME, HEADER_FIELDS},
    examiner::{Examined, Request},
    host::{EntryKind, Folder, Host},
    page,
    types::{
        Action, Capabilities, Error, Gap, Located, MailboxPage, MessagePage, MessageRef, Outcome, Query, Readiness,
        Sighting, Target,
    },
};

use crate::{
    act, examine,
    find::{find, reference},
    head::head,
    name, ready, search,
    tree::{Mailbox, NOT_FOLLOWED, refused},
};

/// The connector, on top of its host's grants.
#[derive(Debug, Clone, Default)]
pub struct Maildir<H> {
    host: H,
}

impl<H> Maildir<H> {
    /// Creates a connector with the grants of this host.
    pub fn new(host: H) -> Self {
        Self { host }
    }
}

impl<H: Folder + Host> Connector for Maildir<H> {
    fn describe(&self) -> Capabilities {
        let fields = [&HEADER_FIELDS[..], &[ATTACHMENT_NAME]].concat();
        describe::capabilities("maildir", env!("CARGO_PKG_VERSION"), &ACTIONS, &fields, 1_000)
    }

    fn mailboxes(&self, cursor: Option<&str>, most: u32) -> Result<MailboxPage, Error> {
        let entries = self.host.list("").map_err(|error| refused("the granted directory", error))?;
        let (mut mailboxes, mut gaps) = (Vec::new(), Vec::new());
        for entry in entries.into_iter().filter(|entry| !entry.name.starts_with('.')) {
            match entry.kind {
                EntryKind::Dir => mailboxes.push(entry.name),
                EntryKind::Other if cursor.is_none() => {
                    gaps.push(Gap { folder: String::new(), item: entry.name, reason: NOT_FOLLOWED.to_owned() });
                }
                EntryKind::Other | EntryKind::File => {}
            }
        }
        mailboxes.sort_unstable();
        let (mailboxes, next) = page::after(mailboxes, String::as_str, cursor, most);
        Ok(MailboxPage { mailboxes, next, gaps })
    }

    fn search(&self, mailbox: &str, query: &Query, cursor: Option<&str>, most: u32) -> Result<MessagePage, Error> {
        search::search(&Mailbox::open(&self.host, mailbox)?, query, cursor, most)
    }

    fn locate(&self, mailbox: &str, refs: &[MessageRef]) -> Result<Vec<Located>, Error> {
        let mailbox = Mailbox::open(&self.host, mailbox)?;
        let folders = mailbox.folders()?;
        let found = find(&mailbox, &folders.all, &refs.iter().collect::<Vec<_>>())?;
        // An absence is reported only if everything could be read.
        if let (Some(why), true) = (found.closed, found.of.iter().any(Vec::is_empty)) {
            return Err(why);
        }
        refs.iter()
            .zip(found.of)
            .map(|(wanted, places)| {
                let mut sightings = Vec::with_capacity(places.len());
                for (folder, file) in places {
                    if let Some(head) = head(&mailbox, &folder, &file)?.bytes() {
                        sightings.push(Sighting {
                            ref_: reference(&folder, &file, &head),
                            flags: name::flags(&file.name),
                            location: folder.location,
                        });
                    }
                }
                Ok(Located { locator: wanted.locator.clone(), sightings })
            })
            .collect()
    }

    fn apply(&self, mailbox: &str, action: Action, targets: &[Target]) -> Result<Vec<Outcome>, Error> {
        act::apply(&Mailbox::open(&self.host, mailbox)?, action, targets)
    }

    fn fetch_raw(&self, mailbox: &str, message: &MessageRef, most: u64) -> Result<Vec<u8>, Error> {
        let mailbox = Mailbox::open(&self.host, mailbox)?;
        let folders = mailbox.folders()?;
        let found = find(&mailbox, &folders.all, &[message])?;
        match (found.of.into_iter().flatten().next(), found.closed) {
            (Some((folder, file)), _) => search::read(&mailbox, &folder, &file, most),
            (None, Some(why)) => Err(why),
            (None, None) => Err(Error::NotFound("the message is nowhere in this mailbox".into())),
        }
    }

    fn examine(&self, mailbox: &str, refs: &[MessageRef], request: &Request) -> Result<Vec<Examined>, Error> {
        examine::examine(&Mailbox::open(&self.host, mailbox)?, refs, request)
    }

    fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, Error> {
        ready::check(&Mailbox::open(&self.host, mailbox)?, &ACTIONS)
    }
}
