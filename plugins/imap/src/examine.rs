//! Examinations: the starts of all messages in one flight, with one FETCH for each folder.

use std::collections::{BTreeMap, HashMap};

use clawback_connector_sdk::{
    examiner::{Examined, Request},
    features, fingerprint,
    host::{Host, MailStream},
    types::{Error, MessageRef},
};

use crate::{
    command::Command,
    locator::Locator,
    raw, refusal,
    search::open,
    session::{Access, Session},
    uids::sets,
};

/// Returns the features of these messages, in order. A message that is not where its locator says is searched for.
pub(crate) fn examine<S: MailStream, H: Host>(
    session: &mut Session<S>,
    host: &H,
    refs: &[MessageRef],
    request: &Request,
) -> Result<Vec<Examined>, Error> {
    let mut examined: Vec<Option<Examined>> = vec![None; refs.len()];
    let mut folders: BTreeMap<(String, u32), Vec<(u32, usize)>> = BTreeMap::new();
    for (at, message) in refs.iter().enumerate() {
        if let Some(locator) = Locator::parse(&message.locator) {
            folders.entry((locator.folder, locator.validity)).or_default().push((locator.uid, at));
        }
    }
    let (mut commands, mut counts) = (Vec::new(), Vec::new());
    for ((folder, _), wanted) in &folders {
        let uids: Vec<u32> = wanted.iter().map(|(uid, _)| *uid).collect();
        let sets = sets(&uids);
        counts.push(1 + sets.len());
        commands.push(open(folder, Access::Examine));
        commands.extend(sets.into_iter().map(|set| Command::new(items(&set, request.most))));
    }
    let replies = session.flight(commands)?;
    if let Some(refused) = replies.iter().find(|reply| refusal::ends_call(reply)) {
        return Err(refusal::of(refused, "the messages cannot be read"));
    }
    let mut rest = replies.as_slice();
    for (((_, validity), wanted), count) in folders.iter().zip(counts) {
        let (own, others) = rest.split_at(count.min(rest.len()));
        rest = others;
        let Some((opened, fetched)) = own.split_first() else { continue };
        if !opened.is_ok() || opened.uid_validity() != Some(*validity) {
            continue;
        }
        let mut read: HashMap<u32, (&[u8], u64)> = HashMap::new();
        for fetch in fetched.iter().flat_map(|reply| &reply.fetches) {
            if let (Some(uid), Some(raw), Some(size)) = (fetch.uid, &fetch.raw, fetch.size) {
                read.insert(uid, (raw, size));
            }
        }
        for (uid, at) in wanted {
            let Some((raw, size)) = read.get(uid) else { continue };
            if fingerprint::is_of(&refs[*at].fingerprint, raw, *size) {
                examined[*at] = Some(Examined::Features(features::of(raw, request)));
            }
        }
    }
    let answers = refs.iter().zip(examined).map(|(message, known)| match known {
        Some(known) => Ok(known),
        None => match raw::fetch(session, host, message, request.most) {
            Err(Error::Denied(why)) => Ok(Examined::Failed(why)),
            raw => features::examined(raw, request),
        },
    });
    answers.collect()
}

fn items(set: &str, most: u64) -> String {
    format!("UID FETCH {set} (UID RFC822.SIZE BODY.PEEK[]<0.{}>)", most.max(1))
}
