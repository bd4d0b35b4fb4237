//! The lanes that one node works on. A lane worker claims many lanes at a time while it has capacity, runs a task for
//! each, and hands back those that it may not finish. Each lane worker has a name of its own; once it ends, or gives no
//! heartbeat for the time of a lease, other nodes take its lanes.

mod hand;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clawback_connectors::MailStore as _;
use clawback_model::{Origin, RemediationId, StopReason, Timestamp};
use clawback_store::{ClaimScope, Claimed, LaneClaim, LaneEnd, LaneReport, PlanProof, StoreError};
use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::Instrument as _;

use super::act::{BatchContext, Report, work};
use super::recorder::record;
use crate::error::Error;
use crate::gate::Gated;
use crate::planning::{configuration_difference, not_as_approved};
use crate::progress::Observer;
use crate::site::Site;
use crate::stop::{Flag, Stop};
use crate::{agreement, evidence, node};
use hand::Hand;

/// Reports that may wait for the recorder before lanes wait for it.
const WAITING_REPORTS: usize = 256;
/// Lanes claimed for each call that a store allows: enough to keep every seat busy while some lanes wait, and few to
/// hand back.
const LANES_PER_CALL: u32 = 4;
/// Time between two searches for free lanes while there were some within the last [`MOMENT`].
const BUSY: Duration = Duration::from_millis(25);
/// The same when there were none for longer.
const IDLE: Duration = Duration::from_secs(1);
/// Consecutive claims that may fail because the database cannot be reached.
const MAX_CLAIM_FAILURES: u32 = 5;
/// How long a silent lane worker is remembered.
const REMEMBERED: Duration = Duration::from_hours(24);
/// How long after the last claim lanes are searched for every [`BUSY`].
const MOMENT: Duration = Duration::from_secs(3);

struct Inner {
    site: Arc<Site>,
    observer: Observer,
    only: Option<RemediationId>,
    name: String,
    /// Raised when the lane worker is to end.
    over: Flag,
    /// When the lane worker's lease expires, in microseconds.
    alive_until: Arc<AtomicI64>,
    hand: Mutex<Hand>,
    /// Remediations of which lanes are in hand.
    going: Mutex<HashMap<RemediationId, Going>>,
    /// Remediations whose lanes this node does not claim, with the reason if it applies to every node.
    left: Mutex<HashMap<RemediationId, Option<StopReason>>>,
    /// Notified when there may be lanes to claim.
    wake: Notify,
    /// Notified when lanes have ended.
    ended: Notify,
    failure: Mutex<Option<Arc<Error>>>,
}

/// A remediation of which lanes are in hand.
struct Going {
    flag: Flag,
    /// The batch that `proven` was checked against.
    batch: u32,
    proven: Arc<PlanProof>,
}

/// The lanes of one node. Dropping it leaves them as they are; [`LaneWorker::leave`] hands them back.
pub(crate) struct LaneWorker {
    inner: Arc<Inner>,
    alive: AbortHandle,
    work: tokio::sync::Mutex<JoinHandle<()>>,
    working: AbortHandle,
}

impl LaneWorker {
    /// Starts to claim lanes: of all open batches, or of `only` one remediation.
    pub(crate) async fn start(site: Arc<Site>, observer: Observer, only: Option<RemediationId>) -> Result<Self, Error> {
        // A lane worker that failed may have left lanes under its name, so each has its own.
        static LANE_WORKERS: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}.{}", site.node, LANE_WORKERS.fetch_add(1, Ordering::Relaxed));
        let until = site.now().plus(site.tuning.lease);
        site.history.node_alive(&name, until, &agreement::setup(&site)).await?;
        if only.is_none() {
            agreement::report(&site).await?;
        }
        let inner = Arc::new(Inner {
            site,
            observer,
            only,
            name,
            over: Flag::new(),
            alive_until: Arc::new(AtomicI64::new(until.0)),
            hand: Mutex::default(),
            going: Mutex::default(),
            left: Mutex::default(),
            wake: Notify::new(),
            ended: Notify::new(),
            failure: Mutex::default(),
        });
        reap(&inner.site, Some(&inner.name)).await?;
        let alive = tokio::spawn(Arc::clone(&inner).live()).abort_handle();
        let work = tokio::spawn(Arc::clone(&inner).work());
        let working = work.abort_handle();
        Ok(Self { inner, alive, work: tokio::sync::Mutex::new(work), working })
    }

    /// Wakes the lane worker, as there may be lanes to claim.
    pub(crate) fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// Allows claims of a remediation's lanes again after they were refused: it was approved again, or resumed.
    pub(crate) fn welcome(&self, id: &RemediationId) {
        locked(&self.inner.left).remove(id);
    }

    /// Why no node may act on the lanes of a remediation, as far as this node knows.
    pub(crate) fn refused(&self, id: &RemediationId) -> Option<StopReason> {
        locked(&self.inner.left).get(id).cloned().flatten()
    }

    /// Completes once lanes have ended since this was called.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> {
        self.inner.ended.notified()
    }

    /// The error by which it can record nothing more, if there is one.
    pub(crate) fn failure(&self) -> Option<Error> {
        let failure = locked(&self.inner.failure).clone();
        let ended = || self.working.is_finished().then_some(Error::LaneWorkerEnded);
        failure.map(Error::LaneWorker).or_else(ended)
    }

    /// Ends every lane after its current call, records what was done, and hands back the rest.
    pub(crate) async fn leave(&self) {
        self.inner.over.raise();
        self.inner.wake.notify_one();
        if !self.working.is_finished() {
            let _ = (&mut *self.work.lock().await).await;
        }
        self.alive.abort();
        let Inner { site, name, .. } = &*self.inner;
        if let Err(error) = site.history.node_leaves(name).await {
            tracing::debug!(%error, "Lanes not handed back; other nodes take them once the lease has expired.");
        }
    }
}

impl Drop for LaneWorker {
    fn drop(&mut self) {
        self.inner.over.raise();
        self.inner.wake.notify_one();
        self.alive.abort();
    }
}

impl Inner {
    /// Renews the lane worker's lease, and stops the lanes that may not continue.
    async fn live(self: Arc<Self>) {
        let tuning = &self.site.tuning;
        let third = tuning.lease / 3;
        let mut ticks = interval(tuning.control);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reap_at = Instant::now() + third;
        loop {
            ticks.tick().await;
            let now = self.site.now();
            // Once the lease has expired, other nodes take the lanes in hand, even if the lane worker continues later.
            let is_late = now.0 >= self.alive_until.load(Ordering::Relaxed);
            if Timestamp(self.alive_until.load(Ordering::Relaxed)).since(now) <= third * 2 {
                let until = now.plus(tuning.lease);
                match timeout(third, self.site.history.node_alive(&self.name, until, &agreement::setup(&self.site)))
                    .await
                {
                    Ok(Ok(())) => self.alive_until.store(until.0, Ordering::Relaxed),
                    // A passing database error: retried. The lanes stop when the lease expires.
                    Ok(Err(error)) => tracing::warn!(%error, "Lease of the lane worker not renewed."),
                    Err(_) => tracing::warn!("Lease of the lane worker not renewed in time."),
                }
            }
            if is_late {
                self.raise_where(|_| true);
            }
            if locked(&self.hand).len() > 0
                && let Ok(Ok(stopped)) = timeout(third, self.site.history.stopped_lanes()).await
                && let Ok(Ok(halted)) = timeout(third, self.site.history.halted()).await
            {
                self.raise_where(|id| halted.is_some() || stopped.contains(id));
            }
            if Instant::now() >= reap_at {
                reap_at = Instant::now() + third;
                // A remediation that another node advances may have been corrected and resumed since.
                locked(&self.left).retain(|_, reason| reason.is_none());
                if let Err(error) = reap(&self.site, Some(&self.name)).await {
                    tracing::warn!(%error, "Lanes of dead nodes could not be searched for.");
                }
            }
        }
    }

    /// Stops the lanes in hand of some remediations.
    fn raise_where(&self, stopped: impl Fn(&RemediationId) -> bool) {
        let mut going = locked(&self.going);
        // A flag without lanes in hand has no reader.
        going.retain(|_, going| going.flag.is_seen());
        going.iter().filter(|(id, _)| stopped(id)).for_each(|(_, going)| going.flag.raise());
    }

    /// Claims lanes while there is capacity, and runs them.
    async fn work(self: Arc<Self>) {
        let (sender, receiver) = mpsc::channel(WAITING_REPORTS);
        let worker = Arc::clone(&self);
        let ended = move |lanes: &[LaneClaim]| {
            locked(&worker.hand).leave(lanes);
            if !lanes.is_empty() {
                worker.ended.notify_waiters();
                worker.wake.notify_one();
            }
        };
        let asked = Arc::clone(&self);
        let in_hand = move || locked(&asked.hand).len();
        let (site, name, observer) = (Arc::clone(&self.site), self.name.clone(), Arc::clone(&self.observer));
        let recorder = record(site, name, receiver, observer, in_hand, ended);
        let recorder = tokio::spawn(recorder);
        let mut lanes = JoinSet::new();
        let mut seen_at = Instant::now();
        let mut trouble = 0;
        while !self.over.is_raised() && !sender.is_closed() {
            while let Some(ended) = lanes.try_join_next() {
                over(ended);
            }
            let claimed = match trouble {
                0 => self.claim(&sender, &mut lanes).await,
                _ => self.claim_after_trouble(&sender, &mut lanes).await,
            };
            match claimed {
                Ok(true) => {
                    trouble = 0;
                    seen_at = Instant::now();
                    continue;
                }
                Ok(false) => {}
                Err(error) => {
                    trouble += 1;
                    if trouble == MAX_CLAIM_FAILURES || !matches!(error, Error::History(StoreError::Unavailable(_))) {
                        self.fail(error);
                        break;
                    }
                    tracing::warn!(%error, "No lanes claimed; trying again.");
                    tokio::time::sleep(IDLE).await;
                    continue;
                }
            }
            trouble = 0;
            let wait = if seen_at.elapsed() < MOMENT { BUSY } else { IDLE };
            let _ = timeout(wait, self.wake.notified()).await;
        }
        while let Some(ended) = lanes.join_next().await {
            over(ended);
        }
        drop(sender);
        if let Err(error) = recorder.await.expect("the recorder does not panic") {
            self.fail(Error::History(error));
        }
        self.ended.notify_waiters();
    }

    /// Ends the lane worker; the first failure is the one that is reported.
    fn fail(&self, error: Error) {
        self.over.raise();
        locked(&self.failure).get_or_insert_with(|| Arc::new(error));
    }

    /// The same after an error. First disowns lanes that the database gave to this lane worker without its knowing.
    async fn claim_after_trouble(
        &self,
        reports: &mpsc::Sender<Report>,
        lanes: &mut JoinSet<()>,
    ) -> Result<bool, Error> {
        let known = locked(&self.hand).claims();
        let disowned = self.site.history.release_unknown_lanes(&self.name, &known).await?;
        tracing::info!(lanes = disowned, "The database answers again.");
        self.claim(reports, lanes).await
    }

    /// Claims once for each store that has free lanes and capacity for them: the lanes in hand of one store take no
    /// capacity from another. Returns whether any were claimed.
    async fn claim(&self, reports: &mpsc::Sender<Report>, lanes: &mut JoinSet<()>) -> Result<bool, Error> {
        let mut any = false;
        let in_hand = locked(&self.hand).by_store();
        for (name, free) in self.site.history.stores_with_lanes().await? {
            let Some(store) = self.site.stores.get(&*name) else { continue };
            let (seats, calls) = (store.seats(), store.capabilities().calls.max(1));
            let most = seats.unwrap_or(calls).max(1).saturating_mul(LANES_PER_CALL);
            let room = most.saturating_sub(in_hand.get(&*name).copied().unwrap_or_default());
            if room * 2 < most {
                continue;
            }
            let room = room.min(share(free, seats, calls));
            let left: Vec<RemediationId> = locked(&self.left).keys().cloned().collect();
            if self.only.as_ref().is_some_and(|only| left.contains(only)) {
                continue;
            }
            let (history, now) = (&self.site.history, self.site.now());
            let whose = self.only.as_ref().map_or(ClaimScope::AllBut(&left), ClaimScope::Only);
            let claimed = match history.claim_lanes(&self.name, &name, whose, room, now).await {
                Err(ref error @ StoreError::Altered { ref remediation, .. }) => {
                    self.refuse(remediation, not_as_approved(error));
                    let known = locked(&self.hand).claims();
                    history.release_unknown_lanes(&self.name, &known).await?;
                    continue;
                }
                claimed => claimed?,
            };
            let Some(claimed) = claimed else { continue };
            any = true;
            self.begin(claimed, store, reports, lanes).await?;
        }
        Ok(any)
    }

    async fn begin(
        &self,
        claimed: Claimed,
        store: &Arc<Gated>,
        reports: &mpsc::Sender<Report>,
        tasks: &mut JoinSet<()>,
    ) -> Result<(), Error> {
        let Some((stop, proven)) = self.prove(&claimed).await? else { return Ok(()) };
        let Claimed { batch, lanes, .. } = claimed;
        let remediation = &proven.remediation;
        let store = Arc::new(store.until(&stop));
        let context = Arc::new(BatchContext {
            site: Arc::clone(&self.site),
            action: remediation.request.action,
            keeper: evidence::keeper(&self.site, remediation),
            batch,
            stop,
            outage_pauses: if self.only.is_none() { self.site.tuning.outage_pauses } else { 0 },
            reports: reports.clone(),
            observer: Arc::clone(&self.observer),
        });
        // The first try may have acted on the targets of a retry already.
        let retried = matches!(remediation.request.origin, Origin::Retry { .. });
        // A trace of its own, as another node may advance the remediation.
        let span = tracing::info_span!(
            parent: None, "lanes.work", remediation.id = %remediation.id, node.id = self.name, batch, lanes = lanes.len()
        );
        {
            let mut hand = locked(&self.hand);
            for lane in &lanes {
                hand.take(lane.claim, &lane.store);
            }
        }
        for mut lane in lanes {
            lane.in_doubt |= retried;
            tasks.spawn(work(Arc::clone(&context), Arc::clone(&store), lane).instrument(span.clone()));
        }
        Ok(())
    }

    /// Proves that claimed lanes are part of what was approved. Returns `None` if this node may not act on them; they
    /// are then handed back.
    async fn prove(&self, claimed: &Claimed) -> Result<Option<(Stop, Arc<PlanProof>)>, Error> {
        let id = &claimed.remediation;
        let known = self.going(id, claimed.batch);
        let proven = match &known {
            Some((_, proven)) => Ok(Arc::clone(proven)),
            None => self.site.history.prove_terms(id, None).await.map(Arc::new),
        };
        let proven = match proven.and_then(|proven| Ok((proven.covers(claimed)?, proven))) {
            Ok((true, proven)) => proven,
            // Another batch is open now.
            Ok((false, _)) => {
                self.hand_back(&claimed.lanes).await?;
                return Ok(None);
            }
            Err(error @ (StoreError::Altered { .. } | StoreError::NotItsEvents { .. })) => {
                self.refuse(id, not_as_approved(&error));
                self.hand_back(&claimed.lanes).await?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        if known.is_some() {
            return Ok(known);
        }
        if let Some(reason) = configuration_difference(&self.site, &proven.header) {
            tracing::warn!(remediation.id = %id, %reason, "Its lanes are left to other nodes.");
            locked(&self.left).insert(id.clone(), None);
            self.hand_back(&claimed.lanes).await?;
            return Ok(None);
        }
        if let Some(reason) = self.site.vote_rules.refuse(&proven.remediation) {
            self.refuse(id, reason);
            self.hand_back(&claimed.lanes).await?;
            return Ok(None);
        }
        let going = Going { flag: Flag::new(), batch: claimed.batch, proven: Arc::clone(&proven) };
        let stop = self.stop(&going.flag);
        locked(&self.going).insert(id.clone(), going);
        Ok(Some((stop, proven)))
    }

    /// Does not claim the lanes of a remediation again until the holder of its lease has stopped it.
    fn refuse(&self, id: &RemediationId, reason: StopReason) {
        tracing::error!(remediation.id = %id, %reason, "Its lanes are not acted on.");
        locked(&self.left).insert(id.clone(), Some(reason));
        self.ended.notify_waiters();
    }

    /// What is known of a remediation of which lanes of this batch are in hand. Returns `None` while these are being
    /// handed back: lanes are claimed only where no stop is requested, so the earlier stop does not apply to the new
    /// claim.
    fn going(&self, id: &RemediationId, batch: u32) -> Option<(Stop, Arc<PlanProof>)> {
        let going = locked(&self.going);
        let known = going.get(id).filter(|going| going.batch == batch && !going.flag.is_raised())?;
        Some((self.stop(&known.flag), Arc::clone(&known.proven)))
    }

    fn stop(&self, asked: &Flag) -> Stop {
        Stop::new(asked, &self.over, Arc::clone(&self.alive_until))
    }

    async fn hand_back(&self, lanes: &[clawback_store::Lane]) -> Result<(), StoreError> {
        let end = LaneEnd::Back(self.site.now());
        let back = |lane: &clawback_store::Lane| LaneReport { claim: lane.claim, outcomes: &[], throttled: 0, end };
        let reports: Vec<_> = lanes.iter().map(back).collect();
        self.site.history.record_lanes(&self.name, &reports).await.map(drop)
    }
}

/// The number of a store's free lanes that one node may claim at once: its share by its share of the seats, so that all
/// nodes have some and finish a batch together, but at least one for each of its calls. A node that holds no seats yet
/// does not know how many others there are.
fn share(free: u64, seats: Option<u32>, calls: u32) -> u32 {
    let Some(seats) = seats else { return calls };
    let share = free.saturating_mul(seats.into()).div_ceil(calls.into());
    u32::try_from(share).unwrap_or(u32::MAX).max(seats)
}

/// Frees the lanes of dead nodes: after their lease, or at once for dead processes of this machine.
pub(crate) async fn reap(site: &Site, me: Option<&str>) -> Result<(), StoreError> {
    let holders = site.history.lane_holders().await?;
    if holders.iter().any(|holder| Some(&**holder) != me) {
        let dead: Vec<String> = holders.into_iter().filter(|holder| node::is_dead(holder)).collect();
        let reaped = site.history.reap_lanes(&dead, site.now()).await?;
        if reaped > 0 {
            tracing::info!(lanes = reaped, "Took over lanes of nodes that are dead.");
        }
    }
    site.history.forget_nodes(site.now().minus(REMEMBERED)).await?;
    Ok(())
}

/// Passes on a panic in a lane, as its targets have no outcome.
fn over(lane: Result<(), tokio::task::JoinError>) {
    if let Err(error) = lane
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_claims_its_share_of_what_is_free() {
        for (free, seats, share_of_it, why) in [
            (1_000, Some(64), 1_000, "alone"),
            (1_000, Some(8), 125, "one of eight"),
            (3, Some(8), 8, "enough for its calls"),
            (1_000, None, 64, "it does not know of others yet"),
        ] {
            assert_eq!(share(free, seats, 64), share_of_it, "{why}");
        }
    }
}
