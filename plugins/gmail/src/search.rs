//! A search: one page of a list, then each of its messages.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    page::Budget,
    place::is_hidden,
    types::{Error, Gap, LocationKind, MessagePage, Query},
    web,
};

use crate::{
    api::{Listed, Message},
    client::Client,
    cursor::Cursor,
    fields,
    labels::Labels,
    locator,
    narrow::{self, Narrowed},
    place,
    read::{describe, request},
    refusal::Refused,
};

/// The most messages of one page: 200 messages are two thirds of what a user has in a minute.
const A_PAGE: usize = 200;

/// Returns one page.
pub(crate) fn search<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    query: &Query,
    cursor: Option<&str>,
    most: u32,
) -> Result<MessagePage, Error> {
    let most = usize::try_from(most.max(1)).unwrap_or(A_PAGE).min(A_PAGE);
    let cursor = match cursor {
        Some(text) => Cursor::parse(text)?,
        None => Cursor { size: most, ..Cursor::default() },
    };
    let is_first = cursor == Cursor { size: cursor.size, ..Cursor::default() };
    let mut page = MessagePage { messages: Vec::new(), next: None, gaps: Vec::new() };
    let mut labels = None;
    if query.locations.iter().any(|kind| is_hidden(*kind)) || !query.folders.is_empty() {
        labels = Some(Labels::known(client)?);
    }
    if is_first {
        page.gaps = labels.as_ref().map(|labels| no_folders(query, labels)).unwrap_or_default();
    }
    let Some(narrowed) = narrow::of(query, client.host, labels.as_ref()) else { return Ok(page) };
    let listed = list(client, &narrowed, &cursor)?;
    let (mut ids, mut strange) = (Vec::new(), 0);
    for message in listed.messages {
        if locator::id(&message.id).is_some() { ids.push(message.id) } else { strange += 1 }
    }
    if strange > 0 {
        let reason = format!("{strange} messages have ids that are none of Gmail's");
        page.gaps.push(Gap { folder: String::new(), item: String::new(), reason });
    }
    // A message that is not on its page any more was moved: then the page is read again from its start.
    if let Some(after) = &cursor.after
        && let Some(at) = ids.iter().position(|id| id == after)
    {
        ids.drain(..=at);
    }
    let next_page = listed.next_page_token.map(|token| Cursor { page: Some(token), size: most, after: None });
    let next_text = next_page.map(|next| next.text()).transpose()?;
    if ids.is_empty() {
        page.next = next_text;
        return Ok(page);
    }
    let labels = match labels {
        Some(labels) => labels,
        None => Labels::known(client)?,
    };
    let is_end = fill(client, query, labels, &ids, most, &mut page)?;
    page.next = match is_end {
        None => next_text,
        Some(at) => Some(Cursor { after: Some(ids[at].clone()), ..cursor }.text()?),
    };
    Ok(page)
}

/// Reads the messages. Returns the index of the last one that was read, if the page ends before all of them.
fn fill<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    query: &Query,
    mut labels: Labels,
    ids: &[String],
    most: usize,
    page: &mut MessagePage,
) -> Result<Option<usize>, Error> {
    let names = fields::names(query);
    let answers = client.many(&ids.iter().map(|id| request(client, id, &names)).collect::<Vec<_>>());
    let mut budget = Budget::default();
    for (at, (id, answer)) in ids.iter().zip(answers.done).enumerate() {
        let found: Message = match answer {
            Some(Ok(response)) => response.json()?,
            // It was deleted since it was listed.
            Some(Err(Refused::Gone)) => continue,
            Some(Err(Refused::Other(Error::Permanent(reason)) | Refused::Failed(reason))) => {
                page.gaps.push(Gap { folder: String::new(), item: id.clone(), reason });
                continue;
            }
            Some(Err(refused)) => return Err(refused.into_error()),
            None => {
                let error = answers.stopped.unwrap_or_else(|| Error::Transient("a request has no answer".into()));
                // What was read is not read again: the next call waits.
                return if at > 0 { Ok(Some(at - 1)) } else { Err(error) };
            }
        };
        if found.id != *id {
            return Err(Error::Permanent("Gmail answered with another message".into()));
        }
        labels = labels.with(client, found.label_ids.iter())?;
        match describe(client, query, &labels, found) {
            Ok(Some(message)) => {
                let has_room = budget.take(&message);
                page.messages.push(message);
                if (!has_room || page.messages.len() == most) && at + 1 < ids.len() {
                    return Ok(Some(at));
                }
            }
            Ok(None) => {}
            Err(Error::Permanent(reason)) => {
                page.gaps.push(Gap { folder: String::new(), item: id.clone(), reason });
            }
            Err(Error::Throttled(_)) if at > 0 => return Ok(Some(at - 1)),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn list<H: Host + Http + Memo>(client: &Client<'_, H>, narrowed: &Narrowed, cursor: &Cursor) -> Result<Listed, Error> {
    let size = cursor.size.to_string();
    let mut parameters = vec![("includeSpamTrash", "true"), ("maxResults", size.as_str())];
    if !narrowed.search.is_empty() {
        parameters.push(("q", &narrowed.search));
    }
    parameters.extend(narrowed.label.as_ref().map(|label| ("labelIds", label.as_str())));
    parameters.extend(cursor.page.as_ref().map(|page| ("pageToken", page.as_str())));
    match client.one(client.get(&web::with_query("/messages", parameters)))? {
        Ok(response) => Listed::read(&response),
        Err(Refused::Gone) => Err(Error::NotFound("Gmail knows no mailbox of this address".into())),
        Err(refused) => Err(refused.into_error()),
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
