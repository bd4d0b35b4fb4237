//! Actions on messages: check, then act. The answer 201 to a move shows the message in its new folder, which is the
//! receipt; all others are to be confirmed.

use std::collections::HashSet;

use clawback_connector_sdk::{
    connector::outcomes,
    host::{Host, Http, Memo},
    place,
    types::{Action, Effect, Error, Location, LocationKind, MessageRef, Outcome, Receipt, Target},
};
use serde_json::json;

use crate::{
    address,
    calendar::Calendar,
    client::{Client, Part},
    entry::{self, Invitation},
    find::find,
    flags,
    folders::{Folders, MailFolder},
    locate,
    places::{Places, Spot},
    record,
    refusal::{Reply, TOO_LARGE},
    wire::Mail,
};

/// Why there is no quarantine.
pub(crate) const NAME_TAKEN: &str =
    "the owner sees a folder with the name of the quarantine: set `quarantine-folder` to another name";
/// The refusal of a store that has no permanent delete.
pub(crate) const NO_HARD_DELETE: &str = "hard deletes are off: the setting `hard-delete` is `off`";

/// A message that was checked: it is the intended one, and in its place.
pub(crate) struct Checked {
    /// Its index in the list of targets.
    pub(crate) at: usize,
    pub(crate) mail: Mail,
    from: Location,
    pub(crate) to: Option<MailFolder>,
}

impl Checked {
    /// Returns the message as an invitation, if it is one, with the place where its entry is to be.
    fn invitation(&self, action: Action) -> Option<Invitation> {
        let home = self.to.as_ref().filter(|_| entry::restores(action)).map(MailFolder::location);
        Invitation::of(self.at, &self.mail, home.unwrap_or_else(|| self.from.clone()))
    }
}

/// The state of one call.
pub(crate) struct Run<'c, 'a, H> {
    pub(crate) client: &'c Client<'a, H>,
    pub(crate) places: Places<'c, 'a, H>,
    pub(crate) action: Action,
    pub(crate) targets: &'c [Target],
    pub(crate) effects: Vec<Option<Effect>>,
    /// Restored messages, and those that were in their former folder before: with the flags that they have.
    pub(crate) home: Vec<(usize, String, Vec<String>)>,
    /// Messages that belong to a target.
    pub(crate) claimed: HashSet<String>,
    pub(crate) ready: Vec<Checked>,
    /// Invitations that were in the destination before.
    arrived: Vec<Invitation>,
    /// Whether messages are moved again, after the folders were listed again.
    pub(crate) is_second: bool,
    /// Why the call ends with an error although messages were acted on: some may still move.
    pub(crate) unclear: Option<Error>,
}

/// Returns one outcome per target, in order. With a `calendar`, entries go and come with their invitations.
pub(crate) fn apply<'c, 'a, H: Host + Http + Memo>(
    client: &'c Client<'a, H>,
    action: Action,
    targets: &'c [Target],
    mut calendar: Option<&mut Calendar<'c, 'a, H>>,
) -> Result<Vec<Outcome>, Error> {
    let mut run = Run {
        client,
        places: Places::new(client),
        action,
        targets,
        effects: vec![None; targets.len()],
        home: Vec::new(),
        claimed: HashSet::new(),
        ready: Vec::new(),
        arrived: Vec::new(),
        is_second: false,
        unclear: None,
    };
    if action == Action::HardDelete && crate::readiness::is_hard_delete_off(client.host) {
        run.effects.fill(Some(Effect::Failed(NO_HARD_DELETE.into())));
    } else {
        run.check()?;
        let ready = std::mem::take(&mut run.ready);
        let invitations: Vec<Invitation> = match &calendar {
            Some(_) => ready.iter().filter_map(|one| one.invitation(action)).collect(),
            None => Vec::new(),
        };
        if let Some(calendar) = calendar.as_mut().filter(|_| !entry::restores(action)) {
            calendar.prepare(invitations.clone());
        }
        if action == Action::HardDelete {
            // No deleted message leads to its entry.
            if let Some(calendar) = calendar.as_mut() {
                calendar.remove(|_| true);
            }
            run.delete(ready)?;
        } else {
            run.carry(ready)?;
        }
        if action == Action::Restore {
            run.restore_flags()?;
        }
        if let Some(calendar) = calendar {
            let is_done = |at: usize| matches!(run.effects[at], Some(Effect::Succeeded(_)));
            if entry::restores(action) {
                // A restore that was interrupted finds its messages in the destination.
                let done = invitations.into_iter().filter(|one| is_done(one.at)).chain(run.arrived);
                calendar.put_back(done.collect(), false);
            } else {
                calendar.remove(is_done);
            }
        }
        // The host asks where everything is before it acts again.
        if let Some(error) = run.unclear {
            return Err(error);
        }
    }
    Ok(outcomes(targets, run.effects))
}

impl<H: Host + Http + Memo> Run<'_, '_, H> {
    /// Looks at each target where its id says, and searches for the others.
    fn check(&mut self) -> Result<(), Error> {
        let is_id = |at: &usize| address::is_id(&self.targets[*at].ref_.locator);
        let (asked, mut missing): (Vec<usize>, Vec<usize>) = (0..self.targets.len()).partition(is_id);
        let parts: Vec<Part> = asked.iter().map(|at| locate::ask(&self.targets[*at].ref_.locator)).collect();
        let replies = self.client.batch(&parts)?;
        let what = "the messages cannot be read";
        end_if_all_refused(&replies, what)?;
        // Nothing was done, so an outage is none of a message.
        let is_unclear = |reply: &&Reply| reply.is_unclear() && reply.code != TOO_LARGE;
        let unclear = replies.iter().filter(is_unclear).count();
        if let Some(first) = replies.iter().find(is_unclear).filter(|_| unclear * 2 > replies.len()) {
            return Err(first.error(what));
        }
        for (at, reply) in asked.into_iter().zip(replies) {
            match locate::read(&reply) {
                Ok(Some(mail)) if self.is_it(at, &mail) => self.judge(at, mail)?,
                Ok(_) => missing.push(at),
                Err(error @ (Error::Throttled(_) | Error::NotFound(_))) => return Err(error),
                Err(_) => self.fail(at, reply.why("it cannot be read")),
            }
        }
        missing.sort_unstable();
        let wanted: Vec<&MessageRef> = missing.iter().map(|at| &self.targets[*at].ref_).collect();
        for (at, mut mails) in missing.into_iter().zip(find(self.client, &mut self.places, &wanted)?) {
            mails.retain(|mail| !self.claimed.contains(&mail.id));
            if self.action == Action::HardDelete {
                // The id was of the message. Another one may be a twin that nobody chose.
                if mails.is_empty() {
                    self.effects[at] = Some(Effect::NotFound);
                } else {
                    self.fail(at, "its id is gone, and the same message is there under another: search again".into());
                }
                continue;
            }
            // The one that needs nothing, then the one where the plan saw it.
            let mut best: Option<(u8, Mail)> = None;
            for mail in mails {
                let now = self.places.spot(mail.parent_folder_id.as_deref())?.location();
                let to = self.destination(at)?.ok().flatten();
                let rank = match to {
                    Some(to) if mail.parent_folder_id.as_deref() == Some(&to.id) => 0,
                    _ if is_there(&self.targets[at].location, &now) => 1,
                    _ => 2,
                };
                if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                    best = Some((rank, mail));
                }
            }
            match best {
                Some((_, mail)) => self.judge(at, mail)?,
                None => self.effects[at] = Some(Effect::NotFound),
            }
        }
        Ok(())
    }

    fn is_it(&self, at: usize, mail: &Mail) -> bool {
        address::is_id(&mail.id) && record::print(mail) == self.targets[at].ref_.fingerprint
    }

    /// Decides what to do with a message.
    pub(crate) fn judge(&mut self, at: usize, mail: Mail) -> Result<(), Error> {
        if !self.claimed.insert(mail.id.clone()) {
            self.fail(at, "it was named twice in one call".into());
            return Ok(());
        }
        let to = match self.destination(at)? {
            Ok(to) => to,
            Err(why) => {
                self.fail(at, why);
                return Ok(());
            }
        };
        let id = mail.parent_folder_id.clone().unwrap_or_default();
        if let Some(to) = to.as_ref().filter(|to| to.id == id) {
            self.arrived.extend(Invitation::of(at, &mail, to.location()));
            self.effects[at] = Some(Effect::AlreadyInDestination);
            self.home.push((at, mail.id.clone(), flags::of(&mail)));
            return Ok(());
        }
        let planned = &self.targets[at].location;
        let mut spot = self.places.spot(Some(&id))?;
        // The names of an earlier listing may be old.
        if !is_there(planned, &spot.clone().location()) && self.places.refresh()? {
            spot = self.places.spot(Some(&id))?;
        }
        if spot == Spot::Gone {
            self.effects[at] = Some(Effect::NotFound);
            return Ok(());
        }
        let now = spot.location();
        if !is_there(planned, &now) {
            self.effects[at] = Some(Effect::MovedSince(now));
        } else if now.kind == LocationKind::Unknown {
            self.fail(at, "its folder is in no listing, so nothing could bring it back".into());
        } else {
            self.ready.push(Checked { at, mail, from: now, to });
        }
        Ok(())
    }

    /// Returns the folder where a message goes, made if it is missing; `None` for a hard delete. The inner error concerns
    /// the message, not the call.
    fn destination(&mut self, at: usize) -> Result<Result<Option<MailFolder>, String>, Error> {
        let kind = match (place::destination(self.action), &self.targets[at].former) {
            (None, _) if self.action == Action::HardDelete => return Ok(Ok(None)),
            (Some(kind), _) => kind,
            (None, Some(former)) => return self.home_of(&former.location.clone()),
            (None, None) => return Ok(Err("nothing says where to restore it to".into())),
        };
        if let Some(folder) = self.places.all()?.of_kind(kind) {
            return Ok(Ok(Some(folder.clone())));
        }
        if self.places.refresh()?
            && let Some(folder) = self.places.all()?.of_kind(kind)
        {
            return Ok(Ok(Some(folder.clone())));
        }
        if kind != LocationKind::Quarantine {
            return Ok(Err("the mailbox has no such folder".into()));
        }
        if self.places.all()?.is_name_taken {
            return Ok(Err(NAME_TAKEN.into()));
        }
        let made = Folders::create_quarantine(self.client)?;
        Ok(self.made(made, |folders| folders.of_kind(kind).cloned()))
    }

    /// Returns the folder of a former location, made if it is gone.
    fn home_of(&mut self, former: &Location) -> Result<Result<Option<MailFolder>, String>, Error> {
        if let Some(folder) = self.places.all()?.at(former) {
            return Ok(Ok(Some(folder.clone())));
        }
        self.places.refresh()?;
        let folders = self.places.all()?.clone();
        if let Some(folder) = folders.at(former) {
            return Ok(Ok(Some(folder.clone())));
        }
        if former.kind != LocationKind::Folder || former.path.is_empty() {
            return Ok(Err("its former folder is gone".into()));
        }
        let made = folders.create_path(self.client, &former.path)?;
        Ok(self.made(made, |folders| folders.at(former).cloned()))
    }

    fn made(
        &mut self,
        made: Result<Folders, String>,
        pick: impl Fn(&Folders) -> Option<MailFolder>,
    ) -> Result<Option<MailFolder>, String> {
        let folders = made?;
        let folder = pick(&folders);
        self.places.set(folders);
        folder.map(Some).ok_or_else(|| "the folder was made, but no listing has it".to_owned())
    }

    /// Moves messages.
    pub(crate) fn carry(&mut self, ready: Vec<Checked>) -> Result<(), Error> {
        let part = |one: &Checked| {
            let to = one.to.as_ref().map(|to| to.id.as_str());
            Part::post(format!("{}/move", address::message(&one.mail.id)), Some(json!({ "destinationId": to })))
        };
        let replies = self.client.batch(&ready.iter().map(part).collect::<Vec<_>>())?;
        end_if_denied(&replies, "the messages cannot be moved")?;
        let mut open = Vec::new();
        for (one, reply) in ready.into_iter().zip(replies) {
            let moved = if reply.is_success() { reply.read::<Mail>().ok() } else { None };
            match moved {
                Some(mail) if is_in(&one, &mail) => self.succeed(&one, Some(&mail)),
                _ => open.push((one, reply)),
            }
        }
        self.confirm(open)
    }

    /// Deletes messages for good, and confirms that each is gone.
    pub(crate) fn delete(&mut self, ready: Vec<Checked>) -> Result<(), Error> {
        let part = |one: &Checked| Part::post(format!("{}/permanentDelete", address::message(&one.mail.id)), None);
        let replies = self.client.batch(&ready.iter().map(part).collect::<Vec<_>>())?;
        end_if_denied(&replies, "the messages cannot be deleted")?;
        self.confirm(ready.into_iter().zip(replies).collect())
    }

    /// Notes a message that was moved, as it is now, or deleted.
    pub(crate) fn succeed(&mut self, one: &Checked, moved: Option<&Mail>) {
        let former = flags::of(&one.mail);
        let id = moved.map(|mail| mail.id.as_str());
        if let Some(mail) = moved {
            // An answer without flags shows nothing of them.
            let now = if mail.is_read.is_some() { flags::of(mail) } else { former.clone() };
            self.home.push((one.at, mail.id.clone(), now));
        }
        let known = record::reference(&one.mail);
        self.effects[one.at] = Some(Effect::Succeeded(Receipt {
            former: clawback_connector_sdk::types::Former { location: one.from.clone(), flags: former },
            now: id.map(|id| MessageRef { locator: id.to_owned(), ..known }),
            location: one.to.as_ref().filter(|_| id.is_some()).map(MailFolder::location),
        }));
    }

    pub(crate) fn fail(&mut self, at: usize, why: String) {
        self.effects[at] = Some(Effect::Failed(why));
    }
}

pub(crate) fn is_in(one: &Checked, mail: &Mail) -> bool {
    address::is_id(&mail.id) && one.to.as_ref().is_some_and(|to| mail.parent_folder_id.as_deref() == Some(&to.id))
}

/// Like [`end_if_all_refused`] after an act, of which something may have been done if the answer is unclear.
fn end_if_denied(replies: &[Reply], what: &str) -> Result<(), Error> {
    if replies.iter().any(Reply::is_unclear) { Ok(()) } else { end_if_all_refused(replies, what) }
}

/// Ends the call if every request was refused for the same reason, which is then none of a message.
fn end_if_all_refused(replies: &[Reply], what: &str) -> Result<(), Error> {
    let Some(first) = replies.first() else { return Ok(()) };
    let is_same = |reply: &Reply| (reply.status, &reply.code) == (first.status, &first.code);
    let is_of_message = first.is_success() || first.is_missing() || matches!(first.error(what), Error::Permanent(_));
    if !is_of_message && replies.iter().all(is_same) { Err(first.error(what)) } else { Ok(()) }
}

/// Returns whether a message is where the plan saw it: of the same kind, and at the same path if the kind has several
/// folders and the plan has a path. A name alone moves nothing.
fn is_there(planned: &Location, now: &Location) -> bool {
    let has_one = planned.kind != LocationKind::Folder;
    planned.kind == now.kind && (has_one || planned.path.is_empty() || planned.path == now.path)
}
