//! The listing of all folders that the owner sees: by a delta query, or level by level where it is refused.

use std::borrow::Cow;

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    types::Error,
    web,
};

use crate::{
    address,
    client::{Client, Part},
    link,
    refusal::Reply,
    wire::{Folder, Page},
};

/// What a refusal says.
pub(crate) const REFUSED: &str = "the folders cannot be listed";
/// The properties of a folder.
pub(crate) const SELECT: &str = "id,displayName,parentFolderId,isHidden,childFolderCount";
/// The most folders of one request, and the most requests.
const TOP: &str = "250";
const PAGES: usize = 1_000;

/// Returns all folders that the owner sees. `first` is the answer to the first request for the whole tree.
pub(crate) fn list<H: Host + Http + Memo>(client: &Client<'_, H>, first: &Reply) -> Result<Vec<Folder>, Error> {
    let mut reply = Cow::Borrowed(first);
    let mut listed: Vec<Folder> = Vec::new();
    for _ in 0..PAGES {
        if !reply.is_success() {
            return match reply.error(REFUSED) {
                error @ (Error::Throttled(_) | Error::Transient(_) | Error::NotFound(_)) => Err(error),
                _ => walk(client),
            };
        }
        let page: Page<Folder> = reply.read()?;
        listed.extend(page.value.into_iter().filter(|folder| folder.removed.is_none()));
        let Some(next) = page.next else { return Ok(listed) };
        let path = format!("{}/mailFolders/delta", client.base());
        let query = link::query(&next, &path, page.context.as_deref())?;
        reply = Cow::Owned(client.get(&format!("{path}?{query}"))?);
    }
    Err(Error::Permanent(format!("{REFUSED}: there are too many")))
}

/// Lists the folders level by level, hidden ones too.
fn walk<H: Host + Http + Memo>(client: &Client<'_, H>) -> Result<Vec<Folder>, Error> {
    let query = [("includeHiddenFolders", "true"), ("$select", SELECT), ("$top", TOP)];
    let query = web::query(query);
    let mut open: Vec<(String, String)> = vec![("/mailFolders".to_owned(), query.clone())];
    let (mut listed, mut count): (Vec<Folder>, usize) = (Vec::new(), 0);
    while !open.is_empty() {
        count += open.len();
        if count > PAGES {
            return Err(Error::Permanent(format!("{REFUSED}: there are too many")));
        }
        let parts: Vec<Part> = open.iter().map(|(list, query)| Part::get(format!("{list}?{query}"))).collect();
        let replies = client.batch(&parts)?;
        for ((list, _), reply) in std::mem::take(&mut open).into_iter().zip(replies) {
            // A folder that is gone has no folders.
            if reply.is_missing() && list != "/mailFolders" {
                continue;
            }
            if !reply.is_success() {
                return Err(reply.error(REFUSED));
            }
            let page: Page<Folder> = reply.read()?;
            if let Some(next) = page.next {
                let path = format!("{}{list}", client.base());
                open.push((list, link::query(&next, &path, page.context.as_deref())?));
            }
            let parents = page.value.iter().filter(|one| one.child_folder_count != Some(0));
            let parents = parents.filter(|one| address::is_id(&one.id));
            open.extend(parents.map(|one| (format!("{}/childFolders", address::folder(&one.id)), query.clone())));
            listed.extend(page.value);
        }
    }
    Ok(listed)
}
