//! The loop that advances a remediation until it must wait or has ended: ask for the next step, do it, record it,
//! repeat.

use crate::boxed::boxed;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clawback_model::{Action, Event, Next, Remediation, RemediationId, Status, StopReason};
use clawback_store::{Lease, PlanProof, StoreError, run_to_completion};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::acting::{LaneWorker, batch, verify};
use crate::automation::{AUTOMATION, record};
use crate::control::Control;
use crate::error::Error;
use crate::outbox::Outbox;
use crate::planning::{admission, configuration_difference, not_as_approved, plan};
use crate::progress::{Observer, Seen};
use crate::site::Site;
use crate::{checkpoints, hold, node};

/// How long workers do not claim a remediation that could not continue.
const AFTER_ERROR: Duration = Duration::from_mins(1);
/// Remediations that one node advances at once.
const MOST_AT_ONCE: usize = 64;
/// Wait between two queries of an empty queue.
const IDLE: Duration = Duration::from_secs(1);
/// Wait after an error of the database, so that it is not flooded.
const AFTER_TROUBLE: Duration = Duration::from_secs(2);

/// A lease that is released even if the future that holds it is dropped.
struct Held {
    site: Arc<Site>,
    lease: Lease,
    is_released: bool,
    /// Kept until the lease is released: the receiver sees the channel close.
    going: Option<mpsc::Sender<Infallible>>,
}

impl Held {
    fn new(site: &Arc<Site>, lease: Lease, going: Option<mpsc::Sender<Infallible>>) -> Self {
        Self { site: Arc::clone(site), lease, is_released: false, going }
    }

    /// Releases the lease. After an error the remediation is not due again at once, so that one that cannot continue
    /// does not delay the others.
    async fn release(mut self, result: &Result<Remediation, Error>) {
        let history = &self.site.history;
        let released = match result {
            // An error of the database or of this node's lanes is not the remediation's: the next node continues at
            // once.
            Ok(_) | Err(Error::LaneWorker(_) | Error::LaneWorkerEnded) => history.release(&self.lease).await,
            Err(Error::History(error)) if error.is_retryable() => history.release(&self.lease).await,
            Err(_) => history.postpone(&self.lease, self.site.now().plus(AFTER_ERROR)).await,
        };
        log_release(&self.lease, released);
        self.is_released = true;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let here = tokio::runtime::Handle::try_current();
        if let (false, Ok(here)) = (self.is_released, here) {
            let (site, lease, going) = (Arc::clone(&self.site), self.lease.clone(), self.going.take());
            here.spawn(async move {
                log_release(&lease, site.history.release(&lease).await);
                drop(going);
            });
        }
    }
}

/// How far to advance a remediation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// Until there is a plan.
    Planned,
    /// Until it waits for a person, or has ended.
    Settled,
}

/// Who works on the lanes of a remediation that this worker advances.
enum LaneWorkerSource {
    /// The lane worker of the whole node, which may be replaced.
    Node(Arc<Mutex<Arc<LaneWorker>>>),
    /// One for this remediation alone; `None` before it is needed.
    Own(Option<Arc<LaneWorker>>),
}

impl LaneWorkerSource {
    async fn lane_worker(&mut self, worker: &Worker, id: &RemediationId) -> Result<Arc<LaneWorker>, Error> {
        match self {
            Self::Node(lane_worker) => Ok(Arc::clone(&locked(lane_worker))),
            Self::Own(Some(lane_worker)) => Ok(Arc::clone(lane_worker)),
            Self::Own(none) => {
                let (site, observer) = (Arc::clone(&worker.site), Arc::clone(&worker.observer));
                let lane_worker = Arc::new(LaneWorker::start(site, observer, Some(id.clone())).await?);
                *none = Some(Arc::clone(&lane_worker));
                Ok(lane_worker)
            }
        }
    }

    async fn leave(self) {
        if let Self::Own(Some(lane_worker)) = self {
            lane_worker.leave().await;
        }
    }
}

/// What a worker knows of the remediation that it advances.
#[derive(Default)]
struct Going {
    /// The batch that it has just begun.
    fresh_batch: Option<u32>,
    /// What it has proven of the plan.
    proven: Option<PlanProof>,
}

impl Going {
    /// Proves that the next step does what was approved, on this node. Returns the reason if it must not be done. The
    /// whole plan is read once, before the first step; after that, each part is proven where it is acted on.
    async fn prove(&mut self, site: &Site, remediation: &Remediation) -> Result<Option<StopReason>, Error> {
        let (history, id) = (&site.history, &remediation.id);
        let proven = match &self.proven {
            Some(known) => history.prove_terms(id, Some(known)).await,
            None => history.prove_plan(id).await,
        };
        match proven {
            Ok(proven) => {
                let otherwise = configuration_difference(site, &proven.header)
                    .or_else(|| site.vote_rules.refuse(&proven.remediation));
                self.proven = Some(proven);
                Ok(otherwise)
            }
            Err(error @ StoreError::Altered { .. }) => Ok(Some(not_as_approved(&error))),
            Err(error) => Err(error.into()),
        }
    }
}

/// Works on the remediations of one site.
#[derive(Clone)]
pub struct Worker {
    site: Arc<Site>,
    observer: Observer,
}

impl Worker {
    /// A worker that reports to `observer`.
    pub fn new(site: Arc<Site>, observer: Observer) -> Self {
        Self { site, observer }
    }

    /// Advances one remediation until it waits for a person or has ended, and sends its notifications.
    #[boxed]
    pub async fn run(&self, id: &RemediationId) -> Result<Remediation, Error> {
        self.run_until(id, std::future::pending()).await
    }

    /// The same until `stop` completes. Then every call under way is ended and recorded, and the rest handed back: the
    /// remediation is returned in its current state, and any worker can continue it.
    pub async fn run_until(&self, id: &RemediationId, stop: impl Future<Output = ()>) -> Result<Remediation, Error> {
        let site = &self.site;
        let remediation = site.history.load(id).await?;
        if remediation.next(site.now()).is_waiting() {
            return Ok(remediation);
        }
        hold::refuse_if_halted(site).await?;
        let (remediation, held) = self.claim(id).await?;
        self.run_with_notifications(remediation, held, Goal::Settled, stop).await
    }

    /// Whether [`Worker::run`] could take it now: no node holds it, or the holder is dead.
    #[boxed]
    pub async fn is_free(&self, id: &RemediationId) -> Result<bool, Error> {
        let holder = self.site.history.holder(id).await?;
        Ok(holder.is_none_or(|(node, until)| until <= self.site.now() || node::is_dead(&node)))
    }

    /// Advances the most urgent remediation that is due, if there is one. Its notifications are left to an [`Outbox`].
    #[boxed]
    pub async fn run_next(&self) -> Result<Option<Remediation>, Error> {
        match self.claim_due(None).await? {
            Some((remediation, held)) => {
                self.run_alone(remediation, held, Goal::Settled, std::future::pending()).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// Makes the plan of one remediation, and no more, and sends its notifications.
    #[boxed]
    pub async fn plan_only(&self, id: &RemediationId) -> Result<Remediation, Error> {
        self.plan_until(id, std::future::pending()).await
    }

    /// The same until `stop` completes; the next worker then starts an unfinished plan again.
    pub async fn plan_until(&self, id: &RemediationId, stop: impl Future<Output = ()>) -> Result<Remediation, Error> {
        let remediation = self.site.history.load(id).await?;
        if !matches!(remediation.status, Status::Queued | Status::Planning) {
            return Ok(remediation);
        }
        hold::refuse_if_halted(&self.site).await?;
        let (remediation, held) = self.claim(id).await?;
        self.run_with_notifications(remediation, held, Goal::Planned, stop).await
    }

    /// Advances the remediations that are due, many at once, and works on the lanes of every node's batches, until
    /// `stop` completes. Then every call under way is ended and recorded, and the rest handed back. Passes each
    /// remediation, or the error that stopped it, to `report`.
    pub async fn serve(
        &self,
        stop: impl Future<Output = ()>,
        mut report: impl FnMut(Result<Remediation, Error>),
    ) -> Result<(), Error> {
        let lane_worker = Arc::new(Mutex::new(Arc::new(self.start_lane_worker().await?)));
        let outbox = Outbox::new(Arc::clone(&self.site)).spawn();
        let (going, mut gone) = mpsc::channel::<Infallible>(1);
        let mut directors = JoinSet::new();
        let mut watch = self.site.history.watch().await?;
        tokio::pin!(stop);
        loop {
            let mut wait = IDLE;
            if directors.len() < MOST_AT_ONCE {
                match self.claim_due(Some(going.clone())).await {
                    Ok(Some((remediation, held))) => {
                        directors.spawn(self.clone().direct(remediation, held, Arc::clone(&lane_worker)));
                        continue;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        report(Err(error));
                        wait = AFTER_TROUBLE;
                    }
                }
            }
            tokio::select! {
                () = &mut stop => break,
                Some(ended) = directors.join_next() => report(ended.unwrap_or(Err(Error::LaneWorkerEnded))),
                // A batch that another node has opened may have lanes for this one.
                () = watch.changed(wait) => locked(&lane_worker).wake(),
            }
            let broken = locked(&lane_worker).failure();
            if let Some(failure) = broken {
                report(Err(failure));
                tokio::time::sleep(AFTER_TROUBLE).await;
                match self.start_lane_worker().await {
                    Ok(fresh) => {
                        let broken = std::mem::replace(&mut *locked(&lane_worker), Arc::new(fresh));
                        // In a task, as it may wait for calls under way. The new one may claim the lanes that it leaves
                        // at once.
                        tokio::spawn(async move { broken.leave().await });
                    }
                    Err(error) => report(Err(error)),
                }
            }
        }
        directors.shutdown().await;
        let lane_worker = Arc::clone(&locked(&lane_worker));
        lane_worker.leave().await;
        // Waits until every lease is released.
        drop(going);
        let _ = gone.recv().await;
        outbox.end().await;
        Ok(())
    }

    async fn start_lane_worker(&self) -> Result<LaneWorker, Error> {
        LaneWorker::start(Arc::clone(&self.site), Arc::clone(&self.observer), None).await
    }

    /// Advances one remediation, with the node's lane worker.
    async fn direct(
        self,
        remediation: Remediation,
        held: Held,
        lane_worker: Arc<Mutex<Arc<LaneWorker>>>,
    ) -> Result<Remediation, Error> {
        Box::pin(self.advance(remediation, held, Goal::Settled, &mut LaneWorkerSource::Node(lane_worker))).await
    }

    /// Advances one remediation, with a lane worker of its own, or hands it back when `stop` completes.
    async fn run_alone(
        &self,
        remediation: Remediation,
        mut held: Held,
        goal: Goal,
        stop: impl Future<Output = ()>,
    ) -> Result<Remediation, Error> {
        let mut source = LaneWorkerSource::Own(None);
        let (going, mut gone) = mpsc::channel::<Infallible>(1);
        let id = held.lease.remediation.clone();
        held.going = Some(going);
        let ended = tokio::select! {
            ended = Box::pin(self.advance(remediation, held, goal, &mut source)) => Some(ended),
            () = stop => None,
        };
        source.leave().await;
        // Waits until the lease is released.
        let _ = gone.recv().await;
        match ended {
            Some(result) => result,
            None => Ok(self.site.history.load(&id).await?),
        }
    }

    /// The same, and sends its notifications meanwhile, as there may be no other node.
    async fn run_with_notifications(
        &self,
        remediation: Remediation,
        held: Held,
        goal: Goal,
        stop: impl Future<Output = ()>,
    ) -> Result<Remediation, Error> {
        let outbox = Outbox::new(Arc::clone(&self.site)).spawn_for(&remediation.id);
        let result = self.run_alone(remediation, held, goal, stop).await;
        outbox.end().await;
        result
    }

    /// Takes the lease of the most urgent remediation that is due. If the future is dropped, the lease is released.
    async fn claim_due(&self, going: Option<mpsc::Sender<Infallible>>) -> Result<Option<(Remediation, Held)>, Error> {
        let site = Arc::clone(&self.site);
        run_to_completion(async move {
            let claimed = site.history.claim_due(&site.node, site.now(), site.tuning.lease).await?;
            Ok(claimed.map(|(remediation, lease)| (remediation, Held::new(&site, lease, going))))
        })
        .await
    }

    /// Takes the lease; from a dead process of this machine, at once. If the future is dropped, the lease is released.
    async fn claim(&self, id: &RemediationId) -> Result<(Remediation, Held), Error> {
        let (site, id) = (Arc::clone(&self.site), id.clone());
        run_to_completion(async move {
            if let Some((remediation, lease)) =
                site.history.claim(&id, &site.node, site.now(), site.tuning.lease).await?
            {
                return Ok((remediation, Held::new(&site, lease, None)));
            }
            let node = site.history.holder(&id).await?.map(|(node, _)| node).unwrap_or_default();
            if node::is_dead(&node) {
                site.history.evict(&id, &node).await?;
                if let Some((remediation, lease)) =
                    site.history.claim(&id, &site.node, site.now(), site.tuning.lease).await?
                {
                    return Ok((remediation, Held::new(&site, lease, None)));
                }
            }
            Err(Error::Busy { id, node })
        })
        .await
    }

    /// Its future is large; callers box it.
    #[tracing::instrument(name = "remediation.advance", skip_all, fields(remediation.id = %held.lease.remediation, node.id = held.lease.node))]
    async fn advance(
        &self,
        mut remediation: Remediation,
        held: Held,
        goal: Goal,
        source: &mut LaneWorkerSource,
    ) -> Result<Remediation, Error> {
        let lease = &held.lease;
        let control = Control::start(Arc::clone(&self.site), lease.clone());
        let mut going = Going::default();
        let mut just_claimed = true;
        // The state is acted on only if the events prove it.
        if let Err(error) = self.site.history.prove_state(&held.lease.remediation).await {
            let refused = Err(error.into());
            held.release(&refused).await;
            return refused;
        }
        let result = loop {
            (self.observer)(Seen::Status(remediation.status));
            if goal == Goal::Planned && !matches!(remediation.status, Status::Queued | Status::Planning) {
                break Ok(remediation);
            }
            let next = remediation.next(self.site.now());
            if next.is_waiting() {
                break Ok(remediation);
            }
            if remediation.asked.is_none() {
                control.clear();
            }
            if control.lost(self.site.now()) {
                break Err(Error::History(StoreError::LeaseLost { remediation: remediation.id.clone() }));
            }
            match hold::look(&self.site, &remediation, lease, std::mem::take(&mut just_claimed)).await {
                Ok(None) => {}
                Ok(Some(kept)) => {
                    self.site.metrics.stepped(&remediation, &kept);
                    break Ok(kept);
                }
                Err(error) => break Err(error),
            }
            match Box::pin(self.step(&remediation, next, lease, &control, &mut going, source)).await {
                Ok(next) => {
                    self.site.metrics.stepped(&remediation, &next);
                    remediation = next;
                    if remediation.is_held() && remediation.asked.is_none() {
                        break Ok(remediation);
                    }
                }
                // Halted since the last check; the next one holds the remediation.
                Err(Error::Halted(_)) => {}
                Err(error) => break Err(error),
            }
        };
        drop(control);
        held.release(&result).await;
        result
    }

    /// Does one step and records it.
    async fn step(
        &self,
        remediation: &Remediation,
        next: Next,
        lease: &Lease,
        control: &Control,
        going: &mut Going,
        source: &mut LaneWorkerSource,
    ) -> Result<Remediation, Error> {
        let (site, history) = (&self.site, &self.site.history);
        match next {
            Next::Plan => {
                let outage_pauses =
                    if matches!(source, LaneWorkerSource::Node(_)) { site.tuning.outage_pauses } else { 0 };
                plan(site, &self.observer, remediation, lease, control, outage_pauses).await
            }
            Next::Expire => record(site, lease, &Event::Expired).await,
            Next::Start => {
                if let Some(reason) = going.prove(site, remediation).await? {
                    return record(site, lease, &Event::Paused { reason }).await;
                }
                let terms = going.proven.as_ref().and_then(|proven| proven.header.terms.as_ref());
                let admission = admission(site, terms);
                Ok(history.start(lease, &admission, AUTOMATION, site.now()).await?)
            }
            Next::Release => record(site, lease, &Event::Released).await,
            Next::StartBatch { number, first, targets } => {
                if let Some(reason) = going.prove(site, remediation).await? {
                    return record(site, lease, &Event::Paused { reason }).await;
                }
                if number == 0 && remediation.request.action == Action::HardDelete {
                    checkpoints::before_hard_delete(site).await?;
                }
                going.fresh_batch = Some(number);
                record(site, lease, &Event::BatchStarted { number, first, targets }).await
            }
            Next::Run { number, first, targets } => {
                // A batch that this worker did not begin may have waited since before an upgrade.
                let fresh = going.fresh_batch.take() == Some(number);
                if !fresh && let Some(reason) = going.prove(site, remediation).await? {
                    return record(site, lease, &Event::Paused { reason }).await;
                }
                let done = remediation.counts.acted() + remediation.counts.not_remediable;
                (self.observer)(Seen::BatchStarted { number, done, submitted: remediation.counts.submitted });
                let lane_worker = source.lane_worker(self, &remediation.id).await?;
                batch::run_batch(site, lease, remediation, (number, first, targets), control, &lane_worker).await
            }
            Next::Pause { reason } => record(site, lease, &Event::Paused { reason }).await,
            Next::Cancel { by } => match remediation.progress.open_batch {
                // What the batch has done must be known before the rest is cancelled.
                Some((number, ..)) => {
                    batch::stop_lanes(site, remediation, control).await?;
                    let done = batch::look(site, remediation, number).await?;
                    Ok(history.finish_batch(&remediation.id, lease, AUTOMATION, number, &done, site.now()).await?)
                }
                None => Ok(history.cancel_open(&remediation.id, lease, &by, site.now()).await?),
            },
            Next::Verify => {
                let event = tokio::select! {
                    event = verify(site, remediation, &self.observer) => event?,
                    () = control.stopped(site) => return Ok(history.load(&remediation.id).await?),
                };
                record(site, lease, &event).await
            }
            Next::Finish => record(site, lease, &Event::Finished).await,
            Next::AwaitApproval { .. } | Next::AwaitTime { .. } | Next::AwaitPerson | Next::Nothing => {
                Ok(remediation.clone())
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Logs a lease that could not be released; it expires.
fn log_release(lease: &Lease, result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::debug!(remediation.id = %lease.remediation, %error, "Lease not released.");
    }
}
