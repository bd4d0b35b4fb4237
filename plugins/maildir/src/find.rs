//! Heads of messages, and messages that are no longer where their locator says.

use std::collections::HashMap;

use clawback_connector_sdk::{
    fingerprint::{self, Fingerprints},
    header,
    host::{Folder, FolderError, Host},
    types::{Error, MessageRef},
};

use crate::tree::{File, MailFolder, Mailbox, refused};

/// Files whose heads are read in one call: with [`HEAD`] it stays far below what a call may carry.
pub(crate) const BATCH: usize = 400;
/// Nearly every header fits; the few that do not are read again, longer.
const HEAD: u32 = 8 * 1024;
/// No header is longer than this; what follows is not read.
const LONGEST: u32 = 1024 * 1024;

/// The header blocks of these files of one folder, in order; `None` for a file that is gone.
pub(crate) fn heads<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    folder: &MailFolder,
    files: &[&File],
) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let mut found = Vec::with_capacity(files.len());
    let (mut index, failed) = (None, |error| refused("a message", error));
    for files in files.chunks(BATCH) {
        let paths: Vec<String> = files.iter().map(|file| mailbox.path(folder, file)).collect();
        let heads = mailbox.host.read_heads(&paths, HEAD).map_err(failed)?;
        for (file, head) in files.iter().zip(heads) {
            found.push(match head {
                Ok(head) => whole(mailbox, &mailbox.path(folder, file), head)?,
                // A flag changed under us: the name is another, its unique part is not.
                Err(FolderError::NotFound) => {
                    let fresh = match &index {
                        Some(index) => index,
                        None => index.insert(mailbox.files(folder)?),
                    };
                    match fresh.get(crate::name::unique(&file.name)) {
                        Some(file) => {
                            let path = mailbox.path(folder, file);
                            match mailbox.host.read(&path, 0, HEAD) {
                                Ok(head) => whole(mailbox, &path, head)?,
                                Err(FolderError::NotFound) => None,
                                Err(error) => return Err(failed(error)),
                            }
                        }
                        None => None,
                    }
                }
                Err(error) => return Err(failed(error)),
            });
        }
    }
    Ok(found)
}

/// Every place in the mailbox where each of these messages is, by unique name, or else by what its header says.
pub(crate) fn find<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    folders: &[MailFolder],
    refs: &[&MessageRef],
) -> Result<Vec<Vec<(MailFolder, File)>>, Error> {
    let mut found = vec![Vec::new(); refs.len()];
    let indexes: Vec<HashMap<String, File>> =
        folders.iter().map(|folder| mailbox.files(folder)).collect::<Result<_, _>>()?;
    for (folder, index) in folders.iter().zip(&indexes) {
        let named: Vec<(usize, &File)> = refs
            .iter()
            .enumerate()
            .filter_map(|(at, wanted)| index.get(wanted.locator.rsplit('/').next()?).map(|file| (at, file)))
            .collect();
        let files: Vec<&File> = named.iter().map(|(_, file)| *file).collect();
        for ((at, file), head) in named.iter().zip(heads(mailbox, folder, &files)?) {
            if head.is_some_and(|head| is_same(refs[*at], &head, file)) {
                found[*at].push((folder.clone(), (*file).clone()));
            }
        }
    }
    // A mail program that copies gives a new name: then only reading every head tells.
    let missing: HashMap<&str, Vec<usize>> =
        (0..refs.len()).filter(|at| found[*at].is_empty()).fold(HashMap::new(), |mut missing, at| {
            missing.entry(refs[at].fingerprint.as_str()).or_default().push(at);
            missing
        });
    if missing.is_empty() {
        return Ok(found);
    }
    for (folder, index) in folders.iter().zip(&indexes) {
        let files: Vec<&File> = index.values().collect();
        for files in files.chunks(BATCH) {
            for (file, head) in files.iter().zip(heads(mailbox, folder, files)?) {
                let Some(head) = head else { continue };
                let both = Fingerprints::of(&head, file.size);
                for at in both.all().into_iter().filter_map(|one| missing.get(one)).flatten() {
                    found[*at].push((folder.clone(), (*file).clone()));
                }
            }
        }
    }
    Ok(found)
}

/// Whether a file with this head is the message that was asked for.
pub(crate) fn is_same(wanted: &MessageRef, head: &[u8], file: &File) -> bool {
    fingerprint::is_of(&wanted.fingerprint, head, file.size)
}

/// Reads on until the header ends.
fn whole<H: Folder + Host>(mailbox: &Mailbox<'_, H>, path: &str, head: Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
    if head.len() < HEAD as usize || has_end(&head) {
        return Ok(Some(head));
    }
    match mailbox.host.read(path, 0, LONGEST) {
        Ok(head) => Ok(Some(head)),
        Err(FolderError::NotFound) => Ok(None),
        Err(error) => Err(refused("a message", error)),
    }
}

fn has_end(head: &[u8]) -> bool {
    head.windows(2).any(|pair| pair == b"\n\n") || head.windows(4).any(|four| four == b"\r\n\r\n")
}

/// The reference to a message as it lies now.
pub(crate) fn reference(folder: &MailFolder, file: &File, head: &[u8]) -> MessageRef {
    header::reference(crate::tree::locator(folder, crate::name::unique(&file.name)), head)
}
