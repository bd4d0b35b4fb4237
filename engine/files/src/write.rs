//! Writes files that only their owner can access, and follows no links.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::check::check_policy;
use crate::error::FileError;

/// The most names that are tried for a temporary file.
const TRIES: u32 = 100;

/// Creates a new, empty file. An existing file is not changed, and neither is the target of a link.
pub fn create(path: &Path) -> Result<File, FileError> {
    open_new(path).map_err(|source| FileError::Unwritable { path: path.to_owned(), source })
}

fn open_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates a folder and its parents. An existing folder is kept, and refused if other users can change it.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| FileError::Unwritable { path: path.to_owned(), source })?;
    check_policy(path)
}

/// Begins a file that replaces `path` once it is complete; until then, or if it never is, `path` does not change.
pub fn replace(path: &Path) -> Result<Replacement, FileError> {
    let unwritable = |source| FileError::Unwritable { path: path.to_owned(), source };
    let Some(name) = path.file_name() else {
        return Err(unwritable(io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a file")));
    };
    for number in 0..TRIES {
        let mut unfinished = name.to_owned();
        unfinished.push(format!(".{}-{number}.part", std::process::id()));
        let unfinished = path.with_file_name(unfinished);
        match open_new(&unfinished) {
            Ok(file) => {
                return Ok(Replacement {
                    file: io::BufWriter::new(file),
                    unfinished,
                    path: path.to_owned(),
                    whole: false,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unwritable(error)),
        }
    }
    Err(unwritable(io::Error::new(io::ErrorKind::AlreadyExists, "there are too many temporary files next to it")))
}

/// A temporary file, which is removed if it is dropped.
#[derive(Debug)]
pub struct Replacement {
    file: io::BufWriter<File>,
    unfinished: PathBuf,
    path: PathBuf,
    whole: bool,
}

impl Replacement {
    /// Syncs the file and moves it into place. A link in its place is replaced, not followed.
    pub fn commit(mut self) -> Result<(), FileError> {
        let done = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.unfinished, &self.path));
        done.map_err(|source| FileError::Unwritable { path: self.path.clone(), source })?;
        self.whole = true;
        Ok(())
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.whole {
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "before").unwrap();
        let mut begun = replace(&path).unwrap();
        begun.write_all(b"half").unwrap();
        drop(begun);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        let mut begun = replace(&path).unwrap();
        begun.write_all(b"after").unwrap();
        begun.commit().unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("after", 0o600));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let path = folder.path().join("out");
        // At every name that could be written.
        symlink(&victim, &path).unwrap();
        symlink(&victim, folder.path().join("out.part")).unwrap();
        symlink(&victim, folder.path().join(format!("out.{}-0.part", std::process::id()))).unwrap();
        assert!(create(&path).is_err());
        let mut begun = replace(&path).unwrap();
        begun.write_all(b"new").unwrap();
        begun.commit().unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    }

    #[test]
    fn a_folder_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        create_folder(&path).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o700, 0o700));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(create_folder(&path).is_err());
    }
}
