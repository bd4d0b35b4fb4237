//! `clawback history` and `clawback pending`: lists of remediations.

use clawback_action_center::json::{Page, RemediationJson};
use clawback_model::{ApprovalId, Clock as _, InvalidId, InvestigationId, Status};
use clawback_store::{Cursor, HistoryFilter};

use crate::args::{Global, HistoryArgs, HistoryFilterArgs, PendingArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, SystemClock};
use crate::output;
use crate::table::Shape;
use crate::tables::History;

pub(crate) async fn run(global: &Global, args: HistoryArgs) -> Result<Exit, Failure> {
    let (after, limit) = (cursor(args.filter.after.as_deref())?, args.filter.limit);
    let page = read(global, &filter(args.filter)?, after, limit).await?;
    if page.items.is_empty() {
        output::note("no remediation matches");
    }
    args.shape.print(global.format, &page.items, page.next.as_deref())?;
    Ok(Exit::Done)
}

/// The filter that the arguments give.
pub(super) fn filter(args: HistoryFilterArgs) -> Result<HistoryFilter, Failure> {
    let now = SystemClock.now();
    let misuse = |error: InvalidId| Failure::misuse(error.to_string());
    Ok(HistoryFilter {
        name: args.name,
        approval_id: args.approval_id.map(|id| id.parse::<ApprovalId>()).transpose().map_err(misuse)?,
        investigation_id: args.investigation_id.map(|id| id.parse::<InvestigationId>()).transpose().map_err(misuse)?,
        statuses: args.status,
        action_source: args.action_source,
        action_type: args.action_type,
        decided_by: args.decided_by,
        requested_by: args.requested_by,
        playbook: args.playbook,
        mailbox: args.mailbox,
        message_id: args.message_id,
        since: args.since.map(|moment| moment.at(now)),
        until: args.until.map(|moment| moment.at(now)),
        without_empty: !args.empty,
        pending_only: false,
    })
}

pub(crate) async fn pending(global: &Global, args: &PendingArgs) -> Result<Exit, Failure> {
    let filter = HistoryFilter { pending_only: true, ..HistoryFilter::default() };
    let page = read(global, &filter, None, args.limit).await?;
    if page.items.is_empty() {
        output::note("nothing waits for approval");
    }
    args.shape.print(global.format, &page.items, page.next.as_deref())?;
    Ok(Exit::Done)
}

async fn read(
    global: &Global,
    filter: &HistoryFilter,
    after: Option<String>,
    limit: u32,
) -> Result<Page<RemediationJson>, Failure> {
    let client = Client::open(global, Stores::None).await?;
    super::halt::say(client.halted().await?.as_ref(), None);
    client.pages(&["remediations"], &query(filter), after, limit).await
}

/// The filter as the API takes it.
pub(super) fn query(filter: &HistoryFilter) -> Vec<(&'static str, String)> {
    let text = |value: &Option<String>| value.clone();
    let words = |statuses: &[Status]| {
        let words: Vec<_> = statuses.iter().map(|status| status.as_str()).collect();
        (!words.is_empty()).then(|| words.join(","))
    };
    [
        ("name", text(&filter.name)),
        ("approval_id", filter.approval_id.as_ref().map(ToString::to_string)),
        ("investigation_id", filter.investigation_id.as_ref().map(ToString::to_string)),
        ("status", words(&filter.statuses)),
        ("action_source", filter.action_source.map(|source| source.to_string())),
        ("action_type", filter.action_type.map(|action| action.to_string())),
        ("decided_by", text(&filter.decided_by)),
        ("requested_by", text(&filter.requested_by)),
        ("playbook", text(&filter.playbook)),
        ("mailbox", text(&filter.mailbox)),
        ("message_id", text(&filter.message_id)),
        ("since", filter.since.map(|at| at.to_string())),
        ("until", filter.until.map(|at| at.to_string())),
        ("empty", (!filter.without_empty).then(|| "true".to_owned())),
        ("pending", filter.pending_only.then(|| "true".to_owned())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// Prints one remediation as a line of the history.
pub(crate) fn print(global: &Global, one: &RemediationJson) -> Result<(), Failure> {
    Shape::<History>::default().print(global.format, std::slice::from_ref(one), None)
}

/// The cursor that `--after` gives, checked.
pub(super) fn cursor(after: Option<&str>) -> Result<Option<String>, Failure> {
    let cursor = after.map(str::parse::<Cursor>).transpose();
    let cursor = cursor.map_err(|_| Failure::misuse("--after is not a cursor of an earlier answer"))?;
    Ok(cursor.map(|cursor| cursor.to_string()))
}
