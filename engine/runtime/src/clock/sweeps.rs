//! Sweeps: search for late copies, and file a follow-up if there are any. A follow-up is a remediation like any other:
//! it is planned, approved as the policy asks, run in batches, verified and undone.

use std::sync::Arc;

use clawback_model::{ActionSource, Origin, Remediation, RemediationId, Request, Status, SweepEnd, SweepStep, Target};
use clawback_store::{Filing, SweepState};
use tokio::sync::{mpsc, watch};

use super::kept::{KEPT_FOR, Kept, while_kept};
use crate::automation::automation;
use crate::error::Error;
use crate::intake::{self, bind};
use crate::planning::{self, PlanInput, Planned};
use crate::progress::silent;
use crate::site::Site;

/// Takes the look that is due, unless another node has, and returns the number of follow-ups that were filed. The row
/// is kept for as long as the search takes. When `stop` becomes true, the search is dropped and the look is due again.
pub(crate) async fn look(site: &Arc<Site>, due: SweepState, stop: watch::Receiver<bool>) -> Result<u64, Error> {
    let now = site.now();
    let history = &site.history;
    let first = history.load(&due.first).await?;
    let follow_ups = history.follow_ups(&due.first).await?;
    let mut next = now.plus(due.sweep.every);
    if first.status.is_final() && now < due.sweep.until(&first) {
        next = next.min(due.sweep.until(&first));
    }
    let Some(taken) = history.take_look(&due, next).await? else { return Ok(0) };
    let last = match due.sweep.next(&first, follow_ups.last(), now) {
        SweepStep::Wait => return Ok(0),
        SweepStep::End(why) => return end(site, &due.first, &why).await,
        SweepStep::Look { last } => last,
    };
    let renew = |taken: SweepState| async move {
        let kept = taken.next_at.max(Some(site.now().plus(KEPT_FOR))).unwrap_or(next);
        history.take_look(&taken, kept).await
    };
    let searching = Box::pin(search(site, &first, last));
    let (searched, taken) = match while_kept(taken, searching, stop, renew).await {
        Kept::Done(searched, taken) => (searched, taken),
        Kept::Stopped(taken) => {
            history.take_look(&taken, due.next_at.unwrap_or(now)).await?;
            return Ok(0);
        }
        // A person stopped the sweep, or another node took the look.
        Kept::Lost => return Ok(0),
    };
    let filing = match searched {
        Ok(Search::Found(filing)) => filing,
        Ok(Search::Never(why)) => return end(site, &due.first, &why).await,
        Err(error @ Error::History(_)) => return Err(error),
        // For example, stores do not answer. The next look finds what this one could not; the last look is retried.
        Err(error) => {
            tracing::warn!(remediation.id = %due.first, %error, "A look of a sweep failed.");
            return Ok(0);
        }
    };
    let filed = history.finish_look(&taken, filing.as_deref(), site.now()).await?;
    if last {
        end(site, &due.first, &SweepEnd::Over).await?;
    }
    Ok(u64::from(filed && filing.is_some()))
}

async fn end(site: &Site, first: &RemediationId, why: &SweepEnd) -> Result<u64, Error> {
    site.history.end_sweep(first, why, &automation(), site.now()).await?;
    Ok(0)
}

/// The result of a look.
enum Search {
    /// The follow-up, if anything new was found.
    Found(Option<Box<Filing>>),
    /// The sweep is to end.
    Never(SweepEnd),
}

#[tracing::instrument(name = "sweep.look", skip_all, fields(remediation.id = %first.id))]
async fn search(site: &Arc<Site>, first: &Remediation, last: bool) -> Result<Search, Error> {
    let request = request(site, first);
    let bound = match bind(site, &request) {
        Ok(bound) => Arc::new(bound),
        // A script may be half saved; the next look retries.
        Err(error) if last => return Ok(Search::Never(SweepEnd::Broken { detail: error.to_string() })),
        Err(error) => return Err(error),
    };
    let planned = first.plan.as_ref();
    if !planned.is_some_and(|plan| bound.sweeps(&plan.facts, &plan.counts)) {
        return Ok(Search::Never(SweepEnd::NotAskedFor));
    }
    if first.status == Status::NothingToDo && !bound.says_when_to_sweep() {
        return Ok(Search::Never(SweepEnd::FirstEnded { status: first.status }));
    }
    let header = planning::header(site, &request, &bound)?;
    let input =
        PlanInput { request: &request, bound: Arc::clone(&bound), header: &header, outage_pauses: 0, noted: None };
    let (sender, mut pages) = mpsc::channel::<Vec<Target>>(2);
    // Only the number counts: the follow-up makes a plan of its own.
    let counting = async { while pages.recv().await.is_some() {} };
    let observer = silent();
    let ((), planned) = tokio::join!(counting, planning::search(site, &input, sender, &observer));
    let is_news = match planned? {
        Planned::Plan(plan, _) => plan.counts.remediable > 0 && bound.remediates(&plan.facts, &plan.counts),
        Planned::Refused(clawback_model::StopReason::PlanFailed { detail }) => {
            return Err(Error::NothingSearched { detail });
        }
        // More than a limit or a stop rule allows: the follow-up ends with that reason, for people to see.
        Planned::Refused(_) => true,
    };
    let filing = if is_news { Some(Box::new(intake::filing(site, request, &automation(), None)?)) } else { None };
    Ok(Search::Found(filing))
}

/// The request of a follow-up: the same selection, with the times that it had when the first was submitted.
fn request(site: &Arc<Site>, first: &Remediation) -> Request {
    let name = format!("Sweep {}", first.request.name);
    let origin = Origin::Sweep { of: first.id.clone() };
    let follow_up = intake::follow_up(site, &automation(), first, name, first.request.action, origin);
    Request {
        source: ActionSource::Schedule,
        // The requester of the first may not approve its follow-ups either.
        requested_by: first.request.requested_by.clone(),
        owner: first.request.owner.clone(),
        agent: first.request.agent.clone(),
        reported: first.request.reported,
        delete_senders_copy: first.request.delete_senders_copy,
        as_of: Some(first.request.as_of.unwrap_or(first.created_at)),
        ..follow_up
    }
}
