//! What a folder's numbers say: what came into it after a moment, and whether a message is still in it.

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

/// Where the numbers of a folder stood at a moment: what comes later has a UID from `next` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) validity: u32,
    pub(crate) next: u32,
}

impl Mark {
    /// The command that asks for it; not for the folder that is selected.
    pub(crate) fn command(wire: &str) -> Command {
        Command::new("STATUS ").text(wire).raw(" (UIDNEXT UIDVALIDITY)")
    }

    /// What STATUS answered; `None` where it was refused or says it in part.
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

    /// What SELECT or EXAMINE answered.
    pub(crate) fn of_opened(reply: &Reply) -> Option<Self> {
        let next = reply.all_codes().find_map(|code| match code {
            Code::UidNext(next) => Some(next.get()),
            _ => None,
        })?;
        Some(Self { validity: reply.uid_validity()?, next })
    }
}

/// The messages that came into this folder since the mark, by UID; `None` if the folder does not tell. Opens it.
pub(crate) fn since<S: MailStream>(
    session: &mut Session<S>,
    wire: &str,
    mark: Mark,
) -> Result<Option<BTreeMap<u32, Fetched>>, Error> {
    read(session, wire, Some(mark))
}

/// All messages of this folder, as [`since`].
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
        return Err(refusal::of(refused, "the copies cannot be looked for"));
    }
    if replies.iter().any(|reply| !reply.is_ok())
        || mark.is_some_and(|mark| replies[0].uid_validity() != Some(mark.validity))
    {
        return Ok(None);
    }
    // `n:*` always has the last message in it, even below n.
    let messages = fetch::read(replies.iter()).into_iter().filter(|(uid, _)| *uid >= next);
    Ok(Some(messages.collect()))
}

/// The flags of each message that these answers tell of, by UID; none where they say that it exists and no more.
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
