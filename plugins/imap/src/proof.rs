//! The verification of acts. After all orders were answered, one flight checks in each source folder whether the
//! messages are gone, and in each destination whether they are there.

use std::collections::BTreeMap;

use clawback_connector_sdk::{
    connector,
    fingerprint::Fingerprints,
    host::{Host, Level, MailStream},
    types::{Action, Effect, Error, Former, Location, LocationKind, MessageRef, Receipt},
};

use crate::{
    act::{Checked, Job, Run},
    command::Command,
    fetch::Fetched,
    find::{Sight, find},
    folder::{self, Folders, MailFolder},
    locator::Locator,
    numbers::{self, Mark},
    refusal,
    search::open,
    session::{Access, Reply},
    uids::sets,
};

/// A message that the server reported as acted on.
#[derive(Debug, Clone)]
pub(crate) struct Acted {
    pub(crate) job: Job,
    pub(crate) from: MailFolder,
    pub(crate) message: Fetched,
    /// Its destination; `None` if it was deleted permanently.
    pub(crate) to: Option<MailFolder>,
    /// The place of it or its copy, as far as known.
    pub(crate) now: Option<Locator>,
    /// Why the server refused to remove the original.
    pub(crate) refused: Option<String>,
}

impl Acted {
    pub(crate) fn new(checked: Checked, to: Option<MailFolder>) -> Self {
        let Checked { job, from, message } = checked;
        Self { job, from, message, to, now: None, refused: None }
    }
}

/// The messages that are still in a folder, with their flags; `None` if unknown.
type Left = Option<BTreeMap<u32, Vec<String>>>;

impl<S: MailStream, H: Host> Run<'_, S, H> {
    /// Verifies everything that was acted on, and reverts what was only done in part.
    pub(crate) fn look(&mut self) -> Result<(), Error> {
        let acted = std::mem::take(&mut self.acted);
        if acted.is_empty() {
            return Ok(());
        }
        let (mut origins, mut arrivals) = (BTreeMap::new(), BTreeMap::new());
        for one in &acted {
            add(&mut origins, &one.job.locator);
            one.now.iter().for_each(|now| add(&mut arrivals, now));
        }
        let others: Vec<String> = if self.action == Action::HardDelete {
            self.marks.keys().filter(|wire| !origins.keys().any(|(origin, _)| origin == *wire)).cloned().collect()
        } else {
            Vec::new()
        };
        // STATUS is never sent for the folder that is open.
        let first = origins.keys().next().filter(|_| !others.is_empty());
        let mut commands: Vec<Command> = first.iter().map(|(wire, _)| open(wire, Access::Examine)).collect();
        commands.extend(others.iter().map(|wire| Mark::command(wire)));
        // A server may create the folder in which it keeps deleted mail together with the first message in it.
        let listing = commands.len();
        let is_listed = self.action == Action::HardDelete;
        commands.extend(is_listed.then(|| folder::commands(self.session)).into_iter().flatten());
        let asked = commands.len();
        let mut lengths = Vec::new();
        for ((wire, _), uids) in origins.iter().chain(&arrivals) {
            let before = commands.len();
            commands.push(open(wire, Access::Examine));
            commands.extend(sets(uids).iter().map(|set| Command::new(format!("UID FETCH {set} (UID FLAGS)"))));
            lengths.push(commands.len() - before);
        }
        let replies = self.session.flight(commands)?;
        self.session.selected = None;
        if let Some(refused) = replies.iter().find(|reply| refusal::ends_call(reply)) {
            let error = refusal::of(refused, "it could not be checked whether the messages are gone");
            if matches!(error, Error::Throttled(_)) {
                return Err(error);
            }
        }
        let (numbers, mut rest) = replies.split_at(asked);
        let mut shares = lengths.into_iter().map(|length| {
            let (share, after) = rest.split_at(length);
            rest = after;
            share
        });
        let opened: Vec<&[Reply]> = shares.by_ref().take(origins.len()).collect();
        let reached: Vec<&[Reply]> = shares.collect();
        let read =
            |folders: &BTreeMap<(String, u32), Vec<u32>>, shares: &[&[Reply]]| -> BTreeMap<(String, u32), Left> {
                folders
                    .keys()
                    .cloned()
                    .zip(shares)
                    .map(|(key, share)| {
                        let left = left(key.1, share);
                        (key, left)
                    })
                    .collect()
            };
        let (left, there) = (read(&origins, &opened), read(&arrivals, &reached));
        let mut now: BTreeMap<String, Option<Mark>> = others
            .into_iter()
            .zip(numbers[..listing].iter().skip(1))
            .map(|(wire, reply)| (wire, Mark::of_status(reply)))
            .collect();
        now.extend(
            origins
                .keys()
                .zip(&opened)
                .map(|((wire, _), share)| (wire.clone(), share.first().and_then(Mark::of_opened))),
        );

        let (mut gone, mut stay) = (Vec::new(), Vec::new());
        for one in acted {
            let of = |places: &BTreeMap<(String, u32), Left>, at: &Locator| {
                let known = places.get(&(at.folder.clone(), at.validity)).and_then(Option::as_ref);
                known.map(|known| known.get(&at.uid).cloned())
            };
            // If the destination gives no answer, COPYUID is trusted.
            let has_arrived = one.now.as_ref().is_none_or(|now| of(&there, now).is_none_or(|seen| seen.is_some()));
            match of(&left, &one.job.locator) {
                Some(Some(flags)) => stay.push((one, flags)),
                Some(None) if has_arrived && (one.to.is_none() || one.now.is_some()) => gone.push(one),
                _ => self.unproven.push(one),
            }
        }
        let copies = self.new_copies(&gone, &now, &numbers[listing..])?;
        for (key, share) in arrivals.keys().zip(&reached) {
            self.warn_of_second_copies(&key.0, share, &gone)?;
        }
        let arrived: Vec<Locator> = gone.iter().filter_map(|one| one.now.clone()).collect();
        let resumed: Vec<usize> = gone.iter().filter(|one| one.message.is_begun).map(|one| one.job.at).collect();
        for one in gone {
            self.effects[one.job.at] = Some(match copies.get(&one.job.at) {
                Some(path) => {
                    Effect::Failed(format!("it was deleted, but the server put a copy of it into folder `{path}`"))
                }
                None => self.succeeded(&one, one.now.clone().zip(one.to.as_ref().map(|to| to.location.clone()))),
            });
        }
        if !self.mover.has_move {
            self.unmark_copies(&arrived)?;
            self.unmark_twins(&resumed)?;
        }
        self.take_back(stay)
    }

    /// Returns the folders of this listing that are new since the call began. From here on the call includes them.
    fn made_meanwhile(&mut self, listing: &[Reply]) -> Vec<MailFolder> {
        let Some(folders) = &mut self.folders else { return Vec::new() };
        match Folders::read(self.host, listing, self.session.can("X-GM-EXT-1")) {
            Ok(now) => {
                let made: Vec<MailFolder> = now.all.into_iter().filter(|folder| !folders.has(folder)).collect();
                folders.all.extend(made.iter().cloned());
                made
            }
            Err(error) => {
                let why = connector::why(&error);
                let text = format!("new folders are not searched for copies of what was deleted: {why}");
                self.host.log(Level::Warn, &text);
                Vec::new()
            }
        }
    }

    /// Returns the places where deleted messages reappeared, by target: some servers keep what is expunged, in a folder
    /// that grew or in a new one.
    fn new_copies(
        &mut self,
        gone: &[Acted],
        now: &BTreeMap<String, Option<Mark>>,
        listing: &[Reply],
    ) -> Result<BTreeMap<usize, String>, Error> {
        let mut copies = BTreeMap::new();
        if self.action != Action::HardDelete {
            return Ok(copies);
        }
        let made = self.made_meanwhile(listing);
        let grown: Vec<(MailFolder, Option<Mark>)> = self
            .marks
            .iter()
            .filter(|(wire, mark)| {
                now.get(*wire)
                    .is_some_and(|now| now.is_some_and(|now| now.validity == mark.validity && now.next > mark.next))
            })
            .filter_map(|(wire, mark)| Some((self.folders.as_ref()?.get(wire)?.clone(), Some(*mark))))
            .chain(made.into_iter().map(|folder| (folder, None)))
            .collect();
        for (folder, mark) in grown {
            let messages = match mark {
                Some(mark) => numbers::since(self.session, &folder.wire, mark)?,
                None => numbers::whole(self.session, &folder.wire)?,
            };
            let Some(messages) = messages else { continue };
            let both: Vec<Fingerprints> = messages.values().map(Fetched::fingerprints).collect();
            for one in gone {
                let wanted = &self.targets[one.job.at].ref_.fingerprint;
                if both.iter().any(|both| both.has(wanted)) {
                    copies.insert(one.job.at, folder.location.path.clone());
                }
            }
        }
        Ok(copies)
    }

    /// Warns of a server that keeps removed messages in the folder for recoverable items: they are then there twice.
    fn warn_of_second_copies(&mut self, wire: &str, share: &[Reply], gone: &[Acted]) -> Result<(), Error> {
        let kind = self.folders.as_ref().and_then(|folders| folders.get(wire)).map(|folder| folder.location.kind);
        if kind != Some(LocationKind::RecoverableItems) {
            return Ok(());
        }
        let ours = |one: &&Acted| one.now.as_ref().is_some_and(|now| now.folder == wire);
        let last = gone.iter().filter(ours).filter_map(|one| one.now.as_ref()).map(|now| now.uid).max().unwrap_or(0);
        let Some(mark) = share.first().and_then(Mark::of_opened).filter(|mark| mark.next > last.saturating_add(1))
        else {
            return Ok(());
        };
        let later = numbers::since(self.session, wire, Mark { next: last.saturating_add(1), ..mark })?;
        let is_moved = |copy: &Fetched| {
            let both = copy.fingerprints();
            gone.iter().filter(ours).any(|one| both.has(&self.targets[one.job.at].ref_.fingerprint))
        };
        let count = later.unwrap_or_default().values().filter(|copy| is_moved(copy)).count();
        if count > 0 {
            let text = format!(
                "the server put second copies of {count} messages into the folder for recoverable items: its \
                 lazy_expunge must name another folder"
            );
            self.host.log(Level::Warn, &text);
        }
        Ok(())
    }

    pub(crate) fn succeeded(&self, one: &Acted, now: Option<(Locator, Location)>) -> Effect {
        let wanted = &self.targets[one.job.at].ref_;
        let former = Former { location: one.from.location.clone(), flags: one.message.flags.clone() };
        let (locator, location) = now.unzip();
        let now = locator.map(|locator| MessageRef { locator: locator.to_string(), ..wanted.clone() });
        Effect::Succeeded(Receipt { former, now, location })
    }

    /// Searches every folder for messages whose new place the server did not report or reported wrongly.
    pub(crate) fn prove(&mut self) -> Result<(), Error> {
        let unproven = std::mem::take(&mut self.unproven);
        let refs: Vec<&MessageRef> = unproven.iter().map(|one| &self.targets[one.job.at].ref_).collect();
        let Some(folders) = &self.folders else { return Ok(()) };
        let open = |one: &Acted| one.job.at;
        let found = match find(self.session, folders, &refs) {
            Ok(found) => found,
            Err(error) => return self.concede(&unproven.iter().map(open).collect::<Vec<_>>(), true, error),
        };
        let mut nowhere = Vec::new();
        for (one, places) in unproven.iter().zip(found.places) {
            let at = one.job.at;
            let is_still_there =
                |place: &Sight| place.folder.wire == one.from.wire && place.locator.uid == one.job.locator.uid;
            let mut free =
                places.iter().filter(|place| !self.claimed.contains(&(place.folder.wire.clone(), place.locator.uid)));
            let is_told = |place: &&Sight| one.now.as_ref() == Some(&place.locator);
            let is_home = |place: &&Sight| one.to.as_ref().is_some_and(|to| to.wire == place.folder.wire);
            let arrived = free.clone().find(is_told).or_else(|| free.clone().find(is_home));
            self.effects[at] = Some(if places.iter().any(is_still_there) {
                Effect::Failed(one.refused.clone().unwrap_or("the server answered OK but did not move it".into()))
            } else if let Some(place) = arrived {
                let now = (place.locator.clone(), place.folder.location.clone());
                self.claimed.insert((place.folder.wire.clone(), place.locator.uid));
                self.succeeded(one, Some(now))
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
}

fn add(places: &mut BTreeMap<(String, u32), Vec<u32>>, at: &Locator) {
    places.entry((at.folder.clone(), at.validity)).or_default().push(at.uid);
}

/// Reads the answers to EXAMINE and FETCH for a folder with this UIDVALIDITY.
fn left(validity: u32, share: &[Reply]) -> Left {
    let opened = share.first()?;
    let is_told = share.iter().all(|reply| reply.is_ok() && reply.unreadable == 0);
    (is_told && opened.uid_validity() == Some(validity)).then(|| numbers::flags(share))
}
