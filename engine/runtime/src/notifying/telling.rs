//! Tells notifiers of a site: of a new status, of what still waits, and where the history stands.

use std::collections::BTreeSet;
use std::sync::Arc;

use clawback_model::{Checkpoint, Remediation, Reminder};
use futures::future::join_all;

use super::delivery::Undelivered;
use super::notice::{Kind, Notice, Told};
use super::recipients::of_playbook;
use crate::site::Site;

/// Tells one notifier where the history stands: a signed checkpoint.
pub(crate) async fn tell_checkpoint(
    site: &Site,
    name: &str,
    checkpoint: &Checkpoint,
    told: &Told,
) -> Result<(), Undelivered> {
    let notifier = site.notifiers.get(name).ok_or(Undelivered::Unknown)?;
    let now = site.now();
    let notice = Notice::checkpoint(checkpoint, told, now);
    notifier.tell_checkpoint(&notice, checkpoint, told, now).await
}

/// Tells one notifier of a new status. The notice is the same in every try, so that a receiver can know it for the same.
pub(crate) async fn tell_change(site: &Site, name: &str, remediation: &Remediation) -> Result<(), Undelivered> {
    let notifier = site.notifiers.get(name).ok_or(Undelivered::Unknown)?;
    let notice = Notice::new(Kind::Changed, remediation, site.public_url.as_ref(), remediation.updated_at);
    notifier.tell(&notice, remediation, site.now()).await
}

/// Tells of what still waits: those who were told first, or those above them. False if nobody could be told who should have been.
pub(crate) async fn remind(site: &Arc<Site>, remediation: &Remediation, reminder: Reminder) -> bool {
    let of_playbook = of_playbook(site, remediation);
    let names: BTreeSet<&str> = match reminder {
        Reminder::Again => site.approvals.notify.iter().chain(&of_playbook).map(String::as_str).collect(),
        Reminder::Escalation => site.approvals.escalate_to.iter().map(String::as_str).collect(),
    };
    if names.is_empty() {
        return true;
    }
    let now = site.now();
    let notice = &Notice::new(Kind::Reminder(reminder), remediation, site.public_url.as_ref(), now);
    let told = names.into_iter().map(|name| async move {
        let told = match site.notifiers.get(name) {
            Some(notifier) => notifier.tell(notice, remediation, now).await,
            None => Err(Undelivered::Unknown),
        };
        if let Err(error) = &told {
            tracing::warn!(remediation.id = %remediation.id, notifier.name = name, %error, "Nobody told.");
        }
        told.is_ok()
    });
    join_all(told).await.contains(&true)
}
