//! The folders that a search asks for: one by one if they are few, else all of them at once.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place,
    types::{Error, LocationKind, Query},
};

use crate::places::Places;

/// All folders that the owner sees.
pub(crate) const ALL: &str = "";
/// The most folders that are asked for one by one.
const FEW: usize = 8;

/// Returns the ids of the folders, in order; [`ALL`] for all that the owner sees. A search that begins lists the folders
/// anew: a folder that an earlier listing lacks would be left out without a word.
pub(crate) fn of<H: Host + Http + Memo>(
    query: &Query,
    places: &mut Places<'_, '_, H>,
    is_first: bool,
) -> Result<Vec<String>, Error> {
    if query.locations.is_empty() && query.folders.is_empty() {
        return Ok(vec![ALL.to_owned()]);
    }
    if is_first {
        places.refresh()?;
    }
    let wanted = places.all()?.all.iter().filter(|one| place::is_wanted(query, one.kind(), &one.path));
    let (hidden, seen): (Vec<_>, Vec<_>) = wanted.partition(|one| place::is_hidden(one.kind()));
    // The listing of all folders has those, too, that were made since the folders were listed.
    let is_open = query.locations.iter().any(|kind| matches!(kind, LocationKind::Folder | LocationKind::Unknown))
        || !query.folders.is_empty();
    let mut scopes: Vec<String> = hidden.iter().map(|one| one.id.clone()).collect();
    if is_open || seen.len() > FEW {
        scopes.push(ALL.to_owned());
    } else {
        scopes.extend(seen.iter().map(|one| one.id.clone()));
    }
    scopes.sort_unstable();
    Ok(scopes)
}
