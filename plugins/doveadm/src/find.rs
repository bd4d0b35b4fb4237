//! Searches every folder for messages that are not where they were, hidden folders included.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    needle,
    types::{Error, MessageRef},
};

use crate::{
    api::Api,
    command::{Command, Query, any, words},
    folder::{Folder, Folders},
    keys,
    locator::Locator,
    row::{self, Row, WHOLE, rows},
};

/// The most messages of one query.
const A_QUERY: usize = 20;

/// Where messages are.
pub(crate) struct Found {
    /// The places of each message; more than one if it was copied.
    pub(crate) rows: Vec<Vec<Row>>,
    /// Why a folder could not be searched: a message without a place may be in it.
    pub(crate) closed: Option<Error>,
}

/// Returns where these messages are.
pub(crate) fn find<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    folders: &Folders,
    refs: &[&MessageRef],
) -> Result<Found, Error> {
    let mut found = Found { rows: vec![Vec::new(); refs.len()], closed: None };
    // The server has Message-IDs in its index. A message without one is searched for by its GUID, which may be read from
    // the file of each message.
    let run = |at: &usize| needle::of_message_id(&refs[*at].message_id);
    let (named, nameless): (Vec<usize>, Vec<usize>) = (0..refs.len()).partition(|at| run(at).is_some());
    let guid = |at: &usize| Locator::parse(&refs[*at].locator).map(|locator| words(["guid", &locator.guid]));
    let pieces =
        named.chunks(A_QUERY).map(|piece| (piece, keys::of_ids(&piece.iter().filter_map(run).collect::<Vec<_>>())));
    let nameless: Vec<usize> = nameless.into_iter().filter(|at| guid(at).is_some()).collect();
    let pieces =
        pieces.chain(nameless.chunks(A_QUERY).map(|piece| (piece, any(piece.iter().filter_map(guid).collect()))));
    for (piece, query) in pieces {
        let (all, closed) = everywhere(api, folders, &query)?;
        found.closed = found.closed.or(closed);
        for at in piece {
            found.rows[*at] = all.iter().filter(|row| row.is(refs[*at])).cloned().collect();
        }
    }
    Ok(found)
}

/// Returns what this query finds in all folders. If one folder makes the server refuse it, asks for each.
fn everywhere<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    folders: &Folders,
    query: &Query,
) -> Result<(Vec<Row>, Option<Error>), Error> {
    if let Ok(answer) = api.one(Command::fetch(&WHOLE, query.clone()))? {
        return Ok((row::of_owner(rows(&answer)?, folders), None));
    }
    let of_folder = |folder: &Folder| Command::fetch(&WHOLE, [folder.query("1:*"), query.clone()].concat());
    let commands: Vec<Command> = folders.all.values().map(of_folder).collect();
    // A folder that could not be listed is not searched either.
    let unlisted = || Error::Transient("some folders cannot be opened, and the message may be in one of them".into());
    let mut closed = (!folders.gaps.is_empty()).then(unlisted);
    let mut all = Vec::new();
    for answer in api.run(&commands)? {
        match answer {
            Ok(answer) => all.extend(rows(&answer)?),
            Err(refusal) => closed = Some(refusal.error()),
        }
    }
    Ok((row::of_owner(all, folders), closed))
}
