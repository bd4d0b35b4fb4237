//! Renews a lease while work is under way, and detects when the work must stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use clawback_model::Timestamp;
use clawback_store::{Lease, StoreError};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::site::Site;

/// The result of the heartbeat.
struct Stop {
    asked: AtomicBool,
    lost: AtomicBool,
    /// When the lease expires, in microseconds.
    until: AtomicI64,
}

impl Stop {
    /// Whether no further step may begin: a person asked for a stop, the remediation's time is over, the site is
    /// halted, or the lease is lost.
    fn must_stop(&self, now: Timestamp) -> bool {
        self.asked.load(Ordering::Relaxed) || self.lost(now)
    }

    /// Whether the lease was lost or has expired: another node may advance the remediation now.
    fn lost(&self, now: Timestamp) -> bool {
        self.lost.load(Ordering::Relaxed) || now.0 >= self.until.load(Ordering::Relaxed)
    }
}

/// The heartbeat of a lease. Dropping it ends the heartbeat.
pub(crate) struct Control {
    stop: Arc<Stop>,
    task: JoinHandle<()>,
}

impl Control {
    /// Starts the heartbeat of a lease that was just taken.
    pub(crate) fn start(site: Arc<Site>, lease: Lease) -> Self {
        let until = AtomicI64::new(site.now().plus(site.tuning.lease).0);
        let stop = Arc::new(Stop { asked: AtomicBool::new(false), lost: AtomicBool::new(false), until });
        let task = tokio::spawn(beat(site, lease, Arc::clone(&stop)));
        Self { stop, task }
    }

    /// Whether no further step may begin: a person asked for a stop, or the lease is lost.
    pub(crate) fn must_stop(&self, now: Timestamp) -> bool {
        self.stop.must_stop(now)
    }

    /// Whether the lease is lost.
    pub(crate) fn lost(&self, now: Timestamp) -> bool {
        self.stop.lost(now)
    }

    /// Clears a request for a stop that has been carried out.
    pub(crate) fn clear(&self) {
        self.stop.asked.store(false, Ordering::Relaxed);
    }

    /// Returns when the work must stop, for steps that have no lanes.
    pub(crate) async fn stopped(&self, site: &Site) {
        while !self.must_stop(site.now()) {
            tokio::time::sleep(site.tuning.control).await;
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn beat(site: Arc<Site>, lease: Lease, stop: Arc<Stop>) {
    let mut ticks = interval(site.tuning.control);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let third = site.tuning.lease / 3;
    loop {
        ticks.tick().await;
        let now = site.now();
        let left = Timestamp(stop.until.load(Ordering::Relaxed)).since(now);
        if left <= third * 2 {
            let until = now.plus(site.tuning.lease);
            match timeout(third, site.history.extend(&lease, until)).await {
                Ok(Ok(())) => stop.until.store(until.0, Ordering::Relaxed),
                Ok(Err(StoreError::LeaseLost { .. })) => {
                    stop.lost.store(true, Ordering::Relaxed);
                    return;
                }
                // A passing database error: retried until the lease expires.
                Ok(Err(error)) => tracing::warn!(remediation.id = %lease.remediation, %error, "Lease not extended."),
                Err(_) => tracing::warn!(remediation.id = %lease.remediation, "Lease not extended in time."),
            }
        }
        if let Ok(Ok(remediation)) = timeout(third, site.history.load(&lease.remediation)).await
            && (remediation.asked.is_some() || remediation.overdue(site.now()).is_some())
        {
            stop.asked.store(true, Ordering::Relaxed);
        }
        if let Ok(Ok(Some(_))) = timeout(third, site.history.halted()).await {
            stop.asked.store(true, Ordering::Relaxed);
        }
    }
}
