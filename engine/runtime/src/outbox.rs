//! The outbox: sends notifications of every change of status, independently of the work. Changes are rows; see
//! [`clawback_store::Change`]. Each notifier has its own rows and retries, and gets the changes of a remediation in
//! order: one that does not answer delays no other.

use crate::boxed::boxed;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clawback_model::{RemediationId, Timestamp};
use clawback_store::{Change, Delivery, DueAnswer, StoreError};
use futures::future::join_all;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};

use crate::checkpoints::tend;
use crate::error::Error;
use crate::notifying;
use crate::site::Site;
use crate::task::{Task, spawn};

/// Waits after the first tries that fail, and after every later one.
const WAITS: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_mins(2), Duration::from_mins(10)];
const THEN: Duration = Duration::from_hours(1);
/// How long a notification is retried; the try at the end of this time is the last.
const RETRY_FOR: Duration = Duration::from_hours(24);
/// How long other nodes leave a delivery alone that a node has taken: longer than any try.
const CLAIM_TTL: Duration = Duration::from_mins(1);
/// Remediations of which one node notifies one notifier at once.
const AT_ONCE: u32 = 8;
/// Changes addressed in one transaction.
const PAGE: u32 = 100;
/// Wait between two queries for what is due.
const IDLE: Duration = Duration::from_secs(1);
/// Time between two runs over the checkpoints of the history.
const HEADS: Duration = Duration::from_mins(1);
/// Wait after an error of the database.
const AFTER_TROUBLE: Duration = Duration::from_secs(2);

/// Sends notifications of changes of status, and reminders of what waits for votes.
#[derive(Clone)]
pub struct Outbox {
    site: Arc<Site>,
    /// The only remediation that it notifies of; `None` means all of them.
    of: Option<RemediationId>,
    stopping: Arc<AtomicBool>,
}

/// An outbox that runs; dropping it ends every try at once.
pub struct OutboxTask {
    stop: oneshot::Sender<()>,
    task: Task<()>,
}

impl OutboxTask {
    /// Lets the tries under way end; what is left is sent by the next node that reads it.
    #[boxed]
    pub async fn end(self) {
        drop(self.stop);
        self.task.await;
    }
}

impl Outbox {
    /// The outbox of a site.
    pub fn new(site: Arc<Site>) -> Self {
        Self { site, of: None, stopping: Arc::default() }
    }

    /// Sends everything that is due, each with one try, all notifiers at once. A failed try fails nothing else: it is
    /// logged and retried later, by any node.
    #[boxed]
    pub async fn send_due(&self) {
        if self.of.is_none() {
            Box::pin(tend(Arc::clone(&self.site))).await;
        }
        logged(Box::pin(self.turn()).await);
    }

    /// The same for the changes of one remediation only: for a command in the foreground, which may be the only
    /// process.
    #[boxed]
    pub async fn send_of(&self, id: &RemediationId) {
        Self { of: Some(id.clone()), ..self.clone() }.send_due().await;
    }

    /// Sends everything in a task of its own until it is ended.
    pub fn spawn(self) -> OutboxTask {
        let (stop, stopped) = oneshot::channel();
        // A flag of its own, so that ending the task stops no other use of the outbox.
        let served = Self { stopping: Arc::default(), ..self };
        OutboxTask { stop, task: spawn(served.serve(stopped)) }
    }

    /// Sends the changes of one remediation until it is ended, and then the last of them.
    pub(crate) fn spawn_for(self, id: &RemediationId) -> OutboxTask {
        Self { of: Some(id.clone()), ..self }.spawn()
    }

    /// Its future is large; callers box it.
    async fn turn(&self) -> Result<(), Error> {
        self.resolve_recipients().await?;
        let notifiers = self.site.history.due_notifiers(self.of.as_ref(), self.site.now()).await?;
        let sent = join_all(notifiers.iter().map(|name| self.channel(name)));
        let reminded = async { if self.of.is_none() { self.remind().await } else { Ok(()) } };
        let (sent, reminded, answered) = tokio::join!(sent, reminded, self.answer());
        sent.into_iter().collect::<Result<(), Error>>()?;
        reminded.and(answered)
    }

    async fn serve(self, mut stop: oneshot::Receiver<()>) {
        // Each notifier has a task, so that one that does not answer delays no other; reminders have one too.
        let mut tasks = JoinSet::new();
        let mut busy: BTreeMap<Option<String>, AbortHandle> = BTreeMap::new();
        let mut tending: Option<(Timestamp, AbortHandle)> = None;
        loop {
            while tasks.try_join_next().is_some() {}
            busy.retain(|_, task| !task.is_finished());
            let wait = match self.due().await {
                Ok(due) => {
                    for name in due {
                        let outbox = self.clone();
                        busy.entry(name.clone()).or_insert_with(|| tasks.spawn(outbox.send(name)));
                    }
                    IDLE
                }
                Err(error) => {
                    logged(Err(error));
                    AFTER_TROUBLE
                }
            };
            let now = self.site.now();
            let looked = tending.as_ref().is_some_and(|(at, task)| !task.is_finished() || now.since(*at) < HEADS);
            if self.of.is_none() && !looked {
                tending = Some((now, tasks.spawn(tend(Arc::clone(&self.site)))));
            }
            tokio::select! {
                _ = &mut stop => break,
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.stopping.store(true, Ordering::Relaxed);
        while tasks.join_next().await.is_some() {}
        if self.of.is_some() {
            self.stopping.store(false, Ordering::Relaxed);
            self.send_due().await;
        }
    }

    /// The notifiers for which something is due; `None` among them means reminders and answers.
    async fn due(&self) -> Result<Vec<Option<String>>, Error> {
        let (history, now) = (&self.site.history, self.site.now());
        if !history.notices_due(now).await? {
            return Ok(Vec::new());
        }
        self.resolve_recipients().await?;
        let notifiers = history.due_notifiers(self.of.as_ref(), self.site.now()).await?;
        Ok(notifiers.into_iter().map(Some).chain(self.of.is_none().then_some(None)).collect())
    }

    async fn send(self, name: Option<String>) {
        let Some(name) = name else {
            let (reminded, answered) = tokio::join!(self.remind(), self.answer());
            return logged(reminded.and(answered));
        };
        logged(self.channel(&name).await);
    }

    /// Determines the recipients of new changes. Sends nothing.
    async fn resolve_recipients(&self) -> Result<(), Error> {
        let history = &self.site.history;
        loop {
            let changes = history.changes(self.of.as_ref(), PAGE).await?;
            if changes.is_empty() {
                return Ok(());
            }
            let mut addressed = Vec::with_capacity(changes.len());
            for change in changes {
                let names = self.recipients_of(&change).await?;
                addressed.push((change, names));
            }
            history.address(&addressed, self.site.now()).await?;
        }
    }

    async fn recipients_of(&self, change: &Change) -> Result<Vec<String>, Error> {
        if self.site.notifiers.is_empty() {
            return Ok(Vec::new());
        }
        match self.site.history.as_of(change).await {
            Ok(remediation) => Ok(notifying::recipients(&self.site, &remediation)),
            Err(error) if is_broken(&error) => {
                tracing::error!(remediation.id = %change.remediation, %error, "No notification of a change that cannot be read.");
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sends to a notifier until nothing is due for it.
    #[tracing::instrument(name = "outbox.send", skip_all, fields(notifier.name = name))]
    async fn channel(&self, name: &str) -> Result<(), Error> {
        while !self.stopping.load(Ordering::Relaxed) {
            let now = self.site.now();
            let times = (now, now.plus(CLAIM_TTL));
            let taken = self.site.history.take_deliveries(name, self.of.as_ref(), times, AT_ONCE).await?;
            if taken.is_empty() {
                break;
            }
            let sent = join_all(taken.iter().map(|delivery| self.deliver(delivery))).await;
            sent.into_iter().collect::<Result<(), Error>>()?;
        }
        Ok(())
    }

    /// Makes one try.
    async fn deliver(&self, delivery: &Delivery) -> Result<(), Error> {
        let (site, history) = (&self.site, &self.site.history);
        let Delivery { change, notifier, tries, since } = delivery;
        let remediation = match history.as_of(change).await {
            Ok(remediation) => remediation,
            Err(error) if is_broken(&error) => {
                tracing::error!(remediation.id = %change.remediation, %error, "No notification of a change that cannot be read.");
                return Ok(history.delivered(delivery, site.now()).await?);
            }
            Err(error) => return Err(error.into()),
        };
        let Err(error) = notifying::notify_change(site, notifier, &remediation).await else {
            site.metrics.notice(notifier, "sent");
            return Ok(history.delivered(delivery, site.now()).await?);
        };
        let (id, status) = (&remediation.id, remediation.status);
        let next = next_try(*since, *tries, site.now());
        if let Some(next) = next {
            site.metrics.notice(notifier, "failed");
            tracing::warn!(
                remediation.id = %id, remediation.status = %status, notifier.name = notifier, tries, next = %next, %error,
                "Notification not delivered; it is retried."
            );
            history.defer(delivery, next).await?;
        } else {
            site.metrics.notice(notifier, "given-up");
            tracing::warn!(
                remediation.id = %id, remediation.status = %status, notifier.name = notifier, tries, %error,
                "Notification not delivered; no further retry."
            );
            history.delivered(delivery, site.now()).await?;
        }
        Ok(())
    }

    /// Answers reporters until no answer is due.
    async fn answer(&self) -> Result<(), Error> {
        while !self.stopping.load(Ordering::Relaxed) {
            let now = self.site.now();
            let taken = self.site.history.take_answers(self.of.as_ref(), (now, now.plus(CLAIM_TTL)), AT_ONCE).await?;
            if taken.is_empty() {
                break;
            }
            let sent = join_all(taken.iter().map(|due| self.answer_one(due))).await;
            sent.into_iter().collect::<Result<(), Error>>()?;
        }
        Ok(())
    }

    /// Makes one try.
    async fn answer_one(&self, due: &DueAnswer) -> Result<(), Error> {
        let (site, history) = (&self.site, &self.site.history);
        let name = site.reports.answer_by.as_deref().unwrap_or_default();
        let error = match notifying::answer(site, due).await {
            Ok(is_sent) => {
                if is_sent {
                    site.metrics.notice(name, "sent");
                }
                return Ok(history.answered(due, is_sent.then(|| site.now())).await?);
            }
            Err(error) => error,
        };
        if let Some(next) = next_try(due.since, due.tries, site.now()) {
            site.metrics.notice(name, "failed");
            tracing::warn!(reports.group = due.group, notifier.name = name, tries = due.tries, next = %next, %error, "A reporter was not answered; it is retried.");
            history.defer_answer(due, next).await?;
        } else {
            site.metrics.notice(name, "given-up");
            tracing::warn!(reports.group = due.group, notifier.name = name, tries = due.tries, %error, "A reporter was not answered; no further retry.");
            history.answered(due, None).await?;
        }
        Ok(())
    }

    /// Sends reminders until none is due.
    async fn remind(&self) -> Result<(), Error> {
        while !self.stopping.load(Ordering::Relaxed) && notifying::send_reminders(&self.site).await? {}
        Ok(())
    }
}

/// Whether a retry could not help.
fn is_broken(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { .. } | StoreError::Illegal(_) | StoreError::NotFound { .. })
}

fn logged(sent: Result<(), Error>) {
    if let Err(error) = sent {
        let error: &dyn std::error::Error = &error;
        tracing::error!(error, "Notifications cannot be read or marked as delivered; it is retried.");
    }
}

/// The time of the next try after the `tries`th has failed; `None` once it was retried for long enough.
fn next_try(since: Timestamp, tries: i64, now: Timestamp) -> Option<Timestamp> {
    let last = since.plus(RETRY_FOR);
    let wait = usize::try_from(tries).ok().and_then(|tries| WAITS.get(tries.checked_sub(1)?)).unwrap_or(&THEN);
    (now < last).then(|| now.plus(*wait).min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_after_a_day() {
        let (since, mut now, mut waits) = (Timestamp(0), Timestamp(0), vec![]);
        for tries in 1.. {
            let Some(next) = next_try(since, tries, now) else { break };
            waits.push(next.since(now).as_secs());
            now = next;
        }
        assert_eq!(waits[..6], [5, 30, 120, 600, 3_600, 3_600]);
        assert_eq!(now, since.plus(RETRY_FOR), "the last try is a day after the first");
        assert_eq!(waits.len(), 4 + 24);
        assert!(waits[27] < 3_600, "and so the last wait is a shorter one: {waits:?}");
    }

    #[test]
    fn a_delivery_that_is_days_late_is_tried_once() {
        assert_eq!(next_try(Timestamp(0), 1, Timestamp(0).plus(RETRY_FOR * 3)), None);
        assert_eq!(next_try(Timestamp(0), 0, Timestamp(0)), Some(Timestamp(0).plus(THEN)), "no count is out of bounds");
    }
}
