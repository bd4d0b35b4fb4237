//! What roles allow.

use clawback_model::{Action, Permission, Principal};
use clawback_runtime::Error;

/// Refuses what the principal's roles do not allow.
pub(crate) fn allow(who: &Principal, permission: Permission) -> Result<(), Error> {
    if who.may(permission) { Ok(()) } else { Err(Error::Forbidden { name: who.name.clone(), permission }) }
}

/// Refuses an action that takes a further permission, of the requester and of the approvers.
pub(crate) fn allow_action(who: &Principal, action: Action) -> Result<(), Error> {
    if who.may_order(action) { Ok(()) } else { allow(who, Permission::Purge) }
}
