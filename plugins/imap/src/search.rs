//! A search: one flight lists the folders, one asks all of them, one fetches the headers of the hits.

use std::collections::BTreeMap;

use clawback_connector_sdk::{
    attachment, header,
    host::{Host, MailStream},
    matching, place,
    types::{Error, LocationKind, Message, MessagePage, Query},
};

use crate::{
    command::Command,
    fetch::{self, Fetched},
    folder::{self, Folders, MailFolder},
    keys::{self, Ways, needs_charset},
    locator::Locator,
    refusal,
    session::{Access, Reply, Session},
    uids::{Uids, sets},
};

/// Messages of one page at most, whatever the host asks for: a page must fit into one call.
const A_PAGE: usize = 1_000;
/// A message whose structure nobody can read is itself read up to here for its attachments.
const LARGEST: u32 = 4 * 1024 * 1024;

/// The hits in one folder.
#[derive(Debug, Clone)]
pub(crate) struct Hits {
    pub(crate) folder: MailFolder,
    pub(crate) validity: u32,
    /// Rising.
    pub(crate) uids: Vec<u32>,
}

/// The answers of several folders.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) hits: Vec<Hits>,
    /// Why a folder gave no answer, of those that gave none.
    pub(crate) closed: Option<Error>,
}

impl Asked {
    /// Of several reasons the one that says to try again later.
    fn close(&mut self, error: Error) {
        let is_later = |error: &Error| matches!(error, Error::Transient(_) | Error::Throttled(_));
        if self.closed.as_ref().is_none_or(|known| is_later(&error) && !is_later(known)) {
            self.closed = Some(error);
        }
    }
}

/// One page. The cursor is the locator of the last message that was looked at.
pub(crate) fn search<S: MailStream, H: Host>(
    session: &mut Session<S>,
    host: &H,
    query: &Query,
    cursor: Option<&str>,
    most: u32,
) -> Result<MessagePage, Error> {
    let most = usize::try_from(most.max(1)).unwrap_or(A_PAGE).min(A_PAGE);
    let cursor = match cursor {
        Some(text) => {
            Some(Locator::parse(text).ok_or_else(|| Error::Permanent("the cursor is not one of ours".into()))?)
        }
        None => None,
    };
    let folders = list(session, host)?;
    let wanted: Vec<MailFolder> = folders
        .all
        .iter()
        .filter(|folder| place::is_wanted(query, folder.location.kind, &folder.location.path))
        .filter(|folder| {
            let at = |wire: &str| (wire.eq_ignore_ascii_case("inbox"), wire.to_owned());
            cursor.as_ref().is_none_or(|cursor| at(&folder.wire) >= at(&cursor.folder))
        })
        .cloned()
        .collect();
    let ways = keys::of(query);
    let (mut hits, mut count, mut asked) = (Vec::new(), 0, 0);
    // The first page asks all folders at once. A later one most likely ends in the folder where it starts.
    let mut at_once = if cursor.is_some() { 1 } else { wanted.len().max(1) };
    while asked < wanted.len() && count <= most {
        let some = &wanted[asked..wanted.len().min(asked + at_once)];
        let asked_of = ask(session, some, &ways, cursor.as_ref(), most + 1)?;
        // A search that left a folder out would say that nothing is in it.
        if let Some(error) = asked_of.closed {
            return Err(error);
        }
        for found in asked_of.hits {
            count += found.uids.len();
            hits.push(found);
        }
        asked += some.len();
        at_once *= 4;
    }
    let next = cut(&mut hits, most, asked < wanted.len());
    Ok(MessagePage { messages: fetch_hits(session, query, hits)?, next, gaps: Vec::new() })
}

/// The folders of the mailbox, in one flight.
pub(crate) fn list<S: MailStream, H: Host>(session: &mut Session<S>, host: &H) -> Result<Folders, Error> {
    let commands = folder::commands(session);
    let replies = session.flight(commands)?;
    Folders::read(host, &replies, session.can("X-GM-EXT-1"))
}

/// Opens a folder.
pub(crate) fn open(folder: &str, access: Access) -> Command {
    Command::new(if access == Access::Select { "SELECT " } else { "EXAMINE " }).text(folder)
}

/// Asks these folders in one flight, and again, wider, those that refuse the way of asking. At most `most` UIDs of
/// each, the lowest.
pub(crate) fn ask<S: MailStream>(
    session: &mut Session<S>,
    folders: &[MailFolder],
    ways: &Ways,
    after: Option<&Locator>,
    most: usize,
) -> Result<Asked, Error> {
    let mut asked = Asked { hits: Vec::new(), closed: None };
    let mut left: Vec<&MailFolder> = folders.iter().collect();
    let extended = if session.can("ESEARCH") || session.can("IMAP4REV2") { "RETURN (ALL) " } else { "" };
    let last = ways.0.len().saturating_sub(1);
    for (width, searches) in ways.0.iter().enumerate() {
        if left.is_empty() || searches.is_empty() {
            break;
        }
        let mut commands = Vec::new();
        for folder in &left {
            commands.push(open(&folder.wire, Access::Examine));
            let from = after.filter(|after| after.folder == folder.wire).map(|after| after.uid.saturating_add(1));
            for key in searches {
                let charset = if needs_charset(key) { "CHARSET UTF-8 " } else { "" };
                let from = from.map(|uid| format!("UID {uid}:* ")).unwrap_or_default();
                commands.push(Command::new(format!("UID SEARCH {extended}{charset}{from}")).parts(key.clone()));
            }
        }
        let replies = session.flight(commands)?;
        let mut wider = Vec::new();
        let mut closed = Vec::new();
        for (folder, answers) in left.iter().zip(replies.chunks(searches.len() + 1)) {
            let Some((opened, found)) = answers.split_first() else { continue };
            if !opened.is_ok() {
                closed.push((*folder, refusal::of(opened, &folder.location.path)));
                continue;
            }
            if let Some(refused) = found.iter().find(|reply| !reply.is_ok()) {
                if refusal::ends_call(refused) || width == last {
                    let what = format!("folder `{}` cannot be searched", folder.location.path);
                    asked.close(refusal::of(refused, &what));
                } else {
                    wider.push(*folder);
                }
                continue;
            }
            match read_hits(folder, opened, found, after, most) {
                Ok(hits) => asked.hits.push(hits),
                Err(error) => asked.close(error),
            }
        }
        session.selected = replies
            .chunks(searches.len() + 1)
            .last()
            .and_then(|answers| answers.first())
            .filter(|opened| opened.is_ok())
            .and_then(|_| left.last())
            .map(|folder| (folder.wire.clone(), Access::Examine));
        for (folder, error) in closed {
            if let Some(error) = explain(session, folder, error)? {
                asked.close(error);
            }
        }
        left = wider;
    }
    asked.hits.sort_by(|one, other| one.folder.order().cmp(&other.folder.order()));
    Ok(asked)
}

fn read_hits(
    folder: &MailFolder,
    opened: &Reply,
    found: &[Reply],
    after: Option<&Locator>,
    most: usize,
) -> Result<Hits, Error> {
    let path = &folder.location.path;
    let validity =
        opened.uid_validity().ok_or_else(|| Error::Permanent(format!("folder `{path}` has no UIDVALIDITY")))?;
    if found.iter().map(|reply| reply.searches).sum::<usize>() < found.len() {
        return Err(Error::Permanent(format!("the search of folder `{path}` was not answered")));
    }
    let mut all = Uids::default();
    for reply in found {
        all.extend(&reply.found);
    }
    // Numbers of a folder that was numbered anew say nothing: it is searched from its start.
    let after =
        after.filter(|after| after.folder == folder.wire && after.validity == validity).map_or(0, |one| one.uid);
    // `n:*` always has the last message in it, even below n.
    let uids = all.sorted().iter().skip_while(|uid| *uid <= after).take(most).collect();
    Ok(Hits { folder: folder.clone(), validity, uids })
}

/// A folder that cannot be opened is no folder without hits, unless it was deleted since it was listed: then `None`.
fn explain<S: MailStream>(session: &mut Session<S>, folder: &MailFolder, error: Error) -> Result<Option<Error>, Error> {
    if matches!(error, Error::Denied(_) | Error::Transient(_) | Error::Throttled(_)) {
        return Ok(Some(error));
    }
    let text = format!("folder `{}` is listed but cannot be opened", folder.location.path);
    if folder.location.kind == LocationKind::Inbox {
        return Ok(Some(Error::Denied(text)));
    }
    let reply = session.run(Command::new("LIST \"\" ").text(folder.wire.as_str()))?;
    let is_there = !reply.is_ok() || !reply.data.is_empty() || reply.unreadable > 0;
    Ok(is_there.then_some(Error::Denied(text)))
}

/// Keeps the first `most` hits; the cursor if any are left.
fn cut(hits: &mut Vec<Hits>, most: usize, are_folders_left: bool) -> Option<String> {
    let mut room = most;
    let (mut last, mut is_cut) = (None, are_folders_left);
    for one in hits.iter_mut() {
        is_cut |= one.uids.len() > room;
        one.uids.truncate(room);
        room -= one.uids.len();
        if let Some(uid) = one.uids.last() {
            last = Some(Locator { validity: one.validity, uid: *uid, folder: one.folder.wire.clone() });
        }
    }
    hits.retain(|one| !one.uids.is_empty());
    last.filter(|_| is_cut).map(|locator| locator.to_string())
}

/// The messages of these hits that are gone are left out: they are no hits any more.
fn fetch_hits<S: MailStream>(session: &mut Session<S>, query: &Query, hits: Vec<Hits>) -> Result<Vec<Message>, Error> {
    let names: Vec<String> =
        query.want_headers.iter().chain(query.header_contains.iter().map(|(name, _)| name)).cloned().collect();
    let wants_attachments = matching::needs_attachments(query);
    let items = fetch::search_items(&names, if wants_attachments { "BODYSTRUCTURE" } else { "" });
    let fetched = fetch_all(session, &hits, &items)?;
    let mut messages = Vec::new();
    for (one, mut fetched) in hits.into_iter().zip(fetched) {
        if wants_attachments {
            read_unreadable(session, &one, &names, &mut fetched)?;
        }
        for (uid, fetched) in fetched {
            let stored = header::Stored {
                locator: Locator { validity: one.validity, uid, folder: one.folder.wire.clone() }.to_string(),
                location: one.folder.location.clone(),
                received_at: fetched.received_at,
                size: fetched.size,
                flags: fetched.flags,
            };
            let mut message = header::describe(stored, &fetched.header, query);
            if matching::matches(query, &message, &fetched.header) {
                message.attachments = fetched.attachments.unwrap_or_default();
                if matching::matches_attachments(query, &message.attachments) {
                    messages.push(message);
                }
            }
        }
    }
    Ok(messages)
}

/// Fetches these items of all hits in one flight. The folder that is open comes first and is not opened again.
pub(crate) fn fetch_all<S: MailStream>(
    session: &mut Session<S>,
    hits: &[Hits],
    items: &str,
) -> Result<Vec<BTreeMap<u32, Fetched>>, Error> {
    let is_open = |one: &Hits| session.selected.as_ref().is_some_and(|(wire, _)| *wire == one.folder.wire);
    let mut order: Vec<usize> = (0..hits.len()).collect();
    order.sort_by_key(|at| !is_open(&hits[*at]));
    let (mut commands, mut shares) = (Vec::new(), Vec::new());
    for at in &order {
        let one = &hits[*at];
        let opens = usize::from(!is_open(one));
        if opens == 1 {
            commands.push(open(&one.folder.wire, Access::Examine));
        }
        let sets = sets(&one.uids);
        shares.push((opens, sets.len()));
        commands.extend(sets.iter().map(|set| Command::new(format!("UID FETCH {set} {items}"))));
    }
    let replies = session.flight(commands)?;
    let mut fetched = vec![BTreeMap::new(); hits.len()];
    let mut rest = replies.as_slice();
    for (at, (opens, fetches)) in order.iter().zip(shares) {
        let path = &hits[*at].folder.location.path;
        let (opened, after) = rest.split_at(opens);
        let (answers, after) = after.split_at(fetches);
        rest = after;
        if let Some(opened) = opened.first() {
            if !opened.is_ok() {
                return Err(refusal::of(opened, path));
            }
            if opened.uid_validity() != Some(hits[*at].validity) {
                return Err(Error::Transient(format!("folder `{path}` was numbered anew meanwhile")));
            }
        }
        if let Some(refused) = answers.iter().find(|reply| !reply.is_ok()) {
            return Err(refusal::of(refused, path));
        }
        fetched[*at] = fetch::read(answers.iter());
        fetched[*at].retain(|uid, _| hits[*at].uids.binary_search(uid).is_ok());
        if answers.iter().any(|reply| reply.unreadable > 0) && !items.contains("BODYSTRUCTURE") {
            return Err(Error::Permanent(format!("the server's messages of folder `{path}` cannot be read")));
        }
    }
    session.selected =
        order.last().map(|at| (hits[*at].folder.wire.clone(), Access::Examine)).or(session.selected.take());
    Ok(fetched)
}

/// A structure that nobody can read hides its message: senders can make such. Those are fetched without, and their
/// attachments read from the message itself.
fn read_unreadable<S: MailStream>(
    session: &mut Session<S>,
    hits: &Hits,
    names: &[String],
    fetched: &mut BTreeMap<u32, Fetched>,
) -> Result<(), Error> {
    let missing: Vec<u32> = hits.uids.iter().copied().filter(|uid| !fetched.contains_key(uid)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let items = fetch::search_items(names, &format!("BODY.PEEK[]<0.{LARGEST}>"));
    for uid in missing {
        let one = Hits { uids: vec![uid], ..hits.clone() };
        for (uid, mut message) in fetch_all(session, &[one], &items)?.into_iter().flatten() {
            message.attachments = Some(attachment::names(&std::mem::take(&mut message.raw)));
            fetched.insert(uid, message);
        }
    }
    Ok(())
}
