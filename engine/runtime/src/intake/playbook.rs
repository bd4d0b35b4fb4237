//! Playbooks as a site reads them: checked against its stores and notifiers, and bound to inputs.

use clawback_model::Request;
use clawback_playbooks::{Bound, Playbook};

use crate::error::Error;
use crate::site::Site;

/// Checks a playbook against the stores and notifiers of the site.
pub fn load(site: &Site, path: &str, source: &str) -> Result<Playbook, Error> {
    let stores = site.stores.keys().map(ToString::to_string).collect();
    let notifiers = site.notifiers.keys().cloned().collect();
    site.library.check(path, source, Some(stores), Some(notifiers), site.limits)
}

/// The playbook of a request, from the text frozen with it, with its inputs.
pub fn bind(site: &Site, request: &Request) -> Result<Bound, Error> {
    // It was checked against stores and notifiers when it was submitted; a session without stores must be able to read
    // it too.
    let path = format!("{}.yaml", request.playbook);
    let playbook = site.library.check(&path, &request.playbook_source, None, None, site.limits)?;
    // Times relative to now are relative to the request's time; they are frozen with the plan's targets.
    Ok(playbook.bind(&playbook.inputs_of(&request.inputs), request.as_of.unwrap_or(site.now()))?)
}
