//! The plan of a remediation, from its request to the frozen list.

use std::sync::Arc;

use clawback_model::{Event, Remediation, StopReason, Target};
use clawback_store::Lease;
use tokio::sync::mpsc;

use super::approval::{Decided, approval_for};
use super::given;
use super::header::{header, texts};
use super::input::{PlanInput, Planned};
use super::search::search;
use crate::automation::{AUTOMATION, record};
use crate::control::Control;
use crate::error::Error;
use crate::evidence;
use crate::intake::bind;
use crate::progress::Observer;
use crate::site::Site;

/// Pages of targets between the search and the database.
const WAITING_PAGES: usize = 2;

/// Makes the plan of a remediation and freezes it. Returns early, with nothing kept, if the control requests a stop.
pub(crate) async fn plan(
    site: &Arc<Site>,
    observer: &Observer,
    remediation: &Remediation,
    lease: &Lease,
    control: &Control,
    outage_pauses: u64,
) -> Result<Remediation, Error> {
    let history = &site.history;
    let id = &remediation.id;
    record(site, lease, &Event::PlanningStarted).await?;
    history.begin_plan(id, lease).await?;
    let searched = tokio::select! {
        searched = fill(site, observer, remediation, lease, outage_pauses) => searched,
        () = control.stopped(site) => return Ok(history.load(id).await?),
    };
    match searched {
        Ok(planned) => Ok(planned),
        // An error of the history is not the plan's: the lease expires and the plan is retried.
        Err(error @ Error::History(_)) => Err(error),
        Err(error) => {
            let reason = StopReason::PlanFailed { detail: error.to_string() };
            record(site, lease, &Event::PlanRefused { reason }).await
        }
    }
}

async fn fill(
    site: &Arc<Site>,
    observer: &Observer,
    remediation: &Remediation,
    lease: &Lease,
    outage_pauses: u64,
) -> Result<Remediation, Error> {
    let request = &remediation.request;
    let bound = Arc::new(bind(site, request)?);
    let header = header(site, request, &bound)?;
    site.history.keep_texts(&remediation.id, lease, &texts(site, &bound)).await?;
    let input = PlanInput { request, bound: Arc::clone(&bound), header: &header, outage_pauses, noted: None };
    let (sender, mut pages) = mpsc::channel::<Vec<Target>>(WAITING_PAGES);
    // Owns the receiving end: if writing fails, the search must not wait for capacity forever.
    let writing = async move {
        while let Some(page) = pages.recv().await {
            site.history.append_targets(&remediation.id, lease, &page).await?;
        }
        Ok::<(), Error>(())
    };
    let searching = async {
        if request.origin.is_searched() {
            return search(site, &input, sender, observer).await;
        }
        let (given, receiver) = mpsc::channel::<Vec<Target>>(WAITING_PAGES);
        let ((), planned) = tokio::try_join!(
            given::targets(site, &request.origin, given),
            given::given(site, &input, receiver, sender)
        )?;
        Ok(planned)
    };
    let ((), planned) = tokio::try_join!(writing, searching)?;
    let (mut plan, parts) = match planned {
        Planned::Plan(plan, parts) => (plan, parts),
        Planned::Refused(reason) => return record(site, lease, &Event::PlanRefused { reason }).await,
    };
    if !bound.remediates(&plan.facts, &plan.counts) && plan.counts.remediable > 0 {
        let detail = "the `when` of the playbook's remediate step does not hold for this plan".to_owned();
        return record(site, lease, &Event::PlanRefused { reason: StopReason::PlanFailed { detail } }).await;
    }
    let Decided { rule: approval, by: decided_by, under } = approval_for(site, request, &bound, &mut plan).await?;
    let verify = bound.verifies(&plan.facts, &plan.counts);
    let wait = bound.wait(&plan.facts, &plan.counts);
    let event = Event::Planned {
        plan,
        guards: evidence::resolve_guards(site, bound.guards()),
        verify,
        approval,
        decided_by,
        under,
        wait,
    };
    let (history, now) = (&site.history, site.now());
    Ok(history.freeze_plan(&remediation.id, lease, (&header, parts.as_ref()), AUTOMATION, &event, now).await?)
}
