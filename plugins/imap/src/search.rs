//! A search: one flight lists the folders, one searches all of them, one fetches the headers of the hits.
//!
//! Failures are limited to their part: a folder that cannot be searched and a message that cannot be read are gaps of
//! the page. Only what the server itself reports as temporary ends the call, so that the host retries it.

use clawback_connector_sdk::{
    attachment, connector, header,
    host::{Host, MailStream},
    matching,
    page::{self, Budget},
    place,
    types::{Error, Gap, Message, MessagePage, Query},
};

use crate::{
    ask::{Answers, Hits, Refused, ask_each},
    attachment::read_hidden,
    command::Command,
    cursor::Cursor,
    fetch::{self, Fetched},
    folder::{self, Folders, MailFolder},
    locator::Locator,
    read::{Read, complete, fetch_each, read_attachments},
    scan, search_keys,
    session::{Access, Session},
    views,
};
pub(crate) use crate::{
    ask::{Asked, ask},
    read::fetch_all,
};

/// The most messages of one page, whatever the host requests: a page must fit into one call.
const A_PAGE: usize = 1_000;
/// The messages of one flight, which limits memory.
const A_FLIGHT: usize = 250;
/// The most borders of one cursor; more do not fit.
const BORDERS: usize = 8 * 1024;

/// Returns one page.
pub(crate) fn search<S: MailStream, H: Host>(
    session: &mut Session<S>,
    host: &H,
    query: &Query,
    cursor: Option<&str>,
    most: u32,
) -> Result<MessagePage, Error> {
    let most = page::size(most, A_PAGE);
    let cursor = page::resume(cursor, Cursor::parse)?;
    let folders = list(session, host)?;
    let wanted = wanted(session, &folders, query, cursor.as_ref())?;
    let mut gaps = if cursor.is_none() { unseen(&folders, query, &wanted) } else { Vec::new() };
    let found = find_hits(session, query, &wanted, cursor.as_ref(), most)?;
    let mut page = Page {
        query,
        most,
        cursor: cursor.as_ref(),
        budget: Budget::default(),
        messages: Vec::new(),
        gaps: Vec::new(),
    };
    let next = page.fill(session, found.hits)?.or(found.next);
    // A folder after the end of this page is searched again for a later page.
    let is_over = |folder: &MailFolder| next.as_ref().is_none_or(|next| folder.is_before(next));
    gaps.extend(found.refused.into_iter().filter(|one| is_over(&one.folder)).map(|one| Gap {
        folder: one.folder.location.path,
        item: String::new(),
        reason: connector::why(&one.error).to_owned(),
    }));
    gaps.append(&mut page.gaps);
    Ok(MessagePage { messages: page.messages, next: next.map(|next| next.to_string()), gaps })
}

/// Returns the folders of the mailbox, in one flight.
pub(crate) fn list<S: MailStream, H: Host>(session: &mut Session<S>, host: &H) -> Result<Folders, Error> {
    let commands = folder::commands(session);
    let replies = session.flight(commands)?;
    Folders::read(host, &replies, session.can("X-GM-EXT-1"))
}

/// Returns the command that opens a folder.
pub(crate) fn open(folder: &str, access: Access) -> Command {
    Command::new(if access == Access::Select { "SELECT " } else { "EXAMINE " }).text(folder)
}

/// Returns the folders that the query wants, from the one of the cursor on.
fn wanted<S: MailStream>(
    session: &mut Session<S>,
    folders: &Folders,
    query: &Query,
    cursor: Option<&Cursor>,
) -> Result<Vec<MailFolder>, Error> {
    let wanted: Vec<MailFolder> = folders
        .all
        .iter()
        .filter(|folder| place::is_wanted(query, folder.location.kind, &folder.location.path))
        .filter(|folder| cursor.is_none_or(|cursor| !folder.is_before(cursor)))
        .cloned()
        .collect();
    views::without(session, &wanted)
}

/// Returns the folders that the query wants but no search covers.
fn unseen(folders: &Folders, query: &Query, wanted: &[MailFolder]) -> Vec<Gap> {
    let gap = |folder: &str, reason: &str| Gap { folder: folder.into(), item: String::new(), reason: reason.into() };
    let mut gaps = folders.gaps.clone();
    for path in &query.folders {
        if let Some(out) = folders.left_out.iter().find(|out| out.path == *path) {
            gaps.push(gap(path, out.reason));
        } else if folders.all.iter().any(|folder| folder.location.path == *path)
            && !wanted.iter().any(|folder| folder.location.path == *path)
        {
            gaps.push(gap(path, "it shows messages of other folders"));
        }
    }
    gaps
}

/// The hits of one page, and the start of the next one.
struct Found {
    hits: Vec<Hits>,
    refused: Vec<Refused>,
    next: Option<Cursor>,
}

fn find_hits<S: MailStream>(
    session: &mut Session<S>,
    query: &Query,
    wanted: &[MailFolder],
    cursor: Option<&Cursor>,
    most: usize,
) -> Result<Found, Error> {
    let has_literals = session.can("LITERAL+") || session.can("LITERAL-");
    let ways = search_keys::of(query, has_literals, search_keys::Compared::by(session));
    let Answers { mut hits, mut refused } = Answers::default();
    let (mut count, mut asked) = (0, 0);
    // The first page searches all folders at once. A later one most likely ends in the folder where it starts.
    let mut at_once = if cursor.is_some() { 1 } else { wanted.len().max(1) };
    let mut border = None;
    while asked < wanted.len() && count <= most && border.is_none() {
        let some = &wanted[asked..wanted.len().min(asked + at_once)];
        let mut answers = ask_each(session, some, &ways, cursor, most + 1)?;
        // After a change of UIDVALIDITY the cursor's UIDs are meaningless: the folder is searched from its start.
        if let Some(cursor) = cursor
            && let Some(at) = answers.hits.iter().position(|one| one.folder.wire == cursor.folder)
        {
            if answers.hits[at].validity == cursor.validity {
                border = cursor.borders.first().copied();
            } else {
                let anew = answers.hits.remove(at).folder;
                let again = ask_each(session, &[anew], &ways, None, most + 1)?;
                answers.hits.extend(again.hits);
                answers.refused.extend(again.refused);
            }
        }
        if let Some(later) = answers.refused.iter().find(|one| !one.is_lasting) {
            return Err(later.error.clone());
        }
        count += answers.hits.iter().map(|one| one.uids.len()).sum::<usize>();
        hits.append(&mut answers.hits);
        refused.append(&mut answers.refused);
        asked += some.len();
        at_once *= 4;
    }
    if hits.is_empty() && cursor.is_none() && !refused.is_empty() {
        let answers = Answers { hits, refused };
        return Err(answers.closed().unwrap_or_else(|| Error::Denied("no folder can be searched".into())));
    }
    let looked = scan::narrow(session, query, &mut hits, most + 1)?;
    let next = match (cut(&mut hits, most), looked, border) {
        (Some((one, uid)), _, _) => Some(cursor_at(&one, uid, cursor, most)),
        (None, Some((one, uid)), _) => Some(Cursor { borders: Vec::new(), ..cursor_at(&one, uid, None, most) }),
        (None, None, Some(border)) => cursor.map(|cursor| cursor.after(border)),
        _ if asked < wanted.len() => wanted.get(asked.wrapping_sub(1)).map(MailFolder::end),
        _ => None,
    };
    Ok(Found { hits, refused, next })
}

/// Keeps the first `most` hits; returns the last of them if any are left.
fn cut(hits: &mut Vec<Hits>, most: usize) -> Option<(Hits, u32)> {
    let (mut room, mut last, mut is_cut) = (most, None, false);
    for one in hits.iter_mut() {
        is_cut |= one.uids.len() > room;
        one.uids.truncate(room);
        room -= one.uids.len();
        if let Some(uid) = one.uids.last() {
            last = Some((one.clone(), *uid));
        }
    }
    hits.retain(|one| !one.uids.is_empty());
    last.filter(|_| is_cut)
}

/// Returns the cursor after this hit. In the part of a folder with borders from a cursor, the borders are kept.
fn cursor_at(hits: &Hits, uid: u32, cursor: Option<&Cursor>, most: usize) -> Cursor {
    let step = u32::try_from(most).unwrap_or(u32::MAX);
    let known =
        cursor.filter(|one| !one.borders.is_empty() && one.folder == hits.folder.wire && one.validity == hits.validity);
    known.map_or_else(
        || Cursor {
            validity: hits.validity,
            after: uid,
            borders: hits.all.above(uid).borders(step, BORDERS),
            folder: hits.folder.wire.clone(),
        },
        |known| known.after(uid),
    )
}

/// The page under construction.
struct Page<'a> {
    query: &'a Query,
    most: usize,
    cursor: Option<&'a Cursor>,
    budget: Budget,
    messages: Vec<Message>,
    gaps: Vec<Gap>,
}

impl Page<'_> {
    /// Fetches the hits in portions until the page is full; then returns the cursor after the last one. Messages that
    /// are gone are omitted: they are no longer hits.
    fn fill<S: MailStream>(&mut self, session: &mut Session<S>, hits: Vec<Hits>) -> Result<Option<Cursor>, Error> {
        let names: Vec<String> = self
            .query
            .want_headers
            .iter()
            .chain(self.query.header_contains.iter().map(|(name, _)| name))
            .cloned()
            .collect();
        let wants_attachments = matching::needs_attachments(self.query);
        let items = fetch::search_items(&names, if wants_attachments { "BODYSTRUCTURE" } else { "" });
        let flights = flights(hits);
        let count = flights.len();
        for (number, some) in flights.into_iter().enumerate() {
            let mut all = fetch_each(session, &some, &items, &names)?;
            if wants_attachments {
                for (one, read) in some.iter().zip(&mut all) {
                    read_attachments(session, one, read)?;
                }
                read_hidden(session, &some, &mut all)?;
            }
            for (at, (one, mut read)) in some.iter().zip(all).enumerate() {
                complete(session, one, &mut read, &names)?;
                let is_last = number + 1 == count && at + 1 == some.len();
                if let Some(uid) = self.take(one, read, is_last) {
                    return Ok(Some(cursor_at(one, uid, self.cursor, self.most)));
                }
            }
        }
        Ok(None)
    }

    /// Adds the messages of one folder to the page. Returns the last UID if the page is full and there are more.
    fn take(&mut self, hits: &Hits, read: Read, is_last: bool) -> Option<u32> {
        let folder = &hits.folder.location.path;
        if let Some(error) = read.refused {
            let reason = connector::why(&error).to_owned();
            self.gaps.push(Gap { folder: folder.clone(), item: String::new(), reason });
        }
        let item = |uid: u32| format!("UID {uid}");
        let mut lost = read.lost.into_iter().peekable();
        let mut messages = read.messages.into_iter().peekable();
        while let Some((uid, fetched)) = messages.next() {
            while let Some((lost, reason)) = lost.next_if(|(lost, _)| *lost < uid) {
                self.gaps.push(Gap { folder: folder.clone(), item: item(lost), reason });
            }
            match judge(self.query, hits, uid, fetched) {
                Judgement::Match(message) => {
                    let has_room = self.budget.take(&message);
                    self.messages.push(*message);
                    let is_more = messages.peek().is_some() || lost.peek().is_some() || !is_last;
                    if !has_room && is_more {
                        return Some(uid);
                    }
                }
                Judgement::Unknown(reason) => {
                    self.gaps.push(Gap { folder: folder.clone(), item: item(uid), reason: reason.into() });
                }
                Judgement::No => {}
            }
        }
        self.gaps.extend(lost.map(|(uid, reason)| Gap { folder: folder.clone(), item: item(uid), reason }));
        None
    }
}

/// Returns the hits in portions of one flight each.
fn flights(hits: Vec<Hits>) -> Vec<Vec<Hits>> {
    let (mut flights, mut room): (Vec<Vec<Hits>>, usize) = (Vec::new(), 0);
    for one in hits {
        let mut uids = one.uids.as_slice();
        while !uids.is_empty() {
            if room == 0 {
                flights.push(Vec::new());
                room = A_FLIGHT;
            }
            let (some, rest) = uids.split_at(uids.len().min(room));
            room -= some.len();
            uids = rest;
            if let Some(flight) = flights.last_mut() {
                flight.push(Hits { uids: some.to_vec(), ..one.clone() });
            }
        }
    }
    flights
}

/// Whether a message matches the query.
enum Judgement {
    Match(Box<Message>),
    No,
    /// It is unknown, for this reason.
    Unknown(&'static str),
}

fn judge(query: &Query, hits: &Hits, uid: u32, fetched: Fetched) -> Judgement {
    let has_range = query.received_after.is_some() || query.received_before.is_some();
    if fetched.date.is_none() && has_range {
        return Judgement::Unknown("the server sends no valid date of receipt");
    }
    let stored = header::Stored {
        locator: Locator { validity: hits.validity, uid, folder: hits.folder.wire.clone() }.to_string(),
        location: hits.folder.location.clone(),
        received_at: fetched.date.unwrap_or_default(),
        size: fetched.size,
        flags: fetched.flags.clone(),
    };
    let mut message = header::describe(stored, &fetched.header, query);
    message.ref_.fingerprint = fetched.fingerprint();
    // A text that is missing cannot be compared; a known text is compared before it is truncated.
    let mut cut = fetched.cut();
    if fetched.attachments.is_none() && matching::needs_attachments(query) {
        cut.push("attachments".into());
    }
    let query = judgeable(query, &cut);
    message.cut.extend(cut);
    message.cut.sort_unstable();
    message.cut.dedup();
    let names = fetched.attachments.unwrap_or_default();
    let is_match =
        matching::matches(&query, &message, &fetched.header) && matching::matches_attachments(&query, &names);
    attachment::put(&mut message, names);
    if is_match { Judgement::Match(Box::new(message)) } else { Judgement::No }
}

/// Returns the query without the conditions on truncated texts: the host counts messages that cannot be judged.
fn judgeable(query: &Query, cut: &[String]) -> Query {
    let mut query = query.clone();
    for what in cut {
        match what.as_str() {
            "subject" => query.subject_contains.clear(),
            "from" => {
                query.from_address.clear();
                query.from_domain.clear();
            }
            "to" => query.to_address.clear(),
            "attachments" => query.attachment_name.clear(),
            name if name.starts_with("header ") => query.header_contains.clear(),
            // The query has no conditions on the others.
            _ => {}
        }
    }
    query
}
