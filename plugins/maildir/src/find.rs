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

/// Where messages were found.
#[derive(Debug)]
pub(crate) struct Places {
    /// Every place of each message, in the order asked.
    pub(crate) of: Vec<Vec<(MailFolder, File)>>,
    /// What could not be looked at, if anything: a message without a place may be there.
    pub(crate) closed: Option<Error>,
}

/// Every place in the mailbox where each of these messages is, by unique name, or else by what its header says.
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
    // A mail program that copies gives a new name: then only reading every head tells.
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
    /// The head, or a note that there is none to look at.
    fn look(&mut self, folder: &MailFolder, file: &File, head: Head) -> Option<Vec<u8>> {
        if let Head::Unread(why) = &head {
            let text = format!("`{}` in folder `{}`: {why}", file.name.escape_debug(), folder.location.path);
            self.closed = Some(Error::Denied(text));
        }
        head.bytes()
    }
}

/// Whether a file with this head is the message that was asked for.
pub(crate) fn is_same(wanted: &MessageRef, head: &[u8], file: &File) -> bool {
    fingerprint::is_of(&wanted.fingerprint, head, file.size)
}

/// The reference to a message as it lies now.
pub(crate) fn reference(folder: &MailFolder, file: &File, head: &[u8]) -> MessageRef {
    header::reference(crate::tree::locator(folder, crate::name::unique(&file.name)), head)
}
