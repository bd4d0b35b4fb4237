//! The raw message.

use clawback_connector_sdk::{
    host::{Host, MailStream},
    types::{Error, MessageRef},
};

use crate::{
    command::Command,
    fetch,
    find::find,
    locator::Locator,
    refusal,
    search::{list, open},
    session::{Access, Reply, Session},
};

/// The bytes of one FETCH: several copies of the answer are held while it is read.
const CHUNK: u64 = 4 * 1024 * 1024;
/// The most bytes that are returned, because a component's memory is limited.
const LARGEST: u64 = 15 * 1024 * 1024;

/// Why a message cannot be read although the server lists it.
const NO_CONTENT: &str = "the server does not return the content of this message";

/// Returns up to `most` bytes of the message, wherever it is now.
pub(crate) fn fetch<S: MailStream, H: Host>(
    session: &mut Session<S>,
    host: &H,
    message: &MessageRef,
    most: u64,
) -> Result<Vec<u8>, Error> {
    if let Some(locator) = Locator::parse(&message.locator)
        && let Some(raw) = read(session, message, &locator, most)?
    {
        return Ok(raw);
    }
    let folders = list(session, host)?;
    let found = find(session, &folders, &[message])?;
    for place in found.places.into_iter().flatten() {
        if let Some(raw) = read(session, message, &place.locator, most)? {
            return Ok(raw);
        }
    }
    if let Some(error) = found.closed {
        return Err(error);
    }
    Err(Error::NotFound("the message is nowhere in this mailbox".into()))
}

fn read<S: MailStream>(
    session: &mut Session<S>,
    message: &MessageRef,
    locator: &Locator,
    most: u64,
) -> Result<Option<Vec<u8>>, Error> {
    let (most, uid) = (most.min(LARGEST), locator.uid);
    let identity = fetch::identity_items();
    let first = most.min(CHUNK);
    let replies = session.flight(vec![
        open(&locator.folder, Access::Examine),
        Command::new(format!("UID FETCH {uid} {identity}")),
        Command::new(part(uid, 0, first)),
    ])?;
    let Some(opened) = replies.first() else { return Ok(None) };
    if let Some(refused) = replies.iter().find(|reply| refusal::ends_call(reply)) {
        return Err(refusal::of(refused, "the message cannot be read"));
    }
    let known = fetch::read(replies.iter()).remove(&uid);
    let Some(known) = known.filter(|known| known.is(&message.fingerprint)) else { return Ok(None) };
    if !opened.is_ok() || opened.uid_validity() != Some(locator.validity) {
        return Ok(None);
    }
    if !has_content(&replies, uid) {
        return Err(Error::Permanent(NO_CONTENT.into()));
    }
    let mut raw = known.raw;
    while (raw.len() as u64) < most && (raw.len() as u64).is_multiple_of(CHUNK) && !raw.is_empty() {
        let body = session.run(Command::new(part(uid, raw.len() as u64, CHUNK.min(most - raw.len() as u64))))?;
        if !has_content(std::slice::from_ref(&body), uid) {
            return Err(Error::Permanent(NO_CONTENT.into()));
        }
        let more = fetch::raw(&body, uid);
        if more.is_empty() {
            break;
        }
        raw.extend(more);
    }
    Ok(Some(raw))
}

/// Returns whether the server answered with the content, even if that is empty.
fn has_content(replies: &[Reply], uid: u32) -> bool {
    let mut fetches = replies.iter().flat_map(|reply| &reply.fetches);
    replies.iter().all(Reply::is_ok) && fetches.any(|fetch| fetch.uid == Some(uid) && fetch.raw.is_some())
}

fn part(uid: u32, offset: u64, most: u64) -> String {
    format!("UID FETCH {uid} (UID BODY.PEEK[]<{offset}.{}>)", most.max(1))
}
