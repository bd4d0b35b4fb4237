//! The check of the mailbox for reports: whether it is read, and which mails were not counted.

use std::time::Duration;

use clawback_model::{LONGEST_LOOK_WAIT, ReportGroup, Timestamp, visible_line};
use clawback_runtime::{AbuseMailboxConfig, Error, Site};
use clawback_store::AbuseMailbox;

use crate::failure::Failure;
use crate::output;

/// Mails that were not counted are named for this time.
const WEEK: Duration = Duration::from_hours(24 * 7);
/// Groups are looked at for missing remediations.
const GROUPS: u32 = 100;

/// How the last look went; `None` if the site has no such mailbox.
pub(super) async fn mailbox(site: &Site) -> Result<Option<Result<String, Failure>>, Failure> {
    enough(site).await?;
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
        _ => last_look(&known, config, site.now()),
    }))
}

/// Names the groups with enough reports for which no remediation could be filed.
async fn enough(site: &Site) -> Result<(), Failure> {
    let (groups, threshold, now) = (site.history.report_groups(GROUPS).await?, site.reports.threshold(), site.now());
    let is_due = |group: &ReportGroup| group.is_open(now) && group.is_due(threshold);
    let due: Vec<String> =
        groups.iter().filter(|(group, _)| is_due(group)).map(|(group, _)| group.number.to_string()).collect();
    if due.is_empty() {
        return Ok(());
    }
    let due = due.join(", ");
    output::line(&format!(
        "NOTE   reports: groups with enough reports and no remediation: {due}; the next report of a group files it, and \
         the log says why it could not be filed"
    ))
}

fn last_look(known: &AbuseMailbox, config: &AbuseMailboxConfig, now: Timestamp) -> Result<String, Failure> {
    let folder = config.folder.as_ref().map_or(String::new(), |folder| format!(", folder `{folder}`"));
    let name = visible_line(&format!("{} of store {}{folder}", known.mailbox, known.store), 200);
    let at = known.looked_at.map_or("not yet".to_owned(), |at| format!("at {at}"));
    let trouble = known.trouble.as_deref().map(|trouble| visible_line(trouble, 400));
    // The first look begins at the time from which mails are taken.
    if known.looked_at.or(known.whole_at).is_some_and(|last| is_late(last, config.every, now)) {
        let trouble = trouble.map_or(String::new(), |trouble| format!("; the last look said: {trouble}"));
        return Err(Failure::failed(format!("{name}, last read {at}: no worker reads it{trouble}")).hint(
            "start `clawback worker`, or `clawback serve`, which works as well; if one is alive, its log says why",
        ));
    }
    let Some(trouble) = trouble else { return Ok(format!("{name}, last read {at}")) };
    let how = match known.failures {
        0 => "not completely".to_owned(),
        1 => "in vain".to_owned(),
        many => format!("in vain {many} times in a row"),
    };
    Err(Failure::failed(format!("{name}, last read {at}, {how}: {trouble}")).hint(
        "what could not be read is read again for 60 days after it was received; check `mailbox` and `folder` under [reports.mailbox], and the store",
    ))
}

/// Returns whether looks that a worker makes cannot be so far apart.
fn is_late(last: Timestamp, every: Duration, now: Timestamp) -> bool {
    now.since(last) > every.saturating_mul(4).saturating_add(LONGEST_LOOK_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_that_no_worker_reads_is_wrong() {
        let minutes = |many| Duration::from_mins(many);
        let late = |every, ago| is_late(Timestamp(0), minutes(every), Timestamp(0).plus(minutes(ago)));
        assert!(!late(1, 19) && late(1, 20));
        assert!(!late(60, 255) && late(60, 256));
    }
}
