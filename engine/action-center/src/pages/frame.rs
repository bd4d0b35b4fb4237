//! What every page shows around its own: who is signed in, what waits, whether the site stands still.

use clawback_model::{Halt, Permission, Principal};
use clawback_store::HistoryFilter;

use crate::access::Caller;
use crate::center::Center;
use crate::problem::Problem;

/// More than this many are shown as "100+".
const COUNTED: u32 = 100;

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
        let history = &center.site().history;
        let filter = HistoryFilter { pending_only: true, ..HistoryFilter::default() };
        let pending = history.history(&filter, None, COUNTED).await?.remediations.len();
        let halted = history.halted().await?;
        Ok(Self { who: caller.who, form_token: caller.form_token.unwrap_or_default(), halted, pending })
    }

    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.who.may(permission)
    }

    /// The number beside the tab.
    pub(crate) fn pending_label(&self) -> Option<String> {
        match self.pending {
            0 => None,
            many if many >= COUNTED as usize => Some(format!("{COUNTED}+")),
            some => Some(some.to_string()),
        }
    }
}
