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

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};

use crate::granted::file_name::decode;
use crate::granted::listing::{self, Bounds, Entry, EntryKind, FolderError, refused};
use crate::limits::{RECORD_BYTES, SandboxLimits};

/// The granted directory.
#[derive(Clone)]
pub(crate) struct GrantedFolder {
    root: Arc<Dir>,
    bounds: Bounds,
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
            bounds: Bounds { entries: limits.directory_entries, bytes: limits.memory_bytes },
        })
    }

    pub(crate) fn list(&self, path: &str) -> Result<Vec<Entry>, FolderError> {
        listing::all(&self.walk(path)?, self.bounds)
    }

    /// Returns the first `most` entries whose names come after this one, in the order of their names.
    pub(crate) fn list_after(&self, path: &str, after: &str, most: usize) -> Result<Vec<Entry>, FolderError> {
        listing::after(&self.walk(path)?, after, most, self.bounds)
    }

    /// Returns the entries whose names begin with one of these texts, in the order of their names.
    pub(crate) fn list_named(&self, path: &str, starts: &[String]) -> Result<Vec<Entry>, FolderError> {
        listing::named(&self.walk(path)?, starts, self.bounds)
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
                read(open(dir, name)?, 0, most)
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
        read(open(&self.walk(parent)?, name)?, offset, most)
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Entry, FolderError> {
        let Ok((parent, name)) = self.split(path) else {
            self.walk(path)?;
            return Ok(Entry { name: String::new(), kind: EntryKind::Dir, size: 0, modified: 0 });
        };
        let meta = self.walk(parent)?.symlink_metadata(&*decode(name)).map_err(|error| refused(&error))?;
        Ok(listing::entry(name.to_owned(), &meta))
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

/// Opens a regular file. Returns it with its size.
fn open(dir: &Dir, name: &str) -> Result<(File, u64), FolderError> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt as _;
        // Opening a named pipe in a mailbox must not block.
        options.custom_flags(i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0));
    }
    let file = dir.open_with(&*decode(name), &options).map_err(|error| refused(&error))?;
    let meta = file.metadata().map_err(|error| refused(&error))?;
    if !meta.is_file() {
        return Err(FolderError::Denied("not a regular file".into()));
    }
    Ok((file, meta.len()))
}

fn read((mut file, size): (File, u64), offset: u64, most: u64) -> Result<Vec<u8>, FolderError> {
    // With room for one byte more, one read has all of a small file and the next one sees its end.
    let room = size.saturating_sub(offset).min(most).saturating_add(1);
    let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or(0));
    if offset > 0 {
        file.seek(SeekFrom::Start(offset)).map_err(|error| refused(&error))?;
    }
    file.take(most).read_to_end(&mut bytes).map_err(|error| refused(&error))?;
    Ok(bytes)
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
        let names = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>().concat();
        assert_eq!(names(folder.list_after("", "a", 9).unwrap()), "bcd", "never more than the bound");
        let starting =
            |starts: &[&str]| folder.list_named("", &starts.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        assert_eq!(names(starting(&["a", "d"]).unwrap()), "ad");
        assert!(matches!(starting(&[""]), Err(FolderError::Other(_))));
    }

    #[test]
    fn parts_of_a_listing_follow_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let folder = GrantedFolder::open(directory.path(), &SandboxLimits::default()).unwrap();
        for name in ["b:2,S", "a", "ab:2,", "abc", "c"] {
            std::fs::write(directory.path().join(name), name).unwrap();
        }
        std::fs::create_dir(directory.path().join("aa")).unwrap();
        let names = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>();
        let after = |name, most| names(folder.list_after("", name, most).unwrap());
        assert_eq!(after("", 2), ["a", "aa"]);
        assert_eq!(after("aa", 2), ["ab:2,", "abc"]);
        assert_eq!(after("abc", 9), ["b:2,S", "c"]);
        assert_eq!((after("c", 9).len(), after("", 0).len()), (0, 0));
        let sized = folder.list_after("", "b", 1).unwrap();
        assert_eq!((sized[0].size, sized[0].kind), (5, EntryKind::File));
        let starts = |starts: &[&str]| starts.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        assert_eq!(names(folder.list_named("", &starts(&["ab", "abc", "x", "b"])).unwrap()), ["ab:2,", "abc", "b:2,S"]);
        assert!(folder.list_named("", &[]).unwrap().is_empty());
        assert_eq!(folder.list_after("none", "", 9), Err(FolderError::NotFound));
    }
}
