//! Messages of a search: their fields and labels, and the message itself where the fields do not suffice.

use std::collections::BTreeSet;

use clawback_connector_sdk::{
    attachment, header,
    host::{Host, Http, Memo, Request},
    matching,
    place::is_wanted,
    types::{Error, Message, Query},
};

use crate::{
    api,
    client::Client,
    fields::{self, Names},
    labels::Labels,
    place, raw,
};

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

/// Returns when a message was received, in microseconds since 1970.
pub(crate) fn received(found: &api::Message) -> Result<i64, Error> {
    let milliseconds: Result<i64, _> = found.internal_date.parse();
    let milliseconds =
        milliseconds.map_err(|_| Error::Permanent("Gmail names no time at which the message was received".into()))?;
    Ok(milliseconds.saturating_mul(1_000))
}

/// Returns the message as the contract describes it, if it matches.
pub(crate) fn describe<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    query: &Query,
    names: &Names,
    known: &Labels,
    found: api::Message,
) -> Result<Option<Message>, Error> {
    let received_at = received(&found)?;
    let labels: BTreeSet<String> = found.label_ids.into_iter().collect();
    let location = place::of(&labels, known);
    if !is_wanted(query, location.kind, &location.path) {
        return Ok(None);
    }
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
    let is_text_alone = fields::is_text_alone(&given);
    let is_doubtful = !names.is_all
        || fields::has_doubtful_sender(&given)
        || fields::is_damaged(&given)
        || !query.to_address.is_empty() && fields::mentions_recipient(&given, &query.to_address);
    let block = if is_doubtful {
        match raw::read(client, &found.id, HEADER)? {
            Some(raw) if raw.len() as u64 >= HEADER && !has_end(&raw) => {
                return Err(Error::Permanent(format!("the header of the message is longer than {HEADER} bytes")));
            }
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
    if matching::needs_attachments(query) {
        let raw = if is_text_alone { Some(block) } else { raw::read(client, &found.id, raw::LARGEST)? };
        if !raw.is_some_and(|raw| put_attachments(query, &mut message, &raw)) {
            return Ok(None);
        }
    }
    Ok(Some(message))
}

/// Returns whether the header ends within these bytes.
fn has_end(raw: &[u8]) -> bool {
    raw.windows(2).any(|two| two == b"\n\n") || raw.windows(3).any(|three| three == b"\n\r\n")
}

/// Reads the names of the attachments. Returns whether the condition on them holds.
fn put_attachments(query: &Query, message: &mut Message, raw: &[u8]) -> bool {
    let is_cut = raw.len() as u64 >= raw::LARGEST;
    let names = attachment::names(raw);
    // Of a message that is only known in part the host decides.
    let holds = is_cut || matching::matches_attachments(query, &names);
    attachment::put(message, names);
    if is_cut && !message.cut.iter().any(|cut| cut == "attachments") {
        message.cut.push("attachments".to_owned());
    }
    holds
}
