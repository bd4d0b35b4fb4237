//! Checks of principals: services without an owner, names that read as another, and the number of administrators.

use clawback_model::{Principal, check_principal_name, visible_line};
use clawback_runtime::Site;

use crate::failure::Failure;
use crate::output;

/// These are notes, not faults: a principal that is older than a rule remains valid.
pub(super) async fn look(site: &Site) -> Result<(), Failure> {
    let people = site.history.principals().await?;
    for service in people.iter().filter(|one| one.lacks_owner()) {
        note(&format!(
            "service {}: nobody owns it, so any approver may approve what it asks for; give its task to a new service with \
             an owner (`clawback principals add NAME --service --owner PERSON`)",
            shown(&service.name)
        ))?;
    }
    for one in &people {
        let others = people.iter().map(|other| other.name.as_str()).filter(|other| *other != one.name);
        if let Err(refused) = check_principal_name(&one.name, others) {
            note(&format!(
                "principal {}: a new one could not have this name: {refused}; add another, and take the roles from this",
                shown(&one.name)
            ))?;
        }
    }
    for Principal { name, pending, .. } in &people {
        if let Some(pending) = pending {
            note(&format!(
                "principal {}: roles wait for an administrator other than {} (`clawback principals confirm NAME`)",
                shown(name),
                shown(&pending.asked_by)
            ))?;
        }
    }
    administrators(site).await
}

async fn administrators(site: &Site) -> Result<(), Failure> {
    let found = site.history.administrators().await?;
    match (site.second_administrator, found.len()) {
        (false, _) => note(
            "second administrator: not asked for, as `second-administrator = false` says, so one administrator alone makes an approver",
        ),
        (true, 0 | 1) => note(
            "second administrator: there is none with a credential of their own, so one administrator alone makes an approver; add one \
             (`clawback principals add NAME --role admin`), who takes over (`clawback take-over`)",
        ),
        (true, many) => output::line(&format!(
            "ok     second administrator: confirms the roles approver and admin; {many} have credentials of their own"
        )),
    }
}

fn note(said: &str) -> Result<(), Failure> {
    output::line(&format!("NOTE   {said}"))
}

fn shown(name: &str) -> String {
    visible_line(name, 200)
}
