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
    let mut indexes: Vec<(&MailFolder, HashMap<String, File>)> = Vec::with_capacity(folders.len());
    for folder in folders {
        match mailbox.files(folder) {
            Ok(files) => indexes.push((folder, files)),
            Err(error) => places.closed = Some(error),
        }
    }
    for (folder, index) in &indexes {
        let named: Vec<(usize, &File)> = refs
            .iter()
            .enumerate()
            .filter_map(|(at, wanted)| index.get(wanted.locator.rsplit('/').next()?).map(|file| (at, file)))
            .collect();
        let files: Vec<&File> = named.iter().map(|(_, file)| *file).collect();
        heads(mailbox, folder, &files, &mut |number, head| {
            let (at, file) = named[number];
            if places.look(folder, file, head).is_some_and(|head| is_same(refs[at], &head, file)) {
                places.of[at].push(((*folder).clone(), file.clone()));
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
    for (folder, index) in &indexes {
        let files: Vec<&File> = index.values().collect();
        heads(mailbox, folder, &files, &mut |number, head| {
            if let Some(head) = places.look(folder, files[number], head) {
                let both = Fingerprints::of(&head, files[number].size);
                for at in both.all().into_iter().filter_map(|one| missing.get(one)).flatten() {
                    places.of[*at].push(((*folder).clone(), files[number].clone()));
                }
            }
            true
        })?;
    }
    Ok(places)
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
