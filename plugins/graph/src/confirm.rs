//! What became of an act whose answer does not show it: a question where the message is. A hard delete is confirmed by an
//! id that is gone.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    types::{Action, Effect, Error, MessageRef},
};

use crate::{
    act::{Checked, Run, is_in},
    client::Part,
    find::find,
    locate,
    places::Spot,
    refusal::{Reply, TOO_LARGE},
    wire::Mail,
};

/// The pauses before messages are looked for again whose move may still go on, in milliseconds.
const PAUSES: [u64; 2] = [1_000, 3_000];

impl<H: Host + Http + Memo> Run<'_, '_, H> {
    /// Asks where messages are whose answer does not show it.
    pub(crate) fn confirm(&mut self, mut open: Vec<(Checked, Reply)>) -> Result<(), Error> {
        let what = if self.action == Action::HardDelete { "it was not deleted" } else { "it was not moved" };
        let (mut later, mut again, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for pause in PAUSES.map(Some).into_iter().chain([None]) {
            let asks: Vec<Part> = open.iter().map(|(one, _)| locate::ask(&one.mail.id)).collect();
            let mut waiting = Vec::new();
            for ((one, acted), reply) in open.into_iter().zip(self.client.batch(&asks)?) {
                let mail = match locate::read(&reply) {
                    Ok(mail) => mail,
                    Err(error @ (Error::Throttled(_) | Error::Transient(_))) => return Err(error),
                    Err(_) => {
                        self.fail(one.at, reply.why("nothing shows whether it was done"));
                        continue;
                    }
                };
                let spot = match &mail {
                    Some(mail) if is_in(&one, mail) => {
                        self.succeed(&one, Some(mail));
                        continue;
                    }
                    Some(mail) if mail.parent_folder_id != one.mail.parent_folder_id => {
                        self.places.spot(mail.parent_folder_id.as_deref())?
                    }
                    Some(mail) if acted.is_missing() && one.to.is_some() && !self.is_second => {
                        again.push((one.at, mail.clone()));
                        continue;
                    }
                    Some(mail) if acted.code == TOO_LARGE && !self.is_second => {
                        // It was refused, or throttled, and the answer that said so could not be read.
                        again.push((one.at, mail.clone()));
                        continue;
                    }
                    Some(_) if acted.may_go_on() => {
                        waiting.push((one, acted));
                        continue;
                    }
                    Some(_) => {
                        self.fail(one.at, acted.why(what));
                        later.extend(acted.is_unclear().then_some(acted));
                        continue;
                    }
                    None => Spot::Gone,
                };
                let may_be_done = acted.is_success() || acted.is_unclear();
                match spot {
                    Spot::Gone if self.action == Action::HardDelete && may_be_done => self.succeed(&one, None),
                    Spot::Gone if may_be_done => lost.push(one),
                    Spot::Gone => self.effects[one.at] = Some(Effect::NotFound),
                    spot => self.effects[one.at] = Some(Effect::MovedSince(spot.location())),
                }
            }
            open = waiting;
            match pause {
                _ if open.is_empty() => break,
                Some(pause) if self.client.has_patience(pause) => self.client.pause(pause)?,
                _ => break,
            }
        }
        // They are in place, and may still move: nothing is final.
        for (one, acted) in open {
            self.fail(one.at, acted.why(what));
            self.unclear = Some(Error::Transient(acted.why(what)));
        }
        self.seek(&lost)?;
        if !again.is_empty() {
            // The message is there, so the folder is gone since it was listed.
            self.is_second = true;
            self.places.refresh()?;
            for (at, mail) in again {
                self.claimed.remove(&mail.id);
                self.judge(at, mail)?;
            }
            let ready = std::mem::take(&mut self.ready);
            if self.action == Action::HardDelete {
                self.delete(ready)?;
            } else {
                self.carry(ready)?;
            }
        }
        // An outage is none of a message: the host tries again.
        let has_other = self.effects.iter().flatten().any(|effect| !matches!(effect, Effect::Failed(_)));
        let failed = self.effects.iter().flatten().count();
        match later.first() {
            Some(first) if later.len() == failed && !has_other => Err(first.error(what)),
            _ => Ok(()),
        }
    }

    /// Looks into the destination for messages that were moved, perhaps, and whose id is gone.
    fn seek(&mut self, lost: &[Checked]) -> Result<(), Error> {
        let wanted: Vec<&MessageRef> = lost.iter().map(|one| &self.targets[one.at].ref_).collect();
        for (one, mails) in lost.iter().zip(find(self.client, &mut self.places, &wanted)?) {
            let is_new = |mail: &&Mail| is_in(one, mail) && !self.claimed.contains(&mail.id);
            let found: Vec<Mail> = mails.iter().filter(is_new).cloned().collect();
            // One of several would be a guess.
            if let [mail] = found.as_slice() {
                self.claimed.insert(mail.id.clone());
                self.succeed(one, Some(mail));
            } else {
                self.effects[one.at] = Some(Effect::NotFound);
            }
        }
        Ok(())
    }
}
