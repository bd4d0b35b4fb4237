//! Known obstacles for each action, from the account, its folders and our rights in them. Nothing is changed.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place,
    types::{Action, Error, LocationKind, Readiness},
};

use crate::{
    api::Api,
    folder::{Folder, Folders},
};

/// Returns the known obstacles for each of these actions.
pub(crate) fn check<H: Host + Http + Memo>(api: &Api<'_, H>, actions: &[Action]) -> Result<Vec<Readiness>, Error> {
    let folders = Folders::list(api)?;
    let inbox = folders.of_kind(LocationKind::Inbox);
    let one = |action: &Action| {
        let kind = match action {
            // The message goes back to where it came from, usually the inbox.
            Action::Restore => Some(LocationKind::Inbox),
            action => place::destination(*action),
        };
        let to = kind.and_then(|kind| folders.of_kind(kind));
        // Mail goes to the inbox from other folders, and from the inbox to all others.
        let from = inbox.filter(|_| !matches!(action, Action::MoveToInbox | Action::Restore));
        let creates = kind.filter(|_| to.is_none()).and_then(|kind| folders.to_make(kind));
        let obstacle = if api.account.is_read_only {
            Some("the account is read-only for this login".to_owned())
        } else if let Some(from) = from.filter(|from| !from.rights.may_remove_items) {
            Some(missing(from, "remove messages from it"))
        } else if let Some(to) = to.filter(|to| !to.rights.may_add_items) {
            Some(missing(to, "put messages into it"))
        } else {
            creates
                .as_ref()
                .filter(|_| !api.account.may_create_folders)
                .map(|path| format!("folder `{path}` does not exist, and the login may not create folders"))
        };
        let path = to.map(|to| to.location.path.clone()).or_else(|| creates.clone());
        Readiness {
            action: *action,
            obstacle,
            creates,
            // The owner can open every folder: only clients that show subscribed folders hide it.
            visible: path.filter(|_| kind.is_some_and(place::is_hidden)),
        }
    };
    Ok(actions.iter().map(one).collect())
}

fn missing(folder: &Folder, what: &str) -> String {
    format!("the right to {what} is missing on folder `{}`", folder.location.path)
}
