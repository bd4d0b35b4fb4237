//! Schedules: playbooks that run by themselves.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clawback_store::Schedule;
use serde::Serialize;
use utoipa::ToSchema;

use super::Problems;
use crate::access::Caller;
use crate::center::Center;
use crate::json::RemediationJson;
use crate::problem::Problem;

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleJson {
    name: String,
    state: &'static str,
    cron: String,
    time_zone: String,
    next_at: Option<String>,
}

impl From<&Schedule> for ScheduleJson {
    fn from(schedule: &Schedule) -> Self {
        Self {
            name: schedule.name.clone(),
            state: state(schedule),
            cron: schedule.timetable.cron.clone(),
            time_zone: schedule.timetable.time_zone.clone(),
            next_at: schedule.next_at.map(|at| at.to_string()),
        }
    }
}

/// Where a schedule stands.
pub(crate) fn state(schedule: &Schedule) -> &'static str {
    match (schedule.removed, schedule.paused) {
        (true, _) => "removed",
        (false, true) => "paused",
        (false, false) => "running",
    }
}

/// Every schedule.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "site",
    responses((status = 200, body = Vec<ScheduleJson>), Problems))]
pub(crate) async fn list(center: State<Center>, caller: Caller) -> Result<Json<Vec<ScheduleJson>>, Problem> {
    Ok(Json(center.api().schedules(&caller.who).await?.iter().map(ScheduleJson::from).collect()))
}

/// Fires no more until it is resumed.
#[utoipa::path(post, path = "/api/v1/schedules/{name}/pause", tag = "site", params(("name" = String, Path)),
    responses((status = 204), Problems))]
pub(crate) async fn pause(center: State<Center>, name: Path<String>, caller: Caller) -> Result<StatusCode, Problem> {
    center.api().pause_schedule(&caller.who, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fires again, from its next time on.
#[utoipa::path(post, path = "/api/v1/schedules/{name}/resume", tag = "site", params(("name" = String, Path)),
    responses((status = 204), Problems))]
pub(crate) async fn resume(center: State<Center>, name: Path<String>, caller: Caller) -> Result<StatusCode, Problem> {
    center.api().resume_schedule(&caller.who, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Runs it now, beside its times.
#[utoipa::path(post, path = "/api/v1/schedules/{name}/run", tag = "site", params(("name" = String, Path)),
    responses((status = 202, body = RemediationJson), Problems))]
pub(crate) async fn run(center: State<Center>, name: Path<String>, caller: Caller) -> Result<Response, Problem> {
    let submitted = center.api().run_schedule(&caller.who, &name).await?;
    Ok((StatusCode::ACCEPTED, Json(RemediationJson::from(&submitted))).into_response())
}
