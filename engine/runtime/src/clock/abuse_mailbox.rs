//! Looks into the mailbox for reports, one over all nodes. What it records of each mail is decided in
//! [`super::report_mails`].

use std::sync::Arc;
use std::time::Duration;

use clawback_model::{Timestamp, searched_from, wait_after};
use clawback_store::AbuseMailbox;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use super::kept::{KEPT_FOR, Kept, while_kept};
use super::report_mails::{Looked, read};
use crate::error::Error;
use crate::intake;
use crate::report_settings::AbuseMailboxConfig;
use crate::site::Site;

/// How often a node asks whether a look is due.
const ASKED_EVERY: Duration = Duration::from_secs(5);

/// The look of a node that is under way. Dropping it drops the look.
pub(crate) struct AbuseMailboxLooks {
    site: Arc<Site>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    asked_at: Option<Timestamp>,
}

impl AbuseMailboxLooks {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        Self { site, stop: watch::Sender::new(false), tasks: JoinSet::new(), asked_at: None }
    }

    /// Starts a look if it is due and none is under way. Does not wait for it.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        let Some(config) = &self.site.reports.mailbox else { return Ok(()) };
        while let Some(ended) = self.tasks.try_join_next() {
            logged(ended);
        }
        let now = self.site.now();
        let asked = self.asked_at.is_some_and(|at| now.since(at) < ASKED_EVERY);
        if asked || !self.tasks.is_empty() || *self.stop.borrow() {
            return Ok(());
        }
        self.asked_at = Some(now);
        let due = self.site.history.abuse_mailbox(&config.store, &config.mailbox).await?;
        if due.next_at > now {
            return Ok(());
        }
        let (site, config, stop) = (Arc::clone(&self.site), config.clone(), self.stop.subscribe());
        let look = async move {
            if let Err(error) = look(&site, &config, &due, stop).await {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "The look into the mailbox for reports was not recorded; it is repeated.");
            }
        };
        self.tasks.spawn(look.in_current_span());
        Ok(())
    }

    /// Waits until none is under way.
    pub(crate) async fn ended(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            logged(ended);
        }
    }

    /// Drops the look under way. It is due again for any node.
    pub(crate) async fn stop(&mut self) {
        self.stop.send_replace(true);
        self.ended().await;
    }
}

/// Its row was taken, so another look takes place once the claim has expired.
fn logged(ended: Result<(), JoinError>) {
    if let Err(panic) = ended {
        tracing::error!(error = %panic, "A look into the mailbox for reports panicked.");
    }
}

/// Takes the look that is due, unless another node has, and writes what it did. A stop gives it back.
#[tracing::instrument(name = "reports.look", skip_all, fields(store.name = config.store))]
async fn look(
    site: &Arc<Site>,
    config: &AbuseMailboxConfig,
    due: &AbuseMailbox,
    stop: watch::Receiver<bool>,
) -> Result<(), Error> {
    let (history, began) = (&site.history, site.now());
    let whole_at = due.whole_at.unwrap_or(began);
    let mut due = due.clone();
    due.whole_at = Some(whole_at);
    let Some(taken) = history.take_abuse_mailbox(&due, began.plus(KEPT_FOR)).await? else { return Ok(()) };
    let renew =
        |taken: AbuseMailbox| async move { history.take_abuse_mailbox(&taken, site.now().plus(KEPT_FOR)).await };
    let reading = Box::pin(read(site, config, searched_from(whole_at, began)));
    let (looked, mut taken) = match while_kept(taken, reading, stop, renew).await {
        Kept::Done(looked, taken) => (looked, taken),
        Kept::Stopped(taken) => {
            history.take_abuse_mailbox(&taken, began).await?;
            return Ok(());
        }
        Kept::Lost => return Ok(()),
    };
    let looked = looked.unwrap_or_else(|error| Looked::failed(&error));
    let trouble = looked.trouble();
    if let Some(trouble) = &trouble {
        tracing::warn!(trouble, recorded = looked.recorded, "The mailbox for reports could not be read completely.");
    }
    let now = site.now();
    let failures = if looked.has_failed() { taken.failures.saturating_add(1) } else { 0 };
    let next_at = if looked.are_left { now } else { now.plus(wait_after(config.every, failures)) };
    if looked.is_whole() {
        taken.whole_at = Some(began);
    }
    (taken.next_at, taken.looked_at, taken.failures, taken.trouble) = (next_at, Some(now), failures, trouble);
    history.finish_abuse_mailbox(&taken).await?;
    if looked.recorded > 0 {
        intake::forget_reports(site).await;
    }
    Ok(())
}
