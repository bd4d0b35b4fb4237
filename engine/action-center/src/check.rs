//! The check of a playbook, for the API and the page.

use std::sync::Arc;

use clawback_model::Principal;
use clawback_playbooks::Playbook;
use clawback_runtime::Error;

use crate::center::Center;
use crate::json::CheckedJson;
use crate::problem::Problem;

/// Longest name of a playbook to check, as every mistake repeats it.
const LONGEST_NAME: usize = 200;
/// Largest text of a playbook to check, in bytes; those that are shipped have some 2 KiB.
pub(crate) const LARGEST_SOURCE: usize = 64 << 10;

/// Returns every mistake in the text of a playbook, or in the site's own of this name. Runs and keeps nothing.
pub(crate) async fn check(
    center: Center,
    who: Principal,
    name: String,
    source: Option<String>,
) -> Result<CheckedJson, Problem> {
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
            Some(source) => answer(center.api().check_source(&who, &name, &source)),
            None => answer(center.api().check(&name)),
        }
    });
    checked.await.map_err(|_| Problem::internal())?
}

/// The result of a check for the caller.
pub(crate) fn answer(checked: Result<Playbook, Error>) -> Result<CheckedJson, Problem> {
    Ok(CheckedJson::new(checked, |found| found.render(false))?)
}
