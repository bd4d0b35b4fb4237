//! Sends notifications of a site: of a new status, of what still waits, and of checkpoints.

use std::collections::BTreeSet;
use std::sync::Arc;

use clawback_model::{Checkpoint, Digest, Remediation, RemediationId, Reminder, ReportVerdict, SIMULATION};
use clawback_store::DueAnswer;
use futures::future::join_all;

use super::delivery::Undelivered;
use super::mail::Answer;
use super::notice::{CheckpointNotice, Kind, Notice};
use super::recipients::of_playbook;
use crate::site::Site;

/// Sends a signed checkpoint to one notifier.
pub(crate) async fn send_checkpoint(
    site: &Site,
    name: &str,
    checkpoint: &Checkpoint,
    of: &CheckpointNotice,
) -> Result<(), Undelivered> {
    let notifier = site.notifiers.get(name).ok_or(Undelivered::Unknown)?;
    let now = site.now();
    let notice = Notice::checkpoint(checkpoint, of, now);
    notifier.send_checkpoint(&notice, checkpoint, of, now).await
}

/// Notifies one notifier of a new status. The notification is the same in every try, so that a receiver can detect a
/// duplicate.
pub(crate) async fn notify_change(site: &Site, name: &str, remediation: &Remediation) -> Result<(), Undelivered> {
    let notifier = site.notifiers.get(name).ok_or(Undelivered::Unknown)?;
    let notice = Notice::new(Kind::Changed, remediation, site.public_url.as_ref(), remediation.updated_at);
    notifier.notify(&notice, remediation, site.now()).await
}

/// Tells a reporter how the remediation of their report ended, or that the message is a simulation. The answer is the same in every try. Returns false if
/// the site answers nobody.
pub(crate) async fn answer(site: &Site, due: &DueAnswer) -> Result<bool, Undelivered> {
    let (Some(name), Some(verdict)) = (&site.reports.answer_by, due.verdict) else {
        return Ok(false);
    };
    let notifier = site.notifiers.get(name).ok_or(Undelivered::Unknown)?;
    let text = ReportVerdict::fill(site.answers.of(verdict), &due.subject, due.reported_at);
    let of = due.remediation.as_ref().map_or(SIMULATION, RemediationId::as_str);
    let id = format!("report.{of}.{}.{}", due.group, Digest::of(due.reporter.as_bytes()).short());
    notifier.answer(&Answer { to: &due.reporter, id, text, at: due.ended_at }).await?;
    Ok(true)
}

/// Sends a reminder to those who were notified first, or to the next level. Returns false if none of the recipients
/// could be reached.
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
    let sent = names.into_iter().map(|name| async move {
        let sent = match site.notifiers.get(name) {
            Some(notifier) => notifier.notify(notice, remediation, now).await,
            None => Err(Undelivered::Unknown),
        };
        if let Err(error) = &sent {
            tracing::warn!(remediation.id = %remediation.id, notifier.name = name, %error, "Reminder not delivered.");
        }
        sent.is_ok()
    });
    join_all(sent).await.contains(&true)
}
