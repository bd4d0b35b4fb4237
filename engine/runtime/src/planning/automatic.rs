//! Automatic remediation: whether the site lets a plan of clusters that no person started run without a vote.

use clawback_model::{Counts, Investigated, PlanFacts, PlanSummary, PrincipalKind, Request};
use clawback_playbooks::Bound;
use clawback_store::StoreError;

use crate::error::Error;
use crate::site::Site;

/// Whether the site asks for a person, whatever the playbook says. The facts of the plan get the judgement, if a person
/// did not start it.
pub(super) async fn asks_for_a_person(
    site: &Site,
    bound: &Bound,
    request: &Request,
    plan: &mut PlanSummary,
) -> Result<bool, Error> {
    if bound.clusters().is_none() || is_started_by_hand(site, request).await? {
        return Ok(false);
    }
    Ok(refuses(site, bound, request, &mut plan.facts, &plan.counts))
}

/// The same for these facts and counts of a plan that no person started.
pub(super) fn refuses(site: &Site, bound: &Bound, request: &Request, facts: &mut PlanFacts, counts: &Counts) -> bool {
    if bound.clusters().is_none() {
        return false;
    }
    let suggestions_without_a_vote = site.suggestions_without_a_vote;
    let asked = Investigated { request, suggestions_without_a_vote, guards: bound.guards(), facts, counts };
    facts.not_automatic = site.investigations.not_automatic(&asked);
    facts.automatic = facts.not_automatic.is_empty();
    !facts.automatic
}

/// Whether a person started it. A service without an owner is found by its kind; a principal that is no longer known is
/// no person.
async fn is_started_by_hand(site: &Site, request: &Request) -> Result<bool, Error> {
    if !request.is_started_by_hand() {
        return Ok(false);
    }
    match site.history.principal(&request.requested_by).await {
        Ok(principal) => Ok(principal.kind == PrincipalKind::Person),
        Err(StoreError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
