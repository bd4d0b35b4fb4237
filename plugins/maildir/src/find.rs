//! Messages that are no longer where their locator says.

use std::collections::HashMap;

use clawback_connector_sdk::{
    fingerprint::{self, Fingerprints},
    header,
    host::{Folder, Host},
    types::{Error, MessageRef},
};

use crate::{
    head::{Head, heads},
    tree::{File, MailFolder, Mailbox},
};

/// The places of messages.
#[derive(Debug)]
pub(crate) struct Places {
    /// Every place of each message, in the order of the request.
    pub(crate) of: Vec<Vec<(MailFolder, File)>>,
    /// What could not be read, if anything: a message without a place may be there.
    pub(crate) closed: Option<Error>,
}

/// Returns every place of each of these messages in the mailbox, by unique name, otherwise by its header.
pub(crate) fn find<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    folders: &[MailFolder],
    refs: &[&MessageRef],
) -> Result<Places, Error> {
    let mut places = Places { of: vec![Vec::new(); refs.len()], closed: None };
    let uniques: Vec<&str> = refs.iter().map(|wanted| unique_of(&wanted.locator)).collect();
    for folder in folders {
        let index = match mailbox.named(folder, &uniques) {
            Ok(index) => index,
            Err(error) => {
                places.closed = Some(error);
                continue;
            }
        };
        let named: Vec<(usize, &File)> =
            uniques.iter().enumerate().filter_map(|(at, unique)| index.get(*unique).map(|file| (at, file))).collect();
        let files: Vec<&File> = named.iter().map(|(_, file)| *file).collect();
        heads(mailbox, folder, &files, &mut |number, head| {
            let (at, file) = named[number];
            if places.look(folder, file, head).is_some_and(|head| is_same(refs[at], &head, file)) {
                places.of[at].push((folder.clone(), file.clone()));
            }
            true
        })?;
    }
    // A mail program that copies gives a new name: then every head must be read.
    let missing: HashMap<&str, Vec<usize>> =
        (0..refs.len()).filter(|at| places.of[*at].is_empty()).fold(HashMap::new(), |mut missing, at| {
            missing.entry(refs[at].fingerprint.as_str()).or_default().push(at);
            missing
        });
    if missing.is_empty() {
        return Ok(places);
    }
    for folder in folders {
        let mut from = Some(String::new());
        while let Some(after) = from {
            let window = match mailbox.window(folder, &after) {
                Ok(window) => window,
                Err(error) => {
                    places.closed = Some(error);
                    break;
                }
            };
            let files: Vec<&File> = window.files.iter().collect();
            heads(mailbox, folder, &files, &mut |number, head| {
                if let Some(head) = places.look(folder, files[number], head) {
                    let both = Fingerprints::of(&head, files[number].size);
                    for at in both.all().into_iter().filter_map(|one| missing.get(one)).flatten() {
                        places.of[*at].push((folder.clone(), files[number].clone()));
                    }
                }
                true
            })?;
            from = window.next;
        }
    }
    Ok(places)
}

/// Returns the unique name in a locator.
fn unique_of(locator: &str) -> &str {
    locator.rsplit('/').next().unwrap_or_default()
}

impl Places {
    /// Returns the head, or records that there is none to read.
    fn look(&mut self, folder: &MailFolder, file: &File, head: Head) -> Option<Vec<u8>> {
        if let Head::Unread(why) = &head {
            let text = format!("`{}` in folder `{}`: {why}", file.name.escape_debug(), folder.location.path);
            self.closed = Some(Error::Denied(text));
        }
        head.bytes()
    }
}

/// Returns whether a file with this head is the requested message.
pub(crate) fn is_same(wanted: &MessageRef, head: &[u8], file: &File) -> bool {
    fingerprint::is_of(&wanted.fingerprint, head, file.size)
}

/// Returns the reference to a message in its current place.
pub(crate) fn reference(folder: &MailFolder, file: &File, head: &[u8]) -> MessageRef {
    header::reference(crate::tree::locator(folder, crate::name::unique(&file.name)), head)
}
