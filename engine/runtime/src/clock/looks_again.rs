//! Further looks at plans that wait for votes. Each is a task of its own, so that a store that does not answer delays
//! neither the timers nor other looks. One node over all takes a look.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use clawback_model::{LookedAgain, MessageRef, RemediationId, Target, Timestamp, Whereabouts};
use clawback_store::LookAgain;
use futures::StreamExt as _;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tracing::Instrument as _;

use crate::error::Error;
use crate::hold::refuse_if_halted;
use crate::retry::locate_all;
use crate::site::Site;

/// How often a node asks which looks are due.
const ASKED_EVERY: Duration = Duration::from_secs(5);
/// Looks under way at once on one node.
const MOST: usize = 2;
/// Mailboxes that one look calls at once: it must not take the calls of work.
const MAILBOXES: usize = 2;
/// Targets read at once.
const PAGE: u32 = 4_000;

/// The further looks of a node that are under way. Dropping it drops them.
pub(crate) struct LooksAgain {
    site: Arc<Site>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    busy: HashMap<RemediationId, AbortHandle>,
    asked_at: Option<Timestamp>,
}

impl LooksAgain {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        let (tasks, stop) = (JoinSet::new(), watch::Sender::new(false));
        Self { site, stop, tasks, busy: HashMap::new(), asked_at: None }
    }

    /// Starts the looks that are due, as far as there is capacity. Waits for none of them.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        let (every, now) = (self.site.approvals.look_again, self.site.now());
        while self.tasks.try_join_next().is_some() {}
        self.busy.retain(|_, task| !task.is_finished());
        let asked = self.asked_at.is_some_and(|at| now.since(at) < ASKED_EVERY.min(every));
        if every.is_zero() || asked || self.busy.len() >= MOST || *self.stop.borrow() {
            return Ok(());
        }
        self.asked_at = Some(now);
        let due = self.site.history.due_looks_again(now, every).await?;
        if due.is_empty() || self.site.history.halted().await?.is_some() {
            return Ok(());
        }
        for due in due {
            if self.busy.len() >= MOST {
                // The others are due still, and need not wait for the next time.
                self.asked_at = None;
                break;
            }
            let id = due.remediation.id.clone();
            if self.busy.contains_key(&id) {
                continue;
            }
            let (site, stop) = (Arc::clone(&self.site), self.stop.subscribe());
            let look = async move {
                if let Err(error) = look(&site, &due, stop).await {
                    tracing::warn!(remediation.id = %due.remediation.id, %error, "A plan was not looked at again.");
                }
            };
            self.busy.insert(id, self.tasks.spawn(look.in_current_span()));
        }
        Ok(())
    }

    /// Waits until none is under way.
    pub(crate) async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
        self.busy.clear();
    }

    /// Drops every look under way. They are due again for any node.
    pub(crate) async fn stop(&mut self) {
        self.stop.send_replace(true);
        self.ended().await;
    }
}

/// Takes the look that is due, unless another node has, and writes what it counted. A look that takes longer than the
/// interval is dropped, because the next one is then due. A stop and a halt give it back.
#[tracing::instrument(name = "approval.look_again", skip_all, fields(remediation.id = %due.remediation.id))]
async fn look(site: &Arc<Site>, due: &LookAgain, mut stop: watch::Receiver<bool>) -> Result<(), Error> {
    let (now, every) = (site.now(), site.approvals.look_again);
    let Some(taken) = site.history.take_look_again(due, now.plus(every)).await? else { return Ok(()) };
    if !due.remediation.is_looked_at_again(now) {
        return Ok(());
    }
    let counting = tokio::time::timeout(every, count(site, due));
    let halted = async {
        while refuse_if_halted(site).await.is_ok() {
            tokio::time::sleep(site.tuning.control).await;
        }
    };
    let looked = tokio::select! {
        looked = counting => looked,
        () = async { drop(stop.wait_for(|stop| *stop).await) } => {
            site.history.take_look_again(&taken, now).await?;
            return Ok(());
        }
        () = halted => {
            site.history.take_look_again(&taken, now).await?;
            return Ok(());
        }
    };
    let Ok(looked) = looked else {
        tracing::warn!("A plan was not looked at again within the interval.");
        return Ok(());
    };
    site.history.finish_look_again(&taken, &looked?, site.now()).await?;
    Ok(())
}

/// Locates the remediable targets of the plan, those of a mailbox together.
async fn count(site: &Site, due: &LookAgain) -> Result<LookedAgain, Error> {
    let mut looked = LookedAgain::new(site.now());
    let (id, mut after) = (&due.remediation.id, None);
    loop {
        let rows = site.history.messages(id, after, PAGE).await?;
        let Some((last, _)) = rows.last() else { return Ok(looked) };
        after = Some(last.seq);
        let mut lanes: Vec<Vec<Target>> = Vec::new();
        for (target, _) in rows.into_iter().filter(|(target, _)| target.not_remediable.is_none()) {
            match lanes.last_mut() {
                Some(lane) if lane[0].mailbox == target.mailbox && lane[0].store == target.store => lane.push(target),
                _ => lanes.push(vec![target]),
            }
        }
        let mut found = futures::stream::iter(lanes.into_iter().map(|lane| whereabouts(site, due, lane)))
            .buffer_unordered(MAILBOXES);
        while let Some(lane) = found.next().await {
            for whereabouts in lane {
                looked.add(whereabouts, 1);
            }
        }
    }
}

/// Where the targets of one mailbox are. None is known if the store cannot say.
async fn whereabouts(site: &Site, due: &LookAgain, lane: Vec<Target>) -> Vec<Whereabouts> {
    let references: Vec<MessageRef> = lane.iter().map(|target| target.reference.clone()).collect();
    let Some(store) = site.stores.get(&lane[0].store) else { return vec![Whereabouts::Unknown; lane.len()] };
    match locate_all(site, &**store, &lane[0].mailbox, &references).await {
        Ok(located) => {
            let action = due.remediation.request.action;
            let judged = lane.iter().zip(&located);
            judged.map(|(target, found)| Whereabouts::of(target, action, &found.sightings)).collect()
        }
        Err(error) => {
            tracing::debug!(%error, "Messages of a mailbox could not be looked at again.");
            vec![Whereabouts::Unknown; lane.len()]
        }
    }
}
