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
    tree::{Mailbox, NOT_FOLLOWED, WINDOW, refused},
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
        let most = page::size(most, usize::MAX);
        let (mut mailboxes, mut gaps) = (Vec::<String>::new(), Vec::new());
        let mut after = cursor.unwrap_or_default().to_owned();
        // One more than the page has, which tells whether there is another page.
        let window = u32::try_from(most).map_or(WINDOW, |most| WINDOW.min(most.saturating_add(1)));
        loop {
            let listed = self.host.list_after("", &after, window);
            let entries = listed.map_err(|error| refused("the granted directory", error))?;
            let is_end = entries.len() < window as usize;
            for entry in entries {
                after.clone_from(&entry.name);
                if entry.name.starts_with('.') || entry.kind == EntryKind::File {
                    continue;
                }
                if mailboxes.len() == most {
                    return Ok(MailboxPage { next: mailboxes.last().cloned(), mailboxes, gaps });
                }
                if entry.kind == EntryKind::Dir {
                    mailboxes.push(entry.name);
                } else {
                    gaps.push(Gap { folder: String::new(), item: entry.name, reason: NOT_FOLLOWED.to_owned() });
                }
            }
            if is_end {
                return Ok(MailboxPage { mailboxes, next: None, gaps });
            }
        }
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
