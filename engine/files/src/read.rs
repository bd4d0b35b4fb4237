//! Reads files after a check.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::check::{Use, check_found};
use crate::error::FileError;

/// The largest file, in bytes. Real files have a few kilobytes; a list of a million mailboxes has 30 MB.
const MOST_BYTES: u64 = 64 << 20;

/// Reads a file that determines what is done. Refuses it if other users can change it.
pub fn read_policy(path: &Path) -> Result<String, FileError> {
    text(path, read(path, Use::Policy)?)
}

/// Like [`read_policy`], for bytes.
pub fn read_policy_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    read(path, Use::Policy)
}

/// Reads a file that contains a secret. Refuses it if other users can read or change it.
pub fn read_secret(path: &Path) -> Result<String, FileError> {
    text(path, read(path, Use::Secret)?)
}

/// Like [`read_secret`], for bytes.
pub fn read_secret_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    read(path, Use::Secret)
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|_| FileError::Unreadable {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"),
    })
}

fn read(path: &Path, kind: Use) -> Result<Vec<u8>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    // Opened first, so that the file that is checked is the file that is read.
    let file = File::open(path).map_err(unreadable)?;
    check_found(path, &file.metadata().map_err(unreadable)?, kind)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(FileError::TooLarge { path: path.to_owned(), most: MOST_BYTES });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_read_as_it_is_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(read_policy(&path).unwrap_err().is_missing());
        fs::write(&path, "text\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read_policy(&path).unwrap(), "text\n");
        let refused = read_secret(&path).unwrap_err();
        assert!(refused.to_string().contains("chmod 600") && !refused.is_missing(), "{refused}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_secret(&path).unwrap(), "text\n");
        fs::write(&path, b"\xff").unwrap();
        assert!(read_policy(&path).unwrap_err().to_string().contains("not UTF-8"));
        assert_eq!(read_policy_bytes(&path).unwrap(), b"\xff");
    }
}
