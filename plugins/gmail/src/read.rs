//! Messages of a search: their fields and labels, and the message itself where the fields do not suffice.

use std::collections::BTreeSet;

use clawback_connector_sdk::{
    attachment, header,
    host::{Host, Http, Memo, Request},
    matching,
    place::is_wanted,
    types::{Error, Message, Query},
};

use crate::{api, client::Client, fields, labels::Labels, place, raw};

/// The bytes of a message that are read for its header.
const HEADER: u64 = 512 * 1024;

/// Returns the request for one message.
pub(crate) fn request<H: Host + Http + Memo>(client: &Client<'_, H>, id: &str, names: &[String]) -> Request {
    let mut path = format!("/messages/{id}?format=metadata");
    for name in names {
        path.push_str("&metadataHeaders=");
        path.push_str(&clawback_connector_sdk::web::escaped(name));
    }
    client.get(&path)
}

/// Returns the message as the contract describes it, if it matches.
pub(crate) fn describe<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    query: &Query,
    known: &Labels,
    found: api::Message,
) -> Result<Option<Message>, Error> {
    let labels: BTreeSet<String> = found.label_ids.into_iter().collect();
    let location = place::of(&labels, known);
    if !is_wanted(query, location.kind, &location.path) {
        return Ok(None);
    }
    let milliseconds: i64 = found
        .internal_date
        .parse()
        .map_err(|_| Error::Permanent("Gmail names no time at which the message was received".into()))?;
    let received_at = milliseconds.saturating_mul(1_000);
    if !matching::is_in_time(query, received_at) {
        return Ok(None);
    }
    let stored = header::Stored {
        locator: found.id.clone(),
        flags: place::flags(&labels, location.kind, known),
        location,
        received_at,
        size: found.size_estimate,
    };
    let given = found.payload.headers;
    let block = fields::block(&given);
    let reference = header::reference(found.id.clone(), &block);
    let is_doubtful = fields::has_doubtful_sender(&given)
        || fields::is_damaged(&given)
        || !query.to_address.is_empty() && fields::mentions_recipient(&given, &query.to_address);
    let block = if is_doubtful {
        match raw::read(client, &found.id, HEADER)? {
            Some(raw) => raw,
            None => return Ok(None),
        }
    } else {
        block
    };
    let mut message = header::describe(stored, &block, query);
    // The same fields under the fingerprint for every message, whichever way it was read.
    message.ref_ = reference;
    if !matching::matches(query, &message, &block) {
        return Ok(None);
    }
    if matching::needs_attachments(query) && !put_attachments(client, query, &mut message)? {
        return Ok(None);
    }
    Ok(Some(message))
}

/// Reads the names of the attachments. Returns whether the condition on them holds.
fn put_attachments<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    query: &Query,
    message: &mut Message,
) -> Result<bool, Error> {
    let Some(raw) = raw::read(client, &message.ref_.locator, raw::LARGEST)? else { return Ok(false) };
    let is_cut = raw.len() as u64 >= raw::LARGEST;
    let names = attachment::names(&raw);
    // Of a message that is only known in part the host decides.
    let holds = is_cut || matching::matches_attachments(query, &names);
    attachment::put(message, names);
    if is_cut && !message.cut.iter().any(|cut| cut == "attachments") {
        message.cut.push("attachments".to_owned());
    }
    Ok(holds)
}
