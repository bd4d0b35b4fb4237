//! A new remediation, with everything that is written with it.

use clawback_model::{
    Action, ActionSource, Alert, AlertId, ApprovalId, Investigation, InvestigationId, Origin, Principal, Remediation,
    RemediationId, Request, SelectionMode,
};
use clawback_store::{Filing, RequestKey};

use super::playbook::bind;
use crate::error::Error;
use crate::site::Site;

/// The request of a remediation that follows another.
pub fn follow_up(
    site: &Site,
    who: &Principal,
    old: &Remediation,
    name: String,
    action: Action,
    origin: Origin,
) -> Request {
    Request {
        name,
        action,
        origin,
        delete_senders_copy: false,
        source: ActionSource::Manual,
        requested_by: who.name.clone(),
        owner: who.owner.clone(),
        agent: None,
        reported: false,
        approval_id: ApprovalId::from_random((site.random)()),
        investigation_id: InvestigationId::from_random((site.random)()),
        alert_id: AlertId::from_random((site.random)()),
        ..old.request.clone()
    }
}

/// A new remediation with everything that is written with it.
pub fn filing(site: &Site, request: Request, who: &Principal, key: Option<RequestKey>) -> Result<Filing, Error> {
    let now = site.now();
    let id = RemediationId::from_random((site.random)());
    // Handpicked messages are named, so no late copies of them are searched for.
    let searches = request.origin == Origin::Fresh && request.mode != SelectionMode::Handpicked;
    let sweep = if searches { bind(site, &request)?.sweep().cloned() } else { None };
    let alert = Alert::of(&request, &id, &who.name, now);
    let investigation = Investigation::of(&request, &id, now);
    let remediation = Remediation::submitted(id, request, now);
    let (actor, credential) = (who.name.clone(), who.credential.clone());
    Ok(Filing { remediation, alert, investigation, actor, credential, sweep, key })
}
