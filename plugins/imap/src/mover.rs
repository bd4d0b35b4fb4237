//! How a server takes messages out of a folder, and what its answers prove.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{host::MailStream, types::Error};
use imap_codec::imap_types::{
    extensions::uidplus::{UidElement, UidSet},
    response::Code,
};

use crate::{
    command::Command,
    fetch, refusal,
    session::{Reply, Session},
    uids::{Uids, sets},
};

/// How many messages one command moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batch {
    /// As many as a line holds.
    Together,
    /// One, so that one that is refused holds up no other.
    OneByOne,
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server said where it is now.
    Moved { validity: u32, uid: u32 },
    /// It is deleted, and its UID is gone.
    Gone,
    /// The server said OK and nothing more.
    Unproven,
    /// The server refused it.
    Failed(String),
    /// It was refused among others: to be tried alone.
    Again,
    /// The destination is not there.
    NoFolder,
}

/// What the server offers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mover {
    has_move: bool,
    has_uidplus: bool,
}

/// The fate of each UID, by order, and the answers to the commands that went along.
type Acted = (Vec<BTreeMap<u32, Fate>>, Vec<Reply>);

/// UIDs by destination; no destination is a delete for good.
type Orders = [(Option<String>, Vec<u32>)];

impl Mover {
    pub(crate) fn new<S: MailStream>(session: &Session<S>) -> Self {
        let is_revision_2 = session.can("IMAP4REV2");
        Self { has_move: session.can("MOVE") || is_revision_2, has_uidplus: session.can("UIDPLUS") || is_revision_2 }
    }

    /// Carries out the orders on the selected folder, with the commands `next` behind them. The fate of each UID by
    /// order, and the answers to `next`.
    pub(crate) fn act<S: MailStream>(
        self,
        session: &mut Session<S>,
        orders: &Orders,
        batch: Batch,
        next: Vec<Command>,
    ) -> Result<Acted, Error> {
        let mut fates: Vec<BTreeMap<u32, Fate>> = vec![BTreeMap::new(); orders.len()];
        let mut commands = Vec::new();
        // For each command its order, and its set of UIDs.
        let mut plan: Vec<(usize, Vec<u32>)> = Vec::new();
        for (at, (to, uids)) in orders.iter().enumerate() {
            if !self.has_uidplus && (to.is_none() || !self.has_move) {
                // A bare EXPUNGE would also remove what the owner marked as deleted.
                let why = "the server offers no UIDPLUS: nothing can be removed without touching other messages";
                fates[at] = uids.iter().map(|uid| (*uid, Fate::Failed(why.into()))).collect();
                continue;
            }
            for (set, uids) in split(uids, batch) {
                match to {
                    None => commands.extend(delete(&set)),
                    Some(to) => {
                        let word = if self.has_move { "MOVE" } else { "COPY" };
                        commands.push(Command::new(format!("UID {word} {set} ")).text(to.as_str()));
                    }
                }
                plan.push((at, uids));
            }
        }
        // A copy must be known to have worked before the original goes, in the same selection.
        let is_copy = !self.has_move && orders.iter().any(|(to, _)| to.is_some());
        let acts = commands.len();
        if !is_copy {
            commands.extend(next.iter().cloned());
        }
        let mut replies = session.flight(commands)?;
        let mut after = replies.split_off(acts);
        let receipts = receipts(&replies, &plan);
        let mut replies = replies.into_iter();
        let mut copied = Vec::new();
        for (at, uids) in plan {
            let found = if orders[at].0.is_none() {
                let answers: Vec<Reply> = replies.by_ref().take(3).collect();
                let has_acted = fates.iter().flat_map(BTreeMap::values).any(|fate| *fate == Fate::Gone);
                deleted(&answers, &uids, has_acted)?
            } else {
                let Some(reply) = replies.next() else { continue };
                moved(&reply, &uids, &receipts)?
            };
            if is_copy {
                copied.extend(
                    found.iter().filter(|(_, fate)| matches!(fate, Fate::Moved { .. })).map(|(uid, _)| (at, *uid)),
                );
            }
            fates[at].extend(found);
        }
        if is_copy {
            remove_originals(session, &copied, &mut fates)?;
            after = session.flight(next)?;
        }
        Ok((fates, after))
    }
}

/// Marks, expunges exactly these, and looks whether they are gone.
fn delete(set: &str) -> [Command; 3] {
    [
        Command::new(format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)")),
        Command::new(format!("UID EXPUNGE {set}")),
        Command::new(format!("UID FETCH {set} (UID)")),
    ]
}

fn deleted(answers: &[Reply], uids: &[u32], has_acted: bool) -> Result<BTreeMap<u32, Fate>, Error> {
    if let Some(refused) = answers.iter().find(|reply| refusal::ends_call(reply)) {
        let error = refusal::of(refused, "the messages cannot be deleted");
        if !has_acted || matches!(error, Error::Throttled(_)) {
            return Err(error);
        }
    }
    if !answers.last().is_some_and(|reply| reply.is_ok() && reply.unreadable == 0) {
        return Ok(uids.iter().map(|uid| (*uid, Fate::Unproven)).collect());
    }
    // Not the answer to STORE, which may tell of flags before the message went.
    let left = fetch::uids(&answers[1..]);
    let why = answers.iter().find(|reply| !reply.is_ok()).map_or("the server did not remove it".into(), refusal::text);
    let fate = |uid: &u32| if left.contains(uid) { Fate::Failed(why.clone()) } else { Fate::Gone };
    Ok(uids.iter().map(|uid| (*uid, fate(uid))).collect())
}

/// Where the server says each message is now. Only what was asked for counts.
fn receipts(replies: &[Reply], plan: &[(usize, Vec<u32>)]) -> BTreeMap<u32, Fate> {
    let asked: BTreeSet<u32> = plan.iter().flat_map(|(_, uids)| uids).copied().collect();
    let mut receipts = BTreeMap::new();
    for code in replies.iter().flat_map(Reply::all_codes) {
        if let Code::CopyUid { uid_validity, source, destination } = code {
            for (from, to) in expand(source, asked.len()).into_iter().zip(expand(destination, asked.len())) {
                if asked.contains(&from) {
                    receipts.insert(from, Fate::Moved { validity: uid_validity.get(), uid: to });
                }
            }
        }
    }
    receipts
}

fn moved(reply: &Reply, uids: &[u32], receipts: &BTreeMap<u32, Fate>) -> Result<BTreeMap<u32, Fate>, Error> {
    let receipt = |uid: &u32| receipts.get(uid).map(|fate| (*uid, fate.clone()));
    let mut fates: BTreeMap<u32, Fate> = uids.iter().filter_map(receipt).collect();
    if fates.is_empty() && refusal::ends_call(reply) {
        let error = refusal::of(reply, "the messages cannot be moved");
        // What went with other commands of this flight is done; the call goes on for the sake of it.
        if receipts.is_empty() || matches!(error, Error::Throttled(_)) {
            return Err(error);
        }
    }
    let other = match refusal::code(reply).as_str() {
        _ if reply.is_ok() => Fate::Unproven,
        "TRYCREATE" | "NONEXISTENT" => Fate::NoFolder,
        _ if uids.len() > 1 => Fate::Again,
        _ => Fate::Failed(refusal::text(reply)),
    };
    for uid in uids {
        fates.entry(*uid).or_insert_with(|| other.clone());
    }
    Ok(fates)
}

/// The second half of a move where the server has none: the originals go, those that were copied and no others.
fn remove_originals<S: MailStream>(
    session: &mut Session<S>,
    copied: &[(usize, u32)],
    fates: &mut [BTreeMap<u32, Fate>],
) -> Result<(), Error> {
    let uids: Vec<u32> = copied.iter().map(|(_, uid)| *uid).collect();
    let replies = session.flight(sets(&uids).iter().flat_map(|set| delete(set)).collect())?;
    for answers in replies.chunks(3) {
        for (at, uid) in copied {
            let left = fetch::uids(answers.get(1..).unwrap_or_default());
            if left.contains(uid) {
                let why = answers.iter().find(|reply| !reply.is_ok()).map(refusal::text).unwrap_or_default();
                fates[*at]
                    .insert(*uid, Fate::Failed(format!("it was copied, but the original could not be removed: {why}")));
            }
        }
    }
    Ok(())
}

fn split(uids: &[u32], batch: Batch) -> Vec<(String, Vec<u32>)> {
    match batch {
        Batch::OneByOne => uids.iter().map(|uid| (uid.to_string(), vec![*uid])).collect(),
        Batch::Together => sets(uids)
            .into_iter()
            .map(|set| {
                let uids = Uids::parse(&set).map(|uids| uids.iter().collect()).unwrap_or_default();
                (set, uids)
            })
            .collect(),
    }
}

fn expand(set: &UidSet, most: usize) -> Vec<u32> {
    let mut uids = Uids::default();
    for element in set.0.as_ref() {
        match element {
            UidElement::Single(uid) => uids.push(uid.get(), uid.get()),
            UidElement::Range(from, to) => uids.push(from.get(), to.get()),
        }
    }
    uids.iter().take(most).collect()
}
