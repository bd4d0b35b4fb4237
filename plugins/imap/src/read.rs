//! Reads the messages of hits: one flight for all folders, and a second one for what could not be read.

use std::collections::BTreeMap;

use clawback_connector_sdk::{attachment, host::MailStream, types::Error};

use crate::{
    ask::Hits,
    command::Command,
    fetch::{self, Fetched},
    refusal,
    search::open,
    session::{Access, Reply, Session},
    uids::sets,
};

/// The most bytes that are read for attachments of a message whose structure cannot be parsed.
const LARGEST: u32 = 4 * 1024 * 1024;
/// Messages whose fields are fetched one by one, per flight: each may have several large ones.
const AT_ONCE: usize = 4;

/// The result of reading the hits in one folder. Messages that are gone are in neither list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Read {
    pub(crate) messages: BTreeMap<u32, Fetched>,
    /// Messages that exist but cannot be read, with the reasons.
    pub(crate) lost: Vec<(u32, String)>,
    /// Why nothing in the folder could be read.
    pub(crate) refused: Option<Error>,
}

/// Fetches these items of all hits in one flight. A message that cannot be read ends the call.
pub(crate) fn fetch_all<S: MailStream>(
    session: &mut Session<S>,
    hits: &[Hits],
    items: &str,
) -> Result<Vec<BTreeMap<u32, Fetched>>, Error> {
    let mut all = Vec::new();
    for (one, read) in hits.iter().zip(fetch_each(session, hits, items, &[])?) {
        if let Some(error) = read.refused {
            return Err(error);
        }
        if let Some((_, why)) = read.lost.first() {
            let path = &one.folder.location.path;
            return Err(Error::Permanent(format!("a message of folder `{path}` cannot be read: {why}")));
        }
        all.push(read.messages);
    }
    Ok(all)
}

/// Fetches these items of all hits in one flight. The open folder comes first and is not opened again. Messages whose
/// lines cannot be read are fetched alone, with the fields `more` and without items that may have caused it.
pub(crate) fn fetch_each<S: MailStream>(
    session: &mut Session<S>,
    hits: &[Hits],
    items: &str,
    more: &[String],
) -> Result<Vec<Read>, Error> {
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
    session.selected =
        order.last().map(|at| (hits[*at].folder.wire.clone(), Access::Examine)).or(session.selected.take());
    let mut all = vec![Read::default(); hits.len()];
    let mut rest = replies.as_slice();
    for (at, (opens, fetches)) in order.iter().zip(shares) {
        let (opened, after) = rest.split_at(opens);
        let (answers, after) = after.split_at(fetches);
        rest = after;
        all[*at] = read_folder(&hits[*at], opened.first(), answers)?;
        if all[*at].refused.is_some() {
            session.selected = None;
        }
    }
    for (one, read) in hits.iter().zip(&mut all) {
        if !read.lost.is_empty() {
            read_alone(session, one, read, more)?;
        }
    }
    Ok(all)
}

/// Reads the answers of one folder. `lost` has the messages that were expected but missing.
fn read_folder(hits: &Hits, opened: Option<&Reply>, answers: &[Reply]) -> Result<Read, Error> {
    let path = &hits.folder.location.path;
    let mut read = Read::default();
    if let Some(opened) = opened {
        if refusal::ends_call(opened) {
            return Err(refusal::of(opened, path));
        }
        if !opened.is_ok() {
            read.refused = Some(refusal::of(opened, path));
            return Ok(read);
        }
        if opened.uid_validity() != Some(hits.validity) {
            return Err(Error::Transient(format!("folder `{path}` has a new UIDVALIDITY")));
        }
    }
    read.messages = fetch::read(answers.iter());
    read.messages.retain(|uid, _| hits.uids.binary_search(uid).is_ok());
    let refused = answers.iter().find(|reply| !reply.is_ok());
    let is_broken = answers.iter().any(|reply| reply.unreadable > 0);
    if refused.is_some() || is_broken {
        let why = refused.map_or("the server's answer cannot be read".into(), refusal::text);
        let missing = hits.uids.iter().filter(|uid| !read.messages.contains_key(uid));
        read.lost = missing.map(|uid| (*uid, why.clone())).collect();
    }
    Ok(read)
}

/// Fetches the lost messages alone.
fn read_alone<S: MailStream>(
    session: &mut Session<S>,
    hits: &Hits,
    read: &mut Read,
    more: &[String],
) -> Result<(), Error> {
    let lost = std::mem::take(&mut read.lost);
    let items = fetch::fewest_items(more);
    let mut commands = reopen(session, hits);
    let opens = commands.len();
    commands.extend(lost.iter().map(|(uid, _)| Command::new(format!("UID FETCH {uid} {items}"))));
    let mut replies = session.flight(commands)?;
    let answers = replies.split_off(opens);
    if !is_reopened(session, hits, replies.first()) {
        read.lost = lost;
        return Ok(());
    }
    for ((uid, _), reply) in lost.into_iter().zip(&answers) {
        // Servers answer early: the data of a message may arrive with another one.
        match fetch::read(answers.iter()).remove(&uid) {
            Some(message) => {
                read.messages.insert(uid, message);
            }
            None if !reply.is_ok() => read.lost.push((uid, refusal::text(reply))),
            None if reply.unreadable > 0 => read.lost.push((uid, "the server's answer cannot be read".into())),
            None => {}
        }
    }
    Ok(())
}

/// Fetches the fields of messages whose headers were cut, each separately.
pub(crate) fn complete<S: MailStream>(
    session: &mut Session<S>,
    hits: &Hits,
    read: &mut Read,
    more: &[String],
) -> Result<(), Error> {
    let fields = fetch::fields(more);
    let items = fetch::field_items(&fields);
    let cut: Vec<u32> = read.messages.iter().filter(|(_, message)| message.is_cut).map(|(uid, _)| *uid).collect();
    for uids in cut.chunks(AT_ONCE) {
        let mut commands = reopen(session, hits);
        let opens = commands.len();
        commands.extend(uids.iter().map(|uid| Command::new(format!("UID FETCH {uid} {items}"))));
        let replies = session.flight(commands)?;
        if !is_reopened(session, hits, replies[..opens].first()) {
            return Ok(());
        }
        for fetch in replies.iter().flat_map(|reply| &reply.fetches) {
            let is_whole = fetch.headers.len() == fields.len();
            if let Some(message) = fetch.uid.filter(|_| is_whole).and_then(|uid| read.messages.get_mut(&uid)) {
                message.complete(fetch, &fields);
            }
        }
    }
    Ok(())
}

/// Reads the names of attachments. Senders can make a structure that cannot be parsed. The attachments of such messages
/// are read from the message itself.
pub(crate) fn read_attachments<S: MailStream>(
    session: &mut Session<S>,
    hits: &Hits,
    read: &mut Read,
) -> Result<(), Error> {
    for (uid, message) in &mut read.messages {
        message.read_structure();
        if message.attachments.is_some() {
            continue;
        }
        let mut commands = reopen(session, hits);
        commands.push(Command::new(format!("UID FETCH {uid} (UID BODY.PEEK[]<0.{LARGEST}>)")));
        let replies = session.flight(commands)?;
        let Some((reply, opened)) = replies.split_last() else { continue };
        if !is_reopened(session, hits, opened.first()) {
            return Ok(());
        }
        let raw = fetch::raw(reply, *uid);
        if !raw.is_empty() {
            message.attachments = Some(attachment::names(&raw));
        }
    }
    Ok(())
}

/// Returns the command that opens the folder, unless it is open.
fn reopen<S: MailStream>(session: &Session<S>, hits: &Hits) -> Vec<Command> {
    let is_open = session.selected.as_ref().is_some_and(|(wire, _)| *wire == hits.folder.wire);
    if is_open { Vec::new() } else { vec![open(&hits.folder.wire, Access::Examine)] }
}

/// Returns whether the folder is open now, with the UIDVALIDITY of the hits.
fn is_reopened<S: MailStream>(session: &mut Session<S>, hits: &Hits, opened: Option<&Reply>) -> bool {
    let is_it = opened.is_none_or(|opened| opened.is_ok() && opened.uid_validity() == Some(hits.validity));
    session.selected = is_it.then(|| (hits.folder.wire.clone(), Access::Examine));
    is_it
}
