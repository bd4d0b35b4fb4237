//! The import `clock`.

use crate::imports::bindings::clawback::mail_store::clock;
use crate::imports::guest::Guest;

impl clock::Host for Guest {
    async fn now(&mut self) -> wasmtime::Result<i64> {
        Ok(self.grants.clock.now().0)
    }
}
