//! Mail stores as somebody looks at them: whether one answers now.

use std::time::Duration;

use clawback_connectors::Probe;
use clawback_model::{Permission, Principal};
use clawback_runtime::Error;

use crate::api::Api;
use crate::authorization::allow;

/// How long a store may take to show that it is there.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

impl Api {
    /// Opens the first mailbox of a store and looks for a message that does not exist: what it saw, or why it saw nothing.
    pub async fn check_store(&self, who: &Principal, name: &str) -> Result<Result<Probe, String>, Error> {
        allow(who, Permission::Control)?;
        let store = self.site().store(name)?;
        Ok(match tokio::time::timeout(CHECK_TIMEOUT, clawback_connectors::check(&**store)).await {
            Ok(seen) => seen.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
        })
    }
}
