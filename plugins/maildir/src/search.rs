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

/// The heads after which a page may end, so that a call on a huge mailbox with few hits ends in time: where reading them
/// took this long, in microseconds. Otherwise it goes on, as every page passes over the names of the folder anew.
const HEADS_A_PAGE: usize = 20_000;
const LONG: i64 = 4_000_000;
/// The most entries that are listed for one page. Messages of another time are only listed.
const LISTED_A_PAGE: usize = 100_000;
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
    /// When it was begun, the entries that were listed since, and the heads that were read.
    begun_at: i64,
    listed: usize,
    heads: usize,
    /// The bytes of long headers that were read.
    long_bytes: usize,
    gaps: Gaps,
}

/// Returns one page. The cursor is the directory and the name of the last file that was checked.
pub(crate) fn search<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    query: &Query,
    cursor: Option<&str>,
    most: u32,
) -> Result<MessagePage, Error> {
    let after = page::resume(cursor, |cursor| cursor.rsplit_once('/'))?;
    let most = page::size(most, usize::MAX);
    let mut page = Page::new(query, most, mailbox.host.now());
    let folders = mailbox.folders()?;
    if cursor.is_none() {
        page.gaps.extend(folders.gaps);
    }
    for folder in folders.all {
        let from = match after {
            Some((dir, _)) if folder.dir.as_str() < dir => continue,
            Some((dir, name)) if folder.dir == dir => name,
            _ => "",
        };
        if !place::is_wanted(query, folder.location.kind, &folder.location.path) {
            continue;
        }
        if let Some(last) = page.folder(mailbox, &folder, from)? {
            return Ok(page.end(Some(locator(&folder, &last))));
        }
    }
    Ok(page.end(None))
}

impl<'q> Page<'q> {
    fn new(query: &'q Query, most: usize, begun_at: i64) -> Self {
        let (budget, gaps) = (Budget::default(), Gaps::default());
        Self { query, most, messages: Vec::new(), budget, begun_at, listed: 0, heads: 0, long_bytes: 0, gaps }
    }

    /// Checks the messages of one folder after this name, a part at a time. Returns the name at which the page ends, if it
    /// ends before the folder.
    fn folder<H: Folder + Host>(
        &mut self,
        mailbox: &Mailbox<'_, H>,
        folder: &MailFolder,
        from: &str,
    ) -> Result<Option<String>, Error> {
        let mut from = from.to_owned();
        loop {
            let window = match mailbox.window(folder, &from) {
                Ok(window) => window,
                Err(Error::Denied(why) | Error::Transient(why) | Error::Permanent(why)) => {
                    self.gaps.folder(&folder.location.path, why);
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            let last = self.files(mailbox, folder, &window.files)?;
            let is_seen = |name: &&String| last.as_ref().is_none_or(|last| *name <= last);
            for name in window.others.iter().filter(is_seen) {
                self.gaps.item(&folder.location.path, name, NOT_FOLLOWED);
            }
            self.listed += window.listed;
            match (last, window.next) {
                (Some(last), _) => return Ok(Some(last)),
                (None, Some(next)) if self.listed >= LISTED_A_PAGE => return Ok(Some(next)),
                (None, Some(next)) => from = next,
                (None, None) => return Ok(None),
            }
        }
    }

    /// Checks these files. Returns the name of the last one, if the page ends with it.
    fn files<H: Folder + Host>(
        &mut self,
        mailbox: &Mailbox<'_, H>,
        folder: &MailFolder,
        files: &[File],
    ) -> Result<Option<String>, Error> {
        let in_time: Vec<&File> = files.iter().filter(|file| matching::is_in_time(self.query, file.modified)).collect();
        for batch in in_time.chunks(BATCH) {
            let mut last = None;
            heads(mailbox, folder, batch, &mut |at, head| {
                if !self.look(mailbox, folder, batch[at], head) {
                    last = Some(batch[at].name.clone());
                }
                last.is_none()
            })?;
            self.heads += batch.len();
            if self.heads >= HEADS_A_PAGE && mailbox.host.now().saturating_sub(self.begun_at) >= LONG {
                last = last.or_else(|| batch.last().map(|file| file.name.clone()));
            }
            if last.is_some() {
                return Ok(last);
            }
        }
        Ok(None)
    }

    fn end(self, next: Option<String>) -> MessagePage {
        MessagePage { messages: self.messages, next, gaps: self.gaps.into_list() }
    }

    /// Checks one message. Returns `false` if it is the last of this page.
    fn look<H: Folder + Host>(
        &mut self,
        mailbox: &Mailbox<'_, H>,
        folder: &MailFolder,
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
        let hit = hit(self.query, folder, file, &head);
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

fn hit(query: &Query, folder: &MailFolder, file: &File, head: &[u8]) -> Option<Message> {
    if !matching::may_match(query, head) {
        return None;
    }
    let stored = header::Stored {
        locator: locator(folder, file.unique()),
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
