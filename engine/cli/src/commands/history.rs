//! `clawback history` and `clawback pending`: the two tabs of the Action Center.

use clawback_model::{ApprovalId, InvestigationId, Remediation};
use clawback_store::HistoryFilter;

use crate::args::{Global, HistoryArgs, ListArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use clawback_action_center::json::RemediationJson;

pub(crate) async fn run(global: &Global, args: HistoryArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::None).await?;
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
        ..HistoryFilter::default()
    };
    list(global, &session, &filter, args.after.as_deref(), args.limit).await
}

pub(crate) async fn pending(global: &Global, args: &ListArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::None).await?;
    let filter = HistoryFilter { pending_only: true, ..HistoryFilter::default() };
    list(global, &session, &filter, None, args.limit).await
}

async fn list(
    global: &Global,
    session: &Session,
    filter: &HistoryFilter,
    after: Option<&str>,
    limit: u32,
) -> Result<Exit, Failure> {
    let after = after
        .map(str::parse)
        .transpose()
        .map_err(|_| Failure::misuse("--after is not a cursor of an earlier answer"))?;
    super::halt::tell(session.site(), None).await?;
    let page = session.site().history.history(filter, after, limit).await?;
    if page.remediations.is_empty() {
        output::note(if filter.pending_only { "nothing waits for approval" } else { "no remediation matches" });
    }
    let next = page.next.map(|cursor| cursor.to_string());
    print(global, &page.remediations, next.as_deref())?;
    Ok(Exit::Done)
}

/// Remediations as rows.
pub(crate) fn print(global: &Global, items: &[Remediation], next: Option<&str>) -> Result<(), Failure> {
    let items: Vec<RemediationJson> = items.iter().map(RemediationJson::from).collect();
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
    output::rows(global.format, &columns, &items, next, |row| {
        vec![
            row.id.clone(),
            row.name.clone(),
            row.status.to_owned(),
            row.action.to_owned(),
            row.severity.to_owned(),
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
