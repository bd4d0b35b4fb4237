//! What roles allow.

use clawback_model::{Action, Permission, Principal};
use clawback_runtime::Error;

/// Refuses what the roles do not allow.
pub(crate) fn allow(who: &Principal, permission: Permission) -> Result<(), Error> {
    if who.may(permission) { Ok(()) } else { Err(Error::Forbidden { name: who.name.clone(), permission }) }
}

/// What cannot be undone asks for a right of its own, of whoever asks for it and of whoever approves it.
pub(crate) fn allow_action(who: &Principal, action: Action) -> Result<(), Error> {
    if action == Action::HardDelete { allow(who, Permission::Purge) } else { Ok(()) }
}
