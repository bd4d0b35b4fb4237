//! What roles allow.

use clawback_model::{Action, Permission, Principal};
use clawback_runtime::Error;

/// Refuses what the principal's roles do not allow.
pub(crate) fn allow(who: &Principal, permission: Permission) -> Result<(), Error> {
    if who.may(permission) { Ok(()) } else { Err(Error::Forbidden { name: who.name.clone(), permission }) }
}

/// A hard delete cannot be undone, so it requires a permission of its own, of the requester and of the approvers.
pub(crate) fn allow_action(who: &Principal, action: Action) -> Result<(), Error> {
    if action == Action::HardDelete { allow(who, Permission::Purge) } else { Ok(()) }
}
