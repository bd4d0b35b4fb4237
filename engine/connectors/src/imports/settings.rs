//! The import `settings`: the non-secret settings of a store.

use crate::imports::bindings::clawback::mail_store::{settings, types};
use crate::imports::guest::Guest;

impl settings::Host for Guest {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.grants.settings.get(&key).cloned())
    }
}

impl types::Host for Guest {}
