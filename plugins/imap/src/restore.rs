//! The flags of restored messages. A restore sets the former flags; the outcome says so if some are missing.

use std::collections::BTreeMap;

use clawback_connector_sdk::{
    flags::missing,
    host::{Host, MailStream},
    types::{Effect, Error, Location},
};

use crate::{
    act::Run, command::Command, flags, locator::Locator, numbers, refusal, search::open, session::Access, uids::sets,
};

/// The flags to set on one message.
struct Wanted {
    at: usize,
    uid: u32,
    flags: Vec<String>,
    /// The list to store.
    list: String,
}

impl<S: MailStream, H: Host> Run<'_, S, H> {
    /// Sets the former flags of restored messages, if the move did not keep them or an earlier call was interrupted
    /// before. A lost connection is an error of the call: the host then sees that the flags are missing and repeats the
    /// call.
    pub(crate) fn restore_flags(&mut self) -> Result<(), Error> {
        let mut wanted: BTreeMap<(String, u32), Vec<Wanted>> = BTreeMap::new();
        let mut want = |at: usize, locator: Locator, flags: &[String], now: &[String]| {
            if let Some(list) = flags::to_store(flags, now) {
                let one = Wanted { at, uid: locator.uid, flags: flags.to_vec(), list };
                wanted.entry((locator.folder, locator.validity)).or_default().push(one);
            }
        };
        for (at, (target, effect)) in self.targets.iter().zip(&self.effects).enumerate() {
            let (Some(former), Some(Effect::Succeeded(receipt))) = (&target.former, effect) else { continue };
            if let Some(locator) = receipt.now.as_ref().and_then(|now| Locator::parse(&now.locator)) {
                want(at, locator, &former.flags, &receipt.former.flags);
            }
        }
        for (at, locator, now) in std::mem::take(&mut self.home) {
            if let Some(former) = &self.targets[at].former {
                want(at, locator, &former.flags, &now);
            }
        }
        for ((wire, validity), wanted) in wanted {
            // After a change of UIDVALIDITY the flags would be set on other messages, so the answer is read first.
            let opened = self.session.run(open(&wire, Access::Select))?;
            self.session.selected = opened.is_ok().then(|| (wire.clone(), Access::Select));
            let obstacle = match &opened {
                opened if !opened.is_ok() => Some(refusal::text(opened)),
                opened if opened.uid_validity() != Some(validity) => Some("the folder has a new UIDVALIDITY".into()),
                _ => None,
            };
            if let Some(why) = obstacle {
                for one in &wanted {
                    self.lacks_flags(one.at, &why);
                }
                continue;
            }
            self.store(&wanted)?;
        }
        Ok(())
    }

    fn store(&mut self, wanted: &[Wanted]) -> Result<(), Error> {
        let store = |one: &Wanted| Command::new(format!("UID STORE {} FLAGS.SILENT {}", one.uid, one.list));
        let replies = self.session.flight(wanted.iter().map(store).collect())?;
        for (one, reply) in wanted.iter().zip(&replies).filter(|(_, reply)| !reply.is_ok()) {
            let error = refusal::of(reply, "the flags cannot be restored");
            if matches!(error, Error::Throttled(_)) {
                return Err(error);
            }
            self.lacks_flags(one.at, &refusal::of_message(reply));
        }
        // A server may answer OK but store no keyword.
        let uids: Vec<u32> = wanted.iter().map(|one| one.uid).collect();
        let looks = sets(&uids).iter().map(|set| Command::new(format!("UID FETCH {set} (UID FLAGS)"))).collect();
        let told = numbers::flags(&self.session.flight(looks)?);
        for (one, reply) in wanted.iter().zip(&replies) {
            let missing = told.get(&one.uid).map(|now| missing(&one.flags, now)).unwrap_or_default();
            if reply.is_ok() && !missing.is_empty() {
                self.lacks_flags(one.at, &format!("the server did not keep {}", missing.join(" ")));
            }
        }
        Ok(())
    }

    fn lacks_flags(&mut self, at: usize, why: &str) {
        let former: Option<&Location> = self.targets[at].former.as_ref().map(|former| &former.location);
        let place = former.map(|location| location.path.as_str()).unwrap_or_default();
        self.effects[at] =
            Some(Effect::Failed(format!("it is back in folder `{place}`, but its flags could not be restored: {why}")));
    }
}
