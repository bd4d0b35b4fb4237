//! The import `settings`: the non-secret settings of a store.

use std::collections::BTreeMap;

use crate::bindings::clawback::mail_store::{settings, types};
use crate::guest::Guest;

/// `[stores.NAME.settings]`.
pub(crate) type Settings = BTreeMap<String, String>;

impl settings::Host for Guest {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.grants.settings.get(&key).cloned())
    }
}

impl types::Host for Guest {}
