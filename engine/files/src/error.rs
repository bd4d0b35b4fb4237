//! Errors of reading and writing files.

use std::io;
use std::path::PathBuf;

/// An error of reading or writing a file. Each names the file and the next step.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file does not exist, or this user may not read it.
    #[error("`{path}` cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file cannot be created or written.
    #[error("`{path}` cannot be written: {source}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Other users may change the file, or replace files in the folder.
    #[error("`{path}` can be changed by other users of this machine (mode {mode:o}); run `chmod go-w {path}`")]
    OthersWrite {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Other users may read a secret.
    #[error("`{path}` can be read by other users of this machine (mode {mode:o}); run `chmod 600 {path}`")]
    OthersRead {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The owner is neither root nor the current user.
    #[error("`{path}` belongs to another user (uid {owner}), who can change it; run `chown {runs_as} {path}`")]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// The user ID of the owner.
        owner: u32,
        /// The user ID of the current user.
        runs_as: u32,
    },
    /// The file is far larger than any file of its kind.
    #[error("`{path}` is larger than {} MiB, which no such file is", most >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        most: u64,
    },
}

impl FileError {
    /// Returns the cause without the name of the file, for a message that already names it.
    pub fn reason(&self) -> String {
        match self {
            Self::Unreadable { source, .. } | Self::Unwritable { source, .. } => source.to_string(),
            other => other.to_string(),
        }
    }

    /// Returns whether the file does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
