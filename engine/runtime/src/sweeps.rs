//! Sweeps: looks for late copies, and files a follow-up where there are any. A follow-up is a remediation like any other: it
//! is planned, approved as the policy asks, run in batches, verified and undone.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::{
    ActionSource, ApprovalRule, Counts, DoneWith, Origin, Permission, PlanFacts, PlanSummary, Principal, Remediation,
    RemediationId, Request, Status, SweepApproval, SweepEnd, SweepStep, Target,
};
use clawback_playbooks::Bound;
use clawback_store::{Filing, SweepState};
use tokio::sync::{mpsc, watch};

use crate::api::{Api, allow, bind};
use crate::error::Error;
use crate::planner::{self, Order, Planned};
use crate::progress::silent;
use crate::site::Site;
use crate::timers::automation;

/// Rows read at once.
const PAGE: u32 = 4_000;
/// How often a node that looks says so.
const KEPT_EVERY: Duration = Duration::from_secs(20);
/// How long others leave a sweep alone whose node last said so.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// What a follow-up goes under.
pub(crate) enum Covered {
    /// The decision on the first remediation, by these.
    By(String),
    /// A decision of its own.
    Asks(ApprovalRule),
    /// None: the playbook asks for none.
    NotNeeded,
}

/// Takes the look that is due, unless another node has; gives the number of follow-ups that began. The row is kept for as long
/// as the search takes. Once `stop` says so the search is dropped, and the look is due again.
pub(crate) async fn look(api: &Api, due: SweepState, mut stop: watch::Receiver<bool>) -> Result<u64, Error> {
    let (site, now) = (api.site(), api.site().now());
    let history = &site.history;
    let first = history.load(&due.first).await?;
    let follow_ups = history.follow_ups(&due.first).await?;
    let mut next = now.plus(due.sweep.every);
    if first.status.is_final() && now < due.sweep.until(&first) {
        next = next.min(due.sweep.until(&first));
    }
    let Some(mut taken) = history.take_look(&due, next).await? else { return Ok(0) };
    let last = match due.sweep.next(&first, follow_ups.last(), now) {
        SweepStep::Wait => return Ok(0),
        SweepStep::End(why) => return end(site, &due.first, &why).await,
        SweepStep::Look { last } => last,
    };
    let mut searching = Box::pin(search(api, &first, last));
    let searched = loop {
        let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
        tokio::select! {
            searched = &mut searching => break searched,
            () = stopped => {
                history.take_look(&taken, due.next_at.unwrap_or(now)).await?;
                return Ok(0);
            }
            () = tokio::time::sleep(KEPT_EVERY) => {}
        }
        let kept = taken.next_at.max(Some(site.now().plus(KEPT_FOR))).unwrap_or(next);
        match history.take_look(&taken, kept).await {
            Ok(Some(kept)) => taken = kept,
            // A person stopped it, or this node was thought dead: whatever is found would not be written.
            Ok(None) => return Ok(0),
            Err(error) => tracing::warn!(remediation.id = %due.first, %error, "A look is not kept; trying again."),
        }
    };
    let filing = match searched {
        Ok(Search::Found(filing)) => filing,
        Ok(Search::Never(why)) => return end(site, &due.first, &why).await,
        Err(error @ Error::History(_)) => return Err(error),
        // Stores are away, say. The next look sees what this one could not; the last one is tried again.
        Err(error) => {
            tracing::warn!(remediation.id = %due.first, %error, "A sweep could not look.");
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

/// What a look brought.
enum Search {
    /// The follow-up, if there is any news.
    Found(Option<Box<Filing>>),
    /// The sweep has no reason to go on.
    Never(SweepEnd),
}

#[tracing::instrument(name = "sweep.look", skip_all, fields(remediation.id = %first.id))]
async fn search(api: &Api, first: &Remediation, last: bool) -> Result<Search, Error> {
    let site = api.site();
    let request = request(api, first);
    let bound = match bind(site, &request) {
        Ok(bound) => Arc::new(bound),
        // A script may be half saved: the next look asks again.
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
    let header = planner::header(site, &request, &bound)?;
    let order = Order { request: &request, bound: Arc::clone(&bound), header: &header, outage_pauses: 0 };
    let (sender, mut pages) = mpsc::channel::<Vec<Target>>(2);
    // Only the number counts: the follow-up makes a plan of its own.
    let counting = async { while pages.recv().await.is_some() {} };
    let observer = silent();
    let ((), planned) = tokio::join!(counting, planner::search(site, &order, sender, &observer));
    let is_news = match planned? {
        Planned::Plan(plan, _) => plan.counts.remediable > 0 && bound.remediates(&plan.facts, &plan.counts),
        Planned::Refused(clawback_model::StopReason::PlanFailed { detail }) => {
            return Err(Error::NothingSearched { detail });
        }
        // More than a limit or a stop rule allows: the follow-up ends with that reason, for people to see.
        Planned::Refused(_) => true,
    };
    let filing = if is_news { Some(Box::new(api.filing(request, &automation())?)) } else { None };
    Ok(Search::Found(filing))
}

/// What a follow-up asks for: the same selection, as it was meant when the first was submitted.
fn request(api: &Api, first: &Remediation) -> Request {
    let name = format!("Sweep {}", first.request.name);
    let origin = Origin::Sweep { of: first.id.clone() };
    let follow_up = api.follow_up(&automation(), first, name, first.request.action, origin);
    Request {
        source: ActionSource::Schedule,
        // Whoever asked for the first may not approve its follow-ups either.
        requested_by: first.request.requested_by.clone(),
        owner: first.request.owner.clone(),
        delete_senders_copy: first.request.delete_senders_copy,
        as_of: Some(first.request.as_of.unwrap_or(first.created_at)),
        ..follow_up
    }
}

/// What the family of a follow-up is done with; nothing for any other remediation.
pub(crate) async fn done_with(site: &Site, origin: &Origin) -> Result<DoneWith, Error> {
    let mut done = DoneWith::default();
    let Origin::Sweep { of } = origin else { return Ok(done) };
    let follow_ups = site.history.follow_ups(of).await?;
    for id in std::iter::once(of).chain(follow_ups.iter().map(|follow_up| &follow_up.id)) {
        let mut after = None;
        loop {
            let page = site.history.messages(id, after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.seq);
            for (target, outcome) in &page {
                if let Some(outcome) = outcome {
                    done.note(target, outcome);
                }
            }
        }
    }
    Ok(done)
}

/// What the late copies of `plan` go under. The playbook's `when` is asked about the whole family, so that a campaign which
/// arrives in small parts is no way around the approval.
pub(crate) async fn approval(
    site: &Site,
    of: &RemediationId,
    bound: &Bound,
    plan: &PlanSummary,
) -> Result<Covered, Error> {
    let first = site.history.load(of).await?;
    let follow_ups = site.history.follow_ups(of).await?;
    let planned: Vec<(&Remediation, &PlanSummary)> =
        std::iter::once(&first).chain(&follow_ups).filter_map(|member| Some((member, member.plan.as_ref()?))).collect();
    let taken = planned.iter().skip(1).filter(|(member, _)| member.approval.is_none());
    let taken: u64 = taken.map(|(_, plan)| plan.counts.submitted).sum();
    let Some(sweep) = bound.sweep() else { return Ok(Covered::Asks(ApprovalRule::default())) };
    let rule = || bound.approval_rule().cloned().unwrap_or_default();
    let covered = sweep.covers(taken, plan.counts.submitted) && is_as_approved(site, &first, bound).await?;
    if sweep.approval == SweepApproval::Same && !covered {
        return Ok(Covered::Asks(rule()));
    }
    if let (true, Some(_), Some(by)) = (covered, &first.approval, &first.decided_by) {
        return Ok(Covered::By(by.clone()));
    }
    let (mut counts, mut facts) = (plan.counts, plan.facts.clone());
    for (_, earlier) in planned {
        add(&mut counts, &mut facts, earlier);
    }
    Ok(if bound.approval_needed(&facts, &counts) { Covered::Asks(rule()) } else { Covered::NotNeeded })
}

/// Whether everything that the approval of the first plan covered, but its targets, is what it was.
async fn is_as_approved(site: &Site, first: &Remediation, bound: &Bound) -> Result<bool, Error> {
    let Some(then) = site.history.plan_header(&first.id).await? else { return Ok(false) };
    let now = planner::header(site, &first.request, bound)?;
    let differences = now.differences(&then);
    if let Some(difference) = differences.first() {
        tracing::info!(remediation.id = %first.id, %difference, "Its approval does not cover its follow-ups any more.");
    }
    Ok(differences.is_empty())
}

fn add(counts: &mut Counts, facts: &mut PlanFacts, earlier: &PlanSummary) {
    let planned = Counts::planned(earlier.counts.remediable, earlier.counts.not_remediable);
    *counts = counts.plus(planned);
    facts.vips += earlier.facts.vips;
    facts.mailboxes += earlier.facts.mailboxes;
}

impl Api {
    /// Stops looking for late copies of what a remediation took.
    pub async fn stop_sweep(&self, who: &Principal, id: &RemediationId) -> Result<Remediation, Error> {
        allow(who, Permission::Control)?;
        let history = &self.site().history;
        let asked = history.load(id).await?;
        let first = match &asked.request.origin {
            Origin::Sweep { of } => of,
            _ => id,
        };
        let why = SweepEnd::Stopped { by: who.name.clone() };
        if history.end_sweep(first, &why, who, self.site().now()).await? {
            return Ok(asked);
        }
        Err(Error::NothingTo { id: id.clone(), what: "sweep under way", verb: "stop" })
    }
}
