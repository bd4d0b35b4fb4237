//! What every page shows around its own: who is signed in, what waits, whether the site stands still.

use std::time::Duration;

use clawback_model::{Halt, Permission, Principal};
use clawback_store::Store;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::access::Caller;
use crate::center::Center;
use crate::problem::Problem;

/// More than this many are shown as "100+".
const COUNTED: usize = 100;
/// How old a look may be: a thousand readers cost one look a second, not a thousand.
const FRESH: Duration = Duration::from_secs(1);

/// What stands around a page.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) who: Principal,
    pub(crate) form_token: String,
    pub(crate) halted: Option<Halt>,
    /// How many wait for a person.
    pub(crate) pending: usize,
}

/// What all pages of a node show alike.
#[derive(Debug, Clone)]
struct Look {
    halted: Option<Halt>,
    pending: usize,
}

/// The last look at the history, shared by all pages of this node.
#[derive(Debug, Default)]
pub(crate) struct LastLook(Mutex<Option<(Instant, Look)>>);

impl LastLook {
    /// What is known, or seen now. Whoever comes while somebody looks waits for what they see.
    async fn take(&self, history: &Store) -> Result<Look, Problem> {
        let mut last = self.0.lock().await;
        if let Some((at, look)) = &*last
            && at.elapsed() < FRESH
        {
            return Ok(look.clone());
        }
        let look = Look { halted: history.halted().await?, pending: history.pending(COUNTED).await? };
        *last = Some((Instant::now(), look.clone()));
        Ok(look)
    }

    /// Something was changed through this node: whoever did that sees it on their next page.
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
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
