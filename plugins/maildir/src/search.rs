//! A search: names and times first, then heads of what remains, whole messages only for attachment names.

use clawback_connector_sdk::{
    attachment, header,
    host::{Folder, FolderError, Host},
    matching,
    page::{self, Budget},
    place,
    types::{Error, Message, MessagePage, Query},
};

use crate::{
    gaps::Gaps,
    head::{BATCH, HEAD, Head, heads, sealed},
    name,
    tree::{File, MailFolder, Mailbox, NOT_FOLLOWED, locator, refused},
};

/// The most heads that are read for one page, so that a call on a huge mailbox with few hits ends in time.
const HEADS_A_PAGE: usize = 20_000;
/// The most bytes of long headers that are read for one page, for the same reason.
const LONG_BYTES_A_PAGE: usize = 32 * 1024 * 1024;
/// The most bytes that are read of a message for attachment names.
const LARGEST: u64 = 12 * 1024 * 1024;
/// The bytes of one read; hosts return no more at once.
const CHUNK: u32 = 1024 * 1024;
/// The most bytes of a locator, by the contract.
const LONGEST_LOCATOR: usize = 1_024;

/// The page under construction.
struct Page<'q> {
    query: &'q Query,
    most: usize,
    messages: Vec<Message>,
    budget: Budget,
    /// The bytes of long headers that were read.
    long_bytes: usize,
    gaps: Gaps,
}

/// Returns one page. The cursor is the locator of the last message that was checked.
pub(crate) fn search<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    query: &Query,
    cursor: Option<&str>,
    most: u32,
) -> Result<MessagePage, Error> {
    let after = page::resume(cursor, |cursor| cursor.rsplit_once('/'))?;
    let most = page::size(most, usize::MAX);
    let mut page =
        Page { query, most, messages: Vec::new(), budget: Budget::default(), long_bytes: 0, gaps: Gaps::default() };
    let folders = mailbox.folders()?;
    if cursor.is_none() {
        page.gaps.extend(folders.gaps);
    }
    let mut looked = 0;
    for folder in folders.all {
        let from = match after {
            Some((dir, _)) if folder.dir.as_str() < dir => continue,
            Some((dir, unique)) if folder.dir == dir => unique,
            _ => "",
        };
        if !place::is_wanted(query, folder.location.kind, &folder.location.path) {
            continue;
        }
        let (files, others) = match mailbox.listing(&folder) {
            Ok(listing) => listing,
            Err(Error::Denied(why) | Error::Transient(why) | Error::Permanent(why)) => {
                page.gaps.folder(&folder.location.path, why);
                continue;
            }
            Err(error) => return Err(error),
        };
        if from.is_empty() {
            for name in &others {
                page.gaps.item(&folder.location.path, name, NOT_FOLLOWED);
            }
        }
        let mut files: Vec<(String, File)> = files
            .into_iter()
            .filter(|(unique, file)| unique.as_str() > from && matching::is_in_time(query, file.modified))
            .collect();
        files.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for batch in files.chunks(BATCH) {
            let read: Vec<&File> = batch.iter().map(|(_, file)| file).collect();
            let mut full = None;
            heads(mailbox, &folder, &read, &mut |at, head| {
                let (unique, file) = &batch[at];
                if !page.look(mailbox, &folder, unique, file, head) {
                    full = Some(locator(&folder, unique));
                }
                full.is_none()
            })?;
            looked += batch.len();
            if let (None, true, Some((unique, _))) = (&full, looked >= HEADS_A_PAGE, batch.last()) {
                full = Some(locator(&folder, unique));
            }
            if full.is_some() {
                return Ok(page.end(full));
            }
        }
    }
    Ok(page.end(None))
}

impl Page<'_> {
    fn end(self, next: Option<String>) -> MessagePage {
        MessagePage { messages: self.messages, next, gaps: self.gaps.into_list() }
    }

    /// Checks one message. Returns `false` if it is the last of this page.
    fn look<H: Folder + Host>(
        &mut self,
        mailbox: &Mailbox<'_, H>,
        folder: &MailFolder,
        unique: &str,
        file: &File,
        head: Head,
    ) -> bool {
        let path = &folder.location.path;
        let is_start = matches!(head, Head::Start(_));
        let head = match head {
            Head::Read(head) | Head::Start(head) => head,
            Head::Gone => return true,
            Head::Unread(why) => {
                self.gaps.item(path, &file.name, &why);
                return true;
            }
        };
        if let Some(reason) = sealed(&head) {
            self.gaps.item(path, &file.name, reason);
            return true;
        }
        self.long_bytes += head.len().saturating_sub(HEAD as usize);
        let goes_on = self.long_bytes < LONG_BYTES_A_PAGE;
        let hit = hit(self.query, folder, unique, file, &head);
        drop(head);
        let Some(mut message) = hit else {
            if is_start {
                self.gaps.item(path, &file.name, "its header is too long to be read to the end");
            }
            return goes_on;
        };
        if message.ref_.locator.len() > LONGEST_LOCATOR {
            self.gaps.item(path, &file.name, "its name is too long");
            return true;
        }
        if matching::needs_attachments(self.query) {
            match read(mailbox, folder, file, LARGEST) {
                Ok(raw) => {
                    let names = attachment::names(&raw);
                    // The unread rest may contain the name: the host decides.
                    let is_cut = file.size > LARGEST;
                    if !is_cut && !matching::matches_attachments(self.query, &names) {
                        return goes_on;
                    }
                    attachment::put(&mut message, names);
                    if is_cut && !message.cut.iter().any(|cut| cut == "attachments") {
                        message.cut.push("attachments".to_owned());
                    }
                }
                Err(error) => {
                    let (Error::Denied(why) | Error::Transient(why) | Error::Permanent(why) | Error::NotFound(why)) =
                        error
                    else {
                        return true;
                    };
                    self.gaps.item(path, &file.name, &why);
                    return true;
                }
            }
        }
        let has_room = self.budget.take(&message);
        self.messages.push(message);
        has_room && goes_on && self.messages.len() < self.most
    }
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

/// Returns the first `most` bytes of a message; empty if it is gone.
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
