//! Acts on the targets of one lane, one chunk per call, and makes an outcome of each target's result.
//!
//! An effect happens at least once and is recorded exactly once: after a restart, a lost connection or any other doubt,
//! the messages are located before they are acted on again.

use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::{ActionTarget, CallError, MailStore};
use clawback_model::{Action, Effect, Outcome, OutcomeKind, Reason, Receipt, Target, Timestamp};
use clawback_store::{Lane, LaneClaim, LaneEnd};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::calendar;
use super::reconcile::{judged, reconcile};
use crate::evidence::{self, Keeper};
use crate::gate::Gated;
use crate::progress::{Observer, Seen};
use crate::retry::{RetryPolicy, locate_all};
use crate::site::Site;
use crate::stop::Stop;

/// What the tasks of a batch share.
pub(crate) struct BatchContext {
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

/// The result of one chunk of a lane.
pub(crate) struct Report {
    pub(crate) claim: LaneClaim,
    pub(crate) outcomes: Vec<Outcome>,
    /// Whether a call of the chunk was throttled.
    pub(crate) throttled: bool,
    pub(crate) end: LaneEnd,
}

/// Works through a lane until it is done or a stop is requested. Its last report says which.
pub(crate) async fn work(context: Arc<BatchContext>, store: Arc<Gated>, lane: Lane) {
    let known = store.capabilities();
    let size = usize::try_from(known.largest_batch.max(1)).unwrap_or(usize::MAX);
    let at_once = usize::try_from(known.calls_per_mailbox.max(1)).unwrap_or(1);
    let may_wait = lane.claim.count() <= context.outage_pauses;
    let place = Place { store: &*store, mailbox: &lane.mailbox, may_wait };
    let parts = lane.targets.chunks(size).rev();
    let mut chunks: Vec<Chunk<'_>> =
        parts.map(|part| Chunk { left: part.iter().collect(), in_doubt: lane.in_doubt }).collect();
    let mut running = FuturesUnordered::new();
    let mut stopped = false;
    let mut back_at = context.site.now();
    loop {
        stopped = stopped || context.must_stop();
        while let Some(chunk) = (!stopped && running.len() < at_once).then(|| chunks.pop()).flatten() {
            running.push(act_on(&context, place, chunk));
        }
        let acted = running.next().await;
        let none_left = acted.is_none();
        let Acted { outcomes, throttled, rest } = acted.unwrap_or_default();
        match rest {
            Rest::None => {}
            Rest::Stopped => stopped = true,
            Rest::StoreDown => {
                stopped = true;
                back_at = context.site.now().plus(context.site.tuning.outage_pause);
            }
            // Halved when a store or connector fails on the chunk, so that one bad message fails alone.
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
        if context.reports.send(report).await.is_err() || end != LaneEnd::Working || none_left {
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

/// The targets of one call.
struct Chunk<'lane> {
    left: Vec<&'lane Target>,
    /// Whether some of them may have been acted on already.
    in_doubt: bool,
}

/// The outcomes of a chunk, and what has none.
#[derive(Default)]
struct Acted<'lane> {
    outcomes: Vec<Outcome>,
    throttled: bool,
    rest: Rest<'lane>,
}

/// The part of a chunk that has no outcome.
#[derive(Default)]
enum Rest<'lane> {
    #[default]
    None,
    /// A stop was requested.
    Stopped,
    /// The store did not answer within all retries, so the lane is to be handed back.
    StoreDown,
    /// The chunk is to be continued in halves.
    Halves(Chunk<'lane>),
}

/// Retries until every target has an outcome, a stop is requested, or the chunk is to be halved.
async fn act_on<'lane>(context: &BatchContext, place: Place<'_>, mut chunk: Chunk<'lane>) -> Acted<'lane> {
    let mut acted = Acted::default();
    let mut retries = RetryPolicy::new(&context.site.tuning);
    loop {
        if context.must_stop() {
            acted.rest = Rest::Stopped;
            return acted;
        }
        let Err(error) = call(context, place, &mut chunk, &mut acted.outcomes).await else { return acted };
        chunk.in_doubt = true;
        match &error {
            CallError::Stopped { .. } => {
                acted.rest = Rest::Stopped;
                return acted;
            }
            CallError::Throttled { .. } => {
                acted.throttled = true;
                (context.observer)(Seen::Throttled);
                context.site.metrics.throttled(place.store.name());
            }
            CallError::Permanent { .. } | CallError::Fault { .. } if chunk.left.len() > 1 => {
                acted.rest = Rest::Halves(chunk);
                return acted;
            }
            _ => {}
        }
        let Some(wait) = retries.wait(&error) else {
            if place.may_wait && matches!(error, CallError::Transient { .. }) {
                acted.rest = Rest::StoreDown;
                return acted;
            }
            if let Err(CallError::Stopped { .. }) =
                give_up(context, place, &mut chunk, &error, &mut acted.outcomes).await
            {
                acted.rest = Rest::Stopped;
            }
            return acted;
        };
        context.rest(wait).await;
    }
}

/// Fails the remaining targets with the last error. Targets on which a call took effect in spite of the error are
/// located first, so that they are not recorded as failed. If a stop is requested meanwhile, nothing is recorded as
/// failed.
async fn give_up(
    context: &BatchContext,
    place: Place<'_>,
    chunk: &mut Chunk<'_>,
    error: &CallError,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), CallError> {
    let detail = match reconciled(context, place, chunk, outcomes).await {
        Ok(_) => error.to_string(),
        Err(stopped @ CallError::Stopped { .. }) => return Err(stopped),
        Err(_) => unseen(error),
    };
    let failed =
        |target: &Target| context.outcome(target.seq, OutcomeKind::Failed, reason(error), Some(detail.clone()), None);
    outcomes.extend(chunk.left.drain(..).map(failed));
    Ok(())
}

/// The detail of an outcome whose target may or may not have been acted on.
fn unseen(error: impl std::fmt::Display) -> String {
    format!("{error}; whether the action took effect could not be determined; a retry checks first")
}

fn reason(error: &CallError) -> Reason {
    match error {
        CallError::Throttled { .. } => Reason::ThrottledTooLong,
        CallError::Transient { .. } | CallError::Untrusted { .. } | CallError::Stopped { .. } => {
            Reason::StoreUnavailable
        }
        CallError::Permanent { .. } => Reason::StoreRefused,
        CallError::Denied { .. } => Reason::Denied,
        CallError::NotFound { .. } => Reason::MailboxNotFound,
        CallError::Fault { .. } => Reason::ConnectorFault,
    }
}

/// Makes one try: reconciles the targets in doubt, then applies the action to the rest.
async fn call(
    context: &BatchContext,
    place: Place<'_>,
    chunk: &mut Chunk<'_>,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), CallError> {
    let mut aims = if chunk.in_doubt {
        reconciled(context, place, chunk, outcomes).await?
    } else {
        chunk.left.iter().map(|target| aim(target)).collect()
    };
    let keeper = context.keeper.as_ref();
    let skipped = evidence::keep(keeper, place.store, place.mailbox, &mut chunk.left, &mut aims).await?;
    outcomes.extend(skipped.into_iter().map(|one| context.outcome(one.seq, one.kind, one.reason, one.detail, None)));
    if aims.is_empty() {
        return Ok(());
    }
    let effects = place.store.apply(place.mailbox, context.action, &aims).await?;
    if effects.len() != chunk.left.len() {
        let known = place.store.capabilities();
        return Err(CallError::Fault {
            store: Arc::clone(place.store.name()),
            connector: known.connector.clone(),
            version: known.version.clone(),
            detail: format!("answered {} of {} targets", effects.len(), chunk.left.len()),
        });
    }
    outcomes.extend(chunk.left.drain(..).zip(effects).map(|(target, effect)| context.effected(target.seq, effect)));
    Ok(())
}

/// Removes the targets that were acted on already from the chunk, and returns the action targets of the rest.
async fn reconciled(
    context: &BatchContext,
    place: Place<'_>,
    chunk: &mut Chunk<'_>,
    outcomes: &mut Vec<Outcome>,
) -> Result<Vec<ActionTarget>, CallError> {
    let mut aims: Vec<ActionTarget> = chunk.left.iter().map(|target| aim(target)).collect();
    let mut done = reconcile(place.store, place.mailbox, context.action, &chunk.left, &mut aims).await?;
    calendar::settle(&context.site, place.store, place.mailbox, context.action, &mut done).await?;
    chunk.left.retain(|target| done.iter().all(|(seq, _)| *seq != target.seq));
    let now = context.site.now();
    outcomes.extend(done.into_iter().map(|(seq, receipt)| confirmed(seq, receipt, context.batch, now)));
    Ok(aims)
}

/// Locates the targets of one mailbox that were left in doubt, without acting on them. A target that cannot be located
/// by `deadline` has failed, so that a cancel does not wait for a mailbox that never answers.
pub(crate) async fn look(
    site: &Site,
    action: Action,
    batch: u32,
    targets: &[Target],
    deadline: Instant,
) -> Vec<Outcome> {
    let Some(first) = targets.first() else { return Vec::new() };
    let failed = |target: &Target, reason, detail: &str| Outcome {
        seq: target.seq,
        kind: OutcomeKind::Failed,
        reason,
        detail: Some(detail.to_owned()),
        receipt: None,
        batch: Some(batch),
        recorded_at: site.now(),
    };
    let all_failed = |reason, detail: &str| targets.iter().map(|target| failed(target, reason, detail)).collect();
    let store = match site.store(&first.store) {
        Ok(store) => store,
        Err(error) => return all_failed(Reason::StoreUnavailable, &unseen(error)),
    };
    let references: Vec<_> = targets.iter().map(|target| target.reference.clone()).collect();
    match timeout_at(deadline, locate_all(site, &**store, &first.mailbox, &references)).await {
        Ok(Ok(located)) => {
            let targets: Vec<&Target> = targets.iter().collect();
            let mut aims = targets.iter().map(|target| aim(target)).collect();
            let done = judged(located, action, &targets, &mut aims);
            done.into_iter().map(|(seq, receipt)| confirmed(seq, receipt, batch, site.now())).collect()
        }
        Ok(Err(error)) => all_failed(reason(&error), &unseen(&error)),
        Err(_) => {
            let detail = unseen(format_args!("store `{}` did not answer in time", first.store));
            all_failed(Reason::StoreUnavailable, &detail)
        }
    }
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

fn aim(target: &Target) -> ActionTarget {
    ActionTarget {
        reference: target.reference.clone(),
        location: target.location.clone(),
        former: target.former.clone(),
    }
}

impl BatchContext {
    /// Whether a stop was requested, the lane worker's lease has expired, or the recorder has ended.
    fn must_stop(&self) -> bool {
        self.stop.must_stop(self.site.now()) || self.reports.is_closed()
    }

    /// Sleeps for `wait`, or until a stop is requested.
    async fn rest(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.raised() => {}
            () = self.reports.closed() => {}
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
