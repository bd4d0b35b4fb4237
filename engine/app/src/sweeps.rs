//! Ends sweeps.

use crate::boxed::boxed;
use clawback_model::{Origin, Permission, Principal, Remediation, RemediationId, SweepEnd};
use clawback_runtime::Error;

use crate::api::Api;
use crate::authorization::allow;

impl Api {
    /// Stops the search for late copies of what a remediation acted on.
    #[boxed]
    pub async fn stop_sweep(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        allow(who, Permission::Control)?;
        let history = &self.site().history;
        let asked = history.load(id).await?;
        let first = match &asked.request.origin {
            Origin::Sweep { of } => of,
            _ => id,
        };
        let why = SweepEnd::Stopped { by: who.name.clone() };
        if history.end_sweep(first, &why, who, self.site().now()).await? {
            return Ok(asked);
        }
        Err(Error::NothingTo { id: id.clone(), what: "sweep under way", verb: "stop" })
    }
}
