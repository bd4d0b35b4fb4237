//! The state of one store's gate on one node.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clawback_connectors::Capabilities;
use clawback_model::{Clock, Timestamp};
use clawback_store::Store;
use tokio::sync::Notify;

use super::call_limiter::CallLimiter;

/// Where seats and tokens come from.
pub(super) struct Source {
    pub(super) history: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) node: String,
    /// How long seats are held without a heartbeat.
    pub(super) lease: Duration,
}

pub(super) struct State {
    pub(super) limiter: CallLimiter,
    /// Futures that wait for a permit.
    pub(super) waiting: u32,
    /// Whether a task renews the seats, and whether one fetches tokens.
    pub(super) kept: bool,
    pub(super) filling: bool,
    /// How often the limits could not be read, and the last reason.
    pub(super) failures: u64,
    pub(super) failure: String,
    /// Until when no node is to call the store, as far as this one knows.
    pub(super) held_until: Timestamp,
}

/// The gate of one store on one node.
pub(super) struct Gate {
    pub(super) store: Arc<str>,
    pub(super) capabilities: Capabilities,
    pub(super) source: Source,
    pub(super) state: Mutex<State>,
    /// Notified when a call may be able to begin.
    pub(super) changed: Notify,
    /// Notified when the keeper has something to publish to other nodes.
    pub(super) to_publish: Notify,
}

impl Gate {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failed(&self, error: &clawback_store::StoreError) {
        let mut state = self.state();
        state.failures += 1;
        state.failure = error.to_string();
        drop(state);
        self.changed.notify_waiters();
    }
}
