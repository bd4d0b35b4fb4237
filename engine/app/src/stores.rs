//! The check of whether a mail store answers.

use crate::boxed::boxed;
use std::time::Duration;

use clawback_connectors::Probe;
use clawback_model::{Permission, Principal};
use clawback_runtime::Error;

use crate::api::Api;
use crate::authorization::allow;

/// The time limit of a store's check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

impl Api {
    /// Opens the first mailbox of a store and searches for a message that does not exist. Returns what it found, or why
    /// it failed.
    #[boxed]
    pub async fn check_store(&self, who: &Principal, name: &str) -> Result<Result<Probe, String>, Error> {
        allow(who, Permission::Control)?;
        let store = self.site().store(name)?;
        Ok(match tokio::time::timeout(CHECK_TIMEOUT, clawback_connectors::check(&**store)).await {
            Ok(seen) => seen.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
        })
    }
}
