//! The loop that carries a remediation from wherever it stands to where it must wait or has ended: ask, do, record, repeat.

use std::sync::Arc;

use clawback_model::{Event, Next, Origin, Remediation, RemediationId, Status, StopReason};
use clawback_store::Lease;
use tokio::sync::mpsc;

use crate::batch::{self, Batch};
use crate::control::Control;
use crate::error::Error;
use crate::planner::{self, Order, Planned};
use crate::progress::{Observer, Seen};
use crate::site::Site;
use crate::{notify, reversal, verification};

/// Who is written down for what nobody asked for in person.
const AUTOMATION: &str = "automation";
/// Pages of targets between the search and the database.
const WAITING_PAGES: usize = 2;

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
        match site.history.claim(id, &site.node, site.now(), site.tuning.lease).await? {
            Some((remediation, lease)) => self.advance(remediation, lease).await,
            None => {
                let remediation = site.history.load(id).await?;
                if remediation.next(site.now()) == Next::Nothing || remediation.status == Status::Paused {
                    return Ok(remediation);
                }
                Err(Error::Busy { id: id.clone(), node: "its lease has not run out".to_owned() })
            }
        }
    }

    /// Works on the most urgent remediation that is due, if there is one.
    pub async fn run_next(&self) -> Result<Option<Remediation>, Error> {
        let site = &self.site;
        match site.history.claim_due(&site.node, site.now(), site.tuning.lease).await? {
            Some((remediation, lease)) => self.advance(remediation, lease).await.map(Some),
            None => Ok(None),
        }
    }

    async fn advance(&self, mut remediation: Remediation, lease: Lease) -> Result<Remediation, Error> {
        let control = Control::start(Arc::clone(&self.site), lease.clone());
        let mut fresh_batch = None;
        let result = loop {
            let now = self.site.now();
            (self.observer)(Seen::Status(remediation.status));
            let step = match remediation.next(now) {
                Next::Plan => self.plan(&remediation, &lease).await,
                Next::Expire => self.record(&lease, &Event::Expired).await,
                Next::Start => self.record(&lease, &Event::Started).await,
                Next::StartBatch { number, first, targets } => {
                    fresh_batch = Some(number);
                    self.record(&lease, &Event::BatchStarted { number, first, targets }).await
                }
                Next::Run { number, first, targets } => {
                    // A batch that this very worker did not begin may be half done.
                    let in_doubt = fresh_batch.take() != Some(number);
                    let batch = Batch { number, first, targets, in_doubt };
                    batch::run(&self.site, &lease, &remediation, &batch, &control, &self.observer).await
                }
                Next::Pause { reason } => {
                    control.clear();
                    self.record(&lease, &Event::Paused { reason }).await
                }
                Next::Cancel { by } => self.cancel(&remediation, &lease, &by).await,
                Next::Verify => match verification::verify(&self.site, &remediation, &self.observer).await {
                    Ok(event) => self.record(&lease, &event).await,
                    Err(error) => Err(error),
                },
                Next::Finish => self.record(&lease, &Event::Finished).await,
                Next::AwaitApproval { .. } | Next::AwaitPerson | Next::Nothing => break Ok(remediation),
            };
            match step {
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
        // A lease that cannot be given back runs out by itself.
        if let Err(error) = self.site.history.release(&lease).await {
            tracing::debug!(remediation.id = %lease.remediation, %error, "Lease not released.");
        }
        result
    }

    async fn record(&self, lease: &Lease, event: &Event) -> Result<Remediation, Error> {
        let now = self.site.now();
        Ok(self.site.history.record(&lease.remediation, Some(lease), AUTOMATION, event, now).await?)
    }

    /// What was recorded of an open batch is closed first, so that every outcome is counted and under a digest.
    async fn cancel(&self, remediation: &Remediation, lease: &Lease, by: &str) -> Result<Remediation, Error> {
        let history = &self.site.history;
        if let Some((number, ..)) = remediation.progress.open_batch {
            history.finish_batch(&remediation.id, lease, AUTOMATION, number, &[], 0, self.site.now()).await?;
        }
        Ok(history.cancel_open(&remediation.id, lease, by, self.site.now()).await?)
    }

    async fn plan(&self, remediation: &Remediation, lease: &Lease) -> Result<Remediation, Error> {
        let history = &self.site.history;
        let id = &remediation.id;
        self.record(lease, &Event::PlanningStarted).await?;
        history.begin_plan(id, lease).await?;
        match self.search(remediation, lease).await {
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
        let (sender, mut pages) = mpsc::channel(WAITING_PAGES);
        let writing = async {
            while let Some(page) = pages.recv().await {
                site.history.append_targets(&remediation.id, lease, &page).await?;
            }
            Ok::<(), Error>(())
        };
        let searching = async {
            if request.origin == Origin::Fresh {
                return planner::search(site, &order, sender, &self.observer).await;
            }
            let (given, receiver) = mpsc::channel(WAITING_PAGES);
            let (read, planned) = tokio::join!(
                reversal::targets(site, &request.origin, given),
                planner::given(site, &order, receiver, sender)
            );
            read?;
            planned
        };
        let (written, planned) = tokio::join!(writing, searching);
        written?;
        let plan = match planned? {
            Planned::Plan(plan) => plan,
            Planned::Refused(reason) => return self.record(lease, &Event::PlanRefused { reason }).await,
        };
        let (approval, decided_by) = crate::api::approval_for(site, request, &bound, &plan).await?;
        let event = Event::Planned { plan, guards: bound.guards().clone(), verify: bound.verify(), approval, decided_by };
        Ok(site.history.freeze_plan(&remediation.id, lease, &header, AUTOMATION, &event, site.now()).await?)
    }
}
