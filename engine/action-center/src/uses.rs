//! The use of sessions, noted for many of them at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use clawback_model::{Digest, Timestamp};
use clawback_store::Store;

use crate::error_chain::chain;

/// Sessions whose use is to be noted. Whoever has the turn writes down all that have come meanwhile, so that a thousand readers who
/// began together cost a few transactions a minute, not a thousand at once.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    waiting: Mutex<Vec<Digest>>,
    turn: tokio::sync::Mutex<()>,
}

impl Uses {
    /// Comes back once it is written, by whomever. What cannot be written now is with the next request.
    pub(crate) async fn note(&self, history: &Store, session: Digest, now: Timestamp) {
        self.waiting().push(session);
        let _turn = self.turn.lock().await;
        let all = std::mem::take(&mut *self.waiting());
        if !all.is_empty()
            && let Err(error) = history.touch_sessions(&all, now).await
        {
            tracing::warn!(error = chain(&error), "The use of sessions was not noted.");
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Digest>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
