//! What every page shows around its own: who is signed in, what waits, whether the site stands still.

use clawback_model::{Halt, Permission, Principal};

use crate::access::Caller;
use crate::center::Center;
use crate::last_look::{COUNTED, Look};
use crate::problem::Problem;

/// What stands around a page.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) who: Principal,
    pub(crate) form_token: String,
    pub(crate) halted: Option<Halt>,
    /// How many wait for a person.
    pub(crate) pending: usize,
}

impl Frame {
    pub(crate) async fn load(center: &Center, caller: Caller) -> Result<Self, Problem> {
        let Look { halted, pending } = center.last_look().take(&center.site().history).await?;
        Ok(Self { who: caller.who, form_token: caller.form_token.unwrap_or_default(), halted, pending })
    }

    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.who.may(permission)
    }

    /// The number beside the tab.
    pub(crate) fn pending_label(&self) -> Option<String> {
        match self.pending {
            0 => None,
            many if many >= COUNTED => Some(format!("{COUNTED}+")),
            some => Some(some.to_string()),
        }
    }
}
