//! The import `clock`.

use std::time::Duration;

use crate::imports::bindings::clawback::mail_store::clock;
use crate::imports::guest::Guest;

impl clock::Host for Guest {
    async fn now(&mut self) -> wasmtime::Result<i64> {
        Ok(self.grants.clock.now().0)
    }

    /// Waits outside of the guest's turns; the time-out of the call ends the wait.
    async fn sleep(&mut self, milliseconds: u64) -> wasmtime::Result<()> {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        Ok(())
    }
}
