//! Actions on messages: check, act, confirm. One request checks each message and lists the folders; one more acts, and
//! asks after each act where the messages are. The server runs the commands of a request one after the other.
//!
//! A query of an act names folder, UID and GUID of each message, so the server acts on no other, whatever happened since
//! the check. A success is a message that is gone from where it was, and whose GUID is in the destination under a UID
//! that did not exist before.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{
    connector::outcomes,
    host::{Host, Http, Memo},
    place,
    types::{Action, Effect, Error, Location, MessageRef, Outcome, Target},
};

use crate::{
    api::Api,
    command::{Query, any, in_folder, set, words},
    find::find,
    folder::Folders,
    locate::{Seen, look},
    locator::{Locator, is_message},
    row::Row,
};

/// A message that was checked: it is the intended one, and in its place.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// Its index in the list of targets.
    pub(crate) at: usize,
    pub(crate) row: Row,
    pub(crate) from: Location,
    /// The path of its destination; `None` if it is deleted permanently.
    pub(crate) to: Option<String>,
}

/// The state of one call.
pub(crate) struct Run<'a, 'h, H> {
    pub(crate) api: &'a Api<'h, H>,
    pub(crate) action: Action,
    pub(crate) targets: &'a [Target],
    pub(crate) effects: Vec<Option<Effect>>,
    pub(crate) folders: Folders,
    /// Places that belong to a target, so that another copy is not taken for it.
    pub(crate) claimed: BTreeSet<(String, u32)>,
    /// Messages to restore that are already in their former place.
    pub(crate) home: Vec<(usize, Row)>,
}

/// Returns one outcome per target, in order.
pub(crate) fn apply<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    action: Action,
    targets: &[Target],
) -> Result<Vec<Outcome>, Error> {
    let locators: Vec<Option<Locator>> = targets.iter().map(|target| Locator::parse(&target.ref_.locator)).collect();
    let Seen { mut rows, folders } = look(api, locators.iter().flatten().cloned())?;
    let effects = vec![None; targets.len()];
    let mut run = Run { api, action, targets, effects, folders, claimed: BTreeSet::new(), home: Vec::new() };
    let (mut ready, mut missing) = (Vec::new(), Vec::new());
    for (at, locator) in locators.into_iter().enumerate() {
        let key = locator.map(|locator| (locator.folder, locator.uid));
        // Two targets cannot be the same message.
        let row = key
            .filter(|key| rows.get(key).is_some_and(|row| row.is(&targets[at].ref_)))
            .and_then(|key| rows.remove(&key));
        match row {
            Some(row) => ready.extend(run.check(at, row)?),
            None => missing.push(at),
        }
    }
    ready.extend(run.relocate(missing)?);
    run.act(ready)?;
    if action == Action::Restore {
        run.restore_flags()?;
    }
    Ok(outcomes(targets, run.effects))
}

impl<H: Host + Http + Memo> Run<'_, '_, H> {
    /// Decides what to do with a message that is here. Nothing if that is known by now.
    fn check(&mut self, at: usize, row: Row) -> Result<Option<Checked>, Error> {
        let target = &self.targets[at];
        self.claimed.insert(row.key());
        let to = match self.destination(target)? {
            Ok(to) => to,
            Err(why) => {
                self.effects[at] = Some(Effect::Failed(why));
                return Ok(None);
            }
        };
        let from = self.folders.location(self.api, &row.mailbox)?;
        if to.as_ref() == Some(&from.path) {
            self.effects[at] = Some(Effect::AlreadyInDestination);
            self.home.push((at, row));
            return Ok(None);
        }
        if !is_there(&target.location, &from) {
            self.effects[at] = Some(Effect::MovedSince(from));
            return Ok(None);
        }
        Ok(Some(Checked { at, row, from, to }))
    }

    /// Returns the path of the destination. The inner error concerns one message, not the call.
    pub(crate) fn destination(&self, target: &Target) -> Result<Result<Option<String>, String>, Error> {
        let path = match (place::destination(self.action), &target.former) {
            (Some(kind), _) => self.folders.path_of(self.api, kind)?,
            (None, _) if self.action == Action::HardDelete => return Ok(Ok(None)),
            (None, Some(former)) if former.location.path.is_empty() => {
                self.folders.path_of(self.api, former.location.kind)?
            }
            (None, Some(former)) => former.location.path.clone(),
            (None, None) => return Ok(Err("nothing says where to restore it to".into())),
        };
        if let Some(reason) = place::unspeakable(&path) {
            return Ok(Err(format!("it cannot be moved: the destination has no name, {reason}")));
        }
        if self.folders.leaves_out(&path) {
            return Ok(Err(format!("the setting `ignore-folders` leaves out the destination, folder `{path}`")));
        }
        Ok(Ok(Some(path)))
    }

    /// Searches for messages that are not where their locator says. Those in the folder where the plan saw them, under
    /// another UID, are acted on.
    fn relocate(&mut self, missing: Vec<usize>) -> Result<Vec<Checked>, Error> {
        let mut ready = Vec::new();
        if missing.is_empty() {
            return Ok(ready);
        }
        let refs: Vec<&MessageRef> = missing.iter().map(|at| &self.targets[*at].ref_).collect();
        let found = find(self.api, &self.folders, &refs)?;
        for (at, mut rows) in missing.into_iter().zip(found.rows) {
            rows.retain(|row| !self.claimed.contains(&row.key()));
            let target = &self.targets[at];
            let to = self.destination(target)?.ok().flatten();
            let home = rows.iter().position(|row| to.as_deref() == Some(row.mailbox.as_str()));
            let mut there = None;
            for (number, row) in rows.iter().enumerate() {
                if is_there(&target.location, &self.folders.location(self.api, &row.mailbox)?) {
                    there = Some(number);
                    break;
                }
            }
            match home.or(there) {
                Some(number) => ready.extend(self.check(at, rows.swap_remove(number))?),
                None => match (rows.first(), &found.closed) {
                    (Some(row), _) => {
                        self.effects[at] = Some(Effect::MovedSince(self.folders.location(self.api, &row.mailbox)?));
                    }
                    // It may be in the folder that could not be searched.
                    (None, Some(error)) => return Err(error.clone()),
                    (None, None) => self.effects[at] = Some(Effect::NotFound),
                },
            }
        }
        Ok(ready)
    }

    pub(crate) fn fail<'c>(&mut self, checked: impl Iterator<Item = &'c Checked>, why: &str) {
        for one in checked {
            self.effects[one.at] = Some(Effect::Failed(why.to_owned()));
        }
    }
}

/// Returns whether two locations are equal: by path if the plan has one, otherwise by kind.
fn is_there(planned: &Location, now: &Location) -> bool {
    if planned.path.is_empty() { planned.kind == now.kind } else { planned.path == now.path }
}

/// Returns messages by the path and the GUID of their folder.
pub(crate) fn by_folder<'r>(rows: impl Iterator<Item = &'r Row>) -> BTreeMap<(&'r str, &'r str), Vec<&'r Row>> {
    let mut folders: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        folders.entry((row.mailbox.as_str(), row.folder.as_str())).or_default().push(row);
    }
    folders
}

/// Returns a query for exactly these messages of one folder.
pub(crate) fn exactly(rows: &[&Row]) -> Query {
    let guids: BTreeSet<&str> = rows.iter().map(|row| row.guid()).filter(|guid| is_message(guid)).collect();
    let guids = guids.into_iter().map(|guid| words(["guid", guid])).collect();
    let place = rows.first().map(|row| in_folder(&row.mailbox, &row.folder, &set(rows.iter().map(|row| row.uid))));
    [place.unwrap_or_default(), any(guids)].concat()
}
