//! Actions on messages: check, act, confirm. The check and the act use one selection of the folder, so that no UID can
//! change its meaning between them.
//!
//! Only a proof counts: `COPYUID` and an absent UID for a move, an absent UID for a delete, requested after the server
//! answered the act. Messages without a proof are searched for.

use std::collections::{BTreeMap, HashSet};

use clawback_connector_sdk::{
    connector::{self, outcomes},
    host::{Host, MailStream},
    place,
    types::{Action, Effect, Error, Location, MessageRef, Outcome, Target},
};
use imap_codec::imap_types::response::Code;

use crate::{
    command::Command,
    copies,
    fetch::{self, Fetched},
    find::{Sight, find},
    folder::{self, Folders, MailFolder},
    locator::Locator,
    mover::{self, Batch, Fate, Mover},
    numbers::Mark,
    proof::Acted,
    readiness, refusal,
    search::open,
    session::{Access, Reply, Session},
    uids::sets,
};

/// A message to act on, with its last known place.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Its index in the list of targets.
    pub(crate) at: usize,
    pub(crate) locator: Locator,
}

/// Messages of one folder with the same destination; `None` deletes them permanently.
type Group = (Option<MailFolder>, Vec<Checked>);

/// Messages of one folder with this destination.
pub(crate) type Order = (MailFolder, Vec<Checked>);

/// A message that was checked: it is the intended one, and in its place.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) job: Job,
    pub(crate) from: MailFolder,
    pub(crate) message: Fetched,
}

/// The result of checking one message.
enum Judgement {
    /// It moves to this folder; `None` if it is deleted permanently.
    Go(Option<MailFolder>),
    /// Nothing must be done.
    Over(Effect),
}

/// The state of one call.
pub(crate) struct Run<'a, S, H> {
    pub(crate) session: &'a mut Session<S>,
    pub(crate) host: &'a H,
    pub(crate) action: Action,
    pub(crate) targets: &'a [Target],
    pub(crate) effects: Vec<Option<Effect>>,
    pub(crate) folders: Option<Folders>,
    pub(crate) mover: Mover,
    /// UIDs that belong to a target, so that another message with the same content is not taken for it.
    pub(crate) claimed: HashSet<(String, u32)>,
    missing: Vec<usize>,
    again: Vec<Job>,
    /// What the server reported as done; it is verified at the end.
    pub(crate) acted: Vec<Acted>,
    pub(crate) unproven: Vec<Acted>,
    /// Copies that are assigned to a target, on a server without MOVE.
    pub(crate) copies: HashSet<(String, u32)>,
    /// The UIDNEXT of all folders before anything was deleted.
    pub(crate) marks: BTreeMap<String, Mark>,
    /// Messages to restore that are already in their former place, with the flags that they have there.
    pub(crate) home: Vec<(usize, Locator, Vec<String>)>,
}

/// Returns one outcome per target, in order.
pub(crate) fn apply<S: MailStream, H: Host>(
    session: &mut Session<S>,
    host: &H,
    action: Action,
    targets: &[Target],
) -> Result<Vec<Outcome>, Error> {
    let mover = Mover::new(session);
    let mut run = Run {
        session,
        host,
        action,
        targets,
        effects: vec![None; targets.len()],
        folders: None,
        mover,
        claimed: HashSet::new(),
        missing: Vec::new(),
        again: Vec::new(),
        acted: Vec::new(),
        unproven: Vec::new(),
        copies: HashSet::new(),
        marks: BTreeMap::new(),
        home: Vec::new(),
    };
    let mut jobs = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        match Locator::parse(&target.ref_.locator) {
            Some(locator) => jobs.push(Job { at, locator }),
            None => run.missing.push(at),
        }
    }
    run.round(jobs, Batch::Together)?;
    let mut second = std::mem::take(&mut run.again);
    second.extend(run.relocate()?);
    if !second.is_empty() {
        run.round(second, Batch::OneByOne)?;
        for job in std::mem::take(&mut run.again) {
            run.effects[job.at] = Some(Effect::Failed("the server refused it twice".into()));
        }
        for at in std::mem::take(&mut run.missing) {
            run.effects[at] = Some(Effect::NotFound);
        }
    }
    run.look()?;
    run.prove()?;
    if action == Action::Restore {
        run.restore_flags()?;
    }
    Ok(outcomes(targets, run.effects))
}

impl<S: MailStream, H: Host> Run<'_, S, H> {
    /// Checks and acts, folder by folder. The check of the next folder is sent with the act of this one.
    fn round(&mut self, jobs: Vec<Job>, batch: Batch) -> Result<(), Error> {
        let mut groups: BTreeMap<String, Vec<Job>> = BTreeMap::new();
        for job in jobs {
            groups.entry(job.locator.folder.clone()).or_default().push(job);
        }
        let mut groups = groups.into_iter().peekable();
        let mut replies = Vec::new();
        if self.folders.is_none() {
            let mut commands = folder::commands(self.session);
            let listing = commands.len();
            commands.extend(groups.peek().map(|(wire, jobs)| check_commands(wire, jobs)).unwrap_or_default());
            replies = self.session.flight(commands)?;
            let checks = replies.split_off(listing);
            self.folders = Some(Folders::read(self.host, &replies, self.session.can("X-GM-EXT-1"))?);
            replies = checks;
        } else if let Some((wire, jobs)) = groups.peek() {
            replies = self.session.flight(check_commands(wire, jobs))?;
        }
        while let Some((wire, jobs)) = groups.next() {
            self.session.selected = Some((wire.clone(), Access::Select));
            let ready = self.check(&wire, jobs, &replies)?;
            let next = groups.peek().map(|(wire, jobs)| check_commands(wire, jobs)).unwrap_or_default();
            replies = self.act(ready, batch, next)?;
        }
        Ok(())
    }

    pub(crate) fn folders(&self) -> Result<&Folders, Error> {
        self.folders.as_ref().ok_or_else(|| Error::Permanent("the folders were not listed".into()))
    }

    /// Sorts the jobs of one folder: those to act on, by destination, and the others with their effect.
    fn check(&mut self, wire: &str, jobs: Vec<Job>, replies: &[Reply]) -> Result<Vec<Group>, Error> {
        let Some((opened, fetches)) = replies.split_first() else { return Ok(Vec::new()) };
        let Some(folder) = self.folders()?.get(wire).cloned() else {
            self.missing.extend(jobs.iter().map(|job| job.at));
            return Ok(Vec::new());
        };
        if let Some(refused) = replies.iter().find(|reply| refusal::ends_call(reply)) {
            let error = refusal::of(refused, &folder.location.path);
            if matches!(error, Error::Throttled(_)) || !self.has_acted() {
                return Err(error);
            }
        }
        // On a read-only folder some servers answer a move with OK but copy.
        let is_read_only = || replies.iter().flat_map(Reply::all_codes).any(|code| matches!(code, Code::ReadOnly));
        let refused = if !opened.is_ok() {
            Some(refusal::text(opened))
        } else if is_read_only() {
            Some(format!("no right to change folder `{}`: it is read-only", folder.location.path))
        } else {
            fetches.iter().find(|reply| !reply.is_ok()).map(refusal::text)
        };
        if let Some(why) = refused {
            self.fail(jobs.iter(), &why);
            return Ok(Vec::new());
        }
        if let Some(mark) = Mark::of_opened(opened) {
            self.marks.entry(wire.to_owned()).or_insert(mark);
        }
        let mut messages = fetch::read(fetches.iter());
        let mut ready: Vec<Group> = Vec::new();
        for job in jobs {
            let target = &self.targets[job.at];
            let is_same = |message: &Fetched| message.is(&target.ref_.fingerprint);
            let is_numbered = opened.uid_validity() == Some(job.locator.validity);
            let Some(message) = messages.get(&job.locator.uid).filter(|message| is_numbered && is_same(message)) else {
                self.missing.push(job.at);
                continue;
            };
            let message = message.clone();
            // Two targets cannot be the same message.
            messages.remove(&job.locator.uid);
            self.claimed.insert((wire.to_owned(), job.locator.uid));
            match self.judge(job.at, &folder) {
                Judgement::Go(destination) => {
                    let checked = Checked { job, from: folder.clone(), message };
                    match ready.iter_mut().find(|(to, _)| *to == destination) {
                        Some((_, together)) => together.push(checked),
                        None => ready.push((destination, vec![checked])),
                    }
                }
                Judgement::Over(effect) => {
                    if effect == Effect::AlreadyInDestination {
                        self.home.push((job.at, job.locator, message.flags));
                    }
                    self.effects[job.at] = Some(effect);
                }
            }
        }
        Ok(ready)
    }

    /// Decides what to do with a message that is in this folder.
    fn judge(&self, at: usize, now: &MailFolder) -> Judgement {
        let target = &self.targets[at];
        let destination = match self.destination(target) {
            Ok(destination) => destination,
            Err(why) => return Judgement::Over(Effect::Failed(why.into())),
        };
        if destination.as_ref().is_some_and(|to| to.wire == now.wire) {
            return Judgement::Over(Effect::AlreadyInDestination);
        }
        if !is_there(&target.location, &now.location) {
            return Judgement::Over(Effect::MovedSince(now.location.clone()));
        }
        Judgement::Go(destination)
    }

    pub(crate) fn destination(&self, target: &Target) -> Result<Option<MailFolder>, &'static str> {
        let folders = self.folders.as_ref().ok_or("the folders were not listed")?;
        match (place::destination(self.action), &target.former) {
            (Some(kind), _) => Ok(Some(folders.of_kind(kind))),
            (None, _) if self.action == Action::HardDelete => Ok(None),
            (None, Some(former)) => Ok(Some(folders.at(&former.location))),
            (None, None) => Err("nothing says where to restore it to"),
        }
    }

    /// Acts on the checked messages and sends `next` with it. Returns the answers to `next`.
    fn act(&mut self, ready: Vec<Group>, batch: Batch, next: Vec<Command>) -> Result<Vec<Reply>, Error> {
        let is_delete = self.action == Action::HardDelete;
        // Checked before a folder is created or a message copied: a copy whose original cannot be removed would remain.
        if let Some(one) = ready.iter().find_map(|(_, checked)| checked.first())
            && (is_delete || !self.mover.has_move)
            && let Some(why) = readiness::against_removal(self.session, &one.from)?
        {
            self.fail(ready.iter().flat_map(|(_, checked)| checked).map(|one| &one.job), &why);
            return self.session.flight(next);
        }
        let mut orders = Vec::new();
        for (to, checked) in ready {
            if let Some(to) = &to
                && let Err(why) = self.ensure(to)?
            {
                self.fail(checked.iter().map(|one| &one.job), &why);
                continue;
            }
            orders.push((to, checked));
        }
        if let Some(why) = self.mover.obstacle(is_delete) {
            self.fail(orders.iter().flat_map(|(_, checked)| checked).map(|one| &one.job), why);
            return self.session.flight(next);
        }
        if is_delete {
            return self.delete(orders.into_iter().flat_map(|(_, checked)| checked).collect(), next);
        }
        let orders: Vec<_> = orders.into_iter().filter_map(|(to, checked)| Some((to?, checked))).collect();
        if self.mover.has_move { self.carry(orders, batch, next) } else { self.copy(orders, batch, next) }
    }

    fn delete(&mut self, checked: Vec<Checked>, next: Vec<Command>) -> Result<Vec<Reply>, Error> {
        let uids: Vec<u32> = checked.iter().map(|one| one.job.locator.uid).collect();
        // The state of the other folders before the act is needed to detect what the server puts there.
        let unknown: Vec<String> = self
            .folders()?
            .all
            .iter()
            .map(|one| &one.wire)
            .filter(|wire| !self.marks.contains_key(*wire))
            .cloned()
            .collect();
        let unknown = if uids.is_empty() { Vec::new() } else { unknown };
        let asks = unknown.iter().map(|wire| Mark::command(wire)).collect();
        // In a separate flight: some servers answer STATUS before a STORE that was sent earlier.
        let told = self.session.flight(asks)?;
        self.marks
            .extend(unknown.into_iter().zip(&told).filter_map(|(wire, reply)| Some((wire, Mark::of_status(reply)?))));
        let mut refused = mover::remove(self.session, &uids, self.has_acted())?;
        for one in checked {
            let refused = refused.remove(&one.job.locator.uid);
            self.acted.push(Acted { refused, ..Acted::new(one, None) });
        }
        self.session.flight(next)
    }

    fn carry(&mut self, orders: Vec<Order>, batch: Batch, next: Vec<Command>) -> Result<Vec<Reply>, Error> {
        let uids: Vec<(String, Vec<u32>)> = orders
            .iter()
            .map(|(to, checked)| (to.wire.clone(), checked.iter().map(|one| one.job.locator.uid).collect()))
            .collect();
        let (fates, replies) = self.mover.carry(self.session, &uids, batch, next)?;
        for ((to, checked), mut fates) in orders.into_iter().zip(fates) {
            for one in checked {
                let fate = fates.remove(&one.job.locator.uid).unwrap_or(Fate::Unproven);
                match fate {
                    Fate::Moved { validity, uid } => {
                        let now = Some(Locator { validity, uid, folder: to.wire.clone() });
                        self.acted.push(Acted { now, ..Acted::new(one, Some(to.clone())) });
                    }
                    Fate::Unproven => self.unproven.push(Acted::new(one, Some(to.clone()))),
                    other => self.settle(one, &to, other),
                }
            }
        }
        Ok(replies)
    }

    pub(crate) fn has_acted(&self) -> bool {
        !self.acted.is_empty()
            || !self.unproven.is_empty()
            || self.effects.iter().any(|effect| matches!(effect, Some(Effect::Succeeded(_))))
    }

    /// Assigns the error of a look-up to the open targets; the known results of the others are kept. The error ends the
    /// call if nothing was done yet, and with a lost connection: the host then locates the messages.
    pub(crate) fn concede(&mut self, open: &[usize], has_acted: bool, error: Error) -> Result<(), Error> {
        let is_later = matches!(error, Error::Transient(_) | Error::Throttled(_));
        let is_all = open.len() == self.targets.len();
        let is_better_again = if has_acted { is_all && is_later } else { is_all || is_later };
        if self.session.is_broken() || is_better_again {
            return Err(error);
        }
        for at in open {
            self.effects[*at] =
                Some(Effect::Failed(format!("it could not be searched for: {}", connector::why(&error))));
        }
        Ok(())
    }

    pub(crate) fn fail<'j>(&mut self, jobs: impl Iterator<Item = &'j Job>, why: &str) {
        for job in jobs {
            self.effects[job.at] = Some(Effect::Failed(why.to_owned()));
        }
    }

    /// Handles a message that was not moved: it failed, or is tried again.
    pub(crate) fn settle(&mut self, one: Checked, to: &MailFolder, fate: Fate) {
        match fate {
            Fate::Failed(why) => self.effects[one.job.at] = Some(Effect::Failed(why)),
            Fate::NoFolder => {
                // The folder was deleted since it was listed: it is created in the second round.
                if let Some(folders) = &mut self.folders {
                    folders.all.retain(|folder| folder.wire != to.wire);
                }
                self.again.push(one.job);
            }
            Fate::Again | Fate::Unproven | Fate::Moved { .. } => self.again.push(one.job),
        }
    }

    /// Creates the folder if it is missing. The inner error concerns one message, not the call.
    fn ensure(&mut self, to: &MailFolder) -> Result<Result<(), String>, Error> {
        if self.folders()?.get(&to.wire).is_some() {
            return Ok(Ok(()));
        }
        let create = to.create(self.session);
        let reply = self.session.run(create)?;
        if refusal::ends_call(&reply) {
            let error = refusal::of(&reply, &to.location.path);
            if matches!(error, Error::Throttled(_)) || !self.has_acted() {
                return Err(error);
            }
        }
        if !reply.is_ok() && refusal::code(&reply) != "ALREADYEXISTS" {
            return Ok(Err(format!("folder `{}` cannot be made: {}", to.location.path, refusal::text(&reply))));
        }
        if let Some(folders) = &mut self.folders {
            folders.all.push(to.clone());
        }
        Ok(Ok(()))
    }

    /// Searches for the missing messages. Those that are where the plan saw them, with another UID, are jobs again.
    fn relocate(&mut self) -> Result<Vec<Job>, Error> {
        let missing = std::mem::take(&mut self.missing);
        let refs: Vec<&MessageRef> = missing.iter().map(|at| &self.targets[*at].ref_).collect();
        let Some(folders) = &self.folders else { return Ok(Vec::new()) };
        let found = match find(self.session, folders, &refs) {
            Ok(found) => found,
            Err(error) => return self.concede(&missing, self.has_acted(), error).map(|()| Vec::new()),
        };
        if !self.mover.has_move && found.closed.is_none() {
            copies::unmark_finished(self.session, &found.places)?;
        }
        let (mut jobs, mut nowhere) = (Vec::new(), Vec::new());
        for (at, mut places) in missing.into_iter().zip(found.places) {
            places.retain(|place| !self.claimed.contains(&(place.folder.wire.clone(), place.locator.uid)));
            let target = &self.targets[at];
            let destination = self.destination(target).ok().flatten();
            let is_home = |place: &&Sight| destination.as_ref().is_some_and(|to| place.folder.wire == to.wire);
            if places.iter().any(|place| is_home(&place)) {
                self.effects[at] = Some(Effect::AlreadyInDestination);
                // Of equal messages, each gets its own flags.
                let is_free = |place: &&Sight| self.home.iter().all(|(_, known, _)| *known != place.locator);
                if let Some(place) = places.into_iter().find(|place| is_home(&place) && is_free(&place)) {
                    self.home.push((at, place.locator, place.message.flags));
                }
            } else if let Some(place) = places.iter().find(|place| is_there(&target.location, &place.folder.location)) {
                self.claimed.insert((place.folder.wire.clone(), place.locator.uid));
                jobs.push(Job { at, locator: place.locator.clone() });
            } else {
                match places.into_iter().next() {
                    Some(place) => self.effects[at] = Some(Effect::MovedSince(place.folder.location)),
                    None if found.closed.is_some() => nowhere.push(at),
                    None => self.effects[at] = Some(Effect::NotFound),
                }
            }
        }
        if let Some(error) = found.closed.filter(|_| !nowhere.is_empty()) {
            self.concede(&nowhere, self.has_acted(), error)?;
        }
        Ok(jobs)
    }
}

/// Returns whether two locations are equal: by path if the plan has one, otherwise by kind.
fn is_there(planned: &Location, now: &Location) -> bool {
    if planned.path.is_empty() { planned.kind == now.kind } else { planned.path == now.path }
}

fn check_commands(wire: &str, jobs: &[Job]) -> Vec<Command> {
    let uids: Vec<u32> = jobs.iter().map(|job| job.locator.uid).collect();
    let items = fetch::identity_items();
    let fetches = sets(&uids).into_iter().map(|set| Command::new(format!("UID FETCH {set} {items}")));
    std::iter::once(open(wire, Access::Select)).chain(fetches).collect()
}
