//! A cached read of the history, shared by all pages of this node: whether the site is halted, and how many
//! remediations wait for a person.

use std::time::Duration;

use clawback_model::Halt;
use clawback_store::Store;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::problem::Problem;

/// More than this many are shown as "100+".
pub(crate) const COUNTED: usize = 100;
/// How long a read is cached: a thousand readers cost one read a second, not a thousand.
const FRESH: Duration = Duration::from_secs(1);

/// What all pages of a node show.
#[derive(Debug, Clone)]
pub(crate) struct SiteStatus {
    pub(crate) halted: Option<Halt>,
    pub(crate) pending: usize,
}

/// The last read of the history, shared by all pages of this node.
#[derive(Debug, Default)]
pub(crate) struct StatusCache(Mutex<Option<(Instant, SiteStatus)>>);

impl StatusCache {
    /// Returns the cached read, or a new one. Callers that arrive during a read wait for its result.
    pub(crate) async fn take(&self, history: &Store) -> Result<SiteStatus, Problem> {
        let mut last = self.0.lock().await;
        if let Some((at, status)) = &*last
            && at.elapsed() < FRESH
        {
            return Ok(status.clone());
        }
        let status = SiteStatus { halted: history.halted().await?, pending: history.pending(COUNTED).await? };
        *last = Some((Instant::now(), status.clone()));
        Ok(status)
    }

    /// Drops the cached read after a change through this node, so that its author sees it on the next page.
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}
