//! Reminders of what waits for votes: taken by one node over all, told, and only then ticked off.

use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;

use super::telling::remind;
use crate::error::Error;
use crate::site::Site;

/// A reminder that nobody could be told is tried again after this; so is one whose node died with it.
const AGAIN: Duration = Duration::from_mins(2);
/// Reminders that are told at once.
const AT_ONCE: usize = 32;

/// Tells of some that are due, all at once, so that somebody who does not answer holds up no other plan; false if none is.
pub(crate) async fn tell(site: &Arc<Site>) -> Result<bool, Error> {
    let mut taken = Vec::new();
    while taken.len() < AT_ONCE {
        let now = site.now();
        let Some(due) = site.history.take_reminder(now, now.plus(AGAIN)).await? else { break };
        taken.push(due);
    }
    let told = taken.iter().map(|due| async move {
        if remind(site, &due.remediation, due.reminder).await {
            site.history.reminded(due).await?;
        }
        Ok::<_, Error>(())
    });
    try_join_all(told).await?;
    Ok(!taken.is_empty())
}
