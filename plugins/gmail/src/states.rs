//! The labels that messages have now. Only a message itself says that: lists with a search are of an index, which does
//! not know the newest changes at once.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{
    fingerprint,
    host::{Host, Http, Memo, Request},
    types::{Error, MessageRef},
};

use crate::{
    api::Message,
    client::{Answer, Client},
    fields, locator, read,
    refusal::Refused,
};

/// The labels of each message that is in the mailbox, by id.
pub(crate) type States = BTreeMap<String, BTreeSet<String>>;

/// Returns the labels of these messages. One whose fields have another fingerprint is not that message.
pub(crate) fn of<'a, H: Host + Http + Memo>(
    client: &Client<'_, H>,
    wanted: impl Iterator<Item = &'a MessageRef>,
) -> Result<States, Error> {
    let wanted: BTreeMap<&str, &MessageRef> =
        wanted.filter_map(|one| Some((locator::id(&one.locator)?, one))).collect();
    let names = fields::of_fingerprint();
    let requests: Vec<Request> = wanted.keys().map(|id| read::request(client, id, &names)).collect();
    let wanted: Vec<(&str, &MessageRef)> = wanted.into_iter().collect();
    let mut states = States::new();
    client.each(&requests, |at, answer| {
        let (id, reference) = wanted[at];
        if let Some(message) = shown(id, answer)? {
            let block = fields::block(&message.payload.headers);
            if fingerprint::is_of(&reference.fingerprint, &block, message.size_estimate) {
                states.insert(message.id, message.label_ids.into_iter().collect());
            }
        }
        Ok(())
    })?;
    Ok(states)
}

/// Returns the labels of these messages, whatever else they are.
pub(crate) fn by_id<'a, H: Host + Http + Memo>(
    client: &Client<'_, H>,
    ids: impl Iterator<Item = &'a str>,
) -> Result<States, Error> {
    let ids: Vec<&str> = ids.collect();
    let request = |id: &&str| client.get(&format!("/messages/{id}?format=minimal&fields=id,labelIds"));
    let requests: Vec<Request> = ids.iter().map(request).collect();
    let mut states = States::new();
    client.each(&requests, |at, answer| {
        if let Some(message) = shown(ids[at], answer)? {
            states.insert(message.id, message.label_ids.into_iter().collect());
        }
        Ok(())
    })?;
    Ok(states)
}

/// Returns the message of an answer. `None` if Gmail says that there is none.
fn shown(id: &str, answer: Answer) -> Result<Option<Message>, Error> {
    match answer {
        Ok(response) => {
            let message: Message = response.json()?;
            if message.id != id {
                return Err(Error::Permanent("Gmail answered with another message".into()));
            }
            Ok(Some(message))
        }
        Err(Refused::Gone) => Ok(None),
        Err(refused) => Err(refused.into_error()),
    }
}
