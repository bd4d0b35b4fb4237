//! Schedules: playbooks that run at given times.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problems::Problems;
use crate::access::Caller;
use crate::body::Params;
use crate::center::Center;
use crate::json::{RemediationJson, ScheduleJson, SlotJson};
use crate::lookup::page_size;
use crate::problem::Problem;

/// Selects slots.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SlotsQuery {
    /// Number of the newest slots, 1 to 1,000; default 50.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Lists every schedule.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "site",
    responses((status = 200, body = Vec<ScheduleJson>), Problems))]
pub(crate) async fn list(center: State<Center>, caller: Caller) -> Result<Json<Vec<ScheduleJson>>, Problem> {
    let mut items = Vec::new();
    for schedule in center.api().schedules(&caller.who).await? {
        items.push(ScheduleJson::load(&center.site().history, schedule).await?);
    }
    Ok(Json(items))
}

/// Lists the results of past slots, newest first: the remediation, or why there is none.
#[utoipa::path(get, path = "/api/v1/schedules/{name}/slots", tag = "site", params(SlotsQuery, ("name" = String, Path)),
    responses((status = 200, body = Vec<SlotJson>), Problems))]
pub(crate) async fn slots(
    center: State<Center>,
    name: Path<String>,
    caller: Caller,
    Params(query): Params<SlotsQuery>,
) -> Result<Json<Vec<SlotJson>>, Problem> {
    let limit = page_size(query.limit)?;
    Ok(Json(center.api().slots(&caller.who, &name, limit).await?.iter().map(SlotJson::from).collect()))
}

/// Pauses a schedule until it is resumed.
#[utoipa::path(post, path = "/api/v1/schedules/{name}/pause", tag = "site", params(("name" = String, Path)),
    responses((status = 204), Problems))]
pub(crate) async fn pause(center: State<Center>, name: Path<String>, caller: Caller) -> Result<StatusCode, Problem> {
    center.api().pause_schedule(&caller.who, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Resumes a schedule from its next time on.
#[utoipa::path(post, path = "/api/v1/schedules/{name}/resume", tag = "site", params(("name" = String, Path)),
    responses((status = 204), Problems))]
pub(crate) async fn resume(center: State<Center>, name: Path<String>, caller: Caller) -> Result<StatusCode, Problem> {
    center.api().resume_schedule(&caller.who, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Runs a schedule's playbook now, in addition to its times.
#[utoipa::path(post, path = "/api/v1/schedules/{name}/run", tag = "site", params(("name" = String, Path)),
    responses((status = 202, body = RemediationJson), Problems))]
pub(crate) async fn run(center: State<Center>, name: Path<String>, caller: Caller) -> Result<Response, Problem> {
    let submitted = center.api().run_schedule(&caller.who, &name).await?;
    Ok((StatusCode::ACCEPTED, Json(RemediationJson::from(&submitted).linked(center.site().public_url.as_ref())))
        .into_response())
}
