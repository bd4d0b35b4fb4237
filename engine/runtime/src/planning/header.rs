//! The header of a plan: everything that its digest covers in addition to its targets, as this node has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use clawback_connectors::MailStore;
use clawback_model::{PlanHeader, Request, StopReason, Terms};
use clawback_playbooks::Bound;
use clawback_store::StoreError;

use crate::error::Error;
use crate::evidence;
use crate::site::Site;

/// The header of a plan with this playbook on these stores.
pub(crate) fn header(site: &Site, request: &Request, bound: &Bound) -> Result<PlanHeader, Error> {
    let (mut connectors, mut grants) = (BTreeMap::new(), BTreeMap::new());
    for store in stores_of(site, bound)? {
        connectors.insert(store.name().to_string(), connector(&*store));
        grants.insert(store.name().to_string(), store.capabilities().grant.clone());
    }
    let terms = Terms {
        grants,
        lists: site.library.lists.digests(),
        guards: evidence::resolve_guards(site, bound.guards()),
        throttles: site.throttles,
        approval: bound.approval_rule().cloned(),
        sweep: bound.sweep().cloned(),
        delete_senders_copy: request.delete_senders_copy,
    };
    Ok(PlanHeader {
        action: request.action,
        playbook: request.playbook.clone(),
        playbook_digest: clawback_model::Digest::of(request.playbook_source.as_bytes()),
        inputs: request.inputs.clone(),
        scripts: bound.script_digests(),
        connectors,
        terms: Some(terms),
    })
}

/// The texts whose sha256 are in the header, by sha256.
pub(crate) fn texts(site: &Site, bound: &Bound) -> BTreeMap<clawback_model::Digest, String> {
    let lists = site.library.lists.iter().map(|(_, list)| list.lines());
    let texts = bound.sources().map(str::to_owned).chain(lists);
    texts.map(|text| (clawback_model::Digest::of(text.as_bytes()), text)).collect()
}

/// A store's connector as a plan names it.
pub(crate) fn connector(store: &dyn MailStore) -> String {
    let known = store.capabilities();
    format!("{} {} {}", known.connector, known.version, known.digest)
}

/// The reason to stop when the history of a plan is not what was approved.
pub(crate) fn not_as_approved(error: &StoreError) -> StopReason {
    StopReason::NotAsApproved { detail: error.to_string() }
}

/// Why this node may not act on a plan: for one of its stores it has another connector, or grants it other things, than
/// the plan was made and approved for.
pub fn configuration_difference(site: &Site, plan: &PlanHeader) -> Option<StopReason> {
    let mut now = PlanHeader { connectors: BTreeMap::new(), terms: Some(Terms::default()), ..plan.clone() };
    let grants = now.terms.as_mut().map(|terms| &mut terms.grants)?;
    for (name, store) in &site.stores {
        now.connectors.insert(name.to_string(), connector(&**store));
        grants.insert(name.to_string(), store.capabilities().grant.clone());
    }
    let difference = now.configuration_difference(plan)?;
    Some(StopReason::NotAsApproved { detail: format!("it was approved for another configuration: {difference}") })
}

/// The stores that a playbook names, or all of the site.
pub(crate) fn stores_of(site: &Site, bound: &Bound) -> Result<Vec<Arc<dyn MailStore>>, Error> {
    match bound.stores() {
        Some(names) => names.iter().map(|name| Ok(Arc::clone(site.store(name)?) as _)).collect(),
        None => Ok(site.stores.values().map(|store| Arc::clone(store) as _).collect()),
    }
}
