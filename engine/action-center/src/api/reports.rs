//! Reports of suspicious messages.

use axum::Json;
use axum::extract::State;
use clawback_app::GivenReport;
use clawback_model::ReportSource;

use super::examinations::decoded;
use super::problems::Problems;
use crate::access::Caller;
use crate::body::{Body, stated};
use crate::center::Center;
use crate::json::{NewReportJson, ReportGroupJson, ReportedJson};
use crate::problem::Problem;

/// Groups in one answer.
const MOST: u32 = 1_000;

/// Records a report of a suspicious message. The message that is attached to the given mail is the reported one. Reports
/// of one campaign form a group; enough of them file a remediation, which waits for votes as a suggestion does. The
/// roles `suggester` and `analyst` may report. The text of the message is not kept.
#[utoipa::path(post, path = "/api/v1/reports", tag = "reports", request_body = NewReportJson,
    responses((status = 200, body = ReportedJson), Problems))]
pub(crate) async fn report(
    State(center): State<Center>,
    caller: Caller,
    Body(given): Body<NewReportJson>,
) -> Result<Json<ReportedJson>, Problem> {
    let source = stated::<ReportSource>("source", given.source.as_deref())?.unwrap_or(ReportSource::Api);
    if source == ReportSource::AbuseMailbox {
        return Err(Problem::bad_request("source: write api or command"));
    }
    let raw = decoded(&given.raw)?;
    let report = GivenReport { reporter: &given.reporter, source, raw: &raw, is_original: given.is_original };
    let reported = center.api().report(&caller.who, center.settings().host.as_deref(), &report).await?;
    Ok(Json(reported.into()))
}

/// Lists groups of reports, the last reported first; at most 1,000.
#[utoipa::path(get, path = "/api/v1/reports", tag = "reports",
    responses((status = 200, body = Vec<ReportGroupJson>), Problems))]
pub(crate) async fn list(State(center): State<Center>, caller: Caller) -> Result<Json<Vec<ReportGroupJson>>, Problem> {
    let groups = center.api().report_groups(&caller.who, MOST).await?;
    Ok(Json(groups.into_iter().map(|(group, status)| ReportGroupJson::new(group, status)).collect()))
}
