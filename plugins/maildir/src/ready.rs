//! Known obstacles for each action.

use clawback_connector_sdk::{
    host::{EntryKind, Folder, FolderError, Host},
    place,
    types::{Action, Error, Readiness},
};

use crate::tree::{Folders, MailFolder, Mailbox, NOT_FOLLOWED, why};

/// Returns one answer for each action, in order.
pub(crate) fn check<H: Folder + Host>(mailbox: &Mailbox<'_, H>, actions: &[Action]) -> Result<Vec<Readiness>, Error> {
    let folders = mailbox.folders()?;
    // Every message leaves a folder, usually the inbox.
    let inbox = closed(mailbox, &mailbox.folder(String::new()));
    Ok(actions.iter().map(|action| one(mailbox, *action, &folders, inbox.as_ref())).collect())
}

fn one<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    action: Action,
    folders: &Folders,
    inbox: Option<&String>,
) -> Readiness {
    let mut readiness = Readiness { action, obstacle: inbox.cloned(), creates: None, visible: None };
    let Some(kind) = place::destination(action) else { return readiness };
    let folder = match mailbox.folder_of(kind, folders) {
        Ok(folder) => folder,
        Err(error) => {
            let (Error::Permanent(why) | Error::Transient(why) | Error::Denied(why) | Error::NotFound(why)) = error
            else {
                return readiness;
            };
            readiness.obstacle = Some(why);
            return readiness;
        }
    };
    let path = folder.location.path.clone();
    // Servers and programs that read the files show the owner every folder of a Maildir.
    readiness.visible = place::is_hidden(kind).then(|| path.clone());
    let obstacle = match mailbox.host.stat(&mailbox.dir(&folder)) {
        Ok(entry) if entry.kind == EntryKind::Dir => closed(mailbox, &folder),
        Ok(entry) if entry.kind == EntryKind::Other => Some(format!("folder `{path}`: {NOT_FOLLOWED}")),
        Ok(_) => Some(format!("a file has the name of folder `{path}`")),
        Err(FolderError::NotFound) => {
            readiness.creates = Some(path.clone());
            is_closed(mailbox, &mailbox.dir(&mailbox.folder(String::new())))
                .map(|why| format!("folder `{path}` cannot be made: {why}"))
        }
        Err(error) => Some(format!("folder `{path}`: {}", why(error))),
    };
    readiness.obstacle = readiness.obstacle.or(obstacle);
    readiness
}

/// Returns why mail cannot be moved into or out of this folder.
fn closed<H: Folder + Host>(mailbox: &Mailbox<'_, H>, folder: &MailFolder) -> Option<String> {
    let dir = mailbox.dir(folder);
    ["new", "cur"].iter().find_map(|sub| {
        let why = is_closed(mailbox, &format!("{dir}/{sub}"))?;
        Some(format!("`{sub}` of folder `{}`: {why}", folder.location.path))
    })
}

/// Returns why no name can be added to this directory. A missing one is created when it is needed.
fn is_closed<H: Folder + Host>(mailbox: &Mailbox<'_, H>, dir: &str) -> Option<String> {
    match mailbox.host.is_writable(dir) {
        Ok(true) | Err(FolderError::NotFound) => None,
        Ok(false) => Some("no right to write".to_owned()),
        Err(error) => Some(why(error)),
    }
}
