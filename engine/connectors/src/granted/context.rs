//! The input for grants: a store's configuration, the manifest of its connector, and the base of relative paths.

use std::path::{Path, PathBuf};

use crate::config::{ConfigError, StoreConfig};
use crate::granted::secret::SecretSource;
use crate::limits::SandboxLimits;
use crate::manifest::Manifest;

/// A store's configuration with its context.
pub(crate) struct GrantContext<'a> {
    pub(crate) store: &'a str,
    pub(crate) config: &'a StoreConfig,
    pub(crate) manifest: &'a Manifest,
    /// The base of relative paths.
    pub(crate) base: &'a Path,
    pub(crate) limits: SandboxLimits,
}

impl GrantContext<'_> {
    pub(crate) fn wrong(&self, key: &str, problem: impl Into<String>, help: impl Into<String>) -> ConfigError {
        ConfigError { store: self.store.to_owned(), key: key.to_owned(), problem: problem.into(), help: help.into() }
    }

    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// Returns the source of a credential, and reads it once so that a mistake is found at the start.
    pub(crate) fn secret(
        &self,
        key: &str,
        file: Option<&Path>,
        variable: Option<&str>,
    ) -> Result<SecretSource, ConfigError> {
        let source = match (file, variable) {
            (Some(file), None) => SecretSource::File(self.path(file)),
            (None, Some(variable)) => SecretSource::Variable(variable.to_owned()),
            (None, None) => {
                return Err(self.wrong(key, "missing", format!("write either `{key}-file` or `{key}-env`")));
            }
            (Some(_), Some(_)) => {
                return Err(self.wrong(key, "given twice", format!("keep either `{key}-file` or `{key}-env`")));
            }
        };
        let (key, help) = match &source {
            SecretSource::File(_) => (format!("{key}-file"), "name a file that only this user can read"),
            SecretSource::Variable(_) => (format!("{key}-env"), "set the variable for the process"),
        };
        source.read().map_err(|error| self.wrong(&key, error.to_string(), help))?;
        Ok(source)
    }
}
