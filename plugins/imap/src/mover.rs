//! Moves or deletes of messages in the selected folder, and the server's reports on each. Separate commands later
//! verify that they are gone.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{host::MailStream, types::Error};
use imap_codec::imap_types::{
    extensions::uidplus::{UidElement, UidSet},
    response::Code,
};

use crate::{
    command::Command,
    refusal,
    session::{Reply, Session},
    uids::{Uids, sets},
};

/// The number of messages that one command moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batch {
    /// As many as fit in a line.
    Together,
    /// One, so that a refusal affects no other message.
    OneByOne,
}

/// The server's report on one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The new place of the message, or of its copy.
    Moved { validity: u32, uid: u32 },
    /// OK without further information.
    Unproven,
    /// The server refused it.
    Failed(String),
    /// It was refused among others: it is retried alone.
    Again,
    /// The destination does not exist.
    NoFolder,
}

/// The features of the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mover {
    pub(crate) has_move: bool,
    pub(crate) has_uidplus: bool,
}

/// The result of each UID, by order, and the answers to the commands that were sent with it.
type Carried = (Vec<BTreeMap<u32, Fate>>, Vec<Reply>);

impl Mover {
    pub(crate) fn new<S: MailStream>(session: &Session<S>) -> Self {
        let is_revision_2 = session.can("IMAP4REV2");
        Self { has_move: session.can("MOVE") || is_revision_2, has_uidplus: session.can("UIDPLUS") || is_revision_2 }
    }

    /// Returns why nothing can be removed from a folder; `None` if it can.
    pub(crate) fn obstacle(self, is_delete: bool) -> Option<&'static str> {
        // A bare EXPUNGE would also remove what the owner marked as deleted.
        (!self.has_uidplus && (is_delete || !self.has_move))
            .then_some("the server offers no UIDPLUS: nothing can be removed without touching other messages")
    }

    /// Moves (or copies, if the server cannot move) these UIDs of the selected folder to each destination, followed by
    /// the commands `next`, whose answers do not depend on it.
    pub(crate) fn carry<S: MailStream>(
        self,
        session: &mut Session<S>,
        orders: &[(String, Vec<u32>)],
        batch: Batch,
        next: Vec<Command>,
    ) -> Result<Carried, Error> {
        let word = if self.has_move { "MOVE" } else { "COPY" };
        let mut commands = Vec::new();
        // For each command: its order, and its set of UIDs.
        let mut plan: Vec<(usize, Vec<u32>)> = Vec::new();
        for (at, (to, uids)) in orders.iter().enumerate() {
            for (set, uids) in split(uids, batch) {
                commands.push(Command::new(format!("UID {word} {set} ")).text(to.as_str()));
                plan.push((at, uids));
            }
        }
        let acts = commands.len();
        commands.extend(next);
        let mut replies = session.flight(commands)?;
        let after = replies.split_off(acts);
        let receipts = receipts(&replies, &plan);
        let mut fates: Vec<BTreeMap<u32, Fate>> = vec![BTreeMap::new(); orders.len()];
        for ((at, uids), reply) in plan.into_iter().zip(&replies) {
            fates[at].extend(moved(reply, &uids, &receipts)?);
        }
        Ok((fates, after))
    }
}

/// Marks these UIDs of the selected folder and expunges exactly them. Returns the server's refusals by UID. EXPUNGE
/// depends on STORE, so it waits for its OK.
pub(crate) fn remove<S: MailStream>(
    session: &mut Session<S>,
    uids: &[u32],
    has_acted: bool,
) -> Result<BTreeMap<u32, String>, Error> {
    let mut refused = BTreeMap::new();
    let mark = |set: &str| Command::new(format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"));
    let marked = each(session, uids, mark, has_acted, &mut refused)?;
    let expunge = |set: &str| Command::new(format!("UID EXPUNGE {set}"));
    each(session, &marked, expunge, has_acted, &mut refused)?;
    Ok(refused)
}

/// Runs one command for these UIDs, in sets; the UIDs of a refused set are retried one by one, so that one of them does
/// not affect others. Returns the UIDs for which it was OK.
pub(crate) fn each<S: MailStream>(
    session: &mut Session<S>,
    uids: &[u32],
    command: impl Fn(&str) -> Command,
    has_acted: bool,
    refused: &mut BTreeMap<u32, String>,
) -> Result<Vec<u32>, Error> {
    let mut done = Vec::new();
    let (mut left, mut batch) = (uids.to_vec(), Batch::Together);
    while !left.is_empty() {
        let parts = split(&left, batch);
        let replies = session.flight(parts.iter().map(|(set, _)| command(set)).collect())?;
        left = Vec::new();
        for ((_, uids), reply) in parts.into_iter().zip(replies) {
            if reply.is_ok() {
                done.extend(uids);
                continue;
            }
            if refusal::ends_call(&reply) {
                let error = refusal::of(&reply, "the messages cannot be removed");
                if matches!(error, Error::Throttled(_)) || (!has_acted && done.is_empty()) {
                    return Err(error);
                }
            }
            match uids.as_slice() {
                [uid] => _ = refused.insert(*uid, refusal::of_message(&reply)),
                _ => left.extend(uids),
            }
        }
        batch = Batch::OneByOne;
    }
    Ok(done)
}

/// Returns the new place of each message as the server reports it. Only requested messages count.
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
        // Other commands of this flight were successful; the call continues with their results.
        if receipts.is_empty() || matches!(error, Error::Throttled(_)) {
            return Err(error);
        }
    }
    let other = match refusal::code(reply).as_str() {
        _ if reply.is_ok() => Fate::Unproven,
        "TRYCREATE" | "NONEXISTENT" => Fate::NoFolder,
        _ if uids.len() > 1 => Fate::Again,
        _ => Fate::Failed(refusal::of_message(reply)),
    };
    for uid in uids {
        fates.entry(*uid).or_insert_with(|| other.clone());
    }
    Ok(fates)
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
