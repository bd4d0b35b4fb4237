//! The loop that carries a remediation from wherever it stands to where it must wait or has ended: ask, do, record, repeat.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::{Event, Next, Origin, Remediation, RemediationId, Status, StopReason, Target};
use clawback_store::{Lease, StoreError};
use tokio::sync::mpsc;

use crate::batch::{self, Batch};
use crate::control::Control;
use crate::error::Error;
use crate::planner::{self, Order, Planned};
use crate::progress::{Observer, Seen};
use crate::site::Site;
use crate::{node, notify, reversal, verification};

/// Who is written down for what nobody asked for in person.
const AUTOMATION: &str = "automation";
/// How long a remediation that could not go on is left alone by workers that look for work.
const AFTER_ERROR: Duration = Duration::from_mins(1);
/// Pages of targets between the search and the database.
const WAITING_PAGES: usize = 2;

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// Until there is a plan.
    Planned,
    /// Until it waits for a person, or has ended.
    Settled,
}

/// Works on remediations of one site.
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

    /// Works on one remediation until it waits for a person, or has ended.
    pub async fn run(&self, id: &RemediationId) -> Result<Remediation, Error> {
        let site = &self.site;
        let remediation = site.history.load(id).await?;
        if matches!(remediation.next(site.now()), Next::Nothing | Next::AwaitPerson | Next::AwaitApproval { .. }) {
            return Ok(remediation);
        }
        let (remediation, lease) = self.claim(id).await?;
        Box::pin(self.advance(remediation, lease, Goal::Settled)).await
    }

    /// Works on the most urgent remediation that is due, if there is one.
    pub async fn run_next(&self) -> Result<Option<Remediation>, Error> {
        let site = &self.site;
        match site.history.claim_due(&site.node, site.now(), site.tuning.lease).await? {
            Some((remediation, lease)) => Box::pin(self.advance(remediation, lease, Goal::Settled)).await.map(Some),
            None => Ok(None),
        }
    }

    /// Makes the plan of one remediation, and no more.
    pub async fn plan_only(&self, id: &RemediationId) -> Result<Remediation, Error> {
        let (remediation, lease) = self.claim(id).await?;
        Box::pin(self.advance(remediation, lease, Goal::Planned)).await
    }

    /// Takes the lease; from a process of this machine that has died, at once.
    async fn claim(&self, id: &RemediationId) -> Result<(Remediation, Lease), Error> {
        let site = &self.site;
        if let Some(claimed) = site.history.claim(id, &site.node, site.now(), site.tuning.lease).await? {
            return Ok(claimed);
        }
        let node = site.history.holder(id).await?.unwrap_or_default();
        if node::is_dead(&node) {
            site.history.evict(id, &node).await?;
            if let Some(claimed) = site.history.claim(id, &site.node, site.now(), site.tuning.lease).await? {
                return Ok(claimed);
            }
        }
        Err(Error::Busy { id: id.clone(), node })
    }

    /// Its future is large; callers box it.
    async fn advance(&self, mut remediation: Remediation, lease: Lease, goal: Goal) -> Result<Remediation, Error> {
        let control = Control::start(Arc::clone(&self.site), lease.clone());
        let mut fresh_batch = None;
        let result = loop {
            (self.observer)(Seen::Status(remediation.status));
            if goal == Goal::Planned && !matches!(remediation.status, Status::Queued | Status::Planning) {
                break Ok(remediation);
            }
            let next = remediation.next(self.site.now());
            if matches!(next, Next::AwaitApproval { .. } | Next::AwaitPerson | Next::Nothing) {
                break Ok(remediation);
            }
            if remediation.asked.is_none() {
                control.clear();
            }
            if control.lost(self.site.now()) {
                break Err(Error::History(StoreError::LeaseLost { remediation: remediation.id.clone() }));
            }
            match self.step(&remediation, next, &lease, &control, &mut fresh_batch).await {
                Ok(next) => {
                    if next.status != remediation.status {
                        notify::status_changed(&self.site, &next).await;
                    }
                    remediation = next;
                }
                Err(error) => break Err(error),
            }
        };
        drop(control);
        // After an error it is not due again at once: one that cannot go on must not keep the others waiting.
        let given_back = match &result {
            Ok(_) => self.site.history.release(&lease).await,
            Err(_) => self.site.history.postpone(&lease, self.site.now().plus(AFTER_ERROR)).await,
        };
        // A lease that cannot be given back runs out by itself.
        if let Err(error) = given_back {
            tracing::debug!(remediation.id = %lease.remediation, %error, "Lease not released.");
        }
        result
    }

    /// Does one thing and records it.
    async fn step(
        &self,
        remediation: &Remediation,
        next: Next,
        lease: &Lease,
        control: &Control,
        fresh_batch: &mut Option<u32>,
    ) -> Result<Remediation, Error> {
        let (site, history) = (&self.site, &self.site.history);
        match next {
            Next::Plan => self.plan(remediation, lease, control).await,
            Next::Expire => self.record(lease, &Event::Expired).await,
            Next::Start => self.record(lease, &Event::Started).await,
            Next::StartBatch { number, first, targets } => {
                if let Some(reason) = self.other_connectors(remediation).await? {
                    return self.record(lease, &Event::Paused { reason }).await;
                }
                *fresh_batch = Some(number);
                self.record(lease, &Event::BatchStarted { number, first, targets }).await
            }
            Next::Run { number, first, targets } => {
                // A batch that this very worker did not begin may be half done; so may what a retry tries again.
                let fresh = fresh_batch.take() == Some(number);
                if !fresh && let Some(reason) = self.other_connectors(remediation).await? {
                    return self.record(lease, &Event::Paused { reason }).await;
                }
                let in_doubt = !fresh || matches!(remediation.request.origin, Origin::Retry { .. });
                let batch = Batch { number, first, targets, in_doubt };
                batch::run(site, lease, remediation, &batch, control, &self.observer).await
            }
            Next::Pause { reason } => self.record(lease, &Event::Paused { reason }).await,
            Next::Cancel { by } => match remediation.progress.open_batch {
                // What it had done must be known before the rest is called off.
                Some((number, first, targets)) => {
                    let batch = Batch { number, first, targets, in_doubt: true };
                    let done = batch::look(site, remediation, &batch, control).await?;
                    Ok(history.finish_batch(&remediation.id, lease, AUTOMATION, number, &done, 0, site.now()).await?)
                }
                None => Ok(history.cancel_open(&remediation.id, lease, &by, site.now()).await?),
            },
            Next::Verify => {
                let event = tokio::select! {
                    event = verification::verify(site, remediation, &self.observer) => event?,
                    () = control.stopped(site) => return Ok(history.load(&remediation.id).await?),
                };
                self.record(lease, &event).await
            }
            Next::Finish => self.record(lease, &Event::Finished).await,
            Next::AwaitApproval { .. } | Next::AwaitPerson | Next::Nothing => Ok(remediation.clone()),
        }
    }

    /// The plan names the connectors that it was approved for. Others would do other things with it.
    async fn other_connectors(&self, remediation: &Remediation) -> Result<Option<StopReason>, Error> {
        let Some(header) = self.site.history.plan_header(&remediation.id).await? else { return Ok(None) };
        for (name, approved) in &header.connectors {
            let now = self.site.stores.get(name.as_str()).map(|store| planner::connector(&**store));
            if now.as_ref() != Some(approved) {
                let now = now.unwrap_or_else(|| "not configured".to_owned());
                let detail = format!("the plan was approved for connector `{approved}`, and now it is `{now}`");
                return Ok(Some(StopReason::StoreUnavailable { store: name.clone(), detail }));
            }
        }
        Ok(None)
    }

    async fn record(&self, lease: &Lease, event: &Event) -> Result<Remediation, Error> {
        let now = self.site.now();
        Ok(self.site.history.record(&lease.remediation, Some(lease), AUTOMATION, event, now).await?)
    }

    async fn plan(&self, remediation: &Remediation, lease: &Lease, control: &Control) -> Result<Remediation, Error> {
        let history = &self.site.history;
        let id = &remediation.id;
        self.record(lease, &Event::PlanningStarted).await?;
        history.begin_plan(id, lease).await?;
        let searched = tokio::select! {
            searched = self.search(remediation, lease) => searched,
            () = control.stopped(&self.site) => return Ok(history.load(id).await?),
        };
        match searched {
            Ok(planned) => Ok(planned),
            // The history itself failing is no fault of the plan: the lease runs out and it is tried again.
            Err(error @ Error::History(_)) => Err(error),
            Err(error) => {
                let reason = StopReason::PlanFailed { detail: error.to_string() };
                self.record(lease, &Event::PlanRefused { reason }).await
            }
        }
    }

    async fn search(&self, remediation: &Remediation, lease: &Lease) -> Result<Remediation, Error> {
        let (site, request) = (&self.site, &remediation.request);
        let bound = Arc::new(crate::api::bind(site, request)?);
        let header = planner::header(site, request, &bound)?;
        let order = Order { request, bound: Arc::clone(&bound), header: &header };
        let (sender, mut pages) = mpsc::channel::<Vec<Target>>(WAITING_PAGES);
        // Owns the receiving end: when writing fails, the search must not wait for room for ever.
        let writing = async move {
            while let Some(page) = pages.recv().await {
                site.history.append_targets(&remediation.id, lease, &page).await?;
            }
            Ok::<(), Error>(())
        };
        let searching = async {
            if request.origin == Origin::Fresh {
                return planner::search(site, &order, sender, &self.observer).await;
            }
            let (given, receiver) = mpsc::channel::<Vec<Target>>(WAITING_PAGES);
            let ((), planned) = tokio::try_join!(
                reversal::targets(site, &request.origin, given),
                planner::given(site, &order, receiver, sender)
            )?;
            Ok(planned)
        };
        let ((), planned) = tokio::try_join!(writing, searching)?;
        let plan = match planned {
            Planned::Plan(plan) => plan,
            Planned::Refused(reason) => return self.record(lease, &Event::PlanRefused { reason }).await,
        };
        if !bound.remediates(&plan.facts, &plan.counts) && plan.counts.remediable > 0 {
            let detail = "the `when` of the playbook's remediate step does not hold for this plan".to_owned();
            return self.record(lease, &Event::PlanRefused { reason: StopReason::PlanFailed { detail } }).await;
        }
        let (approval, decided_by) = crate::api::approval_for(site, request, &bound, &plan).await?;
        let verify = bound.verifies(&plan.facts, &plan.counts);
        let event = Event::Planned {
            plan,
            guards: crate::evidence::settled(site, bound.guards()),
            verify,
            approval,
            decided_by,
        };
        Ok(site.history.freeze_plan(&remediation.id, lease, &header, AUTOMATION, &event, site.now()).await?)
    }
}
