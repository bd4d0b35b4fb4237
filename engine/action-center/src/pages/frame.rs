//! What every page shows in addition to its own content: who is signed in, how many remediations wait, whether the site
//! is halted.

use clawback_model::{Halt, Permission, Principal};

use crate::access::Caller;
use crate::center::Center;
use crate::problem::Problem;
use crate::status_cache::{COUNTED, SiteStatus};

/// The frame of a page.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) who: Principal,
    pub(crate) form_token: String,
    pub(crate) halted: Option<Halt>,
    /// How many wait for a person.
    pub(crate) pending: usize,
    /// The version of the program, for the foot of the navigation.
    pub(crate) version: &'static str,
}

impl Frame {
    pub(crate) async fn load(center: &Center, caller: Caller) -> Result<Self, Problem> {
        let SiteStatus { halted, pending } = center.status_cache().take(&center.site().history).await?;
        let form_token = caller.form_token.unwrap_or_default();
        Ok(Self { who: caller.who, form_token, halted, pending, version: center.settings().version })
    }

    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.who.may(permission)
    }

    /// The number on the tab.
    pub(crate) fn pending_label(&self) -> Option<String> {
        match self.pending {
            0 => None,
            many if many >= COUNTED => Some(format!("{COUNTED}+")),
            some => Some(some.to_string()),
        }
    }
}
