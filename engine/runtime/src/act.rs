//! Acts on the targets of one lane, a chunk at a time, and makes an outcome of whatever happens.
//!
//! The effect is at least once, the record exactly once: after any doubt (a restart, a lost connection) the messages are
//! located before they are touched again.

use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::{Aim, CallError, MailStore};
use clawback_model::{Action, Effect, Outcome, OutcomeKind, Reason, Receipt, Target, Timestamp};
use clawback_store::{Lane, LaneClaim, LaneEnd};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::crew::Stop;
use crate::error::Error;
use crate::evidence::{self, Keeper};
use crate::gate::Gated;
use crate::patience::Patience;
use crate::progress::{Observer, Seen};
use crate::settle::settle;
use crate::site::Site;

/// What the tasks of a batch share.
pub(crate) struct Bench {
    pub(crate) site: Arc<Site>,
    pub(crate) action: Action,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) batch: u32,
    pub(crate) stop: Stop,
    /// How often a lane may be handed back because its store does not answer.
    pub(crate) outage_pauses: u64,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) observer: Observer,
}

/// What one chunk of a lane came to.
pub(crate) struct Report {
    pub(crate) claim: LaneClaim,
    pub(crate) outcomes: Vec<Outcome>,
    /// Whether it was throttled on the way.
    pub(crate) throttled: bool,
    pub(crate) end: LaneEnd,
}

/// Works through a lane until it is done or somebody asks to stop; says which in its last report.
pub(crate) async fn work(bench: Arc<Bench>, store: Arc<Gated>, lane: Lane) {
    let known = store.capabilities();
    let size = usize::try_from(known.largest_batch.max(1)).unwrap_or(usize::MAX);
    let at_once = usize::try_from(known.calls_per_mailbox.max(1)).unwrap_or(1);
    let may_wait = lane.claim.count() <= bench.outage_pauses;
    let place = Place { store: &*store, mailbox: &lane.mailbox, may_wait };
    let parts = lane.targets.chunks(size).rev();
    let mut chunks: Vec<Chunk<'_>> =
        parts.map(|part| Chunk { left: part.iter().collect(), in_doubt: lane.in_doubt }).collect();
    let mut running = FuturesUnordered::new();
    let mut stopped = false;
    let mut back_at = bench.site.now();
    loop {
        stopped = stopped || bench.must_stop();
        while let Some(chunk) = (!stopped && running.len() < at_once).then(|| chunks.pop()).flatten() {
            running.push(act_on(&bench, place, chunk));
        }
        let acted = running.next().await;
        let none_left = acted.is_none();
        let Acted { outcomes, throttled, rest } = acted.unwrap_or_default();
        match rest {
            Rest::None => {}
            Rest::Stopped => stopped = true,
            Rest::StoreDown => {
                stopped = true;
                back_at = bench.site.now().plus(bench.site.tuning.outage_pause);
            }
            // Halved where a store or connector chokes, so that one bad message costs only itself.
            Rest::Halves(mut rest) => {
                let other = rest.left.split_off(rest.left.len() / 2);
                chunks.push(Chunk { left: other, in_doubt: true });
                chunks.push(rest);
            }
        }
        let end = match running.is_empty() && (stopped || chunks.is_empty()) {
            false => LaneEnd::Working,
            true if stopped => LaneEnd::Back(back_at),
            true => LaneEnd::Done,
        };
        let report = Report { claim: lane.claim, outcomes, throttled, end };
        if bench.reports.send(report).await.is_err() || end != LaneEnd::Working || none_left {
            return;
        }
    }
}

/// One mailbox of one store.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) store: &'a dyn MailStore,
    pub(crate) mailbox: &'a str,
    /// Whether its lane may be handed back for a while if the store does not answer.
    pub(crate) may_wait: bool,
}

/// Targets of one call.
struct Chunk<'lane> {
    left: Vec<&'lane Target>,
    /// Some of them may have been acted on.
    in_doubt: bool,
}

/// What became of a chunk.
#[derive(Default)]
struct Acted<'lane> {
    outcomes: Vec<Outcome>,
    throttled: bool,
    rest: Rest<'lane>,
}

/// What of a chunk has no outcome.
#[derive(Default)]
enum Rest<'lane> {
    #[default]
    None,
    /// A stop was asked for.
    Stopped,
    /// The store did not answer for so long that the lane had better wait.
    StoreDown,
    /// It is better to go on with halves.
    Halves(Chunk<'lane>),
}

/// Tries until every target has an outcome, or a stop is asked, or it is better to go on with halves.
async fn act_on<'lane>(bench: &Bench, place: Place<'_>, mut chunk: Chunk<'lane>) -> Acted<'lane> {
    let mut acted = Acted::default();
    let mut patience = Patience::new(&bench.site.tuning);
    loop {
        if bench.must_stop() {
            acted.rest = Rest::Stopped;
            return acted;
        }
        let Err(error) = call(bench, place, &mut chunk, &mut acted.outcomes).await else { return acted };
        chunk.in_doubt = true;
        match &error {
            CallError::Throttled { .. } => {
                acted.throttled = true;
                (bench.observer)(Seen::Throttled);
                bench.site.metrics.throttled(place.store.name());
            }
            CallError::Permanent { .. } | CallError::Fault { .. } if chunk.left.len() > 1 => {
                acted.rest = Rest::Halves(chunk);
                return acted;
            }
            _ => {}
        }
        let Some(wait) = patience.wait(&error) else {
            if place.may_wait && matches!(error, CallError::Transient { .. }) {
                acted.rest = Rest::StoreDown;
                return acted;
            }
            give_up(bench, place, &mut chunk, &error, &mut acted.outcomes).await;
            return acted;
        };
        bench.rest(wait).await;
    }
}

/// The last error stands. But what the calls did in spite of it is looked for once more, so that it is not called failed.
async fn give_up(
    bench: &Bench,
    place: Place<'_>,
    chunk: &mut Chunk<'_>,
    error: &CallError,
    outcomes: &mut Vec<Outcome>,
) {
    let known = settled(bench, place, chunk, outcomes).await.is_ok();
    for target in chunk.left.drain(..) {
        let mut outcome = bench.failed(target, error);
        if !known && let Some(detail) = &mut outcome.detail {
            detail.push_str("; whether it was done could not be seen, a retry looks first");
        }
        outcomes.push(outcome);
    }
}

/// One try: settles what is in doubt, then applies the action to what is left.
async fn call(
    bench: &Bench,
    place: Place<'_>,
    chunk: &mut Chunk<'_>,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), CallError> {
    let mut aims = if chunk.in_doubt {
        settled(bench, place, chunk, outcomes).await?
    } else {
        chunk.left.iter().map(|target| aim(target)).collect()
    };
    let keeper = bench.keeper.as_ref();
    let spared = evidence::keep(keeper, place.store, place.mailbox, &mut chunk.left, &mut aims).await?;
    outcomes.extend(spared.into_iter().map(|one| bench.outcome(one.seq, one.kind, one.reason, one.detail, None)));
    if aims.is_empty() {
        return Ok(());
    }
    let effects = place.store.apply(place.mailbox, bench.action, &aims).await?;
    if effects.len() != chunk.left.len() {
        let known = place.store.capabilities();
        return Err(CallError::Fault {
            store: Arc::clone(place.store.name()),
            connector: known.connector.clone(),
            version: known.version.clone(),
            detail: format!("answered {} of {} targets", effects.len(), chunk.left.len()),
        });
    }
    outcomes.extend(chunk.left.drain(..).zip(effects).map(|(target, effect)| bench.effected(target.seq, effect)));
    Ok(())
}

/// Takes what was done already out of the chunk; the aims of the rest.
async fn settled(
    bench: &Bench,
    place: Place<'_>,
    chunk: &mut Chunk<'_>,
    outcomes: &mut Vec<Outcome>,
) -> Result<Vec<Aim>, CallError> {
    let mut aims: Vec<Aim> = chunk.left.iter().map(|target| aim(target)).collect();
    let done = settle(place.store, place.mailbox, bench.action, &chunk.left, &mut aims).await?;
    chunk.left.retain(|target| done.iter().all(|(seq, _)| *seq != target.seq));
    let now = bench.site.now();
    outcomes.extend(done.into_iter().map(|(seq, receipt)| confirmed(seq, receipt, bench.batch, now)));
    Ok(aims)
}

/// Looks, without touching anything: outcomes of what was done to the targets of one mailbox before they were left.
pub(crate) async fn look(site: &Site, action: Action, batch: u32, targets: &[Target]) -> Result<Vec<Outcome>, Error> {
    let Some(first) = targets.first() else { return Ok(Vec::new()) };
    let store = site.store(&first.store)?;
    let targets: Vec<&Target> = targets.iter().collect();
    let mut aims = targets.iter().map(|target| aim(target)).collect();
    let done = settle(&**store, &first.mailbox, action, &targets, &mut aims).await?;
    let now = site.now();
    Ok(done.into_iter().map(|(seq, receipt)| confirmed(seq, receipt, batch, now)).collect())
}

fn confirmed(seq: u32, receipt: Receipt, batch: u32, now: Timestamp) -> Outcome {
    Outcome {
        seq,
        kind: OutcomeKind::Succeeded,
        reason: Reason::ConfirmedAfterRestart,
        detail: None,
        receipt: Some(receipt),
        batch: Some(batch),
        recorded_at: now,
    }
}

fn aim(target: &Target) -> Aim {
    Aim { reference: target.reference.clone(), location: target.location.clone(), former: target.former.clone() }
}

impl Bench {
    /// Whether somebody asked to stop, this node may be taken for dead, or nobody records any more.
    fn must_stop(&self) -> bool {
        self.stop.must_stop(self.site.now()) || self.reports.is_closed()
    }

    /// Sleeps, but no longer than until a stop is asked for.
    async fn rest(&self, wait: Duration) {
        let until = Instant::now() + wait;
        while Instant::now() < until && !self.must_stop() {
            tokio::time::sleep(self.site.tuning.control.min(until - Instant::now())).await;
        }
    }

    fn effected(&self, seq: u32, effect: Effect) -> Outcome {
        let (kind, reason, detail, receipt) = match effect {
            Effect::Succeeded(receipt) => (OutcomeKind::Succeeded, Reason::Confirmed, None, Some(receipt)),
            Effect::AlreadyInDestination => (OutcomeKind::AlreadyInDestination, Reason::AlreadyThere, None, None),
            Effect::NotFound => (OutcomeKind::NotFound, Reason::Gone, None, None),
            Effect::MovedSince(place) => (OutcomeKind::MovedSince, Reason::MovedByOwner, Some(place.to_string()), None),
            Effect::Failed(detail) => (OutcomeKind::Failed, Reason::StoreRefused, Some(detail), None),
        };
        self.outcome(seq, kind, reason, detail, receipt)
    }

    fn failed(&self, target: &Target, error: &CallError) -> Outcome {
        let reason = match error {
            CallError::Throttled { .. } => Reason::ThrottledTooLong,
            CallError::Transient { .. } | CallError::Untrusted { .. } => Reason::StoreUnavailable,
            CallError::Permanent { .. } => Reason::StoreRefused,
            CallError::Denied { .. } => Reason::Denied,
            CallError::NotFound { .. } => Reason::MailboxNotFound,
            CallError::Fault { .. } => Reason::ConnectorFault,
        };
        self.outcome(target.seq, OutcomeKind::Failed, reason, Some(error.to_string()), None)
    }

    fn outcome(
        &self,
        seq: u32,
        kind: OutcomeKind,
        reason: Reason,
        detail: Option<String>,
        receipt: Option<Receipt>,
    ) -> Outcome {
        Outcome { seq, kind, reason, detail, receipt, batch: Some(self.batch), recorded_at: self.site.now() }
    }
}
