//! Acts on the targets of one lane, a chunk at a time, and makes an outcome of whatever happens.
//!
//! The effect is at least once, the record exactly once: after any doubt (a restart, a lost connection) the messages are
//! located before they are touched again.

use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::{Aim, CallError, MailStore};
use clawback_model::{Action, Effect, Outcome, OutcomeKind, Reason, Receipt, Target};
use tokio::sync::{Semaphore, mpsc};

use crate::control::Stop;
use crate::evidence::{self, Keeper};
use crate::progress::{Observer, Seen};
use crate::settle::settle;
use crate::site::Site;

/// What the tasks of a batch share.
pub(crate) struct Bench {
    pub(crate) site: Arc<Site>,
    pub(crate) action: Action,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) batch: u32,
    pub(crate) stop: Arc<Stop>,
    pub(crate) outcomes: mpsc::Sender<Done>,
    pub(crate) observer: Observer,
}

/// Outcomes of one chunk, and whether it was throttled on the way.
pub(crate) struct Done {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) throttled: bool,
}

/// The targets of one mailbox in one batch.
pub(crate) struct Lane {
    pub(crate) store: Arc<dyn MailStore>,
    pub(crate) calls: Arc<Semaphore>,
    pub(crate) mailbox: Arc<str>,
    pub(crate) targets: Vec<Target>,
    /// Some of them may have been acted on before a crash.
    pub(crate) in_doubt: bool,
}

/// Works through a lane until it is done or somebody asks to stop.
pub(crate) async fn work(bench: Arc<Bench>, lane: Lane) {
    let size = usize::try_from(lane.store.capabilities().largest_batch.max(1)).unwrap_or(usize::MAX);
    let mut chunks: Vec<Chunk<'_>> = lane
        .targets
        .chunks(size)
        .rev()
        .map(|part| Chunk { left: part.iter().collect(), in_doubt: lane.in_doubt })
        .collect();
    while let Some(chunk) = chunks.pop() {
        if bench.must_stop() {
            return;
        }
        let mut done = Done { outcomes: Vec::with_capacity(chunk.left.len()), throttled: false };
        let rest = act_on(&bench, &lane, chunk, &mut done).await;
        // Halved where a store or connector chokes, so that one bad message costs only itself.
        if let Some(mut rest) = rest {
            let other = rest.left.split_off(rest.left.len() / 2);
            chunks.push(Chunk { left: other, in_doubt: true });
            chunks.push(rest);
        }
        if bench.outcomes.send(done).await.is_err() {
            return;
        }
    }
}

/// Targets of one call.
struct Chunk<'lane> {
    left: Vec<&'lane Target>,
    /// Some of them may have been acted on.
    in_doubt: bool,
}

/// Tries until every target has an outcome, or a stop is asked, or it is better to go on with halves: then what is left.
async fn act_on<'lane>(bench: &Bench, lane: &Lane, mut chunk: Chunk<'lane>, done: &mut Done) -> Option<Chunk<'lane>> {
    let tuning = &bench.site.tuning;
    let (mut tries, mut waited) = (0, Duration::ZERO);
    loop {
        tries += 1;
        let result = {
            let _permit = lane.calls.acquire().await;
            if bench.must_stop() {
                return None;
            }
            call(bench, lane, &mut chunk, &mut done.outcomes).await
        };
        let Err(error) = result else { return None };
        chunk.in_doubt = true;
        let wait = match &error {
            CallError::Throttled { after, .. } => {
                done.throttled = true;
                (bench.observer)(Seen::Throttled);
                // A store that says "at once" is not believed.
                let wait = after.unwrap_or_default().max(backoff(tuning.backoff, tries));
                waited += wait;
                (waited <= tuning.throttle_patience).then_some(wait)
            }
            CallError::Transient { .. } => (tries < tuning.attempts).then(|| backoff(tuning.backoff, tries)),
            CallError::Permanent { .. } | CallError::Fault { .. } if chunk.left.len() > 1 => return Some(chunk),
            _ => None,
        };
        let Some(wait) = wait else {
            give_up(bench, lane, &mut chunk, &error, &mut done.outcomes).await;
            return None;
        };
        tokio::time::sleep(wait).await;
    }
}

/// The last error stands. But what the calls did in spite of it is looked for once more, so that it is not called failed.
async fn give_up(bench: &Bench, lane: &Lane, chunk: &mut Chunk<'_>, error: &CallError, outcomes: &mut Vec<Outcome>) {
    let _permit = lane.calls.acquire().await;
    let known = settled(bench, lane, chunk, outcomes).await.is_ok();
    for target in chunk.left.drain(..) {
        let mut outcome = bench.failed(target, error);
        if !known && let Some(detail) = &mut outcome.detail {
            detail.push_str("; whether it was done could not be seen, a retry looks first");
        }
        outcomes.push(outcome);
    }
}

/// One try: settles what is in doubt, then applies the action to what is left.
async fn call(bench: &Bench, lane: &Lane, chunk: &mut Chunk<'_>, outcomes: &mut Vec<Outcome>) -> Result<(), CallError> {
    let mut aims = if chunk.in_doubt {
        settled(bench, lane, chunk, outcomes).await?
    } else {
        chunk.left.iter().map(|target| aim(target)).collect()
    };
    let keeper = bench.keeper.as_ref();
    let spared = evidence::keep(keeper, &*lane.store, &lane.mailbox, &mut chunk.left, &mut aims).await?;
    outcomes.extend(spared.into_iter().map(|one| bench.outcome(one.seq, one.kind, one.reason, one.detail, None)));
    if aims.is_empty() {
        return Ok(());
    }
    let effects = lane.store.apply(&lane.mailbox, bench.action, &aims).await?;
    if effects.len() != chunk.left.len() {
        let known = lane.store.capabilities();
        return Err(CallError::Fault {
            store: Arc::clone(lane.store.name()),
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
    lane: &Lane,
    chunk: &mut Chunk<'_>,
    outcomes: &mut Vec<Outcome>,
) -> Result<Vec<Aim>, CallError> {
    let mut aims: Vec<Aim> = chunk.left.iter().map(|target| aim(target)).collect();
    let done = settle(&*lane.store, &lane.mailbox, bench.action, &chunk.left, &mut aims).await?;
    chunk.left.retain(|target| done.iter().all(|(seq, _)| *seq != target.seq));
    outcomes.extend(done.into_iter().map(|(seq, receipt)| bench.confirmed(seq, receipt)));
    Ok(aims)
}

/// Looks, without touching anything: outcomes of what a batch that was left open had done.
pub(crate) async fn look(bench: &Bench, lane: &Lane) -> Result<Vec<Outcome>, CallError> {
    let mut chunk = Chunk { left: lane.targets.iter().collect(), in_doubt: true };
    let mut outcomes = Vec::new();
    settled(bench, lane, &mut chunk, &mut outcomes).await?;
    Ok(outcomes)
}

fn aim(target: &Target) -> Aim {
    Aim { reference: target.reference.clone(), location: target.location.clone(), former: target.former.clone() }
}

fn backoff(first: Duration, tries: u32) -> Duration {
    first.saturating_mul(1 << (tries - 1).min(6))
}

impl Bench {
    /// Whether somebody asked to stop, the lease is as good as over, or nobody records any more.
    fn must_stop(&self) -> bool {
        self.stop.must_stop(self.site.now()) || self.outcomes.is_closed()
    }

    fn confirmed(&self, seq: u32, receipt: Receipt) -> Outcome {
        self.outcome(seq, OutcomeKind::Succeeded, Reason::ConfirmedAfterRestart, None, Some(receipt))
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
            CallError::Transient { .. } => Reason::StoreUnavailable,
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
