//! Runs a batch: any node works on its lanes; the holder of the remediation's lease waits until each target has its
//! outcome, and closes it.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::{Event, Outcome, Remediation, StopReason, Target};
use clawback_store::{BatchSum, Lease, StoreError};
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::time::Instant;

use super::act;
use super::lane_worker::{self, LaneWorker};
use crate::automation::record;
use crate::control::Control;
use crate::error::Error;
use crate::planning::not_as_approved;
use crate::site::Site;

/// Time between two reads of what other nodes have recorded.
const LOOK: Duration = Duration::from_millis(100);
/// The same when little is left of a batch: every node waits for its end.
const LAST_LOOKS: Duration = Duration::from_millis(15);
/// The same while nothing changes, for example while its store is down.
const SELDOM: Duration = Duration::from_secs(1);
/// One target in this many counts as little.
const LITTLE: u64 = 5;
/// Mailboxes inspected at once before a batch is cancelled.
const LOOKS_AT_ONCE: usize = 16;
/// The time limit of that inspection.
const LOOKED_FOR: Duration = Duration::from_mins(2);

/// Waits until the open batch is done, and closes it. Returns early, with the batch left open, if the control requests
/// a stop.
pub(crate) async fn run_batch(
    site: &Arc<Site>,
    lease: &Lease,
    remediation: &Remediation,
    (number, first, targets): (u32, u32, u32),
    control: &Control,
    lane_worker: &LaneWorker,
) -> Result<Remediation, Error> {
    let id = &remediation.id;
    let mut sum = BatchSum::new(number, first, targets);
    lane_worker.welcome(id);
    site.history.stop_lanes(id, false).await?;
    let began = site.metrics.batch_began();
    lane_worker.wake();
    let mut look = LAST_LOOKS;
    loop {
        let ended = lane_worker.ended();
        if control.must_stop(site.now()) {
            stop_lanes(site, remediation, control).await?;
            return Ok(site.history.load(id).await?);
        }
        if let Some(failure) = lane_worker.failure() {
            return Err(failure);
        }
        if let Some(reason) = lane_worker.refused(id) {
            stop_lanes(site, remediation, control).await?;
            return pause(site, lease, reason).await;
        }
        let left = sum.left();
        if site.history.sum_batch(id, &mut sum).await? {
            let closed = match site.history.close_batch(id, lease, site.node.as_str(), sum, site.now()).await {
                Err(error @ StoreError::Altered { .. }) => {
                    return pause(site, lease, not_as_approved(&error)).await;
                }
                closed => closed?,
            };
            site.metrics.batch_ended(began);
            return Ok(closed);
        }
        if look == SELDOM
            && let Err(error @ StoreError::Altered { .. }) = site.history.check_work(id).await
        {
            stop_lanes(site, remediation, control).await?;
            return pause(site, lease, not_as_approved(&error)).await;
        }
        look = if sum.left() == left { (look * 2).min(SELDOM) } else { LAST_LOOKS };
        if sum.left() * LITTLE > u64::from(targets) {
            look = look.max(LOOK);
        }
        tokio::select! {
            _ = tokio::time::timeout(look, ended) => {}
            () = control.stopped(site) => {}
        }
    }
}

async fn pause(site: &Site, lease: &Lease, reason: StopReason) -> Result<Remediation, Error> {
    record(site, lease, &Event::Paused { reason }).await
}

/// Makes every node hand back its lanes of the open batch, and waits until they have.
pub(crate) async fn stop_lanes(site: &Arc<Site>, remediation: &Remediation, control: &Control) -> Result<(), Error> {
    site.history.stop_lanes(&remediation.id, true).await?;
    while site.history.lanes_left(&remediation.id).await?.held > 0 {
        if control.lost(site.now()) {
            return Err(Error::History(StoreError::LeaseLost { remediation: remediation.id.clone() }));
        }
        lane_worker::reap(site, None).await?;
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Returns what an open batch has done, without acting on anything: before the batch is cancelled, it must be known
/// which messages were moved. Always returns: a target that cannot be located has failed, and its detail says so.
pub(crate) async fn look(site: &Arc<Site>, remediation: &Remediation, number: u32) -> Result<Vec<Outcome>, Error> {
    let targets = site.history.unconfirmed_targets(&remediation.id).await?;
    let same = |one: &Target, other: &Target| one.mailbox == other.mailbox && one.store == other.store;
    let action = remediation.request.action;
    let deadline = Instant::now() + LOOKED_FOR;
    let looks: Vec<_> =
        targets.chunk_by(same).map(|lane| act::look(site, action, number, lane, deadline).boxed()).collect();
    Ok(stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).concat().await)
}
