//! Credentials: where they come from, and a type that does not show them.

use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

/// A credential. Its `Debug` shows `***`; it is never serialized.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes charge of a credential.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The credential itself, for the one place that sends it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a credential is read from, at each use, so that it can be changed without a restart.
#[derive(Debug, Clone)]
pub(crate) enum SecretSource {
    File(PathBuf),
    Variable(String),
}

/// A credential that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("`{path}` cannot be read: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("`{path}` can be read by every user of this machine; run `chmod 600 {path}`")]
    WorldReadable { path: String },
    #[error("`{path}` is larger than 16 MiB, which no file of credentials is")]
    TooLarge { path: String },
    #[error("`{path}` is empty")]
    EmptyFile { path: String },
    #[error("the environment variable {name} is not set, or empty")]
    Unset { name: String },
}

impl SecretSource {
    /// The credential, without the line break at its end.
    pub(crate) fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::File(path) => {
                let text = read_private(path)?;
                let secret = text.expose().trim_end_matches(['\r', '\n']);
                if secret.is_empty() {
                    return Err(SecretError::EmptyFile { path: path.display().to_string() });
                }
                Ok(Secret::new(secret))
            }
            Self::Variable(name) => match env::var(name) {
                Ok(text) if !text.is_empty() => Ok(Secret::new(text)),
                _ => Err(SecretError::Unset { name: name.clone() }),
            },
        }
    }
}

/// The text of a file that holds a secret of any kind: refused if every user may read it.
pub fn read_secret_file(path: &Path) -> Result<String, String> {
    read_private(path).map(|secret| secret.0).map_err(|error| match error {
        SecretError::Unreadable { path, source } => format!("{path} cannot be read: {source}"),
        error => error.to_string(),
    })
}

/// A file of credentials: refused if every user may read it.
pub(crate) fn read_private(path: &Path) -> Result<Secret, SecretError> {
    const MOST_BYTES: u64 = 16 << 20;
    let name = || path.display().to_string();
    let unreadable = |source| SecretError::Unreadable { path: name(), source };
    let meta = fs::metadata(path).map_err(unreadable)?;
    if is_world_readable(&meta) {
        return Err(SecretError::WorldReadable { path: name() });
    }
    if meta.len() > MOST_BYTES {
        return Err(SecretError::TooLarge { path: name() });
    }
    fs::read_to_string(path).map(Secret).map_err(unreadable)
}

#[cfg(unix)]
fn is_world_readable(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.is_file() && meta.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_world_readable(_: &fs::Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }

    #[test]
    fn a_file_that_everyone_reads_is_refused_with_the_cure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, "hunter2\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = SecretSource::File(path.clone()).read().unwrap_err().to_string();
        assert!(refused.contains("chmod 600") && !refused.contains("hunter2"), "{refused}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(SecretSource::File(path.clone()).read().unwrap().expose(), "hunter2");
        fs::write(&path, "\n").unwrap();
        assert!(matches!(SecretSource::File(path).read(), Err(SecretError::EmptyFile { .. })));
        assert!(matches!(SecretSource::Variable("CLAWBACK_UNSET".into()).read(), Err(SecretError::Unset { .. })));
    }
}
