//! Names of attachments. They are read from the raw message, as all connectors do.

use clawback_connector_sdk::{
    attachment,
    host::{Host, Http, Memo},
    types::Error,
};

use crate::{
    api::Api,
    email::Email,
    raw::{self, LARGEST},
};

/// Returns the names, and whether they are all. `known` is the raw message, if it was downloaded.
pub(crate) fn names<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    email: &Email,
    header: &[u8],
    known: Option<Vec<u8>>,
) -> Result<(Vec<String>, bool), Error> {
    if attachment::is_text_alone(header) {
        return Ok((attachment::names(header), true));
    }
    let raw = match known {
        Some(raw) => raw,
        None => raw::part(api, email, LARGEST)?,
    };
    let length = raw.len() as u64;
    Ok((attachment::names(&raw), length >= email.size && length < LARGEST))
}
