//! Messages whose original could not be removed after the copy. The deletion flag is removed from the original again,
//! and the copy that this call made is removed. The outcome names what cannot be reverted.

use std::collections::BTreeMap;

use clawback_connector_sdk::{
    host::{Host, MailStream},
    types::{Effect, Error},
};

use crate::{
    act::Run,
    command::Command,
    fetch,
    mover::{self, each},
    numbers,
    proof::Acted,
    refusal,
    search::open,
    session::Access,
    uids::sets,
};

/// A message that is still in its place, with its flags there.
type Stayed = (Acted, Vec<String>);

const DELETED: &str = "\\Deleted";

impl<S: MailStream, H: Host> Run<'_, S, H> {
    /// Reverts what was done to messages that are still in their place; these are their current flags.
    pub(crate) fn take_back(&mut self, stay: Vec<Stayed>) -> Result<(), Error> {
        let mut folders: BTreeMap<(String, u32), Vec<Stayed>> = BTreeMap::new();
        for (one, flags) in stay {
            let key = (one.job.locator.folder.clone(), one.job.locator.validity);
            folders.entry(key).or_default().push((one, flags));
        }
        let mut told: Vec<(Acted, String)> = Vec::new();
        for ((wire, validity), stay) in folders {
            told.extend(self.unmark(&wire, validity, stay)?);
        }
        let mut copies: BTreeMap<(String, u32), Vec<u32>> = BTreeMap::new();
        for now in told.iter().filter_map(|(one, _)| one.now.as_ref()) {
            copies.entry((now.folder.clone(), now.validity)).or_default().push(now.uid);
        }
        let mut kept = BTreeMap::new();
        for ((wire, validity), uids) in copies {
            for (uid, why) in self.remove_copies(&wire, validity, &uids)? {
                kept.insert((wire.clone(), uid), why);
            }
        }
        for (one, mut text) in told {
            if let (Some(now), Some(to)) = (&one.now, &one.to) {
                let path = &to.location.path;
                let more = match kept.get(&(now.folder.clone(), now.uid)) {
                    Some(why) => format!("; a copy is left in `{path}`: {why}"),
                    None => "; the copy was removed again".into(),
                };
                text.push_str(&more);
            }
            self.effects[one.job.at] = Some(Effect::Failed(text));
        }
        Ok(())
    }

    /// Checks each of them again by its content, and removes the flag. Messages that are gone are searched for; for the
    /// others, returns why they failed.
    fn unmark(&mut self, wire: &str, validity: u32, stay: Vec<Stayed>) -> Result<Vec<(Acted, String)>, Error> {
        let uids: Vec<u32> = stay.iter().map(|(one, _)| one.job.locator.uid).collect();
        let items = fetch::identity_items();
        let fetches = sets(&uids).into_iter().map(|set| Command::new(format!("UID FETCH {set} {items}")));
        let replies = self.session.flight(std::iter::once(open(wire, Access::Select)).chain(fetches).collect())?;
        let is_open = replies.iter().all(crate::session::Reply::is_ok) && replies[0].uid_validity() == Some(validity);
        self.session.selected = replies[0].is_ok().then(|| (wire.to_owned(), Access::Select));
        let messages = fetch::read(replies.iter());
        let (mut told, mut marked) = (Vec::new(), Vec::new());
        for (one, flags) in stay {
            let wanted = &self.targets[one.job.at].ref_.fingerprint;
            let here = messages.get(&one.job.locator.uid).filter(|message| is_open && message.is(wanted));
            let Some(here) = here else {
                self.unproven.push(one);
                continue;
            };
            let has_mark = |flags: &[String]| flags.iter().any(|flag| flag.eq_ignore_ascii_case(DELETED));
            if (has_mark(&flags) || has_mark(&here.flags)) && !has_mark(&one.message.flags) {
                marked.push(one.job.locator.uid);
            }
            let why = one.refused.clone();
            let text = match (&one.to, self.mover.has_move) {
                (None, _) => why.unwrap_or("the server did not remove it".into()),
                (Some(_), true) => why.unwrap_or("the server answered OK but did not move it".into()),
                (Some(_), false) => {
                    let why = why.unwrap_or("the server answered OK but did not remove it".into());
                    format!("it was copied, but the original could not be removed: {why}")
                }
            };
            told.push((one, text));
        }
        let mut refused = BTreeMap::new();
        let clear = |set: &str| Command::new(format!("UID STORE {set} -FLAGS.SILENT ({DELETED})"));
        each(self.session, &marked, clear, true, &mut refused)?;
        if is_open && !self.mover.has_move {
            self.unmark_copying(&told.iter().map(|(one, _)| one.job.locator.uid).collect::<Vec<_>>())?;
        }
        for (one, text) in &mut told {
            if let Some(why) = refused.get(&one.job.locator.uid) {
                *text = format!("{text}; it is still marked {DELETED}: {why}");
            }
        }
        Ok(told)
    }

    /// Removes copies that this call made. Returns why each remaining one could not be removed.
    fn remove_copies(&mut self, wire: &str, validity: u32, uids: &[u32]) -> Result<BTreeMap<u32, String>, Error> {
        let all = |why: &str| uids.iter().map(|uid| (*uid, why.to_owned())).collect();
        if !self.mover.has_uidplus {
            return Ok(all("the server offers no UIDPLUS"));
        }
        let opened = self.session.run(open(wire, Access::Select))?;
        self.session.selected = opened.is_ok().then(|| (wire.to_owned(), Access::Select));
        if !opened.is_ok() {
            return Ok(all(&refusal::text(&opened)));
        }
        if opened.uid_validity() != Some(validity) {
            return Ok(all("the folder has a new UIDVALIDITY"));
        }
        let refused = mover::remove(self.session, uids, true)?;
        let looks = sets(uids).iter().map(|set| Command::new(format!("UID FETCH {set} (UID FLAGS)"))).collect();
        let replies = self.session.flight(looks)?;
        let is_told = replies.iter().all(|reply| reply.is_ok() && reply.unreadable == 0);
        let left = numbers::flags(&replies);
        let is_left = |uid: &&u32| !is_told || left.contains_key(uid);
        let why = |uid: &u32| refused.get(uid).cloned().unwrap_or("the server did not remove it".into());
        Ok(uids.iter().filter(is_left).map(|uid| (*uid, why(uid))).collect())
    }
}
