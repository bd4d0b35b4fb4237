//! The import `clock`, and the real clock of a host.

use std::time::{SystemTime, UNIX_EPOCH};

use clawback_model::{Clock, Timestamp};

use crate::bindings::clawback::mail_store::clock;
use crate::guest::Guest;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the default of a host; a test brings its own clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

impl clock::Host for Guest {
    async fn now(&mut self) -> wasmtime::Result<i64> {
        Ok(self.grants.clock.now().0)
    }
}
