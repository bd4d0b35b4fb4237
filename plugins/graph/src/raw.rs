//! Raw messages, as Exchange makes them anew of its properties: not the bytes that were delivered.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    types::{Error, MessageRef},
};

use crate::{
    address,
    client::Client,
    folders::Places,
    locate,
    refusal::{self, Reply},
};

/// The most bytes of a header.
const HEADER: u64 = 256 * 1024;

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

/// Returns the first bytes of a raw message, or the refusal.
pub(crate) fn value<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    id: &str,
    most: u64,
) -> Result<Result<Vec<u8>, Reply>, Error> {
    let response = client.get_prefix(&format!("{}{}/$value", client.base(), address::message(id)), most)?;
    if response.is_success() {
        let mut bytes = response.body;
        bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        return Ok(Ok(bytes));
    }
    let body = serde_json::from_slice(&response.body).unwrap_or_default();
    let pause = response.retry_after(client.host.now());
    Ok(Err(Reply { status: response.status, code: refusal::code(&body), pause, body }))
}
