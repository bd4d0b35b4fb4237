//! Raw messages, as Exchange creates them from its properties: not the bytes that were delivered.

use clawback_connector_sdk::{
    host::{Host, Http, Memo, Response},
    types::{Error, MessageRef},
};

use crate::{
    address,
    client::{AT_ONCE, Client},
    locate,
    places::Places,
    refusal::{self, Reply},
};

/// The most bytes of a header.
const HEADER: u64 = 256 * 1024;
/// The most bytes of a refusal.
const A_REFUSAL: u64 = 4 * 1024;

/// Returns the message, up to `most` bytes.
pub(crate) fn fetch<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    message: &MessageRef,
    most: u64,
) -> Result<Vec<u8>, Error> {
    let mut places = Places::new(client);
    let found = locate::mails(client, &mut places, std::slice::from_ref(message))?;
    let gone = || Error::NotFound("the message is not in this mailbox".into());
    let mail = found.into_iter().flatten().next().ok_or_else(gone)?;
    match value(client, &mail.id, most)? {
        Ok(bytes) => Ok(bytes),
        Err(reply) if reply.is_missing() => Err(gone()),
        Err(reply) => Err(reply.error("the message cannot be fetched")),
    }
}

/// Returns the header of a message; `None` if the message is gone. The inner error concerns this message alone.
///
/// Only its first bytes are read, which several at once cannot be.
pub(crate) fn header<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    id: &str,
) -> Result<Result<Option<Vec<u8>>, String>, Error> {
    match value(client, id, HEADER)? {
        Ok(bytes) => Ok(Ok(Some(bytes))),
        Err(reply) if reply.is_missing() => Ok(Ok(None)),
        Err(reply) => match reply.error("its header fields cannot be read") {
            error @ (Error::Throttled(_) | Error::Transient(_)) => Err(error),
            _ => Ok(Err(reply.why("its header fields cannot be read"))),
        },
    }
}

/// Returns the first bytes of raw messages, or the refusals; several are read at once.
pub(crate) fn values<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    ids: &[&str],
    most: u64,
) -> Result<Vec<Result<Vec<u8>, Reply>>, Error> {
    let paths: Vec<String> = ids.iter().map(|id| path(client, id)).collect();
    let mut values = Vec::new();
    for some in paths.chunks(AT_ONCE) {
        values.extend(client.get_some(some, most.max(A_REFUSAL))?.into_iter().map(|one| read(client, one, most)));
    }
    Ok(values)
}

/// Returns the path of a raw message.
pub(crate) fn path<H: Host + Http + Memo>(client: &Client<'_, H>, id: &str) -> String {
    format!("{}{}/$value", client.base(), address::message(id))
}

/// Returns the first bytes of a raw message, or the refusal.
pub(crate) fn value<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    id: &str,
    most: u64,
) -> Result<Result<Vec<u8>, Reply>, Error> {
    // A refusal is to be read whole.
    let response = client.get_prefix(&path(client, id), most.max(A_REFUSAL))?;
    Ok(read(client, response, most))
}

fn read<H: Host + Http + Memo>(client: &Client<'_, H>, response: Response, most: u64) -> Result<Vec<u8>, Reply> {
    if response.is_success() {
        let mut bytes = response.body;
        bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        return Ok(bytes);
    }
    let body = serde_json::from_slice(&response.body).unwrap_or_default();
    let pause = response.retry_after(client.host.now());
    Err(Reply { status: response.status, code: refusal::code(&body), pause, body })
}
