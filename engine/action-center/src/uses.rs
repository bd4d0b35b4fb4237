//! The use of sessions, recorded for many of them at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use clawback_model::{Digest, Timestamp};
use clawback_store::Store;

use crate::error_chain::chain;

/// Sessions whose use is to be recorded. The holder of the turn writes all that have arrived meanwhile, so that a
/// thousand readers who began together cost a few transactions a minute, not a thousand at once.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    waiting: Mutex<Vec<Digest>>,
    turn: tokio::sync::Mutex<()>,
}

impl Uses {
    /// Returns once it has been written, by this or another caller. A write that fails is left to the session's next
    /// request.
    pub(crate) async fn note(&self, history: &Store, session: Digest, now: Timestamp) {
        self.waiting().push(session);
        let _turn = self.turn.lock().await;
        let all = std::mem::take(&mut *self.waiting());
        if !all.is_empty()
            && let Err(error) = history.touch_sessions(&all, now).await
        {
            tracing::warn!(error = chain(&error), "The use of sessions was not recorded.");
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Digest>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
