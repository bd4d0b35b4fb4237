//! What keeps a worker from the next step though the remediation itself would go on: the site is halted, or the next batch
//! would touch mailboxes of VIPs.

use std::sync::Arc;

use clawback_model::{Event, Halt, Principal, Remediation, Status, StopReason};
use clawback_store::Lease;

use crate::api::{Api, allow};
use crate::error::Error;
use crate::site::Site;

impl Api {
    /// Halts the site: within a blink nothing is planned, started or acted on, on any node, until [`Api::unhalt`]. One that is
    /// halted already stays as it is; the answer is the halt that stands.
    pub async fn halt(&self, who: &Principal, reason: &str) -> Result<Halt, Error> {
        allow(who, clawback_model::Permission::Administer)?;
        Ok(self.site().history.halt(reason, &who.name, self.site().now()).await?)
    }

    /// Takes the halt back; gives the one that stood. Whatever it held goes on by itself.
    pub async fn unhalt(&self, who: &Principal) -> Result<Option<Halt>, Error> {
        allow(who, clawback_model::Permission::Administer)?;
        Ok(self.site().history.unhalt(&who.name, self.site().now()).await?)
    }
}

/// Refuses to begin anything while the site is halted.
pub(crate) async fn refuse_if_halted(site: &Site) -> Result<(), Error> {
    site.history.halted().await?.map_or(Ok(()), |halt| Err(Error::Halted(halt)))
}

/// Writes down that a halt holds this remediation, if one stands. What it did so far is kept, and once the site goes on, it
/// is due again.
pub(crate) async fn by_halt(
    site: &Arc<Site>,
    remediation: &Remediation,
    lease: &Lease,
) -> Result<Option<Remediation>, Error> {
    let Some(halt) = site.history.halted().await? else { return Ok(None) };
    let tells = matches!(
        remediation.status,
        Status::Queued | Status::Planning | Status::Approved | Status::InProgress
    ) && !matches!(&remediation.stop, Some(StopReason::Halted { halt: known }) if *known == halt);
    if !tells {
        return Ok(Some(remediation.clone()));
    }
    let event = Event::Held { reason: StopReason::Halted { halt } };
    let now = site.now();
    Ok(Some(site.history.record(&remediation.id, Some(lease), crate::worker::AUTOMATION, &event, now).await?))
}

/// Whether a batch would touch more messages of VIPs than allowed. The plan was tested on the list as it was; this is the list
/// as it is now.
pub(crate) async fn by_vips(site: &Site, remediation: &Remediation, end: u32) -> Result<Option<StopReason>, Error> {
    let Some(vips) = site.library.lists.get("vips").filter(|_| remediation.touches_vips(u64::MAX).is_some()) else {
        return Ok(None);
    };
    let mailboxes = site.history.mailboxes_before(&remediation.id, end).await?;
    let touched = mailboxes.iter().filter(|(mailbox, _)| vips.contains(mailbox)).map(|(_, targets)| targets).sum();
    Ok(remediation.touches_vips(touched))
}
