//! Searches folders for hits: one flight searches all of them; folders that refuse the search keys are searched again.

use clawback_connector_sdk::{
    host::MailStream,
    types::{Error, LocationKind},
};

use crate::{
    command::Command,
    cursor::Cursor,
    folder::MailFolder,
    refusal,
    search::open,
    search_keys::{Ways, needs_charset},
    session::{Access, Reply, Session},
    uids::Uids,
    views,
};

/// The hits in one folder.
#[derive(Debug, Clone)]
pub(crate) struct Hits {
    pub(crate) folder: MailFolder,
    pub(crate) validity: u32,
    /// In ascending order.
    pub(crate) uids: Vec<u32>,
    /// All hits, including those beyond `uids`.
    pub(crate) all: Uids,
}

/// The results of several folders.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) hits: Vec<Hits>,
    /// The reason of a folder that could not be searched, if any.
    pub(crate) closed: Option<Error>,
}

/// A folder that could not be searched.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) folder: MailFolder,
    pub(crate) error: Error,
    /// A retry will most likely fail, too: only this folder is affected.
    pub(crate) is_lasting: bool,
}

/// The results of each folder.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) hits: Vec<Hits>,
    pub(crate) refused: Vec<Refused>,
}

impl Answers {
    fn refuse(&mut self, folder: &MailFolder, error: Error, reply: Option<&Reply>) {
        let is_later = matches!(error, Error::Transient(_) | Error::Throttled(_));
        // A server reports this for a folder that is permanently broken on its disk.
        let is_broken =
            reply.is_some_and(|reply| matches!(refusal::code(reply).as_str(), "SERVERBUG" | "CONTACTADMIN"));
        self.refused.push(Refused { folder: folder.clone(), error, is_lasting: !is_later || is_broken });
    }

    /// Returns the reason; of several, one that says to retry later.
    pub(crate) fn closed(&self) -> Option<Error> {
        let is_later = |one: &&Refused| matches!(one.error, Error::Transient(_) | Error::Throttled(_));
        self.refused.iter().find(is_later).or(self.refused.first()).map(|one| one.error.clone())
    }
}

/// Searches these folders in one flight, and again with wider keys those that refuse them. Returns at most `most` UIDs
/// of each, the lowest. Folders that show messages of other folders are not searched.
pub(crate) fn ask<S: MailStream>(
    session: &mut Session<S>,
    folders: &[MailFolder],
    ways: &Ways,
    after: Option<&Cursor>,
    most: usize,
) -> Result<Asked, Error> {
    let folders = views::without(session, folders)?;
    let answers = ask_each(session, &folders, ways, after, most)?;
    Ok(Asked { closed: answers.closed(), hits: answers.hits })
}

/// Returns the results of each folder. The cursor's folder is searched from the cursor on, up to its first border.
pub(crate) fn ask_each<S: MailStream>(
    session: &mut Session<S>,
    folders: &[MailFolder],
    ways: &Ways,
    after: Option<&Cursor>,
    most: usize,
) -> Result<Answers, Error> {
    let mut asked = Answers::default();
    let mut left: Vec<&MailFolder> = folders.iter().collect();
    let extended = if session.can("ESEARCH") || session.can("IMAP4REV2") { "RETURN (ALL) " } else { "" };
    let last = ways.0.len().saturating_sub(1);
    for (width, searches) in ways.0.iter().enumerate() {
        if left.is_empty() || searches.is_empty() {
            break;
        }
        let mut commands = Vec::new();
        for folder in &left {
            commands.push(open(&folder.wire, Access::Examine));
            let range = after.filter(|after| after.folder == folder.wire).map(range).unwrap_or_default();
            for key in searches {
                let charset = if needs_charset(key) { "CHARSET UTF-8 " } else { "" };
                commands.push(Command::new(format!("UID SEARCH {extended}{charset}{range}")).parts(key.clone()));
            }
        }
        let replies = session.flight(commands)?;
        let mut wider = Vec::new();
        let mut closed = Vec::new();
        for (folder, answers) in left.iter().zip(replies.chunks(searches.len() + 1)) {
            let Some((opened, found)) = answers.split_first() else { continue };
            if !opened.is_ok() {
                closed.push((*folder, opened));
                continue;
            }
            if let Some(refused) = found.iter().find(|reply| !reply.is_ok()) {
                if refusal::ends_call(refused) || width == last {
                    let what = format!("folder `{}` cannot be searched", folder.location.path);
                    asked.refuse(folder, refusal::of(refused, &what), Some(refused));
                } else {
                    wider.push(*folder);
                }
                continue;
            }
            match read_hits(folder, opened, found, after, most) {
                Ok(hits) => asked.hits.push(hits),
                Err(error) => asked.refuse(folder, error, None),
            }
        }
        session.selected = replies
            .chunks(searches.len() + 1)
            .last()
            .and_then(|answers| answers.first())
            .filter(|opened| opened.is_ok())
            .and_then(|_| left.last())
            .map(|folder| (folder.wire.clone(), Access::Examine));
        for (folder, opened) in closed {
            if let Some(error) = explain(session, folder, refusal::of(opened, &folder.location.path))? {
                asked.refuse(folder, error, Some(opened));
            }
        }
        left = wider;
    }
    asked.hits.sort_by(|one, other| one.folder.order().cmp(&other.folder.order()));
    Ok(asked)
}

/// Returns the UID range of its folder with which a cursor continues.
fn range(after: &Cursor) -> String {
    let from = after.after.saturating_add(1);
    match after.borders.first() {
        Some(to) => format!("UID {from}:{to} "),
        None => format!("UID {from}:* "),
    }
}

/// Reads the hits of one folder. A server without results may send only OK.
fn read_hits(
    folder: &MailFolder,
    opened: &Reply,
    found: &[Reply],
    after: Option<&Cursor>,
    most: usize,
) -> Result<Hits, Error> {
    let path = &folder.location.path;
    let validity =
        opened.uid_validity().ok_or_else(|| Error::Permanent(format!("folder `{path}` has no UIDVALIDITY")))?;
    if found.iter().any(|reply| reply.unreadable > 0) {
        return Err(Error::Permanent(format!(
            "the search of folder `{path}` was answered in a way that cannot be read"
        )));
    }
    let mut all = Uids::default();
    for reply in found {
        all.extend(&reply.found);
    }
    let after = after.filter(|after| after.folder == folder.wire && after.validity == validity);
    // `n:*` always contains the last message, even if it is below n.
    let all = all.sorted().above(after.map_or(0, |after| after.after));
    let uids = all.iter().take(most).collect();
    Ok(Hits { folder: folder.clone(), validity, uids, all })
}

/// Returns the reason for a folder that cannot be opened; `None` only if it was deleted since it was listed.
fn explain<S: MailStream>(session: &mut Session<S>, folder: &MailFolder, error: Error) -> Result<Option<Error>, Error> {
    if matches!(error, Error::Denied(_) | Error::Transient(_) | Error::Throttled(_)) {
        return Ok(Some(error));
    }
    let text = format!("folder `{}` is listed but cannot be opened", folder.location.path);
    if folder.location.kind == LocationKind::Inbox {
        return Ok(Some(Error::Denied(text)));
    }
    let reply = session.run(Command::new("LIST \"\" ").text(folder.wire.as_str()))?;
    let is_there = !reply.is_ok() || !reply.lists.is_empty() || reply.unreadable > 0;
    Ok(is_there.then_some(Error::Denied(text)))
}
