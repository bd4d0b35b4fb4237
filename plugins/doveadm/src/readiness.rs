//! Known obstacles for each action. Nothing is changed: no folder is created.
//!
//! The API acts with the rights of the server, so no right is missing that could be asked for.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place,
    types::{Action, Error, LocationKind, Readiness},
};

use crate::{api::Api, folder::Folders};

/// Returns the known obstacles for each of these actions.
pub(crate) fn check<H: Host + Http + Memo>(api: &Api<'_, H>, actions: &[Action]) -> Result<Vec<Readiness>, Error> {
    let folders = Folders::list(api)?;
    let one = |action: &Action| {
        let kind = match action {
            // The message goes back to where it came from, usually the inbox.
            Action::Restore => Some(LocationKind::Inbox),
            action => place::destination(*action),
        };
        let path = kind.map(|kind| folders.path_of(api, kind)).transpose()?;
        let gap = |path: &str| folders.gaps.iter().find(|gap| gap.folder == path);
        let obstacle = path.iter().map(String::as_str).chain(["INBOX"]).find_map(|path| {
            let gap = gap(path)?;
            Some(format!("folder `{path}` cannot be opened: {}", gap.reason))
        });
        let is_made =
            |path: &&String| folders.at(path).is_none() && gap(path).is_none() && kind != Some(LocationKind::Inbox);
        Ok(Readiness {
            action: *action,
            obstacle,
            creates: path.as_ref().filter(is_made).cloned(),
            // The owner can open every folder: only clients that show subscribed folders hide it.
            visible: path.filter(|_| kind.is_some_and(place::is_hidden)),
        })
    };
    actions.iter().map(one).collect()
}
