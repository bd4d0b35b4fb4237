//! Examinations: each file is read from its start, as far as the request allows.

use clawback_connector_sdk::{
    examiner::{Examined, Request},
    features,
    host::{Folder, Host},
    types::{Error, MessageRef},
};

use crate::{find::find, head::sealed, search, tree::Mailbox};

/// Returns the features of these messages, in order.
pub(crate) fn examine<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    refs: &[MessageRef],
    request: &Request,
) -> Result<Vec<Examined>, Error> {
    let folders = mailbox.folders()?;
    let found = find(mailbox, &folders.all, &refs.iter().collect::<Vec<_>>())?;
    let closed = found.closed;
    found
        .of
        .into_iter()
        .map(|places| {
            let Some((folder, file)) = places.into_iter().next() else {
                return Ok(closed.as_ref().map_or(Examined::NotFound, |why| Examined::Failed(text(why))));
            };
            let raw = search::read(mailbox, &folder, &file, request.most)?;
            Ok(match sealed(&raw) {
                Some(why) => Examined::Failed(why.to_owned()),
                None => Examined::Features(features::of(&raw, request)),
            })
        })
        .collect()
}

fn text(error: &Error) -> String {
    match error {
        Error::Transient(text) | Error::Permanent(text) | Error::Denied(text) | Error::NotFound(text) => text.clone(),
        Error::Throttled(_) => "the store throttles".to_owned(),
    }
}
