//! Keeps a lease alive while work goes on, and sees when a person wants it to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clawback_store::Lease;
use tokio::task::JoinHandle;

use crate::site::Site;

/// Held while a worker works on one remediation; dropping it ends the heartbeat.
pub(crate) struct Control {
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Control {
    /// Starts the heartbeat.
    pub(crate) fn start(site: Arc<Site>, lease: Lease) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(site.tuning.control);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut extended = site.now();
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let now = site.now();
                if now.since(extended) * 3 > site.tuning.lease {
                    if let Err(error) = site.history.extend(&lease, now.plus(site.tuning.lease)).await {
                        tracing::warn!(remediation.id = %lease.remediation, %error, "Lease not extended, stopping work.");
                        seen.store(true, Ordering::Relaxed);
                        return;
                    }
                    extended = now;
                }
                if let Ok(remediation) = site.history.load(&lease.remediation).await
                    && remediation.asked.is_some()
                {
                    seen.store(true, Ordering::Relaxed);
                }
            }
        });
        Self { stop, task }
    }

    /// Whether lanes should stop before their next call.
    pub(crate) fn stop_asked(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// A handle for the tasks of lanes.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Forgets a stop that has been obeyed.
    pub(crate) fn clear(&self) {
        self.stop.store(false, Ordering::Relaxed);
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}
