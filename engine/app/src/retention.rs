//! Retention: removes the messages of remediations that ended long enough ago, in bounded steps.

use std::time::Duration;

use clawback_model::{Permission, Principal};
use clawback_runtime::Error;
use clawback_store::Expired;

use crate::api::Api;
use crate::authorization::allow;

/// Remediations read at once.
const PAGE: u32 = 200;

/// What was removed, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct RetentionReport {
    pub remediations: u64,
    pub messages: u64,
}

impl Api {
    /// Removes the messages of every remediation that ended longer ago than `age`; `seen` is called with each before. A
    /// dry run removes nothing. After an interruption, the next run continues.
    pub async fn forget(
        &self,
        who: &Principal,
        age: Duration,
        dry_run: bool,
        mut seen: impl FnMut(&Expired),
    ) -> Result<RetentionReport, Error> {
        allow(who, Permission::Administer)?;
        let history = &self.site().history;
        let now = self.site().now();
        let before =
            clawback_model::Timestamp(now.0.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)));
        let (mut forgotten, mut after) = (RetentionReport::default(), None::<Expired>);
        loop {
            let page = history.expired(before, after.as_ref(), PAGE).await?;
            for one in &page {
                seen(one);
                while !dry_run && !history.remove_messages(&one.id, before, who, now).await? {}
                forgotten.remediations += 1;
                forgotten.messages += one.messages;
            }
            let whole = page.len() < PAGE as usize;
            after = page.into_iter().next_back();
            if whole {
                return Ok(forgotten);
            }
        }
    }
}
