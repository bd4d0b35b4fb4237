//! The decision that a plan needs: votes of its own, the votes of another remediation, or none; and the site's rules
//! for its start.

use crate::boxed::boxed;
use clawback_model::{
    ActionSource, ApprovalRule, Origin, PlanSummary, Remediation, RemediationId, Request, StopReason, Terms,
};
use clawback_playbooks::Bound;
use clawback_store::Admission;

use super::automatic;
use super::family::{self, Covered};
use super::header::header;
use crate::automation::AUTOMATION;
use crate::error::Error;
use crate::site::Site;

/// The decision that a plan needs.
pub(crate) struct Decided {
    /// The votes that it needs, if any.
    pub(crate) rule: Option<ApprovalRule>,
    /// Who has decided, if it needs none.
    pub(crate) by: Option<String>,
    /// The remediation whose votes cover it, if there is one.
    pub(crate) under: Option<RemediationId>,
}

/// Determines whether this plan needs votes, and who has decided if not. The facts of the plan get the site's judgement
/// on an investigation that no person started.
pub(crate) async fn approval_for(
    site: &Site,
    request: &Request,
    bound: &Bound,
    plan: &mut PlanSummary,
) -> Result<Decided, Error> {
    let requester = match request.source {
        ActionSource::Schedule | ActionSource::Air => AUTOMATION.to_owned(),
        _ => request.requested_by.clone(),
    };
    if plan.counts.remediable == 0 {
        return Ok(Decided { rule: None, by: Some(requester), under: None });
    }
    let signed = site.vote_rules.required.asks(request.action);
    // A person decides on a plan that did not search everything, whatever the playbook says of what was searched.
    let incomplete = bound.asks_for_a_person(&plan.facts).then(|| bound.approval_rule().cloned().unwrap_or_default());
    // A suggestion from outside does not count as a decision, and that of an agent or of reports never does.
    let suggested = |request: &Request| {
        (request.always_asks_another() || (request.source == ActionSource::Air && !site.suggestions_without_a_vote))
            .then(|| bound.approval_rule().cloned().unwrap_or_default())
    };
    let rule = match &request.origin {
        Origin::Fresh => {
            let asks = automatic::asks_for_a_person(site, bound, request, plan).await?;
            let asked = bound.approval_needed(&plan.facts, &plan.counts);
            let asked = asked.then(|| bound.approval_rule().cloned()).flatten();
            let asks = asks.then(|| bound.approval_rule().cloned().unwrap_or_default());
            asked.or(incomplete).or_else(|| suggested(request)).or(asks)
        }
        Origin::Undo { of } => {
            let undone = site.history.load(of).await?;
            let mut decided = root(site, undone).await?;
            // Late copies are covered by the approval of the first remediation, unless they had one of their own.
            if let (Origin::Sweep { of }, None) = (&decided.request.origin, &decided.approval) {
                decided = site.history.load(of).await?;
            }
            decided.approval.map(|approval| approval.rule)
        }
        Origin::Retry { of } => {
            let retried = site.history.load(of).await?;
            // A guard that stopped a remediation is not lifted by cancelling and retrying it.
            let stopped = retried.stop.as_ref().is_some_and(StopReason::is_guard);
            let decided = root(site, retried).await?;
            let was_automatic = decided.plan.as_ref().is_some_and(|plan| plan.facts.automatic);
            let lapsed = was_automatic && decided.approval.is_none() && !site.investigations.automatic;
            let now = header(site, request, bound)?;
            match site.history.plan_header(&decided.id).await? {
                Some(then) if !signed && !stopped && !lapsed && now.configuration_difference(&then).is_none() => {
                    let own = decided.approval.is_some().then_some(decided.id);
                    return Ok(Decided { rule: None, by: decided.decided_by, under: own.or(decided.under) });
                }
                _ => Some(decided.approval.map(|approval| approval.rule).unwrap_or_default()),
            }
        }
        Origin::Sweep { .. } if incomplete.is_some() => incomplete,
        Origin::Sweep { of } => match family::approval(site, of, bound, plan).await? {
            // No vote was signed for the messages of this one.
            Covered::By(_) if signed => site.history.load(of).await?.approval.map(|approval| approval.rule),
            Covered::By(decided_by) => {
                return Ok(Decided { rule: None, by: Some(decided_by), under: Some(of.clone()) });
            }
            Covered::Asks(rule) => Some(rule),
            Covered::NotNeeded => suggested(&site.history.load(of).await?.request),
        },
    };
    let rule = rule.or_else(|| signed.then(ApprovalRule::default));
    // The person on whose behalf an agent asks, or who brought the last report, is not the one who decides.
    let rule = rule.map(|rule| ApprovalRule { two_step: rule.two_step || request.always_asks_another(), ..rule });
    let decided_by = rule.is_none().then_some(requester);
    // With the site's current reminders, also if the rule is that of an older remediation.
    Ok(Decided { rule: rule.map(|rule| reminding(site, rule)), by: decided_by, under: None })
}

/// The site's rules for the start of a remediation that was planned under these terms.
pub fn admission<'a>(site: &'a Site, terms: Option<&Terms>) -> Admission<'a> {
    let rule = terms.and_then(|terms| terms.approval.clone()).unwrap_or_default();
    Admission { throttles: &site.throttles, without_a_vote: &site.without_a_vote, approval: reminding(site, rule) }
}

/// A rule with the site's reminders.
fn reminding(site: &Site, rule: ApprovalRule) -> ApprovalRule {
    let approvals = &site.approvals;
    let escalate_at = if approvals.escalate_to.is_empty() { 0.0 } else { approvals.escalate_at };
    rule.reminding(approvals.remind_at, escalate_at)
}

/// The remediation that was decided on: the first of a chain of retries.
#[boxed]
pub async fn root(site: &Site, mut remediation: Remediation) -> Result<Remediation, Error> {
    while let Origin::Retry { of } = &remediation.request.origin {
        remediation = site.history.load(of).await?;
    }
    Ok(remediation)
}
