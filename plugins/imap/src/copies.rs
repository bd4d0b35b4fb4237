//! Moving on a server that cannot move: copy, know where the copy is, remove the original. A connection may be lost in
//! between, and the next call knows nothing of it: so a copy that is there already is looked for before one is made.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use clawback_connector_sdk::{
    host::{Host, MailStream},
    types::{Error, MessageRef},
};

use crate::{
    act::{Checked, Order, Run},
    command::Command,
    fetch,
    find::{Sight, find_in},
    folder::MailFolder,
    locator::Locator,
    mover::{self, Batch, Fate},
    numbers::{self, Mark},
    proof::Acted,
    refusal,
    search::open,
    session::{Access, Reply, Session},
    uids::sets,
};

/// Bytes of a message that are compared: the whole header of most, with the lines of its delivery, and some of its body.
const HEAD: u32 = 8 * 1024;
/// Messages whose heads are read in one flight.
const HEADS: usize = 200;

/// Those that were copied, and what became of the others.
type Copied = (Vec<Acted>, Vec<(Checked, MailFolder, Fate)>);

/// A message in a destination that may be the copy that an earlier call made.
#[derive(Debug, Clone)]
struct Candidate {
    sight: Sight,
    head: Vec<u8>,
}

/// Copies of earlier calls, and which copies belong to a target by now.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    /// By target.
    candidates: BTreeMap<usize, Vec<Candidate>>,
    used: HashSet<(String, u32)>,
}

impl Earlier {
    /// The copy of this message: the same fields, the same date, the same bytes, and no other target's. A twin that was
    /// delivered by itself differs in the lines of its delivery.
    fn take(&mut self, one: &Checked, head: Option<&Vec<u8>>) -> Option<Sight> {
        let candidates = self.candidates.get(&one.job.at)?;
        let found = candidates.iter().find(|candidate| {
            let sight = &candidate.sight;
            !self.used.contains(&(sight.folder.wire.clone(), sight.locator.uid))
                && sight.message.received_at == one.message.received_at
                && head == Some(&candidate.head)
        })?;
        self.used.insert((found.sight.folder.wire.clone(), found.sight.locator.uid));
        Some(found.sight.clone())
    }
}

impl<S: MailStream, H: Host> Run<'_, S, H> {
    /// Looks in the destinations for messages that have the fingerprint of a target and are none.
    pub(crate) fn look_for_earlier_copies(&mut self) -> Result<(), Error> {
        let mut wires: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, target) in self.targets.iter().enumerate() {
            if let Ok(Some(to)) = self.destination(target) {
                wires.entry(to.wire).or_default().push(at);
            }
        }
        let named: HashSet<(String, u32)> = self
            .targets
            .iter()
            .filter_map(|target| Locator::parse(&target.ref_.locator))
            .map(|locator| (locator.folder, locator.uid))
            .collect();
        for (wire, targets) in wires {
            let Some(folder) = self.folders()?.get(&wire).cloned() else { continue };
            let refs: Vec<&MessageRef> = targets.iter().map(|at| &self.targets[*at].ref_).collect();
            let found = find_in(self.session, &[folder], &refs)?;
            if let Some(error) = found.closed.filter(|error| matches!(error, Error::Transient(_) | Error::Throttled(_)))
            {
                return Err(error);
            }
            let mut places = found.places;
            for places in &mut places {
                places.retain(|place| !named.contains(&(wire.clone(), place.locator.uid)));
            }
            let uids: BTreeSet<u32> = places.iter().flatten().map(|place| place.locator.uid).collect();
            if uids.is_empty() {
                continue;
            }
            let opened = self.session.run(open(&wire, Access::Examine))?;
            self.session.selected = opened.is_ok().then(|| (wire.clone(), Access::Examine));
            let heads = heads(self.session, &uids.into_iter().collect::<Vec<_>>())?;
            for (at, places) in targets.into_iter().zip(places) {
                let candidates =
                    places.into_iter().filter(|place| opened.uid_validity() == Some(place.locator.validity));
                let candidates = candidates.filter_map(|sight| {
                    let head = heads.get(&sight.locator.uid)?.clone();
                    Some(Candidate { sight, head })
                });
                self.earlier.candidates.insert(at, candidates.collect());
            }
        }
        Ok(())
    }

    /// Copies the messages of the selected folder, removes the originals of those whose copy is known, and sends `next`
    /// when that is over. The answers to `next`.
    pub(crate) fn copy(&mut self, orders: Vec<Order>, batch: Batch, next: Vec<Command>) -> Result<Vec<Reply>, Error> {
        let first = orders.iter().flat_map(|(_, checked)| checked).next().map(|one| one.job.locator.clone());
        let Some(origin) = first else { return self.session.flight(next) };
        let (mut copied, orders) = self.known_copies(orders)?;
        let (fresh, left) = self.make_copies(orders, batch, &origin)?;
        copied.extend(fresh);
        for (one, to, fate) in left {
            self.settle(one, &to, fate);
        }
        let uids: Vec<u32> = copied.iter().map(|one| one.job.locator.uid).collect();
        let is_open = self.session.selected.as_ref().is_some_and(|(wire, _)| *wire == origin.folder);
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

    /// Those that an earlier call copied, and the others.
    fn known_copies(&mut self, orders: Vec<Order>) -> Result<(Vec<Acted>, Vec<Order>), Error> {
        let has_candidate =
            |one: &&Checked| self.earlier.candidates.get(&one.job.at).is_some_and(|list| !list.is_empty());
        let all = orders.iter().flat_map(|(_, checked)| checked);
        let uids: Vec<u32> = all.filter(has_candidate).map(|one| one.job.locator.uid).collect();
        let heads = if uids.is_empty() { BTreeMap::new() } else { heads(self.session, &uids)? };
        let (mut copied, mut left) = (Vec::new(), Vec::new());
        for (to, checked) in orders {
            let mut others = Vec::new();
            for mut one in checked {
                match self.earlier.take(&one, heads.get(&one.job.locator.uid)) {
                    Some(sight) => {
                        // What the call that was cut off did to the flags of the original came after the copy.
                        one.message.flags = sight.message.flags;
                        copied.push(Acted { now: Some(sight.locator), ..Acted::new(one, Some(to.clone())) });
                    }
                    None => others.push(one),
                }
            }
            if !others.is_empty() {
                left.push((to, others));
            }
        }
        Ok((copied, left))
    }

    /// Copies, and looks for the copies of which the server does not say where they are.
    fn make_copies(&mut self, orders: Vec<Order>, batch: Batch, origin: &Locator) -> Result<Copied, Error> {
        let (mut copied, mut left) = (Vec::new(), Vec::new());
        if orders.is_empty() {
            return Ok((copied, left));
        }
        let asks = orders.iter().map(|(to, _)| Mark::command(&to.wire)).collect();
        let marks: Vec<Option<Mark>> = self.session.flight(asks)?.iter().map(Mark::of_status).collect();
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
                        self.earlier.used.insert((to.wire.clone(), uid));
                        let now = Some(Locator { validity, uid, folder: to.wire.clone() });
                        copied.push(Acted { now, is_ours: true, ..Acted::new(one, Some(to.clone())) });
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
                    let is_free = |uid: u32| !self.earlier.used.contains(&(to.wire.clone(), uid));
                    let mut free = arrived.iter().filter(|(uid, copy)| is_free(**uid) && copy.is(wanted));
                    let dated = free.clone().find(|(_, copy)| copy.received_at == one.message.received_at);
                    dated.or_else(|| free.next()).map(|(uid, _)| (mark.validity, *uid))
                });
                match (copy, fate) {
                    (Some((validity, uid)), _) => {
                        self.earlier.used.insert((to.wire.clone(), uid));
                        let now = Some(Locator { validity, uid, folder: to.wire.clone() });
                        copied.push(Acted { now, is_ours: true, ..Acted::new(one, Some(to.clone())) });
                    }
                    (None, Fate::Unproven) => {
                        let path = &to.location.path;
                        let why = match &arrived {
                            Some(_) => "the server answered OK but copied nothing".to_owned(),
                            None => format!(
                                "the server answered OK but does not tell where the copy is, and folder `{path}` cannot be \
                                 looked into: the original was left, and a copy may be there"
                            ),
                        };
                        left.push((one, to.clone(), Fate::Failed(why)));
                    }
                    (None, fate) => left.push((one, to.clone(), fate)),
                }
            }
        }
        let opened = self.session.run(open(&origin.folder, Access::Select))?;
        let is_open = opened.is_ok() && opened.uid_validity() == Some(origin.validity);
        self.session.selected = is_open.then(|| (origin.folder.clone(), Access::Select));
        Ok((copied, left))
    }
}

/// The first bytes of these messages of the folder that is open, by UID.
fn heads<S: MailStream>(session: &mut Session<S>, uids: &[u32]) -> Result<BTreeMap<u32, Vec<u8>>, Error> {
    let mut heads = BTreeMap::new();
    for uids in uids.chunks(HEADS) {
        let identity = fetch::identity_items();
        let items = identity.strip_suffix(')').unwrap_or(&identity);
        let sets = sets(uids);
        let commands = sets.iter().map(|set| Command::new(format!("UID FETCH {set} {items} BODY.PEEK[]<0.{HEAD}>)")));
        let replies = session.flight(commands.collect())?;
        if let Some(refused) = replies.iter().find(|reply| refusal::ends_call(reply)) {
            return Err(refusal::of(refused, "the messages cannot be compared"));
        }
        heads.extend(fetch::read(replies.iter()).into_iter().map(|(uid, message)| (uid, message.raw)));
    }
    Ok(heads)
}
