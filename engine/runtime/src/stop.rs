//! Requests to stop: lanes check for one after each wait and before each call, and it wakes those that wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use clawback_model::Timestamp;
use tokio::sync::watch;

/// The sending side of a request to stop. It is raised once and never lowered; dropping it raises it.
pub(crate) struct Flag(watch::Sender<bool>);

impl Flag {
    /// A flag that is not raised.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets no further call begin, and wakes the futures that wait to begin one.
    pub(crate) fn raise(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was raised.
    pub(crate) fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// Whether it has a reader.
    pub(crate) fn is_seen(&self) -> bool {
        self.0.receiver_count() > 0
    }
}

/// What lanes check: the flag of their remediation, the flag of their lane worker, and the expiry of the lane worker's
/// lease.
#[derive(Clone)]
pub(crate) struct Stop {
    asked: watch::Receiver<bool>,
    over: watch::Receiver<bool>,
    /// In microseconds.
    alive_until: Arc<AtomicI64>,
}

impl Stop {
    /// A stop that is requested by either flag, or by the expiry of the lease.
    pub(crate) fn new(asked: &Flag, over: &Flag, alive_until: Arc<AtomicI64>) -> Self {
        Self { asked: asked.0.subscribe(), over: over.0.subscribe(), alive_until }
    }

    /// Whether no further call may begin: a person asked for a stop, the node shuts down, or the lane worker's lease
    /// has expired.
    pub(crate) fn must_stop(&self, now: Timestamp) -> bool {
        let raised = |flag: &watch::Receiver<bool>| *flag.borrow() || flag.has_changed().is_err();
        raised(&self.asked) || raised(&self.over) || now.0 >= self.alive_until.load(Ordering::Relaxed)
    }

    /// Returns once a flag is raised.
    pub(crate) async fn raised(&self) {
        let (mut asked, mut over) = (self.asked.clone(), self.over.clone());
        tokio::select! {
            _ = asked.wait_for(|raised| *raised) => {}
            _ = over.wait_for(|raised| *raised) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_flag_wakes_who_waits_and_stays_raised() {
        let (asked, over) = (Flag::new(), Flag::new());
        let stop = Stop::new(&asked, &over, Arc::new(AtomicI64::new(10)));
        assert!(!stop.must_stop(Timestamp(9)));
        assert!(stop.must_stop(Timestamp(10)), "its lease has expired");
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.raised().await }
        });
        asked.raise();
        tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
        assert!(stop.must_stop(Timestamp(0)) && asked.is_raised() && !over.is_raised());
        let late = Stop::new(&asked, &over, Arc::new(AtomicI64::new(10)));
        late.raised().await;
        assert!(asked.is_seen());
    }

    #[tokio::test]
    async fn a_dropped_flag_counts_as_raised() {
        let (asked, over) = (Flag::new(), Flag::new());
        let stop = Stop::new(&asked, &over, Arc::new(AtomicI64::new(10)));
        drop(over);
        stop.raised().await;
        assert!(stop.must_stop(Timestamp(0)));
    }
}
