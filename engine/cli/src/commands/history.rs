//! `clawback history` and `clawback pending`: the two tabs of the Action Center.

use clawback_action_center::json::{Page, RemediationJson};
use clawback_model::{ApprovalId, Clock as _, InvalidId, InvestigationId, Status};
use clawback_store::{Cursor, HistoryFilter};
use serde::de::DeserializeOwned;

use crate::args::{Global, HistoryArgs, HistoryFilterArgs, PendingArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores, SystemClock};
use crate::output;
use crate::remote::{LARGEST_PAGE, Remote};
use crate::table::Shape;
use crate::tables::History;

pub(crate) async fn run(global: &Global, args: HistoryArgs) -> Result<Exit, Failure> {
    let (after, limit) = (args.filter.after.clone(), args.filter.limit);
    let page = read(global, &filter(args.filter)?, after, limit).await?;
    if page.items.is_empty() {
        output::note("no remediation matches");
    }
    args.shape.print(global.format, &page.items, page.next.as_deref())?;
    Ok(Exit::Done)
}

/// What the arguments ask for.
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
    match Remote::of(global)? {
        Some(remote) => {
            super::halt::say(remote.halted().await?.as_ref(), None);
            pages(&remote, "remediations", filter, after, limit).await
        }
        None => here(global, filter, after.as_deref(), limit).await,
    }
}

async fn here(
    global: &Global,
    filter: &HistoryFilter,
    after: Option<&str>,
    limit: u32,
) -> Result<Page<RemediationJson>, Failure> {
    let session = Session::open(global, Stores::None).await?;
    let after = cursor(after)?;
    super::halt::tell(session.site(), None).await?;
    let page = session.site().history.history(filter, after, limit).await?;
    let url = session.site().public_url.as_ref();
    let items = page.remediations.iter().map(|found| RemediationJson::from(found).linked(url)).collect();
    Ok(Page { items, next: page.next.map(|cursor| cursor.to_string()) })
}

/// Page by page: a server gives no more than a thousand rows at once.
pub(super) async fn pages<T: DeserializeOwned>(
    remote: &Remote,
    what: &str,
    filter: &HistoryFilter,
    after: Option<String>,
    limit: u32,
) -> Result<Page<T>, Failure> {
    let mut page = Page { items: Vec::new(), next: after };
    let mut left = limit;
    loop {
        let mut query = query(filter);
        query.extend(page.next.take().map(|after| ("after", after)));
        query.push(("limit", left.min(LARGEST_PAGE).to_string()));
        let more: Page<T> = remote.get(&[what], &query).await?;
        left = left.saturating_sub(u32::try_from(more.items.len()).unwrap_or(u32::MAX));
        page.items.extend(more.items);
        page.next = more.next;
        if left == 0 || page.next.is_none() {
            return Ok(page);
        }
    }
}

fn query(filter: &HistoryFilter) -> Vec<(&'static str, String)> {
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

/// One remediation as a line of the history.
pub(crate) fn print(global: &Global, one: &RemediationJson) -> Result<(), Failure> {
    Shape::<History>::default().print(global.format, std::slice::from_ref(one), None)
}

/// Where an earlier answer ended.
pub(super) fn cursor(after: Option<&str>) -> Result<Option<Cursor>, Failure> {
    after.map(str::parse).transpose().map_err(|_| Failure::misuse("--after is not a cursor of an earlier answer"))
}
