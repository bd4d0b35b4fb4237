//! Moves on a server without MOVE: mark, copy, locate the copy, remove the original, remove the mark.
//!
//! The connection may be lost in between, and the next call knows only the mark. It is a keyword, and is copied with
//! the message: a marked message whose marked copy is in the destination is not copied again, and an equal message that
//! was delivered there is never taken for a copy. If the connection is lost after the originals were removed, the mark
//! stays on the copies until they are searched for.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{
    host::{Host, MailStream},
    types::{Error, MessageRef},
};

use crate::{
    act::{Checked, Order, Run},
    command::Command,
    find::{Sight, find, find_in},
    folder::MailFolder,
    locator::Locator,
    mover::{self, Batch, Fate},
    numbers::{self, Mark},
    proof::Acted,
    search::open,
    session::{Access, Reply, Session},
    uids::sets,
};

/// The keyword of a message whose copy was begun.
pub(crate) const MARK: &str = "$ClawbackCopying";

/// The copied messages, and the results of the others.
type Copied = (Vec<Acted>, Vec<(Checked, MailFolder, Fate)>);

impl<S: MailStream, H: Host> Run<'_, S, H> {
    /// Copies the messages of the selected folder, removes the originals whose copy is known, and then sends `next`.
    /// Returns the answers to `next`.
    pub(crate) fn copy(&mut self, orders: Vec<Order>, batch: Batch, next: Vec<Command>) -> Result<Vec<Reply>, Error> {
        let first = orders.iter().flat_map(|(_, checked)| checked).next().map(|one| one.job.locator.clone());
        let Some(origin) = first else { return self.session.flight(next) };
        let (mut copied, orders) = self.known_copies(orders, &origin)?;
        let is_open = |run: &Self| run.session.selected.as_ref().is_some_and(|(wire, _)| *wire == origin.folder);
        if !is_open(self) {
            let why = "its folder could not be opened again";
            self.fail(orders.iter().flat_map(|(_, checked)| checked).map(|one| &one.job), why);
            self.acted.extend(copied.into_iter().map(|one| Acted { refused: Some(why.into()), ..one }));
            return self.session.flight(next);
        }
        let (fresh, left) = self.make_copies(orders, batch, &origin)?;
        copied.extend(fresh);
        let uids: Vec<u32> = copied.iter().map(|one| one.job.locator.uid).collect();
        let is_open = is_open(self);
        if is_open {
            self.unmark_copying(&left.iter().map(|(one, ..)| one.job.locator.uid).collect::<Vec<_>>())?;
        }
        for (one, to, fate) in left {
            self.settle(one, &to, fate);
        }
        let mut refused = BTreeMap::new();
        if is_open && !uids.is_empty() {
            refused = mover::remove(self.session, &uids, self.has_acted())?;
        }
        for mut one in copied {
            one.refused = refused.remove(&one.job.locator.uid);
            if !is_open {
                one.refused = Some("its folder could not be opened again".into());
            }
            self.acted.push(one);
        }
        self.session.flight(next)
    }

    /// Returns the messages that an earlier call copied, and the others.
    fn known_copies(&mut self, orders: Vec<Order>, origin: &Locator) -> Result<(Vec<Acted>, Vec<Order>), Error> {
        if !orders.iter().flat_map(|(_, checked)| checked).any(|one| one.message.is_begun) {
            return Ok((Vec::new(), orders));
        }
        let is_named = |place: &Sight| {
            let locator = place.locator.to_string();
            self.targets.iter().any(|target| target.ref_.locator == locator)
        };
        let (mut copied, mut left) = (Vec::new(), Vec::new());
        for (to, checked) in orders {
            let (begun, mut others): (Vec<Checked>, Vec<Checked>) =
                checked.into_iter().partition(|one| one.message.is_begun);
            let refs: Vec<&MessageRef> = begun.iter().map(|one| &self.targets[one.job.at].ref_).collect();
            let found = find_in(self.session, std::slice::from_ref(&to), &refs)?;
            if let Some(error) = found.closed.filter(|error| matches!(error, Error::Transient(_) | Error::Throttled(_)))
            {
                return Err(error);
            }
            for (mut one, places) in begun.into_iter().zip(found.places) {
                let copy = places.into_iter().find(|place| {
                    let key = (to.wire.clone(), place.locator.uid);
                    place.message.is_begun && !self.copies.contains(&key) && !is_named(place)
                });
                match copy {
                    Some(copy) => {
                        self.copies.insert((to.wire.clone(), copy.locator.uid));
                        // The interrupted call changed the flags of the original after the copy.
                        one.message.flags = copy.message.flags;
                        let now = Some(copy.locator);
                        copied.push(Acted { now, ..Acted::new(one, Some(to.clone())) });
                    }
                    None => others.push(one),
                }
            }
            if !others.is_empty() {
                left.push((to, others));
            }
        }
        self.reopen(origin)?;
        Ok((copied, left))
    }

    fn reopen(&mut self, origin: &Locator) -> Result<bool, Error> {
        let opened = self.session.run(open(&origin.folder, Access::Select))?;
        let is_open = opened.is_ok() && opened.uid_validity() == Some(origin.validity);
        self.session.selected = is_open.then(|| (origin.folder.clone(), Access::Select));
        Ok(is_open)
    }

    /// Copies, and searches for the copies whose place the server did not report.
    fn make_copies(&mut self, orders: Vec<Order>, batch: Batch, origin: &Locator) -> Result<Copied, Error> {
        let (mut copied, mut left) = (Vec::new(), Vec::new());
        if orders.is_empty() {
            return Ok((copied, left));
        }
        let asks = orders.iter().map(|(to, _)| Mark::command(&to.wire)).collect();
        let marks: Vec<Option<Mark>> = self.session.flight(asks)?.iter().map(Mark::of_status).collect();
        // A server without keywords refuses the mark: an interrupted copy is then made again.
        let all: Vec<u32> = orders.iter().flat_map(|(_, checked)| checked).map(|one| one.job.locator.uid).collect();
        self.session.flight(sets(&all).iter().map(|set| mark(set, '+')).collect())?;
        let uids: Vec<(String, Vec<u32>)> = orders
            .iter()
            .map(|(to, checked)| (to.wire.clone(), checked.iter().map(|one| one.job.locator.uid).collect()))
            .collect();
        let (fates, _) = self.mover.carry(self.session, &uids, batch, Vec::new())?;
        let mut silent = Vec::new();
        for (((to, checked), mut fates), mark) in orders.into_iter().zip(fates).zip(marks) {
            let mut unknown = Vec::new();
            for one in checked {
                match fates.remove(&one.job.locator.uid).unwrap_or(Fate::Unproven) {
                    Fate::Moved { validity, uid } => {
                        self.copies.insert((to.wire.clone(), uid));
                        let now = Some(Locator { validity, uid, folder: to.wire.clone() });
                        copied.push(Acted { now, ..Acted::new(one, Some(to.clone())) });
                    }
                    Fate::NoFolder => left.push((one, to.clone(), Fate::NoFolder)),
                    fate => unknown.push((one, fate)),
                }
            }
            if !unknown.is_empty() {
                silent.push((to, mark, unknown));
            }
        }
        if silent.is_empty() {
            return Ok((copied, left));
        }
        for (to, mark, unknown) in silent {
            let arrived = match mark {
                Some(mark) => numbers::since(self.session, &to.wire, mark)?.map(|arrived| (mark, arrived)),
                None => None,
            };
            for (one, fate) in unknown {
                let wanted = &self.targets[one.job.at].ref_.fingerprint;
                let copy = arrived.as_ref().and_then(|(mark, arrived)| {
                    let is_free = |uid: u32| !self.copies.contains(&(to.wire.clone(), uid));
                    let mut free = arrived.iter().filter(|(uid, copy)| is_free(**uid) && copy.is(wanted));
                    let dated = free.clone().find(|(_, copy)| copy.date == one.message.date);
                    dated.or_else(|| free.next()).map(|(uid, _)| (mark.validity, *uid))
                });
                match (copy, fate) {
                    (Some((validity, uid)), _) => {
                        self.copies.insert((to.wire.clone(), uid));
                        let now = Some(Locator { validity, uid, folder: to.wire.clone() });
                        copied.push(Acted { now, ..Acted::new(one, Some(to.clone())) });
                    }
                    (None, Fate::Unproven) => {
                        let path = &to.location.path;
                        let why = match &arrived {
                            Some(_) => "the server answered OK but copied nothing".to_owned(),
                            None => format!(
                                "the server answered OK but does not say where the copy is, and folder `{path}` cannot be \
                                 searched: the original was left, and a copy may be there"
                            ),
                        };
                        left.push((one, to.clone(), Fate::Failed(why)));
                    }
                    (None, fate) => left.push((one, to.clone(), fate)),
                }
            }
        }
        self.reopen(origin)?;
        Ok((copied, left))
    }

    /// Removes the mark from messages of the selected folder. A server that refuses this never stored a mark.
    pub(crate) fn unmark_copying(&mut self, uids: &[u32]) -> Result<(), Error> {
        self.session.flight(sets(uids).iter().map(|set| mark(set, '-')).collect()).map(|_| ())
    }

    /// Removes the mark from the copies of messages that arrived at their destination.
    pub(crate) fn unmark_copies(&mut self, arrived: &[Locator]) -> Result<(), Error> {
        unmark(self.session, arrived)
    }

    /// Removes the mark from the copies of equal messages that an earlier call removed: it remained on them while the
    /// originals of these targets were in their place.
    pub(crate) fn unmark_twins(&mut self, resumed: &[usize]) -> Result<(), Error> {
        let refs: Vec<&MessageRef> = resumed.iter().map(|at| &self.targets[*at].ref_).collect();
        let Some(folders) = &self.folders else { return Ok(()) };
        // A remaining mark does not affect what is proven.
        match find(self.session, folders, &refs) {
            Ok(found) if found.closed.is_none() => unmark_finished(self.session, &found.places),
            Err(error) if self.session.is_broken() => Err(error),
            _ => Ok(()),
        }
    }
}

/// Removes the mark from copies whose originals are gone: a call that lost its connection after removing the originals
/// leaves it on them. `lost` has all places of each message that is not where it was.
pub(crate) fn unmark_finished<S: MailStream>(session: &mut Session<S>, lost: &[Vec<Sight>]) -> Result<(), Error> {
    unmark(session, lost.iter().flat_map(|places| finished(places)))
}

/// Returns the copies whose mark can be removed. Marks in two folders may belong to an original and its copy, which are
/// never in the same folder, of an equal message that still needs them.
fn finished(places: &[Sight]) -> Vec<&Locator> {
    let begun: Vec<&Locator> =
        places.iter().filter(|place| place.message.is_begun).map(|place| &place.locator).collect();
    let is_one_folder = begun.windows(2).all(|pair| pair[0].folder == pair[1].folder);
    if is_one_folder { begun } else { Vec::new() }
}

fn unmark<'l, S: MailStream>(
    session: &mut Session<S>,
    copies: impl IntoIterator<Item = &'l Locator>,
) -> Result<(), Error> {
    // Equal messages share their places.
    let mut folders: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for copy in copies {
        folders.entry(&copy.folder).or_default().insert(copy.uid);
    }
    if folders.is_empty() {
        return Ok(());
    }
    let mut commands = Vec::new();
    for (wire, uids) in &folders {
        commands.push(open(wire, Access::Select));
        let uids: Vec<u32> = uids.iter().copied().collect();
        commands.extend(sets(&uids).iter().map(|set| mark(set, '-')));
    }
    session.selected = None;
    session.flight(commands).map(|_| ())
}

fn mark(set: &str, sign: char) -> Command {
    Command::new(format!("UID STORE {set} {sign}FLAGS.SILENT ({MARK})"))
}
