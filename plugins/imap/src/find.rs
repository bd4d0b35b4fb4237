//! Messages that are no longer where their locator says: every folder is searched for their Message-IDs, and the
//! results are compared by fingerprint, because senders repeat and forge Message-IDs.

use clawback_connector_sdk::{
    host::MailStream,
    types::{Error, MessageRef, Sighting},
};

use crate::{
    fetch::{self, Fetched},
    folder::{Folders, MailFolder},
    locator::Locator,
    search::{Asked, ask, fetch_all},
    search_keys,
    session::Session,
};

/// The most candidates that are read in one folder; more messages with one Message-ID are a flood, not a move.
const CANDIDATES: usize = 20_000;

/// One place where a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) folder: MailFolder,
    pub(crate) locator: Locator,
    pub(crate) message: Fetched,
}

impl Sight {
    pub(crate) fn sighting(self, wanted: &MessageRef) -> Sighting {
        let ref_ = MessageRef { locator: self.locator.to_string(), ..wanted.clone() };
        Sighting { ref_, location: self.folder.location, flags: self.message.flags }
    }
}

/// The places of the messages.
#[derive(Debug)]
pub(crate) struct Found {
    /// The places of each message.
    pub(crate) places: Vec<Vec<Sight>>,
    /// Why a folder could not be searched: messages that were not found may be there.
    pub(crate) closed: Option<Error>,
}

/// Returns every place of each message, in any folder, including hidden ones. Virtual folders are not in
/// [`Folders::all`], so none of them is ever the place of a message.
pub(crate) fn find<S: MailStream>(
    session: &mut Session<S>,
    folders: &Folders,
    refs: &[&MessageRef],
) -> Result<Found, Error> {
    find_in(session, &folders.all, refs)
}

/// Returns every place of each message in these folders.
pub(crate) fn find_in<S: MailStream>(
    session: &mut Session<S>,
    folders: &[MailFolder],
    refs: &[&MessageRef],
) -> Result<Found, Error> {
    let mut places = vec![Vec::new(); refs.len()];
    if refs.is_empty() {
        return Ok(Found { places, closed: None });
    }
    let ways = search_keys::of_message_ids(
        refs.iter().map(|wanted| wanted.message_id.as_str()),
        search_keys::Compared::by(session),
    );
    let Asked { mut hits, closed } = ask(session, folders, &ways, None, CANDIDATES)?;
    hits.retain(|one| !one.uids.is_empty());
    let fetched = fetch_all(session, &hits, &fetch::identity_items())?;
    for (one, messages) in hits.into_iter().zip(fetched) {
        for (uid, message) in messages {
            let both = message.fingerprints();
            for (places, _) in places.iter_mut().zip(refs).filter(|(_, wanted)| both.has(&wanted.fingerprint)) {
                places.push(Sight {
                    folder: one.folder.clone(),
                    locator: Locator { validity: one.validity, uid, folder: one.folder.wire.clone() },
                    message: message.clone(),
                });
            }
        }
    }
    Ok(Found { places, closed })
}
