//! Actions on messages: check that each is as in the plan, rename or remove it, and report the outcome.

use std::collections::HashMap;

use clawback_connector_sdk::{
    connector::why,
    host::{Folder, FolderError, Host},
    place,
    types::{Action, Effect, Error, Former, Location, LocationKind, MessageRef, Outcome, Receipt, Target},
};

use crate::{
    find::{find, is_same, reference},
    head::{head, heads},
    name,
    tree::{File, Folders, MailFolder, Mailbox},
};

/// A message that was found, with its header.
struct Found {
    folder: MailFolder,
    file: File,
    head: Vec<u8>,
}

/// Returns one outcome per target, in order.
pub(crate) fn apply<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    action: Action,
    targets: &[Target],
) -> Result<Vec<Outcome>, Error> {
    let folders = mailbox.folders()?;
    let mut found = at_their_locators(mailbox, &folders.all, targets)?;
    let missing: Vec<usize> = (0..targets.len()).filter(|at| found[*at].is_none()).collect();
    let mut closed = None;
    if !missing.is_empty() {
        let refs: Vec<&MessageRef> = missing.iter().map(|at| &targets[*at].ref_).collect();
        let places = find(mailbox, &folders.all, &refs)?;
        closed = places.closed;
        for (at, places) in missing.iter().zip(places.of) {
            // Of several copies, the one where the plan saw it.
            let planned = places.iter().position(|(folder, _)| is_there(&targets[*at].location, &folder.location));
            if let Some((folder, file)) = places.into_iter().nth(planned.unwrap_or(0)) {
                let head = head(mailbox, &folder, &file)?.bytes();
                found[*at] = head.map(|head| Found { folder, file, head });
            }
        }
    }
    let mut ready = Vec::new();
    targets
        .iter()
        .zip(found)
        .map(|(target, found)| {
            let effect = match found {
                None => match &closed {
                    // It may be in a part that could not be read.
                    Some(why) => Effect::Failed(format!("it was not found, and not everything could be read: {why:?}")),
                    None => Effect::NotFound,
                },
                Some(found) => one(mailbox, action, target, found, &folders, &mut ready)?,
            };
            Ok(Outcome { locator: target.ref_.locator.clone(), effect })
        })
        .collect()
}

/// Returns whether two locations are equal: by path if the plan has one, otherwise by kind.
pub(crate) fn is_there(planned: &Location, now: &Location) -> bool {
    // A folder may be named INBOX.
    let is_inbox = |location: &Location| location.kind == LocationKind::Inbox;
    if planned.path.is_empty() {
        planned.kind == now.kind
    } else {
        planned.path == now.path && is_inbox(planned) == is_inbox(now)
    }
}

fn at_their_locators<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    folders: &[MailFolder],
    targets: &[Target],
) -> Result<Vec<Option<Found>>, Error> {
    let mut by_dir: HashMap<&str, Vec<(usize, &str)>> = HashMap::new();
    for (at, target) in targets.iter().enumerate() {
        if let Some((dir, unique)) = target.ref_.locator.rsplit_once('/') {
            by_dir.entry(dir).or_default().push((at, unique));
        }
    }
    let mut found: Vec<Option<Found>> = targets.iter().map(|_| None).collect();
    for folder in folders {
        let Some(wanted) = by_dir.get(folder.dir.as_str()) else { continue };
        // A folder that cannot be listed is reported if its messages are not found.
        let uniques: Vec<&str> = wanted.iter().map(|(_, unique)| *unique).collect();
        let Ok(index) = mailbox.named(folder, &uniques) else { continue };
        let there: Vec<(usize, &File)> =
            wanted.iter().filter_map(|(at, unique)| index.get(*unique).map(|file| (*at, file))).collect();
        let files: Vec<&File> = there.iter().map(|(_, file)| *file).collect();
        heads(mailbox, folder, &files, &mut |number, head| {
            let (at, file) = there[number];
            found[at] = head.bytes().filter(|head| is_same(&targets[at].ref_, head, file)).map(|head| Found {
                folder: folder.clone(),
                file: file.clone(),
                head,
            });
            true
        })?;
    }
    Ok(found)
}

fn one<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    action: Action,
    target: &Target,
    found: Found,
    folders: &Folders,
    ready: &mut Vec<String>,
) -> Result<Effect, Error> {
    let destination = match destination(mailbox, action, target, folders) {
        Ok(destination) => destination,
        Err(why) => return Ok(Effect::Failed(why)),
    };
    if destination.as_ref() == Some(&found.folder) {
        return Ok(Effect::AlreadyInDestination);
    }
    if !is_there(&target.location, &found.folder.location) {
        return Ok(Effect::MovedSince(found.folder.location));
    }
    let former = Former { location: found.folder.location.clone(), flags: name::flags(&found.file.name) };
    let Some(destination) = destination else {
        return Ok(match renamed_once(mailbox, &found, |path, _| mailbox.host.remove_file(path))? {
            Ok(_) => Effect::Succeeded(Receipt { former, now: None, location: None }),
            Err(effect) => effect,
        });
    };
    if !ready.contains(&destination.dir) {
        if let Err(error) = mailbox.ensure(&destination) {
            return Ok(Effect::Failed(format!(
                "folder `{}` cannot be made: {}",
                destination.location.path,
                why(&error)
            )));
        }
        ready.push(destination.dir.clone());
    }
    let wanted = target.former.as_ref().filter(|_| action == Action::Restore).map(|former| &former.flags);
    let moved = renamed_once(mailbox, &found, |path, file| {
        let target = landed(file, wanted.map(Vec::as_slice));
        mailbox.host.rename(path, &mailbox.path(&destination, &target))
    })?;
    Ok(match moved {
        Ok(file) => Effect::Succeeded(Receipt {
            former: Former { flags: name::flags(&file.name), ..former },
            now: Some(reference(&destination, &file, &found.head)),
            location: Some(destination.location),
        }),
        Err(effect) => effect,
    })
}

/// Returns the file in its new folder. It stays in `new` or `cur`, so that unread mail is still new to its owner; only
/// flags to restore need `cur`.
fn landed(file: &File, flags: Option<&[String]>) -> File {
    let name = flags.map_or_else(|| file.name.clone(), |flags| name::with_flags(&file.name, flags));
    let sub = if name == file.name { file.sub } else { "cur" };
    File { sub, name, ..file.clone() }
}

/// Returns the destination of this target; `None` for a hard delete.
fn destination<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    action: Action,
    target: &Target,
    folders: &Folders,
) -> Result<Option<MailFolder>, String> {
    let folder = match (place::destination(action), &target.former) {
        (Some(kind), _) => mailbox.folder_of(kind, folders),
        (None, _) if action == Action::HardDelete => return Ok(None),
        (None, Some(former)) if former.location.path.is_empty() => mailbox.folder_of(former.location.kind, folders),
        (None, Some(former)) => mailbox.folder_at(&former.location, folders),
        (None, None) => return Err("nothing says where to restore it to".into()),
    };
    folder.map(Some).map_err(|error| why(&error).to_owned())
}

/// Acts on the file, and again if its flags changed in between. Returns the file as it was when it worked.
fn renamed_once<H: Folder + Host>(
    mailbox: &Mailbox<'_, H>,
    found: &Found,
    act: impl Fn(&str, &File) -> Result<(), FolderError>,
) -> Result<Result<File, Effect>, Error> {
    let mut file = found.file.clone();
    for _ in 0..2 {
        match act(&mailbox.path(&found.folder, &file), &file) {
            Ok(()) => return Ok(Ok(file)),
            Err(FolderError::NotFound) => match mailbox.named(&found.folder, &[file.unique()])?.remove(file.unique()) {
                Some(fresh) => file = fresh,
                None => break,
            },
            Err(FolderError::Exists) => {
                return Ok(Err(Effect::Failed("the destination has a file of this name".into())));
            }
            Err(FolderError::Denied(why) | FolderError::Other(why)) => return Ok(Err(Effect::Failed(why))),
        }
    }
    Ok(Err(Effect::NotFound))
}
