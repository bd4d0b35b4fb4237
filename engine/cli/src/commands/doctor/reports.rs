//! The check of the mailbox for reports: whether it is read, and which mails were not counted.

use std::time::Duration;

use clawback_model::visible_line;
use clawback_runtime::{Error, Site};
use clawback_store::AbuseMailbox;

use crate::failure::Failure;
use crate::output;

/// Mails that were not counted are named for this time.
const WEEK: Duration = Duration::from_hours(24 * 7);

/// How the last look went; `None` if the site has no such mailbox.
pub(super) async fn mailbox(site: &Site) -> Result<Option<Result<String, Failure>>, Failure> {
    let Some(config) = &site.reports.mailbox else { return Ok(None) };
    let not_counted = site.history.mails_not_counted(site.now().minus(WEEK)).await?;
    if !not_counted.is_empty() {
        let reasons: Vec<String> = not_counted.iter().map(|(reason, mails)| format!("{mails} {reason}")).collect();
        let reasons = visible_line(&reasons.join(", "), 400);
        output::line(&format!("NOTE   mailbox for reports: not counted in the last 7 days: {reasons}"))?;
    }
    let known = site.history.abuse_mailbox(&config.store, &config.mailbox).await?;
    let playbook = clawback_runtime::intake::report_playbook(site).map(drop);
    Ok(Some(match playbook {
        // Its stores are not open here, so only a worker can check those that it names.
        Err(error @ (Error::NotForReports { .. } | Error::UnknownPlaybook { .. })) => Err(error.into()),
        _ => last_look(&known),
    }))
}

fn last_look(known: &AbuseMailbox) -> Result<String, Failure> {
    let name = visible_line(&format!("{} of store {}", known.mailbox, known.store), 200);
    let at = known.looked_at.map_or("not yet".to_owned(), |at| format!("at {at}"));
    let trouble = known.trouble.as_deref().map(|trouble| visible_line(trouble, 400));
    let Some(trouble) = trouble else { return Ok(format!("{name}, last read {at}")) };
    let how = match known.failures {
        0 => "not completely".to_owned(),
        1 => "in vain".to_owned(),
        many => format!("in vain {many} times in a row"),
    };
    Err(Failure::failed(format!("{name}, last read {at}, {how}: {trouble}")).hint(
        "no report is lost, as what could not be read is read again; check `mailbox` and `folder` under [reports.mailbox], and the store",
    ))
}
