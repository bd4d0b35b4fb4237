//! Reminders of what waits for votes: taken by one node over all, told, and only then ticked off.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::notify;
use crate::site::Site;

/// A reminder that nobody could be told is tried again after this; so is one whose node died with it.
const AGAIN: Duration = Duration::from_mins(2);

/// Tells one reminder; false if none is due.
pub(crate) async fn tell(site: &Arc<Site>) -> Result<bool, Error> {
    let now = site.now();
    let Some(due) = site.history.take_reminder(now, now.plus(AGAIN)).await? else { return Ok(false) };
    if notify::remind(site, &due.remediation, due.reminder).await {
        site.history.reminded(&due).await?;
    }
    Ok(true)
}
