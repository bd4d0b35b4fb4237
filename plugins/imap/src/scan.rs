//! Compares the text of single fields of messages, where a server's own search is not reliable (see [`crate::search_keys`]).
//!
//! If the other conditions leave many messages, only these fields are fetched and compared here. A few messages are
//! fetched whole and compared then.

use clawback_connector_sdk::{
    host::MailStream,
    matching::{self, everything},
    types::{Error, Query},
};

use crate::{ask::Hits, fetch, read::fetch_each, search_keys, session::Session, uids::Uids};

/// Up to this many messages are read whole at once.
const FEW: u64 = 100;
/// The messages of one flight, which limits memory.
const A_FLIGHT: usize = 2_000;
/// The messages of one call; the page then ends, with a cursor.
const A_CALL: usize = 20_000;

/// A folder, by its index in the list, and a UID in it.
type Place = (usize, u32);

/// Keeps the hits whose fields match, until there are `most` of them. `None` if all were checked, otherwise the folder
/// and the last UID that was checked in it.
pub(crate) fn narrow<S: MailStream>(
    session: &mut Session<S>,
    query: &Query,
    hits: &mut Vec<Hits>,
    most: usize,
) -> Result<Option<(Hits, u32)>, Error> {
    let count: u64 = hits.iter().map(|one| one.all.count()).sum();
    let compared = search_keys::Compared::by(session);
    let fields = search_keys::unasked(query, compared);
    if fields.is_empty() || count <= FEW {
        return Ok(None);
    }
    let items = fetch::only(&fields);
    let mut text = Query {
        subject_contains: query.subject_contains.clone(),
        header_contains: query.header_contains.clone(),
        ..everything()
    };
    if compared == search_keys::Compared::Last {
        text.from_address.clone_from(&query.from_address);
        text.from_domain.clone_from(&query.from_domain);
        text.to_address.clone_from(&query.to_address);
    }
    let found = std::mem::take(hits);
    // The UIDs of all folders in one sequence, so that many small folders share a flight.
    let mut row = found.iter().enumerate().flat_map(|(at, one)| one.all.iter().map(move |uid| (at, uid))).peekable();
    let mut kept: Vec<Place> = Vec::new();
    let (mut looked, mut end) = (0, None::<Place>);
    while row.peek().is_some() && looked < A_CALL && kept.len() < most {
        let some: Vec<Place> = row.by_ref().take(A_FLIGHT).collect();
        looked += some.len();
        end = some.last().copied();
        let (places, groups): (Vec<usize>, Vec<Hits>) = group(&found, &some).into_iter().unzip();
        let read = fetch_each(session, &groups, &items, &fields)?;
        for ((at, one), read) in places.iter().zip(&groups).zip(read) {
            let is_match = |uid: u32| match read.messages.get(&uid) {
                Some(message) => {
                    message.header.len() >= fetch::LOOK || matching::matches_fields(&text, &message.header)
                }
                // A message that could not be read here is read whole, or becomes a gap there.
                None => read.refused.is_some() || read.lost.iter().any(|(lost, _)| *lost == uid),
            };
            kept.extend(one.uids.iter().filter(|uid| is_match(**uid)).map(|uid| (*at, *uid)));
        }
    }
    let is_more = row.peek().is_some();
    *hits = group(&found, &kept).into_iter().map(|(_, hits)| hits).collect();
    Ok(end.filter(|_| is_more).map(|(at, uid)| (found[at].clone(), uid)))
}

/// Groups UIDs by their folders.
fn group(found: &[Hits], uids: &[Place]) -> Vec<(usize, Hits)> {
    let mut groups: Vec<(usize, Hits)> = Vec::new();
    for (at, uid) in uids {
        if let Some((_, hits)) = groups.last_mut().filter(|(last, _)| last == at) {
            hits.uids.push(*uid);
        } else {
            let Hits { folder, validity, .. } = &found[*at];
            let all = Uids::default();
            groups.push((*at, Hits { folder: folder.clone(), validity: *validity, uids: vec![*uid], all }));
        }
    }
    groups
}
