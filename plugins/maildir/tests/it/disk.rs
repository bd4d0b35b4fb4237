//! A native host for the connector: a temporary directory.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs,
    io::{ErrorKind, Read as _, Seek as _, SeekFrom},
    path::PathBuf,
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clawback_connector_maildir::Maildir;
use clawback_connector_sdk::{
    Connector as _,
    host::{Entry, EntryKind, Folder, FolderError, Host, Level},
    matching::everything,
    types::{Action, Effect, Former, Location, LocationKind, Message, Query, Receipt, Target},
};

pub(crate) const MAILBOX: &str = "a@acme.test";

type Hook = Box<dyn Fn(&PathBuf)>;

/// A granted directory that the test can inspect, and change just before the connector renames or reads.
#[derive(Clone)]
pub(crate) struct Disk {
    root: Rc<tempfile::TempDir>,
    pub(crate) settings: HashMap<String, String>,
    pub(crate) before_rename: Rc<RefCell<Option<Hook>>>,
    pub(crate) before_heads: Rc<RefCell<Option<Hook>>>,
    pub(crate) calls: Rc<RefCell<usize>>,
    /// The ends of paths that cannot be opened.
    pub(crate) denied: Rc<RefCell<Vec<String>>>,
}

impl Disk {
    /// Creates a directory with one empty mailbox.
    pub(crate) fn new() -> Self {
        let disk = Self {
            root: Rc::new(tempfile::tempdir().unwrap()),
            settings: HashMap::new(),
            before_rename: Rc::default(),
            before_heads: Rc::default(),
            calls: Rc::default(),
            denied: Rc::default(),
        };
        disk.folder("");
        disk
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Creates the Maildir++ folder with this directory name.
    pub(crate) fn folder(&self, dir: &str) {
        for sub in ["tmp", "new", "cur"] {
            fs::create_dir_all(self.path(&format!("{MAILBOX}/{dir}/{sub}"))).unwrap();
        }
    }

    /// Writes a message, received on 18 July 2024.
    pub(crate) fn put(&self, path: &str, raw: &[u8]) {
        let path = self.path(&format!("{MAILBOX}/{path}"));
        fs::write(&path, raw).unwrap();
        let time = UNIX_EPOCH + Duration::from_mins(28_687_950);
        fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    pub(crate) fn phish(&self, path: &str, number: u32) {
        let raw = format!(
            "From: Parcels <noreply@evil.example>\nTo: you@acme.test\nSubject: Parcel {number}\n\
             Message-ID: <{number}@evil.example>\n\nClick.\n"
        );
        self.put(path, raw.as_bytes());
    }

    /// Returns all message files below the mailbox, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let root = self.path(MAILBOX);
        let mut files = Vec::new();
        let mut left = vec![root.clone()];
        while let Some(dir) = left.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    left.push(path);
                } else {
                    files.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        files.sort();
        files
    }

    fn open(&self, path: &str) -> Result<PathBuf, FolderError> {
        if self.denied.borrow().iter().any(|end| path.ends_with(end)) {
            return Err(FolderError::Denied("no permission".into()));
        }
        Ok(self.path(path))
    }

    pub(crate) fn connector(&self) -> Maildir<Self> {
        Maildir::new(self.clone())
    }

    pub(crate) fn search(&self, query: &Query) -> Vec<Message> {
        self.connector().search(MAILBOX, query, None, 10_000).unwrap().messages
    }

    pub(crate) fn apply(&self, action: Action, targets: &[Target]) -> Vec<Effect> {
        let outcomes = self.connector().apply(MAILBOX, action, targets).unwrap();
        let pairs = targets.iter().zip(outcomes);
        pairs
            .map(|(target, outcome)| {
                assert_eq!(outcome.locator, target.ref_.locator);
                outcome.effect
            })
            .collect()
    }
}

pub(crate) fn from_evil() -> Query {
    Query { from_domain: vec!["evil.example".into()], ..everything() }
}

pub(crate) fn target(message: &Message) -> Target {
    Target { ref_: message.ref_.clone(), location: message.location.clone(), former: None }
}

pub(crate) fn undo(receipt: &Receipt) -> Target {
    let former = Former { location: receipt.former.location.clone(), flags: receipt.former.flags.clone() };
    Target { ref_: receipt.now.clone().unwrap(), location: receipt.location.clone().unwrap(), former: Some(former) }
}

pub(crate) fn receipt(effect: &Effect) -> &Receipt {
    match effect {
        Effect::Succeeded(receipt) => receipt,
        other => panic!("not succeeded: {other:?}"),
    }
}

pub(crate) fn location(kind: LocationKind, path: &str) -> Location {
    Location { kind, path: path.into() }
}

impl Host for Disk {
    fn setting(&self, key: &str) -> Option<String> {
        self.settings.get(key).cloned()
    }

    fn log(&self, _: Level, _: &str) {}

    fn now(&self) -> i64 {
        0
    }

    fn sleep(&self, _: std::time::Duration) {}
}

impl Folder for Disk {
    fn list(&self, path: &str) -> Result<Vec<Entry>, FolderError> {
        *self.calls.borrow_mut() += 1;
        let names = fs::read_dir(self.open(path)?).map_err(refusal)?;
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| self.stat(format!("{path}/{name}").trim_start_matches('/'))).collect()
    }

    fn list_after(&self, path: &str, after: &str, most: u32) -> Result<Vec<Entry>, FolderError> {
        let mut entries = self.list(path)?;
        entries.retain(|entry| entry.name.as_str() > after);
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        entries.truncate(most as usize);
        Ok(entries)
    }

    fn list_named(&self, path: &str, starts: &[String]) -> Result<Vec<Entry>, FolderError> {
        let mut entries = self.list(path)?;
        entries.retain(|entry| starts.iter().any(|start| entry.name.starts_with(start.as_str())));
        Ok(entries)
    }

    fn read_heads(&self, paths: &[String], most: u32) -> Result<Vec<Result<Vec<u8>, FolderError>>, FolderError> {
        *self.calls.borrow_mut() += 1;
        if let Some(hook) = self.before_heads.borrow_mut().take() {
            hook(&self.path(MAILBOX));
        }
        Ok(paths.iter().map(|path| self.read(path, 0, most)).collect())
    }

    fn read(&self, path: &str, offset: u64, most: u32) -> Result<Vec<u8>, FolderError> {
        let mut file = fs::File::open(self.open(path)?).map_err(refusal)?;
        file.seek(SeekFrom::Start(offset)).map_err(refusal)?;
        let mut bytes = Vec::new();
        file.take(u64::from(most)).read_to_end(&mut bytes).map_err(refusal)?;
        Ok(bytes)
    }

    fn stat(&self, path: &str) -> Result<Entry, FolderError> {
        let found = fs::symlink_metadata(self.path(path)).map_err(refusal)?;
        let modified: SystemTime = found.modified().unwrap();
        let name = path.rsplit('/').next().unwrap().to_owned();
        let modified = i64::try_from(modified.duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap();
        let kind = match (found.is_file(), found.is_dir()) {
            (true, _) => EntryKind::File,
            (_, true) => EntryKind::Dir,
            _ => EntryKind::Other,
        };
        Ok(Entry { name, kind, size: found.len(), modified })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FolderError> {
        if let Some(hook) = self.before_rename.borrow_mut().take() {
            hook(&self.path(MAILBOX));
        }
        if self.path(to).exists() {
            return Err(FolderError::Exists);
        }
        fs::rename(self.path(from), self.path(to)).map_err(refusal)
    }

    fn create_dir(&self, path: &str) -> Result<(), FolderError> {
        fs::create_dir(self.path(path)).map_err(refusal)
    }

    fn remove_file(&self, path: &str) -> Result<(), FolderError> {
        fs::remove_file(self.path(path)).map_err(refusal)
    }

    fn is_writable(&self, path: &str) -> Result<bool, FolderError> {
        fs::metadata(self.path(path)).map(|found| !found.permissions().readonly()).map_err(refusal)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "map_err passes values")]
fn refusal(error: std::io::Error) -> FolderError {
    match error.kind() {
        ErrorKind::NotFound => FolderError::NotFound,
        ErrorKind::AlreadyExists => FolderError::Exists,
        ErrorKind::PermissionDenied => FolderError::Denied(error.to_string()),
        _ => FolderError::Other(error.to_string()),
    }
}
