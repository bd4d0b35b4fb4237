//! Runs one batch: many lanes at once, each within its limits; every outcome recorded as it comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use clawback_connectors::MailStore;
use clawback_model::{Outcome, Remediation, Target};
use clawback_store::Lease;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};

use crate::act::{self, Bench, Lane, work};
use crate::control::Control;
use crate::error::Error;
use crate::progress::{Observer, Seen};
use crate::recorder::record;
use crate::site::Site;

/// Chunks that may wait for the recorder before lanes wait for it.
const WAITING_CHUNKS: usize = 256;
/// Tasks for each call that the store allows: enough to keep every connection busy while others wait.
const LANES_PER_CALL: usize = 4;

/// The batch to run, and whether a crash may have left it half done.
pub(crate) struct Batch {
    pub(crate) number: u32,
    pub(crate) first: u32,
    pub(crate) targets: u32,
    pub(crate) in_doubt: bool,
}

/// Runs it. Ends early, with the batch left open, if the control asks to stop.
pub(crate) async fn run(
    site: &Arc<Site>,
    lease: &Lease,
    remediation: &Remediation,
    batch: &Batch,
    control: &Control,
    observer: &Observer,
) -> Result<Remediation, Error> {
    let id = &remediation.id;
    let targets = site.history.batch_targets(id, batch.first, batch.targets).await?;
    observer(Seen::BatchStarted {
        number: batch.number,
        targets: batch.targets,
        submitted: remediation.counts.submitted,
    });
    let mut counts = remediation.counts;
    if batch.in_doubt {
        for (kind, number) in site.history.open_batch_counts(id, batch.number).await? {
            counts.record(kind, number);
        }
    }
    let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
    let recorder =
        tokio::spawn(record(Arc::clone(site), id.clone(), lease.clone(), counts, receiver, Arc::clone(observer)));
    let bench = Arc::new(Bench {
        site: Arc::clone(site),
        action: remediation.request.action,
        keeper: crate::evidence::keeper(site, remediation),
        batch: batch.number,
        stop: control.stop(),
        outcomes: sender,
        observer: Arc::clone(observer),
    });
    let mut lanes = JoinSet::new();
    for lane in lanes_of(site, targets, batch.in_doubt)? {
        while lanes.len() >= LANES_PER_CALL * most_calls(&*lane.store) {
            ended(lanes.join_next().await);
        }
        if control.must_stop(site.now()) || bench.outcomes.is_closed() {
            break;
        }
        lanes.spawn(work(Arc::clone(&bench), lane));
    }
    drop(bench);
    while ended(lanes.join_next().await) {}
    let rest = recorder.await.expect("the recorder does not panic")?;
    if control.must_stop(site.now()) {
        site.history.record_outcomes(id, lease, &rest.outcomes).await?;
        return Ok(site.history.load(id).await?);
    }
    let now = site.now();
    Ok(site.history.finish_batch(id, lease, &site.node, batch.number, &rest.outcomes, rest.throttled, now).await?)
}

/// What a batch that was left open had done, without touching anything: before it is called off, what was moved must be known.
pub(crate) async fn look(
    site: &Arc<Site>,
    remediation: &Remediation,
    batch: &Batch,
    control: &Control,
) -> Result<Vec<Outcome>, Error> {
    let targets = site.history.batch_targets(&remediation.id, batch.first, batch.targets).await?;
    let (outcomes, _receiver) = mpsc::channel(1);
    let bench = Bench {
        site: Arc::clone(site),
        action: remediation.request.action,
        keeper: None,
        batch: batch.number,
        stop: control.stop(),
        outcomes,
        observer: crate::progress::silent(),
    };
    let lanes = lanes_of(site, targets, true)?;
    let most = lanes.iter().map(|lane| most_calls(&*lane.store)).min().unwrap_or(1);
    let looks = stream::iter(&lanes).map(|lane| act::look(&bench, lane)).buffer_unordered(most);
    Ok(looks.try_concat().await?)
}

/// Whether a lane ended, and not all had. A panic in one is a panic here: its targets have no outcome.
fn ended(lane: Option<Result<(), JoinError>>) -> bool {
    match lane {
        Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        lane => lane.is_some(),
    }
}

/// Targets of one mailbox stand together in a plan; each run of them is a lane.
fn lanes_of(site: &Site, targets: Vec<Target>, in_doubt: bool) -> Result<Vec<Lane>, Error> {
    let mut calls: BTreeMap<Arc<str>, Arc<Semaphore>> = BTreeMap::new();
    let mut lanes: Vec<Lane> = Vec::new();
    for target in targets {
        match lanes.last_mut() {
            Some(lane) if lane.mailbox == target.mailbox && *lane.store.name() == target.store => {
                lane.targets.push(target);
            }
            _ => {
                let store = Arc::clone(site.store(&target.store)?);
                let calls = calls
                    .entry(Arc::clone(store.name()))
                    .or_insert_with(|| Arc::new(Semaphore::new(most_calls(&*store))));
                let (calls, mailbox) = (Arc::clone(calls), Arc::clone(&target.mailbox));
                lanes.push(Lane { store, calls, mailbox, targets: vec![target], in_doubt });
            }
        }
    }
    Ok(lanes)
}

fn most_calls(store: &dyn MailStore) -> usize {
    usize::try_from(store.capabilities().calls.max(1)).unwrap_or(1)
}
