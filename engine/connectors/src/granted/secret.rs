//! Credentials: their sources, and a type that does not show them.

use std::path::{Path, PathBuf};
use std::{env, fmt};

use clawback_files::FileError;

/// A credential. Its `Debug` shows `***`; it is never serialized.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the credential itself, for the one place that sends it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The source of a credential, which is read at each use, so that it can be changed without a restart.
#[derive(Debug, Clone)]
pub(crate) enum SecretSource {
    File(PathBuf),
    Variable(String),
}

/// A credential that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("`{path}` is empty")]
    EmptyFile { path: String },
    #[error("the environment variable {name} is not set, or empty")]
    Unset { name: String },
}

impl SecretSource {
    /// Reads the credential without the line break at its end.
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

/// Reads a file of credentials; refuses it if other users can read or change it.
pub(crate) fn read_private(path: &Path) -> Result<Secret, SecretError> {
    Ok(Secret(clawback_files::read_secret(path)?))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }

    #[test]
    fn a_file_that_others_read_is_refused_with_the_cure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, "hunter2\n").unwrap();
        for mode in [0o644, 0o640, 0o660, 0o602, 0o622] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = SecretSource::File(path.clone()).read().unwrap_err().to_string();
            assert!(refused.contains("chmod") && !refused.contains("hunter2"), "{mode:o}: {refused}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(SecretSource::File(path.clone()).read().unwrap().expose(), "hunter2");
        fs::write(&path, "\n").unwrap();
        assert!(matches!(SecretSource::File(path).read(), Err(SecretError::EmptyFile { .. })));
        assert!(matches!(SecretSource::Variable("CLAWBACK_UNSET".into()).read(), Err(SecretError::Unset { .. })));
    }
}
