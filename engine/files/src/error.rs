//! Why a file is not read or written.

use std::io;
use std::path::PathBuf;

/// Why a file is not read or written. Each names the file, and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, or this user may not read it.
    #[error("`{path}` cannot be read: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be made or written.
    #[error("`{path}` cannot be written: {source}")]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Other users may change it, or replace what is in it.
    #[error("`{path}` can be changed by other users of this machine (mode {mode:o}); run `chmod go-w {path}`")]
    OthersWrite {
        /// Which file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Other users may read a secret.
    #[error("`{path}` can be read by other users of this machine (mode {mode:o}); run `chmod 600 {path}`")]
    OthersRead {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Its owner is neither root nor whoever runs this.
    #[error("`{path}` belongs to another user (uid {owner}), who can change it; run `chown {runs_as} {path}`")]
    Foreign {
        /// Which file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who runs this.
        runs_as: u32,
    },
    /// Far larger than any file of its kind.
    #[error("`{path}` is larger than {} MiB, which no such file is", most >> 20)]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Most bytes.
        most: u64,
    },
}

impl FileError {
    /// Why, where the file is named already.
    pub fn reason(&self) -> String {
        match self {
            Self::Unreadable { source, .. } | Self::Unwritable { source, .. } => source.to_string(),
            other => other.to_string(),
        }
    }

    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
