//! The UIDs of a folder: the messages that arrived after a moment, and whether a message is still in it.

use std::collections::BTreeMap;

use clawback_connector_sdk::{host::MailStream, types::Error};
use imap_codec::imap_types::{
    response::{Code, Data},
    status::StatusDataItem,
};

use crate::{
    command::Command,
    fetch::{self, Fetched},
    refusal,
    search::open,
    session::{Access, Reply, Session},
};

/// The UIDs of a folder at a moment: a later message has a UID from `next` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) validity: u32,
    pub(crate) next: u32,
}

impl Mark {
    /// Returns the command that requests it, except for the selected folder.
    pub(crate) fn command(wire: &str) -> Command {
        Command::new("STATUS ").text(wire).raw(" (UIDNEXT UIDVALIDITY)")
    }

    /// Reads the answer to STATUS; `None` if it was refused or is incomplete.
    pub(crate) fn of_status(reply: &Reply) -> Option<Self> {
        let items = reply.data.iter().find_map(|data| match data {
            Data::Status { items, .. } => Some(items.as_ref()),
            _ => None,
        })?;
        let validity = items.iter().find_map(|item| match item {
            StatusDataItem::UidValidity(validity) => Some(validity.get()),
            _ => None,
        })?;
        let next = items.iter().find_map(|item| match item {
            StatusDataItem::UidNext(next) => Some(next.get()),
            _ => None,
        })?;
        Some(Self { validity, next })
    }

    /// Reads the answer to SELECT or EXAMINE.
    pub(crate) fn of_opened(reply: &Reply) -> Option<Self> {
        let next = reply.all_codes().find_map(|code| match code {
            Code::UidNext(next) => Some(next.get()),
            _ => None,
        })?;
        Some(Self { validity: reply.uid_validity()?, next })
    }
}

/// Returns the messages that arrived in this folder since the mark, by UID; `None` if unknown. Opens the folder.
pub(crate) fn since<S: MailStream>(
    session: &mut Session<S>,
    wire: &str,
    mark: Mark,
) -> Result<Option<BTreeMap<u32, Fetched>>, Error> {
    read(session, wire, Some(mark))
}

/// Returns all messages of this folder, like [`since`].
pub(crate) fn whole<S: MailStream>(
    session: &mut Session<S>,
    wire: &str,
) -> Result<Option<BTreeMap<u32, Fetched>>, Error> {
    read(session, wire, None)
}

fn read<S: MailStream>(
    session: &mut Session<S>,
    wire: &str,
    mark: Option<Mark>,
) -> Result<Option<BTreeMap<u32, Fetched>>, Error> {
    let items = fetch::identity_items();
    let next = mark.map_or(1, |mark| mark.next);
    let replies =
        session.flight(vec![open(wire, Access::Examine), Command::new(format!("UID FETCH {next}:* {items}"))])?;
    session.selected = replies.first().filter(|opened| opened.is_ok()).map(|_| (wire.to_owned(), Access::Examine));
    if let Some(refused) = replies.iter().find(|reply| refusal::ends_call(reply)) {
        return Err(refusal::of(refused, "the copies cannot be searched for"));
    }
    if replies.iter().any(|reply| !reply.is_ok())
        || mark.is_some_and(|mark| replies[0].uid_validity() != Some(mark.validity))
    {
        return Ok(None);
    }
    // `n:*` always contains the last message, even if it is below n.
    let messages = fetch::read(replies.iter()).into_iter().filter(|(uid, _)| *uid >= next);
    Ok(Some(messages.collect()))
}

/// Returns the flags of each message in these answers, by UID; none for answers without flags.
pub(crate) fn flags(replies: &[Reply]) -> BTreeMap<u32, Vec<String>> {
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for fetch in replies.iter().flat_map(|reply| &reply.fetches) {
        let Some(uid) = fetch.uid else { continue };
        let known = found.entry(uid).or_default();
        if let Some(flags) = &fetch.flags {
            *known = flags.iter().filter(|flag| fetch::is_own(flag)).cloned().collect();
        }
    }
    found
}
