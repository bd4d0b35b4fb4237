//! The folders of one mailbox and their files.

use std::collections::{HashMap, HashSet};

use clawback_connector_sdk::{
    host::{Entry, EntryKind, Folder, FolderError, Host},
    place::{self, Named},
    types::{Error, Gap, Location, LocationKind},
};

use crate::{
    layout::{self, Layout, OWN},
    name,
};

/// The reason for skipping a link or a device.
pub(crate) const NOT_FOLLOWED: &str = "it is a link or a special file, which is not followed";
/// The deepest nested directory that is searched for folders.
const DEEPEST: usize = 12;
/// The most directories that are searched for folders.
const MOST: usize = 20_000;
/// The most files of `new`, and of `cur`, that are listed at once.
pub(crate) const WINDOW: u32 = 50_000;
/// The directories of messages. `new` before `cur`: a message moves from the one to the other, so this order never misses
/// it.
const SUBS: [&str; 2] = ["new", "cur"];

/// An existing mailbox.
pub(crate) struct Mailbox<'h, H> {
    pub(crate) host: &'h H,
    /// The Maildir, relative to the granted directory.
    root: String,
    named: Named,
}

/// The folders of one mailbox.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    /// The inbox first, then the others by directory.
    pub(crate) all: Vec<MailFolder>,
    /// What cannot be read as a folder.
    pub(crate) gaps: Vec<Gap>,
    /// The layout of new folders.
    layout: Layout,
}

/// One folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailFolder {
    /// Empty for the inbox, otherwise the directory below the Maildir.
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
    /// Microseconds since 1970-01-01 UTC; mail servers show it as the time of receipt.
    pub(crate) modified: i64,
}

/// A part of the files of a folder.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// The messages, by name.
    pub(crate) files: Vec<File>,
    /// The names that are not files, in order.
    pub(crate) others: Vec<String>,
    /// How many entries were listed.
    pub(crate) listed: usize,
    /// The name after which the next part begins, if there is one.
    pub(crate) next: Option<String>,
}

impl File {
    /// Returns the part of the name that stays when flags change.
    pub(crate) fn unique(&self) -> &str {
        name::unique(&self.name)
    }
}

impl<'h, H: Folder + Host> Mailbox<'h, H> {
    /// Finds the mailbox's Maildir.
    pub(crate) fn open(host: &'h H, mailbox: &str) -> Result<Self, Error> {
        if mailbox.is_empty() || mailbox.starts_with('.') || mailbox.contains(['/', '\\', '\0']) {
            return Err(Error::NotFound(format!("`{}` is not a mailbox directory name", mailbox.escape_debug())));
        }
        let below = host.setting("maildir").unwrap_or_default();
        let below = below.trim_matches('/');
        let root = if below.is_empty() { mailbox.to_owned() } else { format!("{mailbox}/{below}") };
        match host.stat(&format!("{root}/cur")) {
            Ok(entry) if entry.kind == EntryKind::Dir => {}
            Ok(entry) if entry.kind == EntryKind::Other => {
                return Err(Error::Denied(format!("`cur` of `{}`: {NOT_FOLLOWED}", mailbox.escape_debug())));
            }
            Ok(_) | Err(FolderError::NotFound) => {
                return Err(Error::NotFound(format!("`{}` has no Maildir", mailbox.escape_debug())));
            }
            Err(error) => return Err(refused("the mailbox", error)),
        }
        Ok(Self { host, root, named: Named::read(host) })
    }

    /// Returns all folders that can be read, in either layout.
    pub(crate) fn folders(&self) -> Result<Folders, Error> {
        let entries = self.host.list(&self.root).map_err(|error| refused("the mailbox", error))?;
        let mut found = Folders::default();
        let mut dirs = vec![String::new()];
        let mut looked = 0;
        for Entry { name, kind, .. } in entries {
            let is_dotted = name.len() > 1 && name.starts_with('.') && name != "..";
            match kind {
                EntryKind::Dir if is_dotted => dirs.push(name),
                EntryKind::Dir if !name.starts_with('.') && !OWN.contains(&name.as_str()) => {
                    self.nested(&name, 1, &mut looked, &mut dirs, &mut found.gaps);
                }
                EntryKind::Other => found.gaps.push(gap(&layout::path(&name), NOT_FOLLOWED)),
                EntryKind::Dir | EntryKind::File => {}
            }
        }
        let is_dotted = |dir: &String| dir.starts_with('.');
        if dirs.len() > 1 && !dirs.iter().any(is_dotted) {
            found.layout = Layout::Directories;
        }
        dirs.sort_unstable();
        for folder in dirs.into_iter().map(|dir| self.folder(dir)) {
            match place::unspeakable(&folder.location.path) {
                Some(reason) => found.gaps.push(gap(&folder.location.path, reason)),
                None => found.all.push(folder),
            }
        }
        Ok(found)
    }

    /// Collects folders that are nested directories.
    fn nested(&self, dir: &str, depth: usize, looked: &mut usize, dirs: &mut Vec<String>, gaps: &mut Vec<Gap>) {
        *looked += 1;
        if depth > DEEPEST || *looked > MOST {
            gaps.push(gap(&layout::path(dir), "it is too deep, or among too many directories, to be searched"));
            return;
        }
        let entries = match self.host.list(&format!("{}/{dir}", self.root)) {
            Ok(entries) => entries,
            Err(FolderError::NotFound) => return,
            Err(error) => {
                gaps.push(gap(&layout::path(dir), &why(error)));
                return;
            }
        };
        let is_folder = entries.iter().any(|entry| entry.name == "cur" && entry.kind == EntryKind::Dir);
        if is_folder {
            dirs.push(dir.to_owned());
        }
        for Entry { name, kind, .. } in entries {
            let below = format!("{dir}/{name}");
            match kind {
                EntryKind::Dir if !name.starts_with('.') && !OWN.contains(&name.as_str()) => {
                    self.nested(&below, depth + 1, looked, dirs, gaps);
                }
                EntryKind::Other if is_folder => gaps.push(gap(&layout::path(&below), NOT_FOLLOWED)),
                _ => {}
            }
        }
    }

    /// Returns the folder in this directory.
    pub(crate) fn folder(&self, dir: String) -> MailFolder {
        if dir.is_empty() {
            return MailFolder { dir, location: Location { kind: LocationKind::Inbox, path: "INBOX".into() } };
        }
        let path = layout::path(&dir);
        // Only the inbox itself is the inbox, whatever the name of a folder.
        let kind = self.named.kind(&path).or_else(|| place::kind_of_name(&path));
        let kind = kind.filter(|kind| *kind != LocationKind::Inbox).unwrap_or(LocationKind::Folder);
        MailFolder { dir, location: Location { kind, path } }
    }

    /// Returns the folder at a place, by the path that it has or would have.
    pub(crate) fn folder_at(&self, place: &Location, folders: &Folders) -> Result<MailFolder, Error> {
        if place.kind == LocationKind::Inbox {
            return Ok(self.folder(String::new()));
        }
        // A folder on disk may have another encoding than ours, or one that we would refuse.
        if let Some(known) = folders.all.iter().find(|one| !one.dir.is_empty() && one.location.path == place.path) {
            return Ok(known.clone());
        }
        let dir = layout::dir(&place.path, folders.layout).ok_or_else(|| {
            Error::Permanent(format!("`{}` cannot be the name of a folder here", place.path.escape_debug()))
        })?;
        Ok(self.folder(dir))
    }

    /// Returns the folder of this kind, or the one that would have it.
    pub(crate) fn folder_of(&self, kind: LocationKind, folders: &Folders) -> Result<MailFolder, Error> {
        let known = || folders.all.iter().find(|folder| folder.location.kind == kind);
        let path = match (self.named.path(kind), known()) {
            (Some(path), _) => path,
            (None, Some(known)) => return Ok(known.clone()),
            (None, None) => place::name_of_kind(kind).unwrap_or("INBOX"),
        };
        self.folder_at(&Location { kind, path: path.to_owned() }, folders)
    }

    /// Creates the folder if it is missing.
    pub(crate) fn ensure(&self, folder: &MailFolder) -> Result<(), Error> {
        let dir = self.dir(folder);
        let above = folder.dir.match_indices('/').map(|(at, _)| format!("{}/{}", self.root, &folder.dir[..at]));
        let own = [dir.clone(), format!("{dir}/tmp"), format!("{dir}/new"), format!("{dir}/cur")];
        for path in above.chain(own) {
            match self.host.create_dir(&path) {
                Ok(()) | Err(FolderError::Exists) => {}
                Err(error) => return Err(refused("the folder", error)),
            }
        }
        Ok(())
    }

    /// Returns the messages of one folder with these unique names; none for a folder that is gone.
    pub(crate) fn named(&self, folder: &MailFolder, uniques: &[&str]) -> Result<HashMap<String, File>, Error> {
        let starts: Vec<String> = uniques.iter().map(|unique| (*unique).to_owned()).collect();
        let wanted: HashSet<&str> = uniques.iter().copied().collect();
        let mut files = HashMap::new();
        for sub in SUBS {
            let found = there(folder, self.host.list_named(&format!("{}/{sub}", self.dir(folder)), &starts))?;
            let found = found.into_iter().filter(|entry| is_message(entry) && entry.kind == EntryKind::File);
            // A longer name may begin with a wanted one.
            for file in found.map(|entry| file(sub, entry)).filter(|file| wanted.contains(file.unique())) {
                files.insert(file.unique().to_owned(), file);
            }
        }
        Ok(files)
    }

    /// Returns the messages of one folder whose names come after this one, at most [`WINDOW`] of `new` and of `cur`. A
    /// message whose flags changed since it had this name is left out.
    pub(crate) fn window(&self, folder: &MailFolder, after: &str) -> Result<Window, Error> {
        let mut window = Window::default();
        let mut all = Vec::new();
        for sub in SUBS {
            let listed = self.host.list_after(&format!("{}/{sub}", self.dir(folder)), after, WINDOW);
            let entries = there(folder, listed)?;
            window.listed += entries.len();
            let is_cut = entries.len() >= WINDOW as usize;
            if let (true, Some(last)) = (is_cut, entries.last()) {
                // Both parts end at the same name.
                window.next = Some(window.next.map_or_else(|| last.name.clone(), |next| next.min(last.name.clone())));
            }
            all.extend(entries.into_iter().map(|entry| (sub, entry)));
        }
        let is_within = |name: &str| window.next.as_deref().is_none_or(|next| name <= next);
        for (sub, entry) in all.into_iter().filter(|(_, entry)| is_message(entry) && is_within(&entry.name)) {
            match entry.kind {
                EntryKind::File if name::unique(&entry.name) != name::unique(after) => {
                    window.files.push(file(sub, entry));
                }
                EntryKind::Other => window.others.push(entry.name),
                EntryKind::File | EntryKind::Dir => {}
            }
        }
        window.others.sort_unstable();
        window.files.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        // It moved from `new` to `cur` between the two listings.
        window.files.dedup_by(|next, kept| {
            let is_same = next.unique() == kept.unique();
            if is_same {
                std::mem::swap(next, kept);
            }
            is_same
        });
        Ok(window)
    }

    /// Returns the folder's directory, relative to the granted one.
    pub(crate) fn dir(&self, folder: &MailFolder) -> String {
        if folder.dir.is_empty() { self.root.clone() } else { format!("{}/{}", self.root, folder.dir) }
    }

    /// Returns the path of one file.
    pub(crate) fn path(&self, folder: &MailFolder, file: &File) -> String {
        format!("{}/{}/{}", self.dir(folder), file.sub, file.name)
    }
}

/// Returns a listing; empty for a directory that is gone.
fn there(folder: &MailFolder, listed: Result<Vec<Entry>, FolderError>) -> Result<Vec<Entry>, Error> {
    match listed {
        Err(FolderError::NotFound) => Ok(Vec::new()),
        other => other.map_err(|error| refused(&format!("folder `{}`", folder.location.path), error)),
    }
}

/// Returns whether an entry of `new` or `cur` is a message, unless it is a directory: other names begin with a dot.
fn is_message(entry: &Entry) -> bool {
    !entry.name.starts_with('.')
}

fn file(sub: &'static str, entry: Entry) -> File {
    File { sub, name: entry.name, size: entry.size, modified: entry.modified }
}

/// Returns the handle of a message: its place and the unique part of its name, which has no slash.
pub(crate) fn locator(folder: &MailFolder, unique: &str) -> String {
    format!("{}/{unique}", folder.dir)
}

fn gap(folder: &str, reason: &str) -> Gap {
    Gap { folder: folder.to_owned(), item: String::new(), reason: reason.to_owned() }
}

/// Returns why a folder or file cannot be read, for people.
pub(crate) fn why(error: FolderError) -> String {
    match error {
        FolderError::NotFound => "it is not there".to_owned(),
        FolderError::Exists => "it is there already".to_owned(),
        FolderError::Denied(why) | FolderError::Other(why) => why,
    }
}

/// Maps the error of a folder.
pub(crate) fn refused(what: &str, error: FolderError) -> Error {
    match error {
        FolderError::NotFound => Error::NotFound(format!("{what} is not there")),
        FolderError::Denied(why) => Error::Denied(format!("{what}: {why}")),
        FolderError::Exists => Error::Transient(format!("{what} is there already")),
        FolderError::Other(why) => Error::Transient(format!("{what}: {why}")),
    }
}
