//! Acts on the targets of one lane, a chunk at a time, and makes an outcome of whatever happens.
//!
//! The effect is at least once, the record exactly once: after any doubt (a restart, a lost connection) the messages are
//! located before they are touched again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clawback_connectors::{Aim, CallError, MailStore};
use clawback_model::{Action, Effect, Outcome, OutcomeKind, Reason, Receipt, Target};
use tokio::sync::{Semaphore, mpsc};

use crate::progress::{Observer, Seen};
use crate::settle::settle;
use crate::site::Site;

/// What the tasks of a batch share.
pub(crate) struct Bench {
    pub(crate) site: Arc<Site>,
    pub(crate) action: Action,
    pub(crate) batch: u32,
    pub(crate) stop: Arc<AtomicBool>,
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
    // Halved when a store or connector chokes on a chunk, so that one bad message costs only itself.
    let mut chunks: Vec<&[Target]> = lane.targets.chunks(size).rev().collect();
    while let Some(chunk) = chunks.pop() {
        if bench.stop.load(Ordering::Relaxed) {
            return;
        }
        match act_on(&bench, &lane, chunk).await {
            Attempt::Done(done) => {
                if bench.outcomes.send(done).await.is_err() {
                    return;
                }
            }
            Attempt::Split => {
                let (left, right) = chunk.split_at(chunk.len() / 2);
                chunks.push(right);
                chunks.push(left);
            }
            Attempt::Stopped => return,
        }
    }
}

enum Attempt {
    Done(Done),
    Split,
    Stopped,
}

async fn act_on(bench: &Bench, lane: &Lane, chunk: &[Target]) -> Attempt {
    let tuning = &bench.site.tuning;
    let mut outcomes = Vec::with_capacity(chunk.len());
    let mut left: Vec<&Target> = chunk.iter().collect();
    let (mut tries, mut waited, mut throttled) = (0, Duration::ZERO, false);
    let mut in_doubt = lane.in_doubt;
    loop {
        tries += 1;
        let result = {
            let _permit = lane.calls.acquire().await;
            call(bench, lane, &mut left, &mut outcomes, in_doubt).await
        };
        let Err(error) = result else {
            return Attempt::Done(Done { outcomes, throttled });
        };
        in_doubt = true;
        let wait = match &error {
            CallError::Throttled { after, .. } => {
                throttled = true;
                (bench.observer)(Seen::Throttled);
                let wait = after.unwrap_or_else(|| backoff(tuning.backoff, tries));
                waited += wait;
                (waited <= tuning.throttle_patience).then_some(wait)
            }
            CallError::Transient { .. } => (tries < tuning.attempts).then(|| backoff(tuning.backoff, tries)),
            CallError::Permanent { .. } | CallError::Fault { .. } if left.len() > 1 && outcomes.is_empty() => {
                return Attempt::Split;
            }
            _ => None,
        };
        let Some(wait) = wait else {
            outcomes.extend(left.iter().map(|target| bench.failed(target, &error)));
            return Attempt::Done(Done { outcomes, throttled });
        };
        tokio::time::sleep(wait).await;
        if bench.stop.load(Ordering::Relaxed) {
            if outcomes.is_empty() {
                return Attempt::Stopped;
            }
            return Attempt::Done(Done { outcomes, throttled });
        }
    }
}

/// One try: settles what is in doubt, then applies the action to what is left.
async fn call(
    bench: &Bench,
    lane: &Lane,
    left: &mut Vec<&Target>,
    outcomes: &mut Vec<Outcome>,
    in_doubt: bool,
) -> Result<(), CallError> {
    let mut aims: Vec<Aim> = left.iter().map(|target| aim(target)).collect();
    if in_doubt {
        let done = settle(&*lane.store, &lane.mailbox, bench.action, left, &mut aims).await?;
        outcomes.extend(
            done.into_iter()
                .map(|(seq, receipt)| bench.outcome(seq, OutcomeKind::Succeeded, Reason::ConfirmedAfterRestart, None, Some(receipt))),
        );
        left.retain(|target| outcomes.iter().all(|outcome| outcome.seq != target.seq));
        if left.is_empty() {
            return Ok(());
        }
    }
    let effects = lane.store.apply(&lane.mailbox, bench.action, &aims).await?;
    if effects.len() != left.len() {
        let known = lane.store.capabilities();
        return Err(CallError::Fault {
            store: Arc::clone(lane.store.name()),
            connector: known.connector.clone(),
            version: known.version.clone(),
            detail: format!("answered {} of {} targets", effects.len(), left.len()),
        });
    }
    outcomes.extend(left.drain(..).zip(effects).map(|(target, effect)| bench.from_effect(target.seq, effect)));
    Ok(())
}

fn aim(target: &Target) -> Aim {
    Aim { reference: target.reference.clone(), location: target.location.clone(), former: target.former.clone() }
}

fn backoff(first: Duration, tries: u32) -> Duration {
    first.saturating_mul(1 << (tries - 1).min(6))
}

impl Bench {
    fn from_effect(&self, seq: u32, effect: Effect) -> Outcome {
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
