//! What stands against an action in one mailbox.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place,
    types::{Action, Error, LocationKind, Readiness},
};

use crate::{
    act::{NAME_TAKEN, NO_HARD_DELETE},
    address,
    client::{Client, Part},
    folders::{self, Folders},
};

/// No message and no entry has this id: a request to change it shows whether changes are permitted, and changes nothing.
/// It has the length and the form of one, so that no server refuses it before it looks at rights.
pub(crate) const NOTHING: &str = "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Returns whether the cloud has no permanent delete, by the setting `hard-delete`.
pub(crate) fn is_hard_delete_off(host: &impl Host) -> bool {
    host.setting("hard-delete").is_some_and(|value| value.eq_ignore_ascii_case("off"))
}

/// Returns the obstacles of each action.
pub(crate) fn check<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    actions: &[Action],
) -> Result<Vec<Readiness>, Error> {
    let folders = Folders::list(client)?;
    let probe = client.batch(&[Part::patch(address::message(NOTHING), serde_json::json!({ "isRead": true }))])?;
    let permission = match probe.first() {
        Some(reply) if matches!(reply.status, 401 | 403) => Some(
            "the application may not change mail in this mailbox: it needs the permission Mail.ReadWrite".to_owned(),
        ),
        Some(reply) if reply.is_missing() => None,
        Some(reply) => return Err(reply.error("the permission to change mail cannot be checked")),
        None => return Err(Error::Transient("a batch has no answer".into())),
    };
    let taken = || NAME_TAKEN.to_owned();
    let readiness = actions.iter().map(|action| {
        let to = place::destination(*action);
        let folder = to.and_then(|kind| folders.of_kind(kind));
        let is_quarantine = to == Some(LocationKind::Quarantine) && folder.is_none();
        let is_made = is_quarantine && !folders.is_name_taken;
        let missing = (to.is_some() && folder.is_none() && !is_made)
            .then(|| if is_quarantine { taken() } else { "the mailbox has no such folder".to_owned() });
        let off = (*action == Action::HardDelete && is_hard_delete_off(client.host)).then(|| NO_HARD_DELETE.to_owned());
        // Outlook shows recoverable items to their owner; a folder of the quarantine's name may be the owner's.
        let is_visible = |kind| match kind {
            LocationKind::RecoverableItems => true,
            LocationKind::Quarantine => folder.is_some_and(|folder| !folder.is_hidden),
            _ => false,
        };
        let visible = to.filter(|kind| is_visible(*kind)).and(folder).map(|folder| folder.path.clone());
        Readiness {
            action: *action,
            obstacle: off.or_else(|| permission.clone()).or(missing),
            creates: is_made.then(|| folders::quarantine_name(client.host)),
            visible,
        }
    });
    Ok(readiness.collect())
}
