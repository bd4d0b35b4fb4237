//! Checks of who can change a file, and who can read a secret. Access control lists are not checked.

use std::fs::{self, Metadata};
use std::path::Path;

use crate::error::FileError;

/// The purpose of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// It determines what is done: other users may read it.
    Policy,
    /// Only its owner may read it.
    Secret,
}

/// Refuses a file or folder that other users can change, or replace by way of a folder above it.
pub fn check_policy(path: &Path) -> Result<(), FileError> {
    check(path, Use::Policy)
}

/// Like [`check_policy`] for a secret, which other users may not read, either.
pub fn check_secret(path: &Path) -> Result<(), FileError> {
    check(path, Use::Secret)
}

fn check(path: &Path, kind: Use) -> Result<(), FileError> {
    let meta = fs::metadata(path).map_err(|source| FileError::Unreadable { path: path.to_owned(), source })?;
    check_found(path, &meta, kind)
}

/// Checks an existing file and the folders above it.
#[cfg(unix)]
pub(crate) fn check_found(path: &Path, meta: &Metadata, kind: Use) -> Result<(), FileError> {
    use std::os::unix::fs::MetadataExt as _;
    // A pipe from another program has no path that could be changed.
    if !meta.is_file() && !meta.is_dir() {
        return Ok(());
    }
    let runs_as = rustix::process::geteuid().as_raw();
    check_owner(path, meta, runs_as)?;
    let mode = meta.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(FileError::OthersWrite { path: path.to_owned(), mode });
    }
    // As with ssh: root may give a group access to a secret.
    let readers = if meta.uid() == runs_as { 0o077 } else { 0o007 };
    if kind == Use::Secret && mode & readers != 0 {
        return Err(FileError::OthersRead { path: path.to_owned(), mode });
    }
    // The real path: a user who can change a folder above it can replace the file.
    let real = fs::canonicalize(path).map_err(|source| FileError::Unreadable { path: path.to_owned(), source })?;
    for folder in real.ancestors().skip(1) {
        let unreadable = |source| FileError::Unreadable { path: folder.to_owned(), source };
        let meta = fs::metadata(folder).map_err(unreadable)?;
        check_owner(folder, &meta, runs_as)?;
        let mode = meta.mode() & 0o7777;
        let is_sticky = mode & 0o1000 != 0;
        if mode & 0o022 != 0 && !is_sticky {
            return Err(FileError::OthersWrite { path: folder.to_owned(), mode });
        }
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn check_found(_: &Path, _: &Metadata, _: Use) -> Result<(), FileError> {
    Ok(())
}

/// Refuses a file that another user owns, unless either user is root.
#[cfg(unix)]
fn check_owner(path: &Path, meta: &Metadata, runs_as: u32) -> Result<(), FileError> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = meta.uid();
    if runs_as == 0 || owner == 0 || owner == runs_as {
        return Ok(());
    }
    Err(FileError::Foreign { path: path.to_owned(), owner, runs_as })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::*;

    fn file(folder: &Path, mode: u32) -> PathBuf {
        let path = folder.join("file");
        fs::write(&path, "x").unwrap();
        set(&path, mode);
        path
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o600, 0o644, 0o444, 0o755] {
            check_policy(&file(folder.path(), mode)).unwrap();
        }
        for mode in [0o620, 0o602, 0o666, 0o664, 0o777] {
            let refused = check_policy(&file(folder.path(), mode)).unwrap_err().to_string();
            assert!(refused.contains("chmod go-w") && refused.contains(&format!("mode {mode:o}")), "{refused}");
        }
    }

    #[test]
    fn a_secret_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o600, 0o400] {
            check_secret(&file(folder.path(), mode)).unwrap();
        }
        for mode in [0o640, 0o660, 0o602, 0o622, 0o604, 0o666, 0o610] {
            assert!(check_secret(&file(folder.path(), mode)).is_err(), "{mode:o}");
        }
    }

    #[test]
    fn a_folder_above_that_others_can_write_is_as_bad() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let path = file(&inner, 0o600);
        set(&inner, 0o755);
        check_policy(&path).unwrap();
        set(&inner, 0o777);
        let refused = check_policy(&path).unwrap_err().to_string();
        assert!(refused.contains("inner` can be changed"), "{refused}");
        // The sticky bit prevents that users replace the files of others, as in /tmp.
        set(&inner, 0o1777);
        check_policy(&path).unwrap();
        // A link is checked by its target.
        set(&inner, 0o777);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(check_policy(&link).is_err());
    }
}
