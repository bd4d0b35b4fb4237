//! A search: one request asks for the messages of all folders and lists the folders, one more reads the headers of the
//! hits.
//!
//! The server decides about time, senders and Message-IDs only as far as it cannot find too little ([`crate::keys`]).
//! If one answer for the whole mailbox is too large, or one folder makes the server refuse it, the folders are searched
//! one by one, and large ones in ranges of UIDs. What cannot be read then is a gap.

use std::collections::BTreeMap;
use std::time::Duration;

use clawback_connector_sdk::{
    attachment,
    host::{Host, Http, Memo, Scope},
    matching, memo,
    page::{self, Budget},
    place,
    types::{Error, Gap, LocationKind, Message, MessagePage, Query},
    web::Failure,
};

use crate::{
    api::{Answer, Api, Refusal},
    command::{self, Command, in_some_folder, set, words},
    cursor::Cursor,
    folder::{self, Folder, Folders},
    judge::{Judgement, judge},
    keys::{self, Keys},
    raw,
    row::{self, PLACE, Row, WHOLE, rows},
    text::Text,
};

/// The most messages of one page, whatever the host requests: a page must fit into one call.
const A_PAGE: usize = 1_000;
/// How many headers are read at once.
const A_PIECE: usize = 100;
/// How many UIDs one request searches, at first and at most, and how many folders.
const FIRST_WIDTH: u32 = 5_000;
const MOST_WIDTH: u32 = 100_000;
const FOLDERS: usize = 50;
/// A request that takes longer than this searches fewer UIDs the next time, in microseconds.
const SLOW_REQUEST: i64 = 4_000_000;
/// After how many microseconds, and how many bytes of messages that were read, a page ends. A call has 60 s.
const LATE: i64 = 20_000_000;
const DOWNLOADED: u64 = 64 * 1024 * 1024;
/// The most requests that find out which messages of a folder cannot be read.
const HALVES: usize = 64;
/// Notes that the search of the whole mailbox is not answered in one request, and for how long.
const LARGE: &str = "large";
const LARGE_TIME: Duration = Duration::from_mins(10);

const TOO_LARGE: &str = "its header is too large to be read";

/// Returns one page.
pub(crate) fn search<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    query: &Query,
    cursor: Option<&str>,
    most: u32,
) -> Result<MessagePage, Error> {
    let most = page::size(most, A_PAGE);
    let cursor = page::resume(cursor, Cursor::parse)?;
    let is_first = cursor.is_none();
    let keys = keys::of(query);
    let text = Text::of(query);
    let fields: Vec<String> = if keys.is_narrow || text.is_any() && text.fields.is_empty() {
        WHOLE.map(str::to_owned).to_vec()
    } else {
        PLACE.map(str::to_owned).into_iter().filter(|field| field != "guid").chain(text.fields.clone()).collect()
    };
    let is_everywhere = query.locations.is_empty() && query.folders.is_empty();
    let (folders, found) = if is_first && is_everywhere { at_once(api, &keys, &fields)? } else { (None, None) };
    let folders = match folders {
        Some(folders) => folders,
        None => Folders::list(api)?,
    };
    let mut scan = Scan {
        api,
        query,
        most,
        keys,
        text,
        fields,
        folders,
        budget: Budget::default(),
        messages: Vec::new(),
        gaps: Vec::new(),
        began: api.host.now(),
        downloaded: 0,
        closed: BTreeMap::new(),
    };
    let next = match found {
        Some(found) => scan.read(found)?,
        None => scan.folder_by_folder(cursor.as_ref())?,
    };
    if is_first {
        let mut gaps = std::mem::take(&mut scan.folders.gaps);
        for path in query.folders.iter().filter(|path| scan.folders.leaves_out(path)) {
            let reason = "the setting `ignore-folders` leaves it out".to_owned();
            gaps.push(Gap { folder: path.clone(), item: String::new(), reason });
        }
        scan.gaps.splice(0..0, gaps);
    }
    Ok(MessagePage { messages: scan.messages, next: next.map(|next| next.to_string()), gaps: scan.gaps })
}

/// Asks for the messages of all folders at once. None of them if the server does not answer that.
fn at_once<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    keys: &Keys,
    fields: &[String],
) -> Result<(Option<Folders>, Option<Vec<Row>>), Error> {
    if memo::recall::<bool>(api.host, Scope::Mailbox, LARGE) == Some(true) {
        return Ok((None, None));
    }
    // The call may end with this request. The next one then goes another way.
    memo::keep(api.host, Scope::Mailbox, LARGE, &true, LARGE_TIME);
    let forget = || api.host.put(Scope::Mailbox, LARGE, b"", LARGE_TIME);
    let query = if keys.words.is_empty() { words(["all"]) } else { keys.words.clone() };
    // The listing is the second one, so that it has the folder of every message.
    let answers = match api.run(&[Command::fetch(fields, query), folder::listing()]) {
        Ok(answers) => answers,
        Err(Failure::TooLarge) => return Ok((None, None)),
        Err(Failure::Error(error)) => {
            if !matches!(error, Error::Transient(_)) {
                forget();
            }
            return Err(error);
        }
    };
    forget();
    let [found, listed] = pair(answers)?;
    let folders = Folders::read(api, listed)?;
    let found = match found {
        Ok(found) => Some(row::of_owner(rows(&found)?, &folders)),
        Err(_) => None,
    };
    Ok((Some(folders), found))
}

fn pair(answers: Vec<Answer>) -> Result<[Answer; 2], Error> {
    answers.try_into().map_err(|_| Error::Transient("the server did not answer each command".into()))
}

/// The search for one page.
struct Scan<'a, 'h, H> {
    api: &'a Api<'h, H>,
    query: &'a Query,
    most: usize,
    keys: Keys,
    text: Text,
    /// What is read of each message.
    fields: Vec<String>,
    folders: Folders,
    budget: Budget,
    messages: Vec<Message>,
    gaps: Vec<Gap>,
    /// When the call began.
    began: i64,
    /// The bytes of messages that were read for the names of their attachments.
    downloaded: u64,
    /// Folders that cannot be searched.
    closed: BTreeMap<String, Refusal>,
}

impl<H: Host + Http + Memo> Scan<'_, '_, H> {
    fn is_late(&self) -> bool {
        self.downloaded >= DOWNLOADED || self.api.host.now().saturating_sub(self.began) >= LATE
    }

    fn is_full(&self) -> bool {
        self.messages.len() >= self.most || self.budget.is_spent()
    }

    fn is_wanted(&self, path: &str) -> Result<bool, Error> {
        // Without a condition on kinds, only the hidden ones matter, which have names of their own.
        let kind = match self.folders.names.kind_of(path) {
            Some(kind) => kind,
            None if self.query.locations.is_empty() => LocationKind::Folder,
            None => self.folders.kind(self.api, path)?,
        };
        Ok(place::is_wanted(self.query, kind, path))
    }

    fn gap(&mut self, folder: &str, item: Option<u32>, reason: &str) {
        let path = self.folders.all.get(folder).map(|folder| folder.path.clone()).unwrap_or_default();
        let item = item.map(|uid| format!("UID {uid}")).unwrap_or_default();
        self.gaps.push(Gap { folder: path, item, reason: reason.to_owned() });
    }

    fn query_in(&self, folder: &Folder, uids: &str) -> command::Query {
        [folder.query(uids), self.keys.words.clone()].concat()
    }

    /// Returns a query for messages of a listed folder.
    fn place(&self, folder: &str, uids: &[u32]) -> command::Query {
        let uids = set(uids.iter().copied());
        self.folders.all.get(folder).map_or_else(|| in_some_folder(folder, &uids), |folder| folder.query(&uids))
    }

    /// Searches the folders in the order of their GUIDs, in ranges of UIDs. Returns the cursor if the page ends before.
    fn folder_by_folder(&mut self, cursor: Option<&Cursor>) -> Result<Option<Cursor>, Error> {
        let mut wanted: Vec<Folder> = Vec::new();
        for folder in self.folders.all.values() {
            if cursor.is_none_or(|cursor| folder.guid >= cursor.folder) && self.is_wanted(&folder.path)? {
                wanted.push(folder.clone());
            }
        }
        let start = |folder: &Folder| match cursor {
            Some(cursor) if cursor.folder == folder.guid => cursor.uid.saturating_add(1),
            _ => 1,
        };
        let mut rest: Vec<(Folder, u32)> = wanted.iter().map(|folder| (folder.clone(), start(folder))).rev().collect();
        let mut width = FIRST_WIDTH;
        loop {
            let before = rest.clone();
            let windows = windows(&mut rest, width, &self.closed);
            let Some((last_folder, _, last_uid)) = windows.last().cloned() else { break };
            let asked = self.api.host.now();
            let command = |(folder, from, to): &(Folder, u32, u32)| {
                Command::fetch(&self.fields, self.query_in(folder, &format!("{from}:{to}")))
            };
            let mut found = Vec::new();
            match self.api.run(&windows.iter().map(command).collect::<Vec<_>>()) {
                Ok(answers) => {
                    for ((folder, from, to), answer) in windows.iter().zip(answers) {
                        match answer {
                            Ok(answer) => found.extend(rows(&answer)?),
                            Err(_) => found.extend(self.range(folder, *from, *to)?),
                        }
                    }
                }
                Err(Failure::TooLarge) if width > 1 => {
                    width /= 2;
                    rest = before;
                    continue;
                }
                Err(Failure::TooLarge) => self.gap(&last_folder.guid, Some(last_uid), TOO_LARGE),
                Err(failure) => return Err(failure.into()),
            }
            let took = self.api.host.now().saturating_sub(asked);
            width = if took > SLOW_REQUEST { (width / 2).max(1) } else { width.saturating_mul(2).min(MOST_WIDTH) };
            let found = row::of_owner(found, &self.folders);
            if let Some(next) = self.read(found)? {
                return Ok(Some(next));
            }
            if !rest.is_empty() && (self.is_full() || self.is_late()) {
                return Ok(Some(Cursor { folder: last_folder.guid, uid: last_uid }));
            }
        }
        if let Some(refusal) = self.closed.values().next()
            && cursor.is_none()
            && wanted.iter().all(|folder| self.closed.contains_key(&folder.guid))
        {
            return Err(refusal.error());
        }
        Ok(None)
    }

    /// Searches a range of a folder for which the server refused the search: message by message, as far as necessary.
    fn range(&mut self, folder: &Folder, from: u32, to: u32) -> Result<Vec<Row>, Error> {
        let place = Command::fetch(&PLACE, folder.query(&format!("{from}:{to}")));
        let uids: Vec<u32> = match self.api.one(place)? {
            Ok(answer) => rows(&answer)?.into_iter().map(|row| row.uid).collect(),
            Err(refusal) => {
                self.gap(&folder.guid, None, &refusal.why());
                self.closed.insert(folder.guid.clone(), refusal);
                return Ok(Vec::new());
            }
        };
        let keys = self.keys.words.clone();
        let fields = self.fields.clone();
        self.halves(&folder.guid, &uids, &fields, &keys)
    }

    /// Reads messages of a folder, some of which the server cannot read: these are gaps.
    fn halves(
        &mut self,
        folder: &str,
        uids: &[u32],
        fields: &[String],
        keys: &command::Query,
    ) -> Result<Vec<Row>, Error> {
        let mut found = Vec::new();
        let mut rest: Vec<&[u32]> = vec![uids];
        let mut requests = 0;
        while let Some(uids) = rest.pop() {
            if uids.is_empty() {
                continue;
            }
            requests += 1;
            if requests > HALVES {
                self.gap(folder, None, "the server cannot read many of its messages");
                break;
            }
            let query = [self.place(folder, uids), keys.clone()].concat();
            let why = match self.api.one(Command::fetch(fields, query)) {
                Ok(Ok(answer)) => {
                    found.extend(rows(&answer)?);
                    continue;
                }
                Ok(Err(refusal)) => refusal.why(),
                Err(Failure::TooLarge) => TOO_LARGE.to_owned(),
                Err(failure) => return Err(failure.into()),
            };
            match uids {
                [uid] => self.gap(folder, Some(*uid), &why),
                uids => {
                    let (first, second) = uids.split_at(uids.len() / 2);
                    rest.extend([second, first]);
                }
            }
        }
        Ok(found)
    }

    /// Takes the messages that match into the page. Returns the cursor if the page ends before the last of them.
    fn read(&mut self, found: Vec<Row>) -> Result<Option<Cursor>, Error> {
        let is_whole = self.fields.iter().any(|field| field == "hdr");
        let mut rest = Vec::new();
        for row in found {
            if (is_whole || !self.text.is_any() || self.text.may_match(&row)) && self.is_wanted(&row.mailbox)? {
                rest.push(row);
            }
        }
        rest.sort_by_key(Row::key);
        let mut rest = rest.into_iter().peekable();
        while rest.peek().is_some() {
            let most = self.most.saturating_sub(self.messages.len()).clamp(1, A_PIECE);
            let piece: Vec<Row> = rest.by_ref().take(most).collect();
            let keys: Vec<(String, u32)> = piece.iter().map(Row::key).collect();
            let piece = if is_whole { piece } else { self.whole(piece)? };
            let mut piece: BTreeMap<(String, u32), Row> = piece.into_iter().map(|row| (row.key(), row)).collect();
            for (at, key) in keys.iter().enumerate() {
                if let Some(row) = piece.remove(key) {
                    self.take(&row)?;
                }
                let is_more = at + 1 < keys.len() || rest.peek().is_some();
                if is_more && (self.is_full() || self.is_late()) {
                    return Ok(Some(Cursor { folder: key.0.clone(), uid: key.1 }));
                }
            }
        }
        Ok(None)
    }

    /// Reads these messages whole. Those that are gone by now are left out.
    fn whole(&mut self, piece: Vec<Row>) -> Result<Vec<Row>, Error> {
        let mut folders: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for row in piece {
            folders.entry(row.folder).or_default().push(row.uid);
        }
        let command = |(folder, uids): (&String, &Vec<u32>)| Command::fetch(&WHOLE, self.place(folder, uids));
        let fields = WHOLE.map(str::to_owned);
        let answers = match self.api.run(&folders.iter().map(command).collect::<Vec<_>>()) {
            Ok(answers) => answers.into_iter().map(Result::ok).collect(),
            Err(Failure::TooLarge) => vec![None; folders.len()],
            Err(failure) => return Err(failure.into()),
        };
        let mut whole = Vec::new();
        for ((folder, uids), answer) in folders.iter().zip(answers) {
            match answer {
                Some(answer) => whole.extend(rows(&answer)?),
                None => whole.extend(self.halves(folder, uids, &fields, &Vec::new())?),
            }
        }
        Ok(row::of_owner(whole, &self.folders))
    }

    fn take(&mut self, row: &Row) -> Result<(), Error> {
        // A message outside of the time needs no decision about its folder.
        if row.received_at().is_some_and(|at| !matching::is_in_time(self.query, at)) {
            return Ok(());
        }
        let location = self.folders.location(self.api, &row.mailbox)?;
        match judge(self.query, row, &location) {
            Judgement::Match(mut message) => {
                if !matching::needs_attachments(self.query) || self.has_attachments(row, &mut message)? {
                    // A page that is full ends after this message.
                    let _ = self.budget.take(&message);
                    self.messages.push(*message);
                }
            }
            Judgement::Unknown(reason) => self.gap(&row.folder.clone(), Some(row.uid), reason),
            Judgement::No => {}
        }
        Ok(())
    }

    /// Reads the names of attachments into the record. Returns whether the condition on them holds, or cannot be decided.
    fn has_attachments(&mut self, row: &Row, message: &mut Message) -> Result<bool, Error> {
        let (names, is_all) = if attachment::is_text_alone(row.header()) {
            (attachment::names(row.header()), true)
        } else {
            match raw::read(self.api, row, raw::LARGEST) {
                Ok(Some(raw)) => {
                    self.downloaded = self.downloaded.saturating_add(raw.bytes.len() as u64);
                    (attachment::names(&raw.bytes), raw.is_whole && raw.is_exact)
                }
                // It is gone by now.
                Ok(None) => return Ok(false),
                Err(Error::Permanent(_)) => (Vec::new(), false),
                Err(error) => return Err(error),
            }
        };
        let holds = matching::matches_attachments(self.query, &names);
        attachment::put(message, names);
        if !is_all && !message.cut.iter().any(|cut| cut == "attachments") {
            message.cut.push("attachments".to_owned());
        }
        Ok(holds || !is_all)
    }
}

/// Returns the next ranges of UIDs, together not wider than this, and takes them from the rest.
fn windows(rest: &mut Vec<(Folder, u32)>, width: u32, closed: &BTreeMap<String, Refusal>) -> Vec<(Folder, u32, u32)> {
    let (mut windows, mut room) = (Vec::new(), width.max(1));
    while room > 0 && windows.len() < FOLDERS {
        let Some((folder, from)) = rest.pop() else { break };
        let last = folder.next.saturating_sub(1);
        if from > last || closed.contains_key(&folder.guid) {
            continue;
        }
        let to = from.saturating_add(room - 1).min(last);
        room -= to - from + 1;
        if to < last {
            rest.push((folder.clone(), to + 1));
        }
        windows.push((folder, from, to));
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_uid_is_in_one_range() {
        let folder = |guid: &str, next| Folder { guid: guid.into(), path: guid.into(), next };
        let mut rest = vec![(folder("c", 1), 1), (folder("b", 8), 1), (folder("a", 4), 2)];
        let mut seen = Vec::new();
        loop {
            let windows = windows(&mut rest, 3, &BTreeMap::new());
            if windows.is_empty() {
                break;
            }
            assert!(windows.iter().map(|(_, from, to)| to - from + 1).sum::<u32>() <= 3);
            seen.extend(
                windows
                    .into_iter()
                    .flat_map(|(folder, from, to)| (from..=to).map(move |uid| (folder.guid.clone(), uid))),
            );
        }
        let expected: Vec<(String, u32)> =
            (2..4).map(|uid| ("a".to_owned(), uid)).chain((1..8).map(|uid| ("b".to_owned(), uid))).collect();
        assert_eq!(seen, expected);
    }
}
