//! Reminders of plans that wait for votes: taken by one node over all, sent, and only then marked as done.

use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;

use super::sending::remind;
use crate::error::Error;
use crate::site::Site;

/// Time after which a reminder is retried that could not be sent, or whose node died.
const AGAIN: Duration = Duration::from_mins(2);
/// Reminders that are sent at once.
const AT_ONCE: usize = 32;

/// Sends some of the reminders that are due, all at once, so that a recipient that does not answer delays no other
/// plan. Returns false if none is due.
pub(crate) async fn send(site: &Arc<Site>) -> Result<bool, Error> {
    let mut taken = Vec::new();
    while taken.len() < AT_ONCE {
        let now = site.now();
        let Some(due) = site.history.take_reminder(now, now.plus(AGAIN)).await? else { break };
        taken.push(due);
    }
    let sent = taken.iter().map(|due| async move {
        if remind(site, &due.remediation, due.reminder).await {
            site.history.reminded(due).await?;
        }
        Ok::<_, Error>(())
    });
    try_join_all(sent).await?;
    Ok(!taken.is_empty())
}
