//! Files below one granted directory.
//!
//! **Invariant:** no path leaves the directory, and no symbolic link is followed in any part of a path: each directory
//! is opened relative to the one before it. A rename never replaces a file, and is synced to disk before the call that
//! made it returns.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, OpenOptions};

use crate::granted::file_name::{decode, encode};
use crate::limits::{RECORD_BYTES, SandboxLimits};

/// The granted directory.
#[derive(Clone)]
pub(crate) struct GrantedFolder {
    root: Arc<Dir>,
    /// The most entries of one listing.
    most_entries: usize,
    /// The most bytes of one listing.
    most_bytes: usize,
}

/// One file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: EntryKind,
    pub(crate) size: u64,
    /// Microseconds since 1970-01-01 UTC.
    pub(crate) modified: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Dir,
    Other,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FolderError {
    NotFound,
    Denied(String),
    Exists,
    Other(String),
}

/// A directory in which names changed, with its path.
type Changed = (String, Arc<Dir>);

/// The directories in which names changed during this call, by path. Each is synced once, however many files moved.
#[derive(Default)]
pub(crate) struct Unsynced(BTreeMap<String, Arc<Dir>>);

impl Unsynced {
    /// Syncs them to disk.
    pub(crate) async fn sync(self) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let sync = move || self.0.values().try_for_each(|dir| dir.open(".")?.sync_all());
        tokio::task::spawn_blocking(sync).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Adds directories.
    pub(crate) fn extend(&mut self, changed: impl IntoIterator<Item = Changed>) {
        self.0.extend(changed);
    }
}

impl GrantedFolder {
    pub(crate) fn open(path: &Path, limits: &SandboxLimits) -> io::Result<Self> {
        Ok(Self {
            root: Arc::new(Dir::open_ambient_dir(path, ambient_authority())?),
            most_entries: limits.directory_entries,
            most_bytes: limits.memory_bytes,
        })
    }

    pub(crate) fn list(&self, path: &str) -> Result<Vec<Entry>, FolderError> {
        list(&self.walk(path)?, self.most_entries, self.most_bytes)
    }

    /// Returns the first `most` bytes of each file, `most_in_all` in total at most.
    pub(crate) fn read_heads(
        &self,
        paths: &[String],
        most: u64,
        most_in_all: usize,
    ) -> Result<Vec<Result<Vec<u8>, FolderError>>, FolderError> {
        let mut left = most_in_all;
        // Heads are requested directory by directory, so the last directory stays open.
        let mut last: Option<(&str, Dir)> = None;
        let mut heads = Vec::with_capacity(paths.len());
        for path in paths {
            let head = self.split(path).and_then(|(parent, name)| {
                if last.as_ref().is_none_or(|(known, _)| *known != parent) {
                    last = Some((parent, self.walk(parent)?));
                }
                let (_, dir) = last.as_ref().ok_or(FolderError::NotFound)?;
                read(&mut open(dir, name)?, 0, most)
            });
            left = left.saturating_sub(RECORD_BYTES + head.as_ref().map_or(0, Vec::len));
            if left == 0 {
                return Err(FolderError::Other(format!("the heads are larger than {} MiB", most_in_all >> 20)));
            }
            heads.push(head);
        }
        Ok(heads)
    }

    pub(crate) fn read(&self, path: &str, offset: u64, most: u64) -> Result<Vec<u8>, FolderError> {
        let (parent, name) = self.split(path)?;
        read(&mut open(&self.walk(parent)?, name)?, offset, most)
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Entry, FolderError> {
        let Ok((parent, name)) = self.split(path) else {
            self.walk(path)?;
            return Ok(Entry { name: String::new(), kind: EntryKind::Dir, size: 0, modified: 0 });
        };
        let meta = self.walk(parent)?.symlink_metadata(&*decode(name)).map_err(|error| refused(&error))?;
        Ok(entry(name.to_owned(), &meta))
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<[Changed; 2], FolderError> {
        let (from_parent, from_name) = self.split(from)?;
        let (to_parent, to_name) = self.split(to)?;
        let from_dir = Arc::new(self.walk(from_parent)?);
        let to_dir = if from_parent == to_parent { Arc::clone(&from_dir) } else { Arc::new(self.walk(to_parent)?) };
        rename(&from_dir, &decode(from_name), &to_dir, &decode(to_name)).map_err(|error| refused(&error))?;
        Ok([(to_parent.to_owned(), to_dir), (from_parent.to_owned(), from_dir)])
    }

    pub(crate) fn create_dir(&self, path: &str) -> Result<[Changed; 1], FolderError> {
        let (parent, name) = self.split(path)?;
        let dir = self.walk(parent)?;
        dir.create_dir(&*decode(name)).map_err(|error| refused(&error))?;
        Ok([(parent.to_owned(), Arc::new(dir))])
    }

    pub(crate) fn remove_file(&self, path: &str) -> Result<[Changed; 1], FolderError> {
        let (parent, name) = self.split(path)?;
        let dir = self.walk(parent)?;
        let name = decode(name);
        let meta = dir.symlink_metadata(&*name).map_err(|error| refused(&error))?;
        if !meta.is_file() {
            return Err(FolderError::Denied("not a regular file".into()));
        }
        dir.remove_file(&*name).map_err(|error| refused(&error))?;
        Ok([(parent.to_owned(), Arc::new(dir))])
    }

    pub(crate) fn is_writable(&self, path: &str) -> Result<bool, FolderError> {
        is_writable(&self.walk(path)?)
    }

    /// Opens the directory of a path; the root for an empty path.
    fn walk(&self, path: &str) -> Result<Dir, FolderError> {
        let mut dir = self.root.try_clone().map_err(|error| refused(&error))?;
        for name in path.split('/').filter(|name| !(path.is_empty() || path == "." && *name == ".")) {
            check_name(name)?;
            dir = dir.open_dir_nofollow(&*decode(name)).map_err(|error| refused(&error))?;
        }
        Ok(dir)
    }

    /// Returns the directory of a path, and the last name.
    #[expect(clippy::unused_self, reason = "reads as one of the steps")]
    fn split<'a>(&self, path: &'a str) -> Result<(&'a str, &'a str), FolderError> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        // "/x" would otherwise be read as "x".
        if parent.is_empty() && path.starts_with('/') {
            return Err(FolderError::Denied("paths are relative".into()));
        }
        check_name(name)?;
        Ok((parent, name))
    }
}

fn check_name(name: &str) -> Result<(), FolderError> {
    if name.is_empty()
        || name == "."
        || name == ".."
        || name.contains('\0')
        || cfg!(windows) && name.contains(['\\', ':'])
    {
        return Err(FolderError::Denied("paths are relative, without empty names, `.` or `..`".into()));
    }
    Ok(())
}

fn open(dir: &Dir, name: &str) -> Result<File, FolderError> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt as _;
        // Opening a named pipe in a mailbox must not block.
        options.custom_flags(i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0));
    }
    let file = dir.open_with(&*decode(name), &options).map_err(|error| refused(&error))?;
    if !file.metadata().map_err(|error| refused(&error))?.is_file() {
        return Err(FolderError::Denied("not a regular file".into()));
    }
    Ok(file)
}

fn read(file: &mut File, offset: u64, most: u64) -> Result<Vec<u8>, FolderError> {
    let mut bytes = Vec::new();
    if offset > 0 {
        file.seek(SeekFrom::Start(offset)).map_err(|error| refused(&error))?;
    }
    file.take(most).read_to_end(&mut bytes).map_err(|error| refused(&error))?;
    Ok(bytes)
}

fn list(dir: &Dir, most: usize, most_bytes: usize) -> Result<Vec<Entry>, FolderError> {
    let mut entries = Vec::new();
    let mut bytes = 0;
    for found in dir.entries().map_err(|error| refused(&error))? {
        let found = found.map_err(|error| refused(&error))?;
        // A file that was removed concurrently is omitted.
        let (Some(name), Ok(meta)) = (encode(&found.file_name()), found.metadata()) else { continue };
        bytes += RECORD_BYTES + name.len();
        if bytes > most_bytes {
            return Err(FolderError::Other(format!(
                "the names of the directory are larger than {} MiB",
                most_bytes >> 20
            )));
        }
        entries.push(entry(name, &meta));
        if entries.len() > most {
            return Err(FolderError::Other(format!("the directory has more than {most} entries")));
        }
    }
    Ok(entries)
}

fn entry(name: String, meta: &Metadata) -> Entry {
    let modified = meta.modified().ok().and_then(|time| time.into_std().duration_since(UNIX_EPOCH).ok());
    Entry {
        name,
        kind: match (meta.is_file(), meta.is_dir()) {
            (true, _) => EntryKind::File,
            (_, true) => EntryKind::Dir,
            _ => EntryKind::Other,
        },
        size: meta.len(),
        modified: modified.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
    }
}

#[cfg(unix)]
fn is_writable(dir: &Dir) -> Result<bool, FolderError> {
    use rustix::fs::{Access, AtFlags, accessat};
    use rustix::io::Errno;
    match accessat(dir, c".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        Ok(()) => Ok(true),
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Ok(false),
        Err(error) => Err(refused(&error.into())),
    }
}

#[cfg(not(unix))]
fn is_writable(_dir: &Dir) -> Result<bool, FolderError> {
    Ok(true)
}

#[cfg(target_os = "linux")]
fn rename(from: &Dir, name: &OsStr, to: &Dir, new: &OsStr) -> io::Result<()> {
    use rustix::fs::{RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(from, name, to, new, RenameFlags::NOREPLACE) {
        // A file system without atomic exclusive renames, such as NFS.
        Err(Errno::INVAL | Errno::NOSYS) => link_and_remove(from, name, to, new),
        done => Ok(done?),
    }
}

#[cfg(not(target_os = "linux"))]
fn rename(from: &Dir, name: &OsStr, to: &Dir, new: &OsStr) -> io::Result<()> {
    link_and_remove(from, name, to, new)
}

/// Renames by a link, which fails if the name exists; a plain rename would replace the file.
fn link_and_remove(from: &Dir, name: &OsStr, to: &Dir, new: &OsStr) -> io::Result<()> {
    from.hard_link(name, to, new)?;
    from.remove_file(name)
}

/// Maps an error without the host's paths.
fn refused(error: &io::Error) -> FolderError {
    match error.kind() {
        io::ErrorKind::NotFound => FolderError::NotFound,
        io::ErrorKind::AlreadyExists => FolderError::Exists,
        io::ErrorKind::PermissionDenied => FolderError::Denied("no permission".into()),
        kind if is_link(error) => FolderError::Denied(format!("not followed: {kind}")),
        kind => FolderError::Other(kind.to_string()),
    }
}

fn is_link(error: &io::Error) -> bool {
    // ELOOP for a link as the last name; ENOTDIR for a link inside the path.
    matches!(error.raw_os_error(), Some(code) if code == rustix::io::Errno::LOOP.raw_os_error())
        || error.kind() == io::ErrorKind::NotADirectory
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(directory: &Path) -> GrantedFolder {
        GrantedFolder::open(directory, &SandboxLimits { directory_entries: 3, ..SandboxLimits::default() }).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn no_path_and_no_link_leads_out() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        let inside = outside.path().join("mail");
        std::fs::create_dir_all(inside.join("cur")).unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), inside.join("cur/link")).unwrap();
        let folder = granted(&inside);
        for path in ["../secret", "cur/../../secret", "/secret", "link/secret", "cur/link", "cur"] {
            let read = folder.read(path, 0, 10);
            assert!(matches!(read, Err(FolderError::Denied(_))), "{path}: {read:?}");
        }
        assert_eq!(folder.stat("link").unwrap().kind, EntryKind::Other);
    }

    #[test]
    fn a_rename_replaces_nothing() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [("a", "one"), ("b", "two")] {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let folder = granted(directory.path());
        assert_eq!(folder.rename("a", "b").unwrap_err(), FolderError::Exists);
        assert_eq!(folder.rename("c", "d").unwrap_err(), FolderError::NotFound);
        let [(changed, _), _] = folder.rename("a", "c").unwrap();
        assert_eq!(changed, "");
        let heads = folder.read_heads(&["c".into(), "b".into(), "a".into()], 2, 1 << 20).unwrap();
        assert_eq!(heads, [Ok(b"on".to_vec()), Ok(b"tw".to_vec()), Err(FolderError::NotFound)]);
    }

    #[test]
    fn a_listing_has_a_bound() {
        let directory = tempfile::tempdir().unwrap();
        let folder = granted(directory.path());
        for name in ["a", "b", "c"] {
            std::fs::write(directory.path().join(name), name).unwrap();
        }
        assert_eq!(folder.list("").unwrap().len(), 3);
        std::fs::write(directory.path().join("d"), "d").unwrap();
        assert!(matches!(folder.list(""), Err(FolderError::Other(_))));
    }
}
