//! The owner's folders: their GUIDs, names and uses, and the creation of missing ones.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place,
    types::{Error, Gap, Location, LocationKind},
};
use serde::Deserialize;

use crate::{
    api::{Answer, Api, value},
    command::{Command, EVERY_FOLDER, Query, in_folder},
    locator::is_guid,
    names::Names,
    row::Row,
    special,
};

/// One folder that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    pub(crate) guid: String,
    pub(crate) path: String,
    /// The UID of the next message in it.
    pub(crate) next: u32,
}

impl Folder {
    /// Returns a query for messages in it.
    pub(crate) fn query(&self, uids: &str) -> Query {
        in_folder(&self.path, &self.guid, uids)
    }
}

/// All folders of the owner, by GUID.
#[derive(Debug)]
pub(crate) struct Folders {
    pub(crate) all: BTreeMap<String, Folder>,
    /// Folders that cannot be searched.
    pub(crate) gaps: Vec<Gap>,
    pub(crate) names: Names,
    /// Paths of the folders that a setting leaves out.
    left_out: Vec<String>,
    /// The uses that the server reports, by path; requested when a decision needs them.
    uses: OnceCell<BTreeMap<String, LocationKind>>,
}

#[derive(Debug, Deserialize)]
struct Status {
    mailbox: String,
    guid: String,
    uidnext: String,
}

#[derive(Debug, Deserialize)]
struct Listed {
    mailbox: String,
}

/// Returns the command that lists the folders; [`Folders::read`] reads its answer.
pub(crate) fn listing() -> Command {
    Command::status(&EVERY_FOLDER)
}

impl Folders {
    /// Lists the folders.
    pub(crate) fn list<H: Host + Http + Memo>(api: &Api<'_, H>) -> Result<Self, Error> {
        let answer = api.one(listing())?;
        Self::read(api, answer)
    }

    /// Reads the answer to [`listing`]. If one folder makes it fail, asks for each.
    pub(crate) fn read<H: Host + Http + Memo>(api: &Api<'_, H>, answer: Answer) -> Result<Self, Error> {
        let mut folders = Self {
            all: BTreeMap::new(),
            gaps: Vec::new(),
            names: Names::read(api.host),
            left_out: Vec::new(),
            uses: OnceCell::new(),
        };
        match answer {
            Ok(answer) => folders.add(value(&answer)?),
            Err(_) => folders.add_each(api)?,
        }
        Ok(folders)
    }

    fn add_each<H: Host + Http + Memo>(&mut self, api: &Api<'_, H>) -> Result<(), Error> {
        let paths = names(api)?;
        let commands: Vec<Command> = paths.iter().map(|path| Command::status(&[path.as_str()])).collect();
        let mut refused = None;
        for (path, answer) in paths.iter().zip(api.run(&commands)?) {
            match answer {
                // A name with a wildcard matches others, too.
                Ok(answer) => {
                    self.add(value::<Vec<Status>>(&answer)?.into_iter().filter(|one| one.mailbox == *path).collect());
                }
                Err(refusal) if refusal.is_absence() => {}
                Err(refusal) => {
                    self.gap(path, &refusal.why());
                    refused = Some(refusal);
                }
            }
        }
        match refused {
            Some(refusal) if self.all.is_empty() => Err(refusal.error()),
            _ => Ok(()),
        }
    }

    fn add(&mut self, listed: Vec<Status>) {
        for one in listed {
            let path = one.mailbox;
            let next = one.uidnext.parse().ok().filter(|next| *next > 0);
            let reason = match next {
                _ if path.contains('\u{fffd}') => Some("its name is no UTF-8, so no command can name it"),
                _ if !is_guid(&one.guid) => Some("the server returns no GUID for it"),
                None => Some("the server returns no UID for it"),
                Some(_) => place::unspeakable(&path),
            };
            if let Some(reason) = reason {
                self.gap(&path, reason);
            } else if self.names.is_ignored(&path) && path != "INBOX" {
                self.left_out.push(path);
            } else {
                let folder = Folder { guid: one.guid.clone(), path, next: next.unwrap_or(1) };
                self.all.entry(one.guid).or_insert(folder);
            }
        }
    }

    fn gap(&mut self, folder: &str, reason: &str) {
        self.gaps.push(Gap { folder: folder.to_owned(), item: String::new(), reason: reason.to_owned() });
    }

    /// Returns whether a message is in a listed folder, and in no virtual one.
    pub(crate) fn holds(&self, row: &Row) -> bool {
        self.all.get(&row.folder).is_some_and(|folder| folder.path == row.mailbox)
    }

    pub(crate) fn at(&self, path: &str) -> Option<&Folder> {
        self.all.values().find(|folder| folder.path == path)
    }

    /// Returns whether `ignore-folders` leaves out the folder at this path.
    pub(crate) fn leaves_out(&self, path: &str) -> bool {
        self.left_out.iter().any(|out| out == path)
    }

    /// Returns the location of a folder.
    pub(crate) fn location<H: Host + Http + Memo>(&self, api: &Api<'_, H>, path: &str) -> Result<Location, Error> {
        Ok(Location { kind: self.kind(api, path)?, path: path.to_owned() })
    }

    /// Returns the use of a folder: by the settings, by the server, or by its name if the server reports that use for no
    /// folder.
    pub(crate) fn kind<H: Host + Http + Memo>(&self, api: &Api<'_, H>, path: &str) -> Result<LocationKind, Error> {
        if let Some(kind) = self.names.kind_of(path) {
            return Ok(kind);
        }
        Ok(self.uses(api)?.get(path).copied().unwrap_or(LocationKind::Folder))
    }

    /// Returns the path of the folder of this kind, existing or not.
    pub(crate) fn path_of<H: Host + Http + Memo>(&self, api: &Api<'_, H>, kind: LocationKind) -> Result<String, Error> {
        if let Some(named) = self.names.named(kind) {
            return Ok(named);
        }
        if kind == LocationKind::Inbox {
            return Ok("INBOX".into());
        }
        let told = self.uses(api)?.iter().find(|(_, told)| **told == kind).map(|(path, _)| path.clone());
        Ok(told.unwrap_or_else(|| self.names.to_make(kind)))
    }

    fn uses<H: Host + Http + Memo>(&self, api: &Api<'_, H>) -> Result<&BTreeMap<String, LocationKind>, Error> {
        if let Some(uses) = self.uses.get() {
            return Ok(uses);
        }
        let paths: Vec<&str> = self.all.values().map(|folder| folder.path.as_str()).collect();
        let uses = special::uses(api, &self.names, &paths)?;
        Ok(self.uses.get_or_init(|| uses))
    }
}

/// Returns the names of all folders, also of those that cannot be opened or are created on first use.
pub(crate) fn names<H: Host + Http + Memo>(api: &Api<'_, H>) -> Result<Vec<String>, Error> {
    let answer = api.one(Command::list())?.map_err(|refusal| refusal.error())?;
    let mut names: Vec<String> = value::<Vec<Listed>>(&answer)?.into_iter().map(|one| one.mailbox).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}
