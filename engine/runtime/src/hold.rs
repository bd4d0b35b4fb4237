//! The reasons of the site that keep a worker from a remediation's next step: the site is halted, or the list of VIPs
//! has changed.

use crate::boxed::boxed;
use clawback_model::{Event, Remediation, Status, StopReason};
use clawback_store::Lease;

use crate::automation::record;
use crate::error::Error;
use crate::site::Site;

/// Refuses to begin anything while the site is halted.
#[boxed]
pub(crate) async fn refuse_if_halted(site: &Site) -> Result<(), Error> {
    site.history.halted().await?.map_or(Ok(()), |halt| Err(Error::Halted(halt)))
}

/// Checks whether the remediation may take its next step, and records why not: the site is halted, or, if it was just
/// claimed, the list of VIPs has changed since its plan.
pub(crate) async fn look(
    site: &Site,
    remediation: &Remediation,
    lease: &Lease,
    just_claimed: bool,
) -> Result<Option<Remediation>, Error> {
    let event = match site.history.halted().await? {
        Some(halt) => {
            // A paused remediation, or one that asks for votes, is not held in addition; nor is a hold recorded twice.
            let reason = StopReason::Halted { halt };
            let is_recorded = remediation.stop.as_ref() == Some(&reason);
            if is_recorded || matches!(remediation.status, Status::Paused | Status::PendingApproval) {
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

/// Whether the plan has more messages of VIPs than allowed by the current list: a mailbox that became a VIP's while the
/// plan waited for votes or for a person is not acted on without a decision. A list changes only with the
/// configuration, which a process reads once.
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
