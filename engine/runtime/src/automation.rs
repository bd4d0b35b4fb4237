//! The program itself, as history names it.

use clawback_model::{Event, Principal, PrincipalKind, Remediation, Role};
use clawback_store::Lease;

use crate::error::Error;
use crate::site::Site;

/// Who is written down for what nobody asked for in person.
pub(crate) const AUTOMATION: &str = "automation";

/// Who asks for what nobody asked for in person: a program that may submit and nothing else. It has no token.
pub(crate) fn automation() -> Principal {
    Principal::new(AUTOMATION, PrincipalKind::Service, vec![Role::Analyst])
}

/// Records what the holder of a lease has done.
pub(crate) async fn record(site: &Site, lease: &Lease, event: &Event) -> Result<Remediation, Error> {
    Ok(site.history.record(&lease.remediation, Some(lease), AUTOMATION, event, site.now()).await?)
}
