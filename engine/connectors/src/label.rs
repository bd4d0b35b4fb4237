//! The name of a store and its connector, for errors and log lines.

use std::sync::{Arc, OnceLock};

/// The store and the connector that every error and log line names.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) store: Arc<str>,
    pub(crate) connector: String,
    version: OnceLock<String>,
}

impl Label {
    pub(crate) fn new(store: &str, connector: &str) -> Self {
        Self { store: store.into(), connector: connector.to_owned(), version: OnceLock::new() }
    }

    pub(crate) fn version(&self) -> &str {
        self.version.get().map_or("(version not known yet)", String::as_str)
    }

    pub(crate) fn set_version(&self, version: &str) {
        self.version.get_or_init(|| version.to_owned());
    }
}
