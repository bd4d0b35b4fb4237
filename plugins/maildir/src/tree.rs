//! The folders of one mailbox and the files in them.

use std::collections::HashMap;

use clawback_connector_sdk::{
    host::{Folder, FolderError, Host},
    place,
    types::{Error, Location, LocationKind},
    utf7,
};

use crate::name;

/// One mailbox, found.
pub(crate) struct Mailbox<'h, H> {
    pub(crate) host: &'h H,
    /// The Maildir, relative to the granted directory.
    root: String,
    recoverable: String,
    quarantine: String,
}

/// One Maildir++ folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailFolder {
    /// Empty for the inbox, else the directory's name with its leading dot.
    pub(crate) dir: String,
    pub(crate) location: Location,
}

/// One message file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// `new` or `cur`.
    pub(crate) sub: &'static str,
    pub(crate) name: String,
    pub(crate) size: u64,
    /// Microseconds since 1970 UTC; what mail servers show as the time of receipt.
    pub(crate) modified: i64,
}

impl<'h, H: Folder + Host> Mailbox<'h, H> {
    /// Finds the mailbox's Maildir.
    pub(crate) fn open(host: &'h H, mailbox: &str) -> Result<Self, Error> {
        if mailbox.is_empty() || mailbox.starts_with('.') || mailbox.contains(['/', '\\', '\0']) {
            return Err(Error::NotFound(format!("`{}` is no name of a mailbox directory", mailbox.escape_debug())));
        }
        let below = host.setting("maildir").unwrap_or_default();
        let below = below.trim_matches('/');
        let root = if below.is_empty() { mailbox.to_owned() } else { format!("{mailbox}/{below}") };
        match host.stat(&format!("{root}/cur")) {
            Ok(entry) if entry.is_dir => {}
            Ok(_) | Err(FolderError::NotFound) => {
                return Err(Error::NotFound(format!("`{}` has no Maildir", mailbox.escape_debug())));
            }
            Err(error) => return Err(refused("the mailbox", error)),
        }
        let named =
            |key, default: &str| host.setting(key).filter(|name| !name.is_empty()).unwrap_or(default.to_owned());
        Ok(Self {
            host,
            root,
            recoverable: named("recoverable-folder", place::RECOVERABLE),
            quarantine: named("quarantine-folder", place::QUARANTINE),
        })
    }

    /// All folders, the inbox first, the others by name.
    pub(crate) fn folders(&self) -> Result<Vec<MailFolder>, Error> {
        let entries = self.host.list(&self.root).map_err(|error| refused("the mailbox", error))?;
        let mut dirs: Vec<String> = entries
            .into_iter()
            .filter(|entry| entry.is_dir && entry.name.len() > 1 && entry.name.starts_with('.') && entry.name != "..")
            .map(|entry| entry.name)
            .collect();
        dirs.push(String::new());
        dirs.sort_unstable();
        Ok(dirs.into_iter().map(|dir| self.folder(dir)).collect())
    }

    /// The folder in this directory.
    pub(crate) fn folder(&self, dir: String) -> MailFolder {
        let Some(name) = dir.strip_prefix('.') else {
            return MailFolder { dir, location: Location { kind: LocationKind::Inbox, path: "INBOX".into() } };
        };
        let path = name.split('.').map(utf7::decode).collect::<Vec<_>>().join("/");
        let kind = if path == self.recoverable {
            LocationKind::RecoverableItems
        } else if path == self.quarantine {
            LocationKind::Quarantine
        } else {
            // Only the inbox itself is the inbox, whatever a folder calls itself.
            place::kind_of_name(&path).filter(|kind| *kind != LocationKind::Inbox).unwrap_or(LocationKind::Folder)
        };
        MailFolder { dir, location: Location { kind, path } }
    }

    /// The folder at a path, whether it exists or not.
    pub(crate) fn folder_at(&self, path: &str) -> Result<MailFolder, Error> {
        if path.eq_ignore_ascii_case("inbox") {
            return Ok(self.folder(String::new()));
        }
        let parts: Vec<String> = path.split('/').map(utf7::encode).collect();
        // A dot would be read as a border between two folders.
        if parts.iter().any(|part| part.is_empty() || part.contains('.')) {
            return Err(Error::Permanent(format!("`{}` cannot be a Maildir folder", path.escape_debug())));
        }
        Ok(self.folder(format!(".{}", parts.join("."))))
    }

    /// The path of the folder that has this kind, or would have it.
    pub(crate) fn path_of(&self, kind: LocationKind, folders: &[MailFolder]) -> String {
        match kind {
            LocationKind::RecoverableItems => self.recoverable.clone(),
            LocationKind::Quarantine => self.quarantine.clone(),
            _ => folders
                .iter()
                .find(|folder| folder.location.kind == kind)
                .map(|folder| folder.location.path.clone())
                .unwrap_or(place::name_of_kind(kind).unwrap_or("INBOX").to_owned()),
        }
    }

    /// Makes the folder if it is missing.
    pub(crate) fn ensure(&self, folder: &MailFolder) -> Result<(), Error> {
        let dir = self.dir(folder);
        for path in [dir.clone(), format!("{dir}/tmp"), format!("{dir}/new"), format!("{dir}/cur")] {
            match self.host.create_dir(&path) {
                Ok(()) | Err(FolderError::Exists) => {}
                Err(error) => return Err(refused("the folder", error)),
            }
        }
        Ok(())
    }

    /// The messages of one folder by the unique part of their names. A folder that is gone has none.
    pub(crate) fn files(&self, folder: &MailFolder) -> Result<HashMap<String, File>, Error> {
        let mut files = HashMap::new();
        // `new` before `cur`: a message goes from the one to the other, so this order never misses it.
        for sub in ["new", "cur"] {
            let entries = match self.host.list(&format!("{}/{sub}", self.dir(folder))) {
                Ok(entries) => entries,
                Err(FolderError::NotFound) => continue,
                Err(error) => return Err(refused(&format!("folder `{}`", folder.location.path), error)),
            };
            for entry in entries.into_iter().filter(|entry| !entry.is_dir && !entry.name.starts_with('.')) {
                let unique = name::unique(&entry.name).to_owned();
                files.insert(unique, File { sub, name: entry.name, size: entry.size, modified: entry.modified });
            }
        }
        Ok(files)
    }

    /// The folder's directory, relative to the granted one.
    pub(crate) fn dir(&self, folder: &MailFolder) -> String {
        if folder.dir.is_empty() { self.root.clone() } else { format!("{}/{}", self.root, folder.dir) }
    }

    /// The path of one file.
    pub(crate) fn path(&self, folder: &MailFolder, file: &File) -> String {
        format!("{}/{}/{}", self.dir(folder), file.sub, file.name)
    }
}

/// The handle of a message: where it is and the unique part of its name. Neither can contain a slash.
pub(crate) fn locator(folder: &MailFolder, unique: &str) -> String {
    format!("{}/{unique}", folder.dir)
}

/// What a folder's error is to the caller.
pub(crate) fn refused(what: &str, error: FolderError) -> Error {
    match error {
        FolderError::NotFound => Error::NotFound(format!("{what} is not there")),
        FolderError::Denied(why) => Error::Denied(format!("{what}: {why}")),
        FolderError::Exists => Error::Transient(format!("{what} is there already")),
        FolderError::Other(why) => Error::Transient(format!("{what}: {why}")),
    }
}
