//! The looks of a node that are under way. Each is a task of its own, so that a search delays neither the timers nor
//! other sweeps. One node over all takes a look: see [`clawback_store::Store::take_look`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use clawback_model::{RemediationId, Timestamp};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tracing::Instrument as _;

use super::sweeps;
use crate::error::Error;
use crate::site::Site;

/// How long a node leaves a sweep alone after its look failed for another reason than its stores.
const REST: Duration = Duration::from_mins(1);

/// The looks under way. Dropping it drops them.
pub(crate) struct Looks {
    site: Arc<Site>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<(RemediationId, Result<u64, Error>)>,
    busy: HashMap<RemediationId, AbortHandle>,
    /// Until when sweeps that failed are left alone.
    resting: HashMap<RemediationId, Timestamp>,
}

impl Looks {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        let (tasks, stop) = (JoinSet::new(), watch::Sender::new(false));
        Self { site, stop, tasks, busy: HashMap::new(), resting: HashMap::new() }
    }

    /// Starts the looks that are due, as far as there is capacity. Waits for none of them.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        let (site, now) = (&self.site, self.site.now());
        let most = site.tuning.looks;
        while let Some(ended) = self.tasks.try_join_next() {
            logged(self.note(ended, now));
        }
        self.busy.retain(|_, task| !task.is_finished());
        self.resting.retain(|_, until| *until > now);
        if self.busy.len() >= most || *self.stop.borrow() {
            return Ok(());
        }
        for due in self.site.history.due_sweeps(now).await? {
            let due = match due {
                Ok(due) => due,
                Err(error) => {
                    logged(Err(error.into()));
                    continue;
                }
            };
            if self.busy.len() >= most {
                break;
            }
            let first = due.first.clone();
            if self.busy.contains_key(&first) || self.resting.contains_key(&first) {
                continue;
            }
            let (site, stop, id) = (Arc::clone(&self.site), self.stop.subscribe(), first.clone());
            let look = async move { (id, sweeps::look(&site, due, stop).await) };
            self.busy.insert(first, self.tasks.spawn(look.in_current_span()));
        }
        Ok(())
    }

    /// Waits until none is under way, and returns the number of follow-ups that were filed.
    pub(crate) async fn ended(&mut self) -> Result<u64, Error> {
        let (mut began, mut failed) = (0, None);
        while let Some(ended) = self.tasks.join_next().await {
            match self.note(ended, self.site.now()) {
                Ok(more) => began += more,
                Err(error) => failed = Some(error),
            }
        }
        self.busy.clear();
        failed.map_or(Ok(began), Err)
    }

    /// Drops every search under way. The looks are due again for any node.
    pub(crate) async fn stop(&mut self) {
        self.stop.send_replace(true);
        logged(self.ended().await);
    }

    fn note(
        &mut self,
        ended: Result<(RemediationId, Result<u64, Error>), JoinError>,
        now: Timestamp,
    ) -> Result<u64, Error> {
        match ended {
            Ok((_, Ok(began))) => Ok(began),
            Ok((first, Err(error))) => {
                self.resting.insert(first, now.plus(REST));
                Err(error)
            }
            // Its row was taken, so the next look takes place at its time.
            Err(panic) => {
                tracing::error!(error = %panic, "A look of a sweep panicked.");
                Ok(0)
            }
        }
    }
}

fn logged(result: Result<u64, Error>) {
    if let Err(error) = result {
        tracing::error!(error = &error as &dyn std::error::Error, "A look of a sweep failed; it is retried.");
    }
}
