//! A sweep's family: the first remediation and its follow-ups. Which messages it has dealt with, and which decision
//! covers a follow-up.

use clawback_model::{
    ApprovalRule, Counts, HandledMessages, Origin, PlanFacts, PlanSummary, Remediation, RemediationId, SweepApproval,
};
use clawback_playbooks::Bound;

use super::automatic;
use super::header::header;
use crate::error::Error;
use crate::site::Site;

/// Rows read at once.
const PAGE: u32 = 4_000;
/// The decision that a follow-up needs.
pub(crate) enum Covered {
    /// The decision on the first remediation, made by these.
    By(String),
    /// A decision of its own.
    Asks(ApprovalRule),
    /// None: the playbook asks for none.
    NotNeeded,
}

/// The messages that the family of a follow-up has dealt with; nothing for any other remediation.
pub(crate) async fn done_with(site: &Site, origin: &Origin) -> Result<HandledMessages, Error> {
    let mut done = HandledMessages::default();
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

/// The decision that the late copies of `plan` need. The playbook's `when` and the site's rules for automatic
/// remediation are evaluated on the whole family, so that a campaign that arrives in small parts does not evade the
/// approval.
pub(crate) async fn approval(
    site: &Site,
    of: &RemediationId,
    bound: &Bound,
    plan: &mut PlanSummary,
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
    let asks = automatic::refuses(site, bound, &first.request, &mut facts, &counts);
    (plan.facts.automatic, plan.facts.not_automatic) = (facts.automatic, facts.not_automatic.clone());
    Ok(if asks || bound.approval_needed(&facts, &counts) { Covered::Asks(rule()) } else { Covered::NotNeeded })
}

/// Whether everything that the approval of the first plan covered, except its targets, is unchanged.
async fn is_as_approved(site: &Site, first: &Remediation, bound: &Bound) -> Result<bool, Error> {
    let Some(then) = site.history.plan_header(&first.id).await? else { return Ok(false) };
    let now = header(site, &first.request, bound)?;
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
    facts.vip_mailboxes += earlier.facts.vip_mailboxes;
    facts.mailboxes += earlier.facts.mailboxes;
    facts.answered += earlier.facts.answered;
    facts.sure += earlier.facts.sure;
}
