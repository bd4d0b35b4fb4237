//! Writes outcomes as they come, many in a transaction, none later than a blink.

use std::sync::Arc;

use clawback_model::{Counts, Outcome, RemediationId};
use clawback_store::{Lease, StoreError};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::act::Done;
use crate::progress::{Observer, Seen};
use crate::site::Site;

/// What is left when every lane has ended.
pub(crate) struct Rest {
    /// Not written yet: they go into the transaction that ends the batch.
    pub(crate) outcomes: Vec<Outcome>,
    /// Targets whose call was throttled.
    pub(crate) throttled: u64,
}

/// Records until the channel closes. On an error the channel is dropped, which stops the lanes: what they did and could not
/// be written down is found by `locate` on the next start.
pub(crate) async fn record(
    site: Arc<Site>,
    id: RemediationId,
    lease: Lease,
    mut counts: Counts,
    mut done: mpsc::Receiver<Done>,
    observer: Observer,
) -> Result<Rest, StoreError> {
    let mut rest = Rest { outcomes: Vec::new(), throttled: 0 };
    let mut flush_at = None;
    loop {
        let next = match flush_at {
            None => done.recv().await,
            Some(at) => {
                let Ok(next) = timeout_at(at, done.recv()).await else {
                    flush(&site, &id, &lease, &mut rest.outcomes).await?;
                    flush_at = None;
                    continue;
                };
                next
            }
        };
        let Some(chunk) = next else { return Ok(rest) };
        if chunk.throttled {
            rest.throttled += chunk.outcomes.len() as u64;
        }
        for outcome in &chunk.outcomes {
            counts.record(outcome.kind, 1);
        }
        observer(Seen::Recorded { counts });
        rest.outcomes.extend(chunk.outcomes);
        if rest.outcomes.len() >= site.tuning.flush {
            flush(&site, &id, &lease, &mut rest.outcomes).await?;
            flush_at = None;
        } else if flush_at.is_none() {
            flush_at = Some(Instant::now() + site.tuning.flush_after);
        }
    }
}

async fn flush(site: &Site, id: &RemediationId, lease: &Lease, outcomes: &mut Vec<Outcome>) -> Result<(), StoreError> {
    site.history.record_outcomes(id, lease, outcomes).await?;
    site.metrics.recorded(outcomes);
    outcomes.clear();
    Ok(())
}
