//! Reminders of what waits for votes: taken by one node over all, told, and only then ticked off.

use std::time::Duration;

use crate::api::Api;
use crate::error::Error;
use crate::notify;

/// A reminder that nobody could be told is tried again after this; so is one whose node died with it.
const AGAIN: Duration = Duration::from_mins(2);

/// Tells one reminder, if one is due. No more at once: the clockwork waits for the telling, and slots of schedules for the
/// clockwork.
pub(crate) async fn tell(api: &Api) -> Result<(), Error> {
    let (site, now) = (api.site(), api.site().now());
    let Some(due) = site.history.take_reminder(now, now.plus(AGAIN)).await? else { return Ok(()) };
    if notify::remind(site, &due.remediation, due.reminder).await {
        site.history.reminded(&due).await?;
    }
    Ok(())
}
