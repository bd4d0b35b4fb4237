//! The labels that messages have now: from each message (20 units), or from a list per label (5 units for all), whichever
//! costs less.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{
    host::{Host, Http, Memo, Request},
    types::Error,
    web,
};

use crate::{
    api::{Listed, Message},
    client::Client,
    narrow,
    refusal::Refused,
};

/// The units of a message and of a page of a list.
const GET: usize = 20;
const LIST: usize = 5;
/// The most bytes of a search, before it is encoded.
const SEARCH: usize = 1_500;
/// The most pages of one list: a sender can give one Message-ID to many messages.
const PAGES: usize = 4;

/// A message to look for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) id: &'a str,
    pub(crate) message_id: &'a str,
}

/// The labels of each message that is in the mailbox, by id.
pub(crate) type States = BTreeMap<String, BTreeSet<String>>;

/// Returns all labels of these messages. `known` are the ids of the mailbox's labels.
pub(crate) fn all<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    wanted: &[Wanted<'_>],
    known: &BTreeSet<String>,
) -> Result<States, Error> {
    let labels: Vec<&str> = known.iter().map(String::as_str).collect();
    if searches(wanted).len() * (labels.len() + 1) * LIST >= wanted.len() * GET {
        return by_message(client, wanted.iter().map(|one| one.id));
    }
    some(client, wanted, &labels)
}

/// Returns which of these labels the messages have.
pub(crate) fn some<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    wanted: &[Wanted<'_>],
    labels: &[&str],
) -> Result<States, Error> {
    let ids: BTreeSet<&str> = wanted.iter().map(|one| one.id).collect();
    let mut states = States::new();
    let searches = searches(wanted);
    // Without a label: whether they are there at all.
    let mut open: Vec<(Option<&str>, Request)> = Vec::new();
    let mut lists = Vec::new();
    for label in std::iter::once(None).chain(labels.iter().copied().map(Some)) {
        for search in &searches {
            let mut query = vec![("q", search.as_str()), ("includeSpamTrash", "true"), ("maxResults", "500")];
            query.extend(label.map(|label| ("labelIds", label)));
            let path = web::with_query("/messages", query);
            open.push((label, client.get(&path)));
            lists.push(path);
        }
    }
    let mut found: Vec<(Option<&str>, String)> = Vec::new();
    for _ in 0..PAGES {
        let requests: Vec<Request> = open.iter().map(|(_, request)| request.clone()).collect();
        let mut next = Vec::new();
        for ((label, request), answer) in open.into_iter().zip(client.many(&requests).all()?) {
            let page = Listed::read(&answer.map_err(Refused::into_error)?)?;
            found.extend(page.messages.into_iter().map(|message| (label, message.id)));
            if let Some(token) = page.next_page_token {
                let first = request.path.split("&pageToken=").next().unwrap_or_default();
                let path = format!("{first}&pageToken={}", web::escaped(&token));
                next.push((label, Request { path, ..request }));
            }
        }
        open = next;
        if open.is_empty() {
            break;
        }
    }
    // What remains unread after so many pages is asked message by message.
    if open.is_empty() {
        for (label, id) in found.into_iter().filter(|(_, id)| ids.contains(id.as_str())) {
            let state = states.entry(id).or_default();
            state.extend(label.map(str::to_owned));
        }
    }
    // The search may not know a message yet, or its Message-ID.
    let missing: Vec<&str> = ids.into_iter().filter(|id| !states.contains_key(*id)).collect();
    states.extend(by_message(client, missing.into_iter())?);
    Ok(states)
}

/// Returns all labels of these messages, asking for each.
pub(crate) fn by_message<'a, H: Host + Http + Memo>(
    client: &Client<'_, H>,
    ids: impl Iterator<Item = &'a str>,
) -> Result<States, Error> {
    let ids: Vec<&str> = ids.collect();
    let request = |id: &&str| client.get(&format!("/messages/{id}?format=minimal&fields=id,labelIds"));
    let requests: Vec<Request> = ids.iter().map(request).collect();
    let mut states = States::new();
    for (id, answer) in ids.iter().zip(client.many(&requests).all()?) {
        match answer {
            Ok(response) => {
                let message: Message = response.json()?;
                if message.id != **id {
                    return Err(Error::Permanent("Gmail answered with another message".into()));
                }
                states.insert(message.id, message.label_ids.into_iter().collect());
            }
            Err(Refused::Gone) => {}
            Err(refused) => return Err(refused.into_error()),
        }
    }
    Ok(states)
}

/// Returns the searches that find these messages, as far as their Message-IDs can be searched for.
fn searches(wanted: &[Wanted<'_>]) -> Vec<String> {
    let mut searches: Vec<String> = Vec::new();
    for term in wanted.iter().filter_map(|one| narrow::message_id(one.message_id)) {
        match searches.last_mut() {
            Some(search) if search.len() + term.len() < SEARCH => {
                search.push(' ');
                search.push_str(&term);
            }
            _ => searches.push(format!("{{{term}")),
        }
    }
    for search in &mut searches {
        search.push('}');
    }
    searches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_short_and_hold_no_operator_of_a_sender() {
        let ids: Vec<String> = (0..100).map(|number| format!("<{number:040}@x>")).collect();
        let wanted: Vec<Wanted<'_>> = ids.iter().map(|id| Wanted { id: "1", message_id: id }).collect();
        let searches = searches(&wanted);
        assert!((3..8).contains(&searches.len()) && searches.iter().all(|search| search.len() < SEARCH + 80));
        assert!(searches.iter().all(|search| search.starts_with("{rfc822msgid:") && search.ends_with('}')));
        let odd = [Wanted { id: "1", message_id: "<a} in:inbox {b@x>" }, Wanted { id: "2", message_id: "" }];
        assert!(super::searches(&odd).is_empty());
    }
}
