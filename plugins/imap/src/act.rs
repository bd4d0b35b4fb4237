//! Acting on messages. Check, act, confirm; the check and the act are in one selection of the folder, so that no UID
//! can change its meaning between them.
//!
//! Only a proof counts: `COPYUID` for a move, an absent UID after `UID EXPUNGE`. What is not proven is looked for.

use std::collections::{BTreeMap, HashSet};

use clawback_connector_sdk::{
    host::{Host, Level, MailStream},
    place,
    types::{Action, Effect, Error, Former, Location, MessageRef, Outcome, Receipt, Target},
};
use imap_codec::imap_types::response::Code;

use crate::{
    command::Command,
    fetch::{self, Fetched},
    find::{Sight, find},
    flags,
    folder::{self, Folders, MailFolder},
    locator::Locator,
    mover::{Batch, Fate, Mover},
    refusal,
    search::open,
    session::{Access, Reply, Session},
    uids::sets,
};

/// One message to act on, where it was last seen.
#[derive(Debug, Clone)]
struct Job {
    /// Its place in the list of targets.
    at: usize,
    locator: Locator,
}

/// Messages of one folder that go to the same place; to none for good.
type Group = (Option<MailFolder>, Vec<Checked>);

/// A message that was checked: it is the one that is meant, and in its place.
#[derive(Debug, Clone)]
struct Checked {
    job: Job,
    from: MailFolder,
    message: Fetched,
}

/// What the check of one message came to.
enum Judgement {
    /// It goes there; nowhere if it is deleted for good.
    Go(Option<MailFolder>),
    /// Nothing is to be done.
    Over(Effect),
}

/// The whole call.
struct Run<'a, S, H> {
    session: &'a mut Session<S>,
    host: &'a H,
    action: Action,
    targets: &'a [Target],
    effects: Vec<Option<Effect>>,
    folders: Option<Folders>,
    mover: Mover,
    /// UIDs that belong to a target, so that a twin of the same content is not taken for it.
    claimed: HashSet<(String, u32)>,
    missing: Vec<usize>,
    again: Vec<Job>,
    unproven: Vec<Checked>,
    /// Those to restore that lie in their former place already, with the flags that they have there.
    home: Vec<(usize, Locator, Vec<String>)>,
}

/// One outcome per target, in order.
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
        unproven: Vec::new(),
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
    run.prove()?;
    if action == Action::Restore {
        run.restore_flags();
    }
    let unanswered = || Effect::Failed("the message was not acted on".into());
    let effects = run.effects.into_iter().map(|effect| effect.unwrap_or_else(unanswered));
    let outcomes = targets.iter().zip(effects);
    Ok(outcomes.map(|(target, effect)| Outcome { locator: target.ref_.locator.clone(), effect }).collect())
}

impl<S: MailStream, H: Host> Run<'_, S, H> {
    /// Checks and acts, folder by folder. The next folder's check goes out with this folder's act.
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

    fn folders(&self) -> Result<&Folders, Error> {
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
        // On such a folder some servers answer a move with OK, and copy.
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
        let mut messages = fetch::read(fetches.iter());
        let mut ready: Vec<Group> = Vec::new();
        for job in jobs {
            let target = &self.targets[job.at];
            let is_same = |message: &Fetched| message.fingerprint() == target.ref_.fingerprint;
            let is_numbered = opened.uid_validity() == Some(job.locator.validity);
            let Some(message) = messages.get(&job.locator.uid).filter(|message| is_numbered && is_same(message)) else {
                self.missing.push(job.at);
                continue;
            };
            let message = message.clone();
            // Two targets cannot be one message.
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

    /// What to do with a message that is in this folder.
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

    fn destination(&self, target: &Target) -> Result<Option<MailFolder>, &'static str> {
        let folders = self.folders.as_ref().ok_or("the folders were not listed")?;
        match (place::destination(self.action), &target.former) {
            (Some(kind), _) => Ok(Some(folders.of_kind(kind))),
            (None, _) if self.action == Action::HardDelete => Ok(None),
            (None, Some(former)) => Ok(Some(folders.at(&former.location))),
            (None, None) => Err("nothing says where to restore it to"),
        }
    }

    /// Acts on the checked messages and sends `next` along. The answers to `next`.
    fn act(&mut self, ready: Vec<Group>, batch: Batch, next: Vec<Command>) -> Result<Vec<Reply>, Error> {
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
        let uids: Vec<(Option<String>, Vec<u32>)> = orders
            .iter()
            .map(|(to, checked)| {
                (to.as_ref().map(|to| to.wire.clone()), checked.iter().map(|one| one.job.locator.uid).collect())
            })
            .collect();
        let (fates, replies) = self.mover.act(self.session, &uids, batch, next)?;
        for ((to, checked), mut fates) in orders.into_iter().zip(fates) {
            for one in checked {
                let fate = fates.remove(&one.job.locator.uid).unwrap_or(Fate::Unproven);
                self.settle(one, to.as_ref(), fate);
            }
        }
        Ok(replies)
    }

    fn has_acted(&self) -> bool {
        !self.unproven.is_empty() || self.effects.iter().any(|effect| matches!(effect, Some(Effect::Succeeded(_))))
    }

    /// The error of a look-up is told of the targets that are open; what is known of the others is not thrown away.
    /// It ends the call where nothing was done yet, and with a lost connection: the host looks itself then.
    fn concede(&mut self, open: &[usize], has_acted: bool, error: Error) -> Result<(), Error> {
        let is_later = matches!(error, Error::Transient(_) | Error::Throttled(_));
        let is_all = open.len() == self.targets.len();
        let is_better_again = if has_acted { is_all && is_later } else { is_all || is_later };
        if self.session.is_broken() || is_better_again {
            return Err(error);
        }
        for at in open {
            self.effects[*at] = Some(Effect::Failed(format!("it could not be looked for: {}", refusal::why(&error))));
        }
        Ok(())
    }

    fn fail<'j>(&mut self, jobs: impl Iterator<Item = &'j Job>, why: &str) {
        for job in jobs {
            self.effects[job.at] = Some(Effect::Failed(why.to_owned()));
        }
    }

    fn settle(&mut self, one: Checked, to: Option<&MailFolder>, fate: Fate) {
        let at = one.job.at;
        match fate {
            Fate::Moved { validity, uid } => {
                let now = to.map(|to| (Locator { validity, uid, folder: to.wire.clone() }, to.location.clone()));
                self.effects[at] = Some(succeeded(&self.targets[at].ref_, &one.from, &one.message, now));
            }
            Fate::Gone => self.effects[at] = Some(succeeded(&self.targets[at].ref_, &one.from, &one.message, None)),
            Fate::Unproven => self.unproven.push(one),
            Fate::Failed(why) => self.effects[at] = Some(Effect::Failed(why)),
            Fate::Again => self.again.push(one.job),
            Fate::NoFolder => {
                // Somebody deleted it since it was listed: it is made in the second round.
                if let Some(folders) = &mut self.folders {
                    folders.all.retain(|folder| Some(&folder.wire) != to.map(|to| &to.wire));
                }
                self.again.push(one.job);
            }
        }
    }

    /// Makes the folder if it is missing. The inner error is one message's, not the call's.
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

    /// Looks for the missing ones. Those that lie where the plan saw them, under another number, are jobs again.
    fn relocate(&mut self) -> Result<Vec<Job>, Error> {
        let missing = std::mem::take(&mut self.missing);
        let refs: Vec<&MessageRef> = missing.iter().map(|at| &self.targets[*at].ref_).collect();
        let Some(folders) = &self.folders else { return Ok(Vec::new()) };
        let found = match find(self.session, folders, &refs) {
            Ok(found) => found,
            Err(error) => return self.concede(&missing, self.has_acted(), error).map(|()| Vec::new()),
        };
        let (mut jobs, mut nowhere) = (Vec::new(), Vec::new());
        for (at, mut places) in missing.into_iter().zip(found.places) {
            places.retain(|place| !self.claimed.contains(&(place.folder.wire.clone(), place.locator.uid)));
            let target = &self.targets[at];
            let destination = self.destination(target).ok().flatten();
            let is_home = |place: &&Sight| destination.as_ref().is_some_and(|to| place.folder.wire == to.wire);
            if places.iter().any(|place| is_home(&place)) {
                self.effects[at] = Some(Effect::AlreadyInDestination);
                // Of twins each gets its own flags.
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

    /// Looks for those that the server said it moved, without saying where to.
    fn prove(&mut self) -> Result<(), Error> {
        let unproven = std::mem::take(&mut self.unproven);
        let refs: Vec<&MessageRef> = unproven.iter().map(|one| &self.targets[one.job.at].ref_).collect();
        let Some(folders) = &self.folders else { return Ok(()) };
        let open = |one: &Checked| one.job.at;
        let found = match find(self.session, folders, &refs) {
            Ok(found) => found,
            Err(error) => return self.concede(&unproven.iter().map(open).collect::<Vec<_>>(), true, error),
        };
        let mut nowhere = Vec::new();
        for (one, places) in unproven.iter().zip(found.places) {
            let at = one.job.at;
            let destination = self.destination(&self.targets[at]).ok().flatten();
            let is_still_there =
                |place: &Sight| place.folder.wire == one.from.wire && place.locator.uid == one.job.locator.uid;
            let mut free =
                places.iter().filter(|place| !self.claimed.contains(&(place.folder.wire.clone(), place.locator.uid)));
            let arrived =
                free.clone().find(|place| destination.as_ref().is_some_and(|to| to.wire == place.folder.wire));
            self.effects[at] = Some(if places.iter().any(is_still_there) {
                Effect::Failed("the server answered OK but did not move it".into())
            } else if let Some(place) = arrived {
                let now = (place.locator.clone(), place.folder.location.clone());
                self.claimed.insert((place.folder.wire.clone(), place.locator.uid));
                succeeded(&self.targets[at].ref_, &one.from, &one.message, Some(now))
            } else if let Some(place) = free.next() {
                Effect::MovedSince(place.folder.location.clone())
            } else {
                if found.closed.is_some() {
                    nowhere.push(at);
                }
                Effect::NotFound
            });
        }
        match found.closed.filter(|_| !nowhere.is_empty()) {
            Some(error) => self.concede(&nowhere, true, error),
            None => Ok(()),
        }
    }

    /// Gives restored messages their flags back. They are back in any case: what goes wrong here takes no receipt away.
    fn restore_flags(&mut self) {
        if let Err(error) = self.store_flags() {
            self.host.log(Level::Warn, &format!("flags were not restored: {}", refusal::why(&error)));
        }
    }

    /// Where the move did not keep them as they were before, or an earlier call did not come to it.
    fn store_flags(&mut self) -> Result<(), Error> {
        let mut commands: BTreeMap<String, (u32, Vec<(u32, String)>)> = BTreeMap::new();
        for (target, effect) in self.targets.iter().zip(&self.effects) {
            let (Some(former), Some(Effect::Succeeded(receipt))) = (&target.former, effect) else { continue };
            let locator = receipt.now.as_ref().and_then(|now| Locator::parse(&now.locator));
            if let (Some(locator), Some(list)) = (locator, flags::to_store(&former.flags, &receipt.former.flags)) {
                let entry = commands.entry(locator.folder).or_insert((locator.validity, Vec::new()));
                entry.1.push((locator.uid, list));
            }
        }
        for (at, locator, now) in std::mem::take(&mut self.home) {
            let former = self.targets[at].former.as_ref();
            if let Some(list) = former.and_then(|former| flags::to_store(&former.flags, &now)) {
                let entry = commands.entry(locator.folder).or_insert((locator.validity, Vec::new()));
                entry.1.push((locator.uid, list));
            }
        }
        for (wire, (validity, stores)) in commands {
            // Flags of a folder numbered anew would go to other messages: so the answer is read before they are set.
            let opened = self.session.run(open(&wire, Access::Select))?;
            self.session.selected = Some((wire, Access::Select));
            if !opened.is_ok() || opened.uid_validity() != Some(validity) {
                self.host.log(Level::Warn, "flags were not restored: the folder changed");
                continue;
            }
            let stores = stores.iter().map(|(uid, list)| Command::new(format!("UID STORE {uid} FLAGS.SILENT {list}")));
            let refused = self.session.flight(stores.collect())?.iter().filter(|reply| !reply.is_ok()).count();
            if refused > 0 {
                self.host.log(Level::Warn, &format!("the server refused to restore the flags of {refused} messages"));
            }
        }
        Ok(())
    }
}

/// Whether two locations are one: by path where the plan has one, else by kind.
fn is_there(planned: &Location, now: &Location) -> bool {
    if planned.path.is_empty() { planned.kind == now.kind } else { planned.path == now.path }
}

fn check_commands(wire: &str, jobs: &[Job]) -> Vec<Command> {
    let uids: Vec<u32> = jobs.iter().map(|job| job.locator.uid).collect();
    let items = fetch::identity_items();
    let fetches = sets(&uids).into_iter().map(|set| Command::new(format!("UID FETCH {set} {items}")));
    std::iter::once(open(wire, Access::Select)).chain(fetches).collect()
}

fn succeeded(wanted: &MessageRef, from: &MailFolder, message: &Fetched, now: Option<(Locator, Location)>) -> Effect {
    let former = Former { location: from.location.clone(), flags: message.flags.clone() };
    let (locator, location) = now.unzip();
    let now = locator.map(|locator| MessageRef { locator: locator.to_string(), ..wanted.clone() });
    Effect::Succeeded(Receipt { former, now, location })
}
