//! The check of a playbook before it is run.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clawback_playbooks::Playbook;
use clawback_runtime::Error;

use super::problems::Problems;
use crate::access::Caller;
use crate::body::Body;
use crate::center::Center;
use crate::json::{CheckJson, CheckedJson};
use crate::problem::Problem;

/// Longest name of a playbook to check, as every mistake repeats it.
const LONGEST_NAME: usize = 200;
/// Largest text of a playbook to check, in bytes; those that are shipped have some 2 KiB.
const LARGEST_SOURCE: usize = 64 << 10;

/// Checks a playbook against the scripts, stores and limits of this site, and returns every mistake at once. Runs and
/// keeps nothing.
#[utoipa::path(post, path = "/api/v1/checks", tag = "site", request_body = CheckJson,
    responses((status = 200, body = CheckedJson), Problems))]
pub(crate) async fn check(
    center: State<Center>,
    caller: Caller,
    Body(given): Body<CheckJson>,
) -> Result<Json<CheckedJson>, Problem> {
    let CheckJson { name, source } = given;
    if name.chars().count() > LONGEST_NAME || source.as_ref().is_some_and(|source| source.len() > LARGEST_SOURCE) {
        let detail =
            format!("a name has at most {LONGEST_NAME} characters, and a playbook at most {LARGEST_SOURCE} bytes");
        return Err(Problem::bad_request(detail));
    }
    // Takes some milliseconds of a processor, so other requests continue meanwhile. The permit is released when the
    // work ends, even if the caller has gone away.
    let turn = Arc::clone(center.checks()).acquire_owned().await.map_err(|_| Problem::internal())?;
    let checked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        match source {
            Some(source) => answer(center.api().check_source(&caller.who, &name, &source)),
            None => answer(center.api().check(&name)),
        }
    });
    checked.await.map_err(|_| Problem::internal())?
}

fn answer(checked: Result<Playbook, Error>) -> Result<Json<CheckedJson>, Problem> {
    Ok(Json(CheckedJson::new(checked, |found| found.render(false))?))
}
