//! A search: one request lists the folders, asks for the messages of the time in question, and reads of each the fields
//! that the query compares. Only of the hits, a second request reads the whole header.
//!
//! The server decides about time and folders alone. Everything else is compared here, by the rules of the SDK.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{
    attachment, fields,
    header::{self, Stored},
    host::{Host, Http, Memo},
    matching,
    page::{self, Budget},
    place,
    types::{Error, Gap, Message, MessagePage, Query},
    web::{self, Failure},
};
use serde_json::{Value, json};

use crate::{
    api::{self, Api, Records},
    attached,
    cursor::Cursor,
    email::{self, Email},
    folder::{self, Folder, Folders},
    protocol::{Answer, Call, ids_of},
    raw,
};

/// The most messages of one page, whatever the host requests: a page must fit into one call.
const A_PAGE: usize = 1_000;
/// The most requests for one page.
const ROUNDS: usize = 16;
/// After how many microseconds, and how many bytes of messages that were downloaded, a page ends. A call has 60 s.
const LATE: i64 = 20 * SECOND;
const DOWNLOADED: u64 = 64 * 1024 * 1024;
/// How many hits are read at once, and of how many the attachments.
const HITS: usize = 100;
const ATTACHED: usize = 4;
/// The most folders that a filter names.
const FOLDERS: usize = 50;
/// A second, in microseconds.
const SECOND: i64 = 1_000_000;

/// Reasons of gaps.
const TOO_LARGE: &str = "its header is too large to be read";
const UNREAD: &str = "the server found it and does not return it";

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
    let mut scan = Scan::new(api, query, most, cursor);
    if !query.locations.is_empty() || !query.folders.is_empty() {
        let folders = Folders::list(api)?;
        scan.folder_ids = folders.wanted(query).into_iter().map(|folder| folder.id.clone()).collect();
        let is_none = scan.folder_ids.is_empty();
        scan.folders = Some(folders);
        if is_none {
            return Ok(scan.page(true, is_first));
        }
    }
    let mut is_over = false;
    for _ in 0..ROUNDS {
        is_over = scan.round()?;
        if is_over || scan.is_full() {
            break;
        }
    }
    Ok(scan.page(is_over, is_first))
}

/// The search for one page.
struct Scan<'a, 'h, H> {
    api: &'a Api<'h, H>,
    query: &'a Query,
    most: usize,
    folders: Option<Folders>,
    /// The folders that the query names; none means all.
    folder_ids: Vec<String>,
    /// The fields that the query compares; empty if every message is read as a whole.
    fields: Vec<String>,
    /// The last message that was read.
    cursor: Option<Cursor>,
    /// Whether that message is still there to continue after it.
    is_anchored: bool,
    /// The most messages of one request.
    limit: usize,
    budget: Budget,
    messages: Vec<Message>,
    gaps: Vec<Gap>,
    /// When the call began.
    began: i64,
    /// Whether the cursor is another one than that of the call.
    has_advanced: bool,
    /// Whether the folders were listed again, because a message is in one that was not listed.
    has_relisted: bool,
    /// Messages that were downloaded before their turn, and the bytes of all.
    raw: BTreeMap<String, Vec<u8>>,
    downloaded: u64,
}

/// The messages of one request.
struct Batch {
    ids: Vec<String>,
    records: Records<Email>,
    is_last: bool,
}

impl<'a, 'h, H: Host + Http + Memo> Scan<'a, 'h, H> {
    fn new(api: &'a Api<'h, H>, query: &'a Query, most: usize, cursor: Option<Cursor>) -> Self {
        let fields = fields::of(query);
        let limit = if fields.is_empty() { most } else { usize::MAX };
        Self {
            api,
            query,
            most,
            folders: None,
            folder_ids: Vec::new(),
            fields,
            is_anchored: cursor.is_some(),
            cursor,
            limit: limit.min(api.account.get),
            budget: Budget::default(),
            messages: Vec::new(),
            gaps: Vec::new(),
            began: api.host.now(),
            has_advanced: false,
            has_relisted: false,
            raw: BTreeMap::new(),
            downloaded: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.messages.len() >= self.most || self.budget.is_spent() || self.has_advanced && self.is_late()
    }

    /// Returns whether the page ends because of what it costs. A page may be empty, and the next one goes on.
    fn is_late(&self) -> bool {
        self.downloaded >= DOWNLOADED || self.api.host.now().saturating_sub(self.began) >= LATE
    }

    fn page(mut self, is_over: bool, is_first: bool) -> MessagePage {
        if let Some(folders) = self.folders.filter(|_| is_first) {
            self.gaps.extend(folders.gaps);
        }
        let next = self.cursor.filter(|_| !is_over).map(|cursor| cursor.to_string());
        MessagePage { messages: self.messages, next, gaps: self.gaps }
    }

    /// Reads the next messages. Returns whether they were the last.
    fn round(&mut self) -> Result<bool, Error> {
        let batch = match self.ask() {
            Ok(Some(batch)) => batch,
            Ok(None) => {
                // The message after which the page continues was moved or deleted: those of its second come again.
                self.is_anchored = false;
                return Ok(false);
            }
            Err(Failure::TooLarge) if self.limit > 1 => {
                self.limit /= 2;
                return Ok(false);
            }
            Err(Failure::TooLarge) => return self.skip(),
            Err(failure) => return Err(failure.into()),
        };
        let Batch { ids, records, is_last } = batch;
        if !self.has_relisted
            && let Some(folders) = &self.folders
            && !records.list.iter().all(|email| folders.know(&email.folders()))
        {
            self.has_relisted = true;
            self.folders = Some(Folders::list(self.api)?);
        }
        let Some(folders) = self.folders.take() else { return Ok(true) };
        let found = self.read(&folders, &ids, records);
        self.folders = Some(folders);
        let is_whole = found?;
        Ok(is_last && is_whole)
    }

    /// Returns the next messages; `None` if the one to continue after is gone.
    fn ask(&mut self) -> Result<Option<Batch>, Failure> {
        let query = self.query_call();
        let names: Vec<String> = self.fields.iter().map(|name| email::property(name)).collect();
        let mut properties = email::IDENTITY.to_vec();
        if !names.is_empty() {
            properties.retain(|property| *property != "headers");
            properties.extend(names.iter().map(String::as_str));
        }
        let most = self.api.account.calls;
        if self.folders.is_none() && most < 3 {
            self.folders = Some(Folders::list(self.api)?);
        }
        let listing = if self.folders.is_none() { vec![folder::listing()] } else { Vec::new() };
        let at = listing.len();
        let get = Call::new("Email/get", json!({ "#ids": ids_of(at), "properties": properties }));
        let mut calls = listing;
        calls.push(query);
        if most >= 2 {
            calls.push(get);
        }
        let mut answers = self.api.run(&calls)?.into_iter();
        let mut next = || -> Result<Answer, Error> {
            answers.next().ok_or_else(|| Error::Transient("the server did not answer each call".into()))
        };
        if at == 1 {
            self.folders = Some(Folders::of(self.api, next()?)?);
        }
        let found = match next()? {
            Err(refusal) if refusal.is("anchorNotFound") && self.is_anchored => return Ok(None),
            found => api::value(&found.map_err(|refusal| refusal.error())?)?,
        };
        let ids = ids(&found)?;
        let is_last = is_last(&found, ids.len(), self.limit);
        let records = if most >= 2 {
            match next()? {
                Err(refusal) if refusal.is("requestTooLarge") => return Err(Failure::TooLarge),
                answer => api::records(answer)?,
            }
        } else {
            let mut all = Records { list: Vec::new(), not_found: Some(Vec::new()) };
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            self.api.each("Email/get", &ids, &properties, |records: Records<Email>, _| {
                all.list.extend(records.list);
                all.not_found.iter_mut().for_each(|all| all.extend(records.not_found.iter().flatten().cloned()));
                Ok(())
            })?;
            all
        };
        Ok(Some(Batch { ids, records, is_last }))
    }

    fn query_call(&self) -> Call {
        let mut arguments = json!({
            "sort": [{ "property": "receivedAt", "isAscending": false }],
            "limit": self.limit,
            "calculateTotal": true,
            "collapseThreads": false,
        });
        if let Some(cursor) = self.cursor.as_ref().filter(|_| self.is_anchored) {
            arguments["anchor"] = json!(cursor.id);
            arguments["anchorOffset"] = json!(1);
        }
        if let Some(filter) = self.filter() {
            arguments["filter"] = filter;
        }
        Call::new("Email/query", arguments)
    }

    fn filter(&self) -> Option<Value> {
        let mut conditions = Vec::new();
        let time = |microseconds: i64| web::to_rfc3339(microseconds - microseconds.rem_euclid(SECOND));
        if let Some(after) = self.query.received_after.filter(|after| *after > 0).and_then(time) {
            conditions.push(json!({ "after": after }));
        }
        // A cursor without its message continues with those of the same second.
        let until = self.cursor.as_ref().filter(|_| !self.is_anchored).map(|cursor| cursor.received_at);
        let before = [self.query.received_before, until].into_iter().flatten().filter(|before| *before >= 0).min();
        if let Some(before) = before.and_then(|before| time(before.checked_add(SECOND)?)) {
            conditions.push(json!({ "before": before }));
        }
        if (1..=FOLDERS).contains(&self.folder_ids.len()) {
            let folders: Vec<Value> = self.folder_ids.iter().map(|id| json!({ "inMailbox": id })).collect();
            conditions.push(if folders.len() == 1 {
                folders.into_iter().next()?
            } else {
                json!({ "operator": "OR", "conditions": folders })
            });
        }
        if conditions.len() > 1 {
            return Some(json!({ "operator": "AND", "conditions": conditions }));
        }
        conditions.pop()
    }

    /// Takes the messages that match into the page. Returns whether all were read.
    fn read(&mut self, folders: &Folders, ids: &[String], records: Records<Email>) -> Result<bool, Error> {
        let mut gone: BTreeSet<String> = records.not_found.into_iter().flatten().collect();
        let mut emails: BTreeMap<String, Email> =
            records.list.into_iter().map(|email| (email.id.clone(), email)).collect();
        let is_hit = |email: &&Email| match email.narrow_header(&self.fields) {
            Some(header) => self.decide(folders, email, &header).is_some(),
            None => true,
        };
        let is_narrow = !self.fields.is_empty();
        let hits: BTreeSet<String> = if is_narrow {
            emails.values().filter(is_hit).map(|email| email.id.clone()).collect()
        } else {
            emails.keys().cloned().collect()
        };
        let mut whole = if is_narrow { BTreeMap::new() } else { std::mem::take(&mut emails) };
        for (number, id) in ids.iter().enumerate() {
            let email = emails.get(id).or_else(|| whole.get(id));
            let received_at = email.and_then(Email::received_at);
            let trouble = match email {
                None => (!gone.contains(id)).then_some(UNREAD),
                Some(email) => self.trouble(folders, email),
            };
            if let Some(why) = trouble {
                self.gaps.push(gap(id, why));
            } else if hits.contains(id) {
                if !whole.contains_key(id) {
                    let most = self.most.saturating_sub(self.messages.len()).clamp(1, HITS);
                    let next = ids[number..].iter().filter(|id| hits.contains(*id));
                    let next: Vec<&str> = next.map(String::as_str).take(most).collect();
                    self.read_whole(&next, &mut whole, &mut gone)?;
                }
                let ahead: Vec<&Email> = ids[number..].iter().filter_map(|id| whole.get(id)).take(ATTACHED).collect();
                if whole.contains_key(id) {
                    self.take(folders, &ahead)?;
                } else if !gone.contains(id) && self.gaps.last().is_none_or(|gap| gap.item != *id) {
                    self.gaps.push(gap(id, UNREAD));
                }
                whole.remove(id);
            }
            self.go_on(id, received_at);
            if self.is_full() {
                return Ok(number + 1 == ids.len());
            }
        }
        Ok(true)
    }

    /// Returns why it cannot be known whether a message matches.
    fn trouble(&self, folders: &Folders, email: &Email) -> Option<&'static str> {
        let Some(received_at) = email.received_at() else {
            return Some("the server does not say when it was received");
        };
        let ids = email.folders();
        let is_placed = folders.shown(&ids, |folder| self.is_wanted(folder)).is_some();
        if is_placed || !matching::is_in_time(self.query, received_at) {
            return None;
        }
        (ids.is_empty() || !folders.know(&ids)).then_some("it is in a folder that the server does not list")
    }

    /// Reads these messages with their headers, the first of them in any case.
    fn read_whole(
        &mut self,
        ids: &[&str],
        whole: &mut BTreeMap<String, Email>,
        gone: &mut BTreeSet<String>,
    ) -> Result<(), Error> {
        let mut read = |ids: &[&str]| {
            self.api.each("Email/get", ids, &email::IDENTITY, |records: Records<Email>, _| {
                whole.extend(records.list.into_iter().map(|email| (email.id.clone(), email)));
                gone.extend(records.not_found.into_iter().flatten());
                Ok(())
            })
        };
        match read(ids) {
            // One of them has a header that is too large.
            Err(Failure::TooLarge) => match read(&ids[..1]) {
                Err(Failure::TooLarge) => {
                    self.gaps.push(gap(ids[0], TOO_LARGE));
                    Ok(())
                }
                read => Ok(read?),
            },
            read => Ok(read?),
        }
    }

    fn go_on(&mut self, id: &str, received_at: Option<i64>) {
        let known = self.cursor.as_ref().map(|cursor| cursor.received_at);
        let received_at = received_at.or(known).or(self.query.received_before).unwrap_or(i64::MAX);
        self.cursor = Some(Cursor { received_at, id: id.to_owned() });
        self.is_anchored = true;
        self.has_advanced = true;
    }

    /// Takes the first of these messages into the page, if it matches. The others come next.
    fn take(&mut self, folders: &Folders, ahead: &[&Email]) -> Result<(), Error> {
        let Some(email) = ahead.first() else { return Ok(()) };
        let Some(header) = email.header() else {
            self.gaps.push(gap(&email.id, UNREAD));
            return Ok(());
        };
        let Some(mut message) = self.decide(folders, email, &header) else { return Ok(()) };
        if matching::needs_attachments(self.query) {
            if !attachment::is_text_alone(&header) {
                self.download(folders, ahead);
                self.downloaded = self.downloaded.saturating_add(email.size);
            }
            let raw = self.raw.remove(&email.id);
            match attached::names(self.api, email, &header, raw) {
                Ok((names, is_whole)) => {
                    if is_whole && !matching::matches_attachments(self.query, &names) {
                        return Ok(());
                    }
                    clawback_connector_sdk::attachment::put(&mut message, names);
                    if !is_whole && !message.cut.iter().any(|cut| cut == "attachments") {
                        message.cut.push("attachments".to_owned());
                    }
                }
                Err(Error::NotFound(_)) => return Ok(()),
                Err(Error::Permanent(why)) => {
                    self.gaps.push(gap(&email.id, &why));
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        // A page that is full with it ends after it.
        let _ = self.budget.take(&message);
        self.messages.push(message);
        Ok(())
    }

    /// Downloads the first of these messages with those that come next, where they are small.
    fn download(&mut self, folders: &Folders, ahead: &[&Email]) {
        if ahead.first().is_none_or(|email| self.raw.contains_key(&email.id) || !raw::is_small(email)) {
            return;
        }
        let is_hit = |email: &&Email| {
            email.header().is_some_and(|header| {
                !attachment::is_text_alone(&header) && self.decide(folders, email, &header).is_some()
            })
        };
        let hits: Vec<&Email> = ahead.iter().copied().filter(is_hit).collect();
        self.raw = raw::download_together(self.api, &hits, raw::LARGEST);
    }

    fn is_wanted(&self, folder: &Folder) -> bool {
        place::is_wanted(self.query, folder.location.kind, &folder.location.path)
    }

    /// Returns the message if it matches, as far as this part of its header shows.
    fn decide(&self, folders: &Folders, email: &Email, header: &[u8]) -> Option<Message> {
        let received_at = email.received_at()?;
        let folder = folders.shown(&email.folders(), |folder| self.is_wanted(folder))?;
        if !matching::is_in_time(self.query, received_at) {
            return None;
        }
        let stored = Stored {
            locator: email.id.clone(),
            location: folder.location.clone(),
            received_at,
            size: email.size,
            flags: email.flags(folder),
        };
        let mut message = header::describe(stored, header, self.query);
        let is_match = match fields::without_unreadable(self.query, header) {
            Some((query, cut)) => {
                message.cut.extend(cut);
                message.cut.sort_unstable();
                message.cut.dedup();
                matching::matches(&query, &message, header)
            }
            None => matching::matches(self.query, &message, header),
        };
        is_match.then_some(message)
    }

    /// Passes over a message whose header is too large to be read.
    fn skip(&mut self) -> Result<bool, Error> {
        let found = self.api.one(self.query_call())?.map_err(|refusal| refusal.error())?;
        let ids = ids(&found)?;
        let Some(id) = ids.first() else { return Ok(true) };
        self.gaps.push(gap(id, TOO_LARGE));
        self.go_on(id, None);
        Ok(is_last(&found, ids.len(), self.limit))
    }
}

fn gap(id: &str, reason: &str) -> Gap {
    Gap { folder: String::new(), item: id.to_owned(), reason: reason.to_owned() }
}

/// Returns the ids of an answer to `Email/query`. Fails if it has none: no list is not an empty one.
pub(crate) fn ids(answer: &Value) -> Result<Vec<String>, Error> {
    let wrong = || Error::Permanent("the server's answer to a query has no list of ids".into());
    let ids = answer["ids"].as_array().ok_or_else(wrong)?;
    ids.iter().map(|id| id.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

/// Returns whether an answer to `Email/query` has the last messages. A server may return fewer than the limit.
fn is_last(answer: &Value, count: usize, limit: usize) -> bool {
    if count == 0 {
        return true;
    }
    match (answer["total"].as_u64(), answer["position"].as_u64()) {
        (Some(total), Some(position)) => position + count as u64 >= total,
        _ => count < limit && answer["limit"].is_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answer() {
        assert!(is_last(&json!({}), 0, 5));
        assert!(is_last(&json!({ "position": 5, "total": 8 }), 3, 5));
        assert!(!is_last(&json!({ "position": 0, "total": 8 }), 3, 5), "the server returned fewer than the limit");
        assert!(is_last(&json!({}), 3, 5) && !is_last(&json!({ "limit": 3 }), 3, 5));
    }
}
