//! The current places of messages. Most are where their locator says, which one flight checks; only the others are
//! searched for in every folder.

use std::collections::BTreeMap;

use clawback_connector_sdk::{
    host::{Host, MailStream},
    types::{Error, Located, MessageRef, Sighting},
    utf7,
};

use crate::{
    command::Command,
    copies, fetch,
    find::{Sight, find},
    folder::{self, Folders, MailFolder},
    locator::Locator,
    refusal,
    search::open,
    session::{Access, Session},
    uids::sets,
};

/// Returns one answer per message, in order.
pub(crate) fn locate<S: MailStream, H: Host>(
    session: &mut Session<S>,
    host: &H,
    refs: &[MessageRef],
) -> Result<Vec<Located>, Error> {
    let mut asked: BTreeMap<String, Vec<(Locator, usize)>> = BTreeMap::new();
    for (at, wanted) in refs.iter().enumerate() {
        if let Some(locator) = Locator::parse(&wanted.locator) {
            asked.entry(locator.folder.clone()).or_default().push((locator, at));
        }
    }
    // The use of a folder need not be requested if its name determines it.
    let needs_list = asked.is_empty() || asked.keys().any(|wire| folder::fixed(host, wire).is_none());
    let mut commands = if needs_list { folder::commands(session) } else { Vec::new() };
    let listing = commands.len();
    let mut lengths = Vec::new();
    for (wire, wanted) in &asked {
        let before = commands.len();
        commands.extend(look(wire, wanted));
        lengths.push(commands.len() - before);
    }
    let replies = session.flight(commands)?;
    let (listed, mut rest) = replies.split_at(listing);
    let is_gmail = session.can("X-GM-EXT-1");
    let mut folders = if needs_list { Some(Folders::read(host, listed, is_gmail)?) } else { None };
    let mut sightings: Vec<Vec<Sighting>> = vec![Vec::new(); refs.len()];
    for ((wire, wanted), length) in asked.iter().zip(lengths) {
        let (answers, after) = rest.split_at(length);
        rest = after;
        // A refusal that says "later" is not an absence: a copy elsewhere would pass for the new place of the message.
        if let Some(refused) = answers.iter().find(|reply| refusal::ends_call(reply)) {
            return Err(refusal::of(refused, &utf7::decode(wire)));
        }
        let opened = answers.split_first().filter(|(opened, _)| opened.is_ok());
        session.selected = opened.map(|_| (wire.clone(), Access::Examine));
        let Some((opened, fetches)) = opened else { continue };
        let known: Option<MailFolder> =
            folders.as_ref().and_then(|folders| folders.get(wire).cloned()).or_else(|| folder::fixed(host, wire));
        let Some(folder) = known else { continue };
        if let Some(refused) = fetches.iter().find(|reply| !reply.is_ok()) {
            return Err(refusal::of(refused, &folder.location.path));
        }
        let messages = fetch::read(fetches.iter());
        for (locator, at) in wanted.iter().filter(|(locator, _)| opened.uid_validity() == Some(locator.validity)) {
            if let Some(message) = messages.get(&locator.uid)
                && message.is(&refs[*at].fingerprint)
            {
                let here = Sight { folder: folder.clone(), locator: locator.clone(), message: message.clone() };
                sightings[*at].push(here.sighting(&refs[*at]));
            }
        }
    }
    let lost: Vec<usize> = (0..refs.len()).filter(|at| sightings[*at].is_empty()).collect();
    if !lost.is_empty() {
        let folders = match folders.take() {
            Some(folders) => folders,
            None => crate::search::list(session, host)?,
        };
        let found = find(session, &folders, &lost.iter().map(|at| &refs[*at]).collect::<Vec<_>>())?;
        // A folder that cannot be searched may contain an original that still needs the mark of its copy.
        if found.closed.is_none() {
            copies::unmark_finished(session, &found.places)?;
        }
        for (at, places) in lost.into_iter().zip(found.places) {
            // Its absence is not proven if one folder cannot be searched.
            if let Some(error) = found.closed.as_ref().filter(|_| places.is_empty()) {
                return Err(error.clone());
            }
            sightings[at].extend(places.into_iter().map(|place| place.sighting(&refs[at])));
        }
    }
    let located = refs.iter().zip(sightings);
    Ok(located.map(|(wanted, sightings)| Located { locator: wanted.locator.clone(), sightings }).collect())
}

fn look(wire: &str, wanted: &[(Locator, usize)]) -> Vec<Command> {
    let uids: Vec<u32> = wanted.iter().map(|(locator, _)| locator.uid).collect();
    let items = fetch::identity_items();
    let fetches = sets(&uids).into_iter().map(|set| Command::new(format!("UID FETCH {set} {items}")));
    std::iter::once(open(wire, Access::Examine)).chain(fetches).collect()
}
