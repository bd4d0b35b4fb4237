//! A search: a page of a list, then each of its messages. The newest messages come from a list without a search, the older
//! ones from the index, which knows them by then.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    page::{self, Budget},
    place::is_hidden,
    types::{Error, Gap, LocationKind, MessagePage, Query},
    web,
};

use crate::{
    api::{Listed, Message},
    client::{self, Client},
    cursor::Cursor,
    fields, giving_up,
    labels::Labels,
    locator,
    narrow::{self, Narrowed},
    old, place,
    read::{describe, received, request},
    refusal::Refused,
};

/// The most messages of one page: with their texts they cost two thirds of what a user has in a minute, and the host
/// examines a page at a time.
const A_PAGE: usize = 100;

/// Returns one page.
pub(crate) fn search<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    query: &Query,
    cursor: Option<&str>,
    most: u32,
) -> Result<MessagePage, Error> {
    let most = page::size(most, A_PAGE);
    let mut page = MessagePage { messages: Vec::new(), next: None, gaps: Vec::new() };
    let mut labels = None;
    if query.locations.iter().any(|kind| is_hidden(*kind)) {
        // Another node may have created a hidden label since an earlier call asked.
        labels = Some(Labels::ask(client)?);
    } else if !query.folders.is_empty() {
        labels = Some(Labels::known(client)?);
    }
    if cursor.is_none() {
        page.gaps = labels.as_ref().map(|labels| no_folders(query, labels)).unwrap_or_default();
    }
    let Some(narrowed) = narrow::of(query, labels.as_ref()) else { return Ok(page) };
    let cursor = match cursor {
        Some(text) => Cursor::parse(text)?,
        None => first(query, &narrowed, client, most),
    };
    let mut search = Search { client, query, narrowed, labels, most, page };
    let mut next = search.go_on(cursor)?;
    // The older messages are in the same page if the list of the newest had none.
    if let Some(old) = next.clone().filter(|next| next.is_old && *next == next.of_old())
        && search.page.messages.is_empty()
        && search.page.gaps.is_empty()
        && !client.is_late()
    {
        match search.go_on(old) {
            Ok(then) => next = then,
            // What was read is not read again.
            Err(Error::Throttled(_) | Error::Transient(_)) => {}
            Err(error) => return Err(error),
        }
    }
    search.page.next = next.map(|next| next.text()).transpose()?;
    Ok(search.page)
}

/// Returns where a search begins.
fn first<H: Host>(query: &Query, narrowed: &Narrowed, client: &Client<'_, H>, size: usize) -> Cursor {
    let border = narrow::border(query, narrowed, client.host);
    let is_old = border.is_some_and(|border| query.received_before.is_some_and(|before| before <= border));
    Cursor { size, border, is_old, ..Cursor::default() }
}

struct Search<'s, H> {
    client: &'s Client<'s, H>,
    query: &'s Query,
    narrowed: Narrowed,
    labels: Option<Labels>,
    most: usize,
    page: MessagePage,
}

/// How the messages of a list ended.
enum End {
    /// All were read.
    All,
    /// The last one that was read.
    At(usize),
    /// The rest is older than the messages of this list.
    Old,
}

impl<H: Host + Http + Memo> Search<'_, H> {
    /// Reads on, and returns where the next page begins.
    fn go_on(&mut self, cursor: Cursor) -> Result<Option<Cursor>, Error> {
        let listed = self.list(&cursor)?;
        let (mut ids, mut strange) = (Vec::new(), 0);
        for message in listed.messages {
            if locator::id(&message.id).is_some() { ids.push(message.id) } else { strange += 1 }
        }
        if strange > 0 {
            let reason = format!("{strange} messages have ids that are none of Gmail's");
            self.page.gaps.push(Gap { folder: String::new(), item: String::new(), reason });
        }
        // A message that is not on its page any more was moved: then the page is read again from its start.
        if let Some(after) = &cursor.after
            && let Some(at) = ids.iter().position(|id| id == after)
        {
            ids.drain(..=at);
        }
        let floor = self.floor(&cursor);
        let mut is_over = false;
        if let (Some(floor), false) = (floor, ids.is_empty()) {
            let known = old::first(self.client, self.narrowed.label.as_deref(), &ids, floor)?;
            is_over = known.is_some();
            ids.truncate(known.unwrap_or(ids.len()));
        }
        let end = if ids.is_empty() { End::All } else { self.fill(&cursor, floor, &ids)? };
        // After the newest messages come the older ones, unless the query is about the newest only.
        let is_newest = |border: i64| self.query.received_after.is_some_and(|after| after >= border);
        let then = cursor.border.filter(|border| !cursor.is_old && !is_newest(*border)).map(|_| cursor.of_old());
        Ok(match (end, listed.next_page_token) {
            (End::At(at), _) => Some(Cursor { after: Some(ids[at].clone()), ..cursor }),
            (End::All, Some(token)) if !is_over => {
                Some(Cursor { page: Some(token), size: self.most, after: None, ..cursor })
            }
            _ => then,
        })
    }

    /// Returns the time down to which a list without a search is read, if it need not be read to its end.
    fn floor(&self, cursor: &Cursor) -> Option<i64> {
        if cursor.is_old || narrow::is_off(self.client.host) {
            return None;
        }
        self.query.received_after.max(cursor.border)
    }

    /// Reads the messages.
    fn fill(&mut self, cursor: &Cursor, floor: Option<i64>, ids: &[String]) -> Result<End, Error> {
        let names = fields::names(self.query);
        let mut labels = match self.labels.clone() {
            Some(labels) => labels,
            None => Labels::known(self.client)?,
        };
        let mut budget = Budget::default();
        for (number, few) in ids.chunks(client::AT_ONCE).enumerate() {
            let start = number * client::AT_ONCE;
            if start > 0 && self.client.is_late() {
                return Ok(End::At(start - 1));
            }
            let requests: Vec<_> = few.iter().map(|id| request(self.client, id, &names.names)).collect();
            let answers = self.client.many(&requests);
            let stopped = answers.stopped;
            for ((at, id), answer) in (start..).zip(few).zip(answers.done) {
                let found = match answer {
                    Some(Ok(response)) => response.json::<Message>().and_then(|found| Ok((received(&found)?, found))),
                    // It was deleted since it was listed.
                    Some(Err(Refused::Gone)) => continue,
                    Some(Err(refused)) => Err(refused.into_error()),
                    None => Err(stopped.clone().unwrap_or_else(|| Error::Transient("a request has no answer".into()))),
                };
                let described = found.and_then(|(received, found)| {
                    if found.id != *id {
                        return Err(Error::Permanent("Gmail answered with another message".into()));
                    }
                    labels = std::mem::take(&mut labels).with(self.client, found.label_ids.iter())?;
                    // Each message belongs to one of the two lists.
                    if cursor.border.is_some_and(|border| (received < border) != cursor.is_old) {
                        return Ok((received, None));
                    }
                    Ok((received, describe(self.client, self.query, &names, &labels, found)?))
                });
                match described {
                    Ok((received, _)) if floor.is_some_and(|floor| old::is_older(received, floor)) => {
                        return Ok(End::Old);
                    }
                    Ok((_, None)) => {}
                    Ok((_, Some(message))) => {
                        let has_room = budget.take(&message);
                        self.page.messages.push(message);
                        if (!has_room || self.page.messages.len() == self.most) && at + 1 < ids.len() {
                            return Ok(End::At(at));
                        }
                    }
                    // What was read is not read again: the next call begins with this message.
                    Err(Error::Throttled(_) | Error::Transient(_)) if at > 0 => return Ok(End::At(at - 1)),
                    Err(Error::Transient(reason)) if giving_up::is_due(self.client.host, id) => {
                        self.page.gaps.push(Gap { folder: String::new(), item: id.clone(), reason });
                    }
                    Err(Error::Permanent(reason)) => {
                        self.page.gaps.push(Gap { folder: String::new(), item: id.clone(), reason });
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(End::All)
    }

    fn list(&self, cursor: &Cursor) -> Result<Listed, Error> {
        let size = cursor.size.to_string();
        let old = cursor.border.filter(|_| cursor.is_old);
        let text = old.map(|border| narrow::until(&self.narrowed.search, self.query, border));
        let mut parameters = vec![("includeSpamTrash", "true"), ("maxResults", size.as_str())];
        match &text {
            // The index may not know yet which of them have the label.
            Some(text) => parameters.push(("q", text.as_str())),
            None => parameters.extend(self.narrowed.label.as_ref().map(|label| ("labelIds", label.as_str()))),
        }
        parameters.extend(cursor.page.as_ref().map(|page| ("pageToken", page.as_str())));
        match self.client.one(self.client.get(&web::with_query("/messages", parameters)))? {
            Ok(response) => Listed::read(&response),
            Err(Refused::Gone) => Err(Error::NotFound("Gmail knows no mailbox of this address".into())),
            Err(refused) => Err(refused.into_error()),
        }
    }
}

/// Returns the folders that the query names and Gmail does not have: its labels are no places.
fn no_folders(query: &Query, labels: &Labels) -> Vec<Gap> {
    let kinds = [
        LocationKind::Inbox,
        LocationKind::Junk,
        LocationKind::DeletedItems,
        LocationKind::SentItems,
        LocationKind::Archive,
        LocationKind::RecoverableItems,
        LocationKind::Quarantine,
    ];
    let is_place = |path: &String| {
        ["DRAFT", "CHAT"].contains(&path.as_str()) || kinds.iter().any(|kind| place::at(*kind, labels).path == *path)
    };
    let unknown = query.folders.iter().filter(|path| !is_place(path));
    let reason = "Gmail has no folders: a label is not a place, and no message is only there";
    unknown.map(|path| Gap { folder: path.clone(), item: String::new(), reason: reason.into() }).collect()
}
