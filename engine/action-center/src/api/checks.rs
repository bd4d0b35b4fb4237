//! Whether a playbook is right, before anybody runs it.

use axum::Json;
use axum::extract::State;
use clawback_runtime::Error;

use super::Problems;
use crate::access::Caller;
use crate::body::Body;
use crate::center::Center;
use crate::json::{CheckJson, CheckedJson};
use crate::problem::Problem;

/// Checks a playbook against the scripts, stores and limits of this site, and gives every mistake at once. Runs and keeps nothing.
#[utoipa::path(post, path = "/api/v1/checks", tag = "site", request_body = CheckJson,
    responses((status = 200, body = CheckedJson), Problems))]
pub(crate) async fn check(
    center: State<Center>,
    caller: Caller,
    Body(given): Body<CheckJson>,
) -> Result<Json<CheckedJson>, Problem> {
    let checked = match given.source {
        Some(source) => center.api().check_source(&caller.who, &given.name, &source),
        None => center.api().check(&given.name),
    };
    match checked {
        Ok(_) => Ok(Json(CheckedJson { ok: true, ..CheckedJson::default() })),
        Err(Error::Playbook(found)) => Ok(Json((&found).into())),
        Err(error) => Err(error.into()),
    }
}
