//! A search: names and times first, heads of what remains, whole messages only for attachment names.

use clawback_connector_sdk::{
    attachment, header,
    host::{Folder, FolderError, Host},
    matching, place,
    types::{Error, Message, MessagePage, Query},
};

use crate::{
    find::{BATCH, heads},
    name,
    tree::{File, MailFolder, Mailbox, locator, refused},
};

/// Heads read for one page at most, so that a call on a huge mailbox with few hits ends in time.
const HEADS_A_PAGE: usize = 20_000;
/// Messages longer than this are read for attachment names up to here.
const LARGEST: u64 = 12 * 1024 * 1024;
/// Bytes in one read; hosts give no more at once.
const CHUNK: u32 = 1024 * 1024;

/// One page. The cursor is the locator of the last message that was looked at.
pub(crate) fn search<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    query: &Query,
    cursor: Option<&str>,
    most: u32,
) -> Result<MessagePage, Error> {
    let after = match cursor {
        Some(cursor) => {
            Some(cursor.split_once('/').ok_or_else(|| Error::Permanent("the cursor is not one of ours".into()))?)
        }
        None => None,
    };
    let most = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
    let (mut messages, mut looked) = (Vec::new(), 0);
    for folder in mailbox.folders()? {
        let from = match after {
            Some((dir, _)) if folder.dir.as_str() < dir => continue,
            Some((dir, unique)) if folder.dir == dir => unique,
            _ => "",
        };
        if !place::is_wanted(query, folder.location.kind, &folder.location.path) {
            continue;
        }
        let mut files: Vec<(String, File)> = mailbox
            .files(&folder)?
            .into_iter()
            .filter(|(unique, file)| unique.as_str() > from && matching::is_in_time(query, file.modified))
            .collect();
        files.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for batch in files.chunks(BATCH) {
            let read: Vec<&File> = batch.iter().map(|(_, file)| file).collect();
            for ((unique, file), head) in batch.iter().zip(heads(mailbox, &folder, &read)?) {
                if let Some(message) = head.and_then(|head| hit(query, &folder, unique, file, &head)) {
                    messages.extend(with_attachments(mailbox, query, &folder, file, message)?);
                    if messages.len() == most {
                        return Ok(MessagePage { messages, next: Some(locator(&folder, unique)), gaps: Vec::new() });
                    }
                }
            }
            looked += batch.len();
            if let (true, Some((unique, _))) = (looked >= HEADS_A_PAGE, batch.last()) {
                return Ok(MessagePage { messages, next: Some(locator(&folder, unique)), gaps: Vec::new() });
            }
        }
    }
    Ok(MessagePage { messages, next: None, gaps: Vec::new() })
}

fn hit(query: &Query, folder: &MailFolder, unique: &str, file: &File, head: &[u8]) -> Option<Message> {
    let stored = header::Stored {
        locator: locator(folder, unique),
        location: folder.location.clone(),
        received_at: file.modified,
        size: file.size,
        flags: name::flags(&file.name),
    };
    let message = header::describe(stored, head, query);
    matching::matches(query, &message, head).then_some(message)
}

fn with_attachments<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    query: &Query,
    folder: &MailFolder,
    file: &File,
    mut message: Message,
) -> Result<Option<Message>, Error> {
    if !matching::needs_attachments(query) {
        return Ok(Some(message));
    }
    let raw = read(mailbox, folder, file, LARGEST)?;
    message.attachments = attachment::names(&raw);
    // What was not read to its end may have the name further on: the host decides.
    let is_hit = file.size > LARGEST || matching::matches_attachments(query, &message.attachments);
    Ok(is_hit.then_some(message))
}

/// The first `most` bytes of a message. One that is gone is empty.
pub(crate) fn read<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    folder: &MailFolder,
    file: &File,
    most: u64,
) -> Result<Vec<u8>, Error> {
    let mut raw = Vec::new();
    let path = mailbox.path(folder, file);
    loop {
        let offset = raw.len() as u64;
        let wanted = u32::try_from(most.saturating_sub(offset)).unwrap_or(CHUNK).min(CHUNK);
        if wanted == 0 {
            return Ok(raw);
        }
        match mailbox.host.read(&path, offset, wanted) {
            Ok(bytes) if bytes.is_empty() => return Ok(raw),
            Ok(bytes) => raw.extend_from_slice(&bytes),
            Err(FolderError::NotFound) => return Ok(raw),
            Err(error) => return Err(refused("a message", error)),
        }
    }
}
