//! The principal under which the history records what the program does on its own.

use clawback_model::{Event, Principal, PrincipalKind, Remediation, Role};
use clawback_store::Lease;

use crate::error::Error;
use crate::site::Site;

/// The name that is recorded for decisions and steps that no person asked for.
pub(crate) const AUTOMATION: &str = "automation";

/// The principal that submits what no person asked for: a service that may submit and nothing else. It has no token.
pub(crate) fn automation() -> Principal {
    Principal::new(AUTOMATION, PrincipalKind::Service, vec![Role::Analyst])
}

/// Records an event of the holder of a lease.
pub(crate) async fn record(site: &Site, lease: &Lease, event: &Event) -> Result<Remediation, Error> {
    Ok(site.history.record(&lease.remediation, Some(lease), AUTOMATION, event, site.now()).await?)
}
