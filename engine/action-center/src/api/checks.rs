//! The check of a playbook before it is run.

use axum::Json;
use axum::extract::State;

use super::problems::Problems;
use crate::access::Caller;
use crate::body::Body;
use crate::center::Center;
use crate::json::{CheckJson, CheckedJson};
use crate::problem::Problem;

/// Checks a playbook against the scripts, stores and limits of this site, and returns every mistake at once. Runs and
/// keeps nothing.
#[utoipa::path(post, path = "/api/v1/checks", tag = "site", request_body = CheckJson,
    responses((status = 200, body = CheckedJson), Problems))]
pub(crate) async fn check(
    State(center): State<Center>,
    caller: Caller,
    Body(given): Body<CheckJson>,
) -> Result<Json<CheckedJson>, Problem> {
    Ok(Json(crate::check::check(center, caller.who, given.name, given.source).await?))
}
