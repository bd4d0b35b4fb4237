//! What keeps a worker from the next step though the remediation itself would go on: the site is halted, or there are other
//! VIPs by now.

use clawback_model::{Event, Remediation, Status, StopReason};
use clawback_store::Lease;

use crate::automation::record;
use crate::error::Error;
use crate::site::Site;

/// Refuses to begin anything while the site is halted.
pub async fn refuse_if_halted(site: &Site) -> Result<(), Error> {
    site.history.halted().await?.map_or(Ok(()), |halt| Err(Error::Halted(halt)))
}

/// What keeps this remediation from its next step, written down: the site is halted, or, for one that was just claimed, the
/// list of VIPs has changed since its plan.
pub(crate) async fn look(
    site: &Site,
    remediation: &Remediation,
    lease: &Lease,
    just_claimed: bool,
) -> Result<Option<Remediation>, Error> {
    let event = match site.history.halted().await? {
        Some(halt) => {
            // One that is paused or asks for votes is not held by it; nor is it told twice.
            let reason = StopReason::Halted { halt };
            let told = remediation.stop.as_ref() == Some(&reason);
            if told || matches!(remediation.status, Status::Paused | Status::PendingApproval) {
                return Ok(Some(remediation.clone()));
            }
            Event::Held { reason }
        }
        None if just_claimed => match vips_now(site, remediation).await? {
            Some(reason) => Event::Paused { reason },
            None => return Ok(None),
        },
        None => return Ok(None),
    };
    Ok(Some(record(site, lease, &event).await?))
}

/// Whether the plan has more messages of VIPs than allowed, by the list as it is now: whoever became one while it waited for
/// votes, or for a person, is not touched unasked. A list changes only with the configuration, which a process reads once.
async fn vips_now(site: &Site, remediation: &Remediation) -> Result<Option<StopReason>, Error> {
    let runs = matches!(remediation.status, Status::Approved | Status::InProgress) && remediation.asked.is_none();
    let Some(vips) = site.library.lists.get("vips").filter(|_| runs && remediation.touches_vips(u64::MAX).is_some())
    else {
        return Ok(None);
    };
    let mailboxes = site.history.mailboxes(&remediation.id).await?;
    let planned = mailboxes.iter().filter(|(mailbox, _)| vips.contains(mailbox)).map(|(_, targets)| targets).sum();
    Ok(remediation.touches_vips(planned))
}
