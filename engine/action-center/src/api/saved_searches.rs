//! Saved searches.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clawback_model::SavedSearchId;

use super::problems::Problems;
use crate::access::Caller;
use crate::body::{Body, word};
use crate::center::Center;
use crate::json::{ChangedSearchJson, NewSavedSearchJson, SavedSearchJson};
use crate::problem::Problem;

/// Lists the caller's saved searches and those that others share, by name, without their conditions.
#[utoipa::path(get, path = "/api/v1/saved-searches", tag = "saved-searches",
    responses((status = 200, body = Vec<SavedSearchJson>), Problems))]
pub(crate) async fn list(center: State<Center>, caller: Caller) -> Result<Json<Vec<SavedSearchJson>>, Problem> {
    let found = center.api().saved_searches(&caller.who).await?;
    Ok(Json(found.into_iter().map(SavedSearchJson::from).collect()))
}

/// Saves a search for the caller, at most 200. Its conditions are checked as those of a remediation; nothing is searched.
/// A shared one is recorded in the history, as is each change of it.
#[utoipa::path(post, path = "/api/v1/saved-searches", tag = "saved-searches", request_body = NewSavedSearchJson,
    responses((status = 201, body = SavedSearchJson), Problems))]
pub(crate) async fn save(
    center: State<Center>,
    caller: Caller,
    Body(body): Body<NewSavedSearchJson>,
) -> Result<Response, Problem> {
    let saved = center.api().save_search(&caller.who, &body.into()).await?;
    Ok((StatusCode::CREATED, Json(SavedSearchJson::from(saved))).into_response())
}

/// Returns one saved search with its conditions.
#[utoipa::path(get, path = "/api/v1/saved-searches/{id}", tag = "saved-searches", params(("id" = String, Path)),
    responses((status = 200, body = SavedSearchJson), Problems))]
pub(crate) async fn show(
    center: State<Center>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<SavedSearchJson>, Problem> {
    let id: SavedSearchId = word("id", &id)?;
    Ok(Json(center.api().saved_search(&caller.who, &id).await?.into()))
}

/// Changes a saved search, for its owner. Refused (409) if it has another version than the one given: somebody changed
/// it meanwhile.
#[utoipa::path(put, path = "/api/v1/saved-searches/{id}", tag = "saved-searches", params(("id" = String, Path)),
    request_body = ChangedSearchJson, responses((status = 200, body = SavedSearchJson), Problems))]
pub(crate) async fn change(
    center: State<Center>,
    Path(id): Path<String>,
    caller: Caller,
    Body(body): Body<ChangedSearchJson>,
) -> Result<Json<SavedSearchJson>, Problem> {
    let id: SavedSearchId = word("id", &id)?;
    let (version, terms) = body.parts();
    Ok(Json(center.api().change_saved_search(&caller.who, &id, version, &terms).await?.into()))
}

/// Removes a saved search, for its owner and for administrators.
#[utoipa::path(delete, path = "/api/v1/saved-searches/{id}", tag = "saved-searches", params(("id" = String, Path)),
    responses((status = 204), Problems))]
pub(crate) async fn remove(
    center: State<Center>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let id: SavedSearchId = word("id", &id)?;
    center.api().remove_saved_search(&caller.who, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
