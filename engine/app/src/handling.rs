//! What people record of an alert, and the incident that it belongs to.

use crate::boxed::boxed;
use clawback_model::{AlertState, Event, Incident, Permission, Principal, Remediation, RemediationId};
use clawback_runtime::Error;

use crate::api::Api;
use crate::authorization::allow;

impl Api {
    /// Records how far people are with the alert of a remediation, and who looks after it. Records nothing if that is
    /// known.
    #[boxed]
    pub async fn handle_alert(
        &self,
        who: &Principal,
        id: &RemediationId,
        state: AlertState,
        owner: Option<&str>,
    ) -> Result<Remediation, Error> {
        allow(who, Permission::Control)?;
        if let Some(owner) = owner {
            let _ = self.site().history.principal(owner).await?;
        }
        let known = self.site().history.load(id).await?;
        if known.alert.state == state && known.alert.owner.as_deref() == owner {
            return Ok(known);
        }
        let event = Event::AlertHandled { state, owner: owner.map(str::to_owned) };
        Ok(self.site().history.record(id, None, who, &event, self.site().now()).await?)
    }

    /// Records the incident of the site's ticket system that a remediation belongs to. Records nothing if that is known.
    #[boxed]
    pub async fn link_incident(
        &self,
        who: &Principal,
        id: &RemediationId,
        incident: Option<Incident>,
    ) -> Result<Remediation, Error> {
        allow(who, Permission::Control)?;
        let known = self.site().history.load(id).await?;
        if known.incident == incident {
            return Ok(known);
        }
        let event = Event::IncidentLinked { incident };
        Ok(self.site().history.record(id, None, who, &event, self.site().now()).await?)
    }
}
