//! Sweeps: remediations that keep searching for late copies.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;

use super::detail::detail;
use super::problems::Problems;
use crate::access::Caller;
use crate::center::Center;
use crate::json::{DetailJson, SweepJson};
use crate::lookup::find;
use crate::problem::Problem;

/// Lists every sweep under way, with its results so far; at most 1,000.
#[utoipa::path(get, path = "/api/v1/sweeps", tag = "remediations",
    responses((status = 200, body = Vec<SweepJson>), Problems))]
pub(crate) async fn list(center: State<Center>) -> Result<Json<Vec<SweepJson>>, Problem> {
    Ok(Json(SweepJson::under_way(&center.site().history).await?))
}

/// Ends the search for late copies of this remediation.
#[utoipa::path(post, path = "/api/v1/remediations/{id}/stop-sweep", tag = "remediations",
    params(("id" = String, Path)), responses((status = 200, body = DetailJson), Problems))]
pub(crate) async fn stop(center: State<Center>, id: Path<String>, caller: Caller) -> Result<Response, Problem> {
    let found = find(&center, &id).await?;
    detail(&center, &center.api().stop_sweep(&caller.who, &found.id).await?).await
}
