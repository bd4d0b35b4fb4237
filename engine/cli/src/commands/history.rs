//! `clawback history` and `clawback pending`: the two tabs of the Action Center.

use clawback_action_center::json::{Page, RemediationJson};
use clawback_model::{ApprovalId, InvestigationId};
use clawback_store::HistoryFilter;

use crate::args::{Global, HistoryArgs, ListArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use crate::remote::{LARGEST_PAGE, Remote};

pub(crate) async fn run(global: &Global, args: HistoryArgs) -> Result<Exit, Failure> {
    let filter = HistoryFilter {
        name: args.name,
        approval_id: args.approval_id.map(|id| id.parse::<ApprovalId>()).transpose().map_err(|error| misuse(&error))?,
        investigation_id: args
            .investigation_id
            .map(|id| id.parse::<InvestigationId>())
            .transpose()
            .map_err(|error| misuse(&error))?,
        status: args.status,
        action_source: args.action_source,
        action_type: args.action_type,
        decided_by: args.decided_by,
        since: args.since,
        until: args.until,
        without_empty: !args.empty,
        ..HistoryFilter::default()
    };
    list(global, &filter, args.after, args.limit).await
}

pub(crate) async fn pending(global: &Global, args: &ListArgs) -> Result<Exit, Failure> {
    let filter = HistoryFilter { pending_only: true, ..HistoryFilter::default() };
    list(global, &filter, None, args.limit).await
}

async fn list(global: &Global, filter: &HistoryFilter, after: Option<String>, limit: u32) -> Result<Exit, Failure> {
    let page = match Remote::of(global)? {
        Some(remote) => there(&remote, filter, after, limit).await?,
        None => here(global, filter, after.as_deref(), limit).await?,
    };
    if page.items.is_empty() {
        output::note(if filter.pending_only { "nothing waits for approval" } else { "no remediation matches" });
    }
    print(global, &page.items, page.next.as_deref())?;
    Ok(Exit::Done)
}

async fn here(
    global: &Global,
    filter: &HistoryFilter,
    after: Option<&str>,
    limit: u32,
) -> Result<Page<RemediationJson>, Failure> {
    let session = Session::open(global, Stores::None).await?;
    let after = after
        .map(str::parse)
        .transpose()
        .map_err(|_| Failure::misuse("--after is not a cursor of an earlier answer"))?;
    super::halt::tell(session.site(), None).await?;
    let page = session.site().history.history(filter, after, limit).await?;
    let items = page.remediations.iter().map(RemediationJson::from).collect();
    Ok(Page { items, next: page.next.map(|cursor| cursor.to_string()) })
}

/// Page by page: a server gives no more than a thousand rows at once.
async fn there(
    remote: &Remote,
    filter: &HistoryFilter,
    after: Option<String>,
    limit: u32,
) -> Result<Page<RemediationJson>, Failure> {
    super::halt::say(remote.halted().await?.as_ref(), None);
    let mut page = Page { items: Vec::new(), next: after };
    let mut left = limit;
    loop {
        let mut query = query(filter);
        query.extend(page.next.take().map(|after| ("after", after)));
        query.push(("limit", left.min(LARGEST_PAGE).to_string()));
        let more: Page<RemediationJson> = remote.get(&["remediations"], &query).await?;
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
    [
        ("name", text(&filter.name)),
        ("approval_id", filter.approval_id.as_ref().map(ToString::to_string)),
        ("investigation_id", filter.investigation_id.as_ref().map(ToString::to_string)),
        ("status", filter.status.map(|status| status.to_string())),
        ("action_source", filter.action_source.map(|source| source.to_string())),
        ("action_type", filter.action_type.map(|action| action.to_string())),
        ("decided_by", text(&filter.decided_by)),
        ("since", filter.since.map(|at| at.to_string())),
        ("until", filter.until.map(|at| at.to_string())),
        ("empty", (!filter.without_empty).then(|| "true".to_owned())),
        ("pending", filter.pending_only.then(|| "true".to_owned())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// Remediations as rows.
pub(crate) fn print(global: &Global, items: &[RemediationJson], next: Option<&str>) -> Result<(), Failure> {
    let columns = [
        "id",
        "name",
        "status",
        "action",
        "severity",
        "done",
        "failed",
        "requested by",
        "decided by",
        "created",
        "approval ID",
        "stop reason",
    ];
    output::rows(global.format, &columns, items, next, |row| {
        vec![
            row.id.clone(),
            row.name.clone(),
            row.status.to_string(),
            row.action.to_string(),
            row.severity.to_string(),
            format!("{}/{}", row.counts.succeeded, row.counts.submitted),
            row.counts.failed.to_string(),
            row.requested_by.clone(),
            row.decided_by.clone().unwrap_or_default(),
            row.created_at.clone(),
            row.approval_id.clone(),
            row.stop_reason.clone().unwrap_or_default(),
        ]
    })
}

fn misuse(error: &clawback_model::InvalidId) -> Failure {
    Failure::misuse(error.to_string())
}
