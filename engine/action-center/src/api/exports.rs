//! Exports of one remediation, streamed.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use clawback_model::Digest;
use serde::Deserialize;
use utoipa::IntoParams;

use super::problems::Problems;
use crate::body::{Params, stated, word};
use crate::center::Center;
use crate::export_format::ExportFormat;
use crate::lookup::find;
use crate::problem::Problem;
use crate::remediation_export::{export as records, export_plan};

/// The format of an export.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// Default: `clawback`.
    #[param(schema_with = crate::json::words::export_format)]
    format: Option<String>,
}

/// Exports a remediation as lines of JSON: its alert, investigation, approval, playbook, events with their hashes, and
/// messages; or, as `ocsf` or `o365-air`, the result for it and for every message in that schema.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/export", tag = "remediations",
    params(ExportQuery, ("id" = String, Path)),
    responses((status = 200, body = String, content_type = "application/x-ndjson"), Problems))]
pub(crate) async fn export(
    State(center): State<Center>,
    Path(id): Path<String>,
    Params(query): Params<ExportQuery>,
) -> Result<Response, Problem> {
    let remediation = find(&center, &id).await?;
    let format: ExportFormat = stated("format", query.format.as_deref())?.unwrap_or_default();
    let disposition = format!("attachment; filename=\"{}.{format}.jsonl\"", remediation.id);
    let site = center.site();
    let body = Body::from_stream(records(&site.history, remediation, format, site.public_url.clone()));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson".to_owned()), (header::CONTENT_DISPOSITION, disposition)], body)
        .into_response())
}

/// Returns the text of a plan, over which the digest that is voted on is computed: two lines of header and a line for
/// each message. `tests/plan_digest.py` and `engine/cli/docs/exports.md` say how to compute it. If the stored text has another
/// digest, the answer is broken off.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/plan", tag = "remediations", params(("id" = String, Path)),
    responses((status = 200, body = String, content_type = "text/plain"), Problems))]
pub(crate) async fn plan(State(center): State<Center>, Path(id): Path<String>) -> Result<Response, Problem> {
    let remediation = find(&center, &id).await?;
    let disposition = format!("attachment; filename=\"{}.plan\"", remediation.id);
    let body = Body::from_stream(export_plan(&center.site().history, remediation).await?);
    let kind = "text/plain; charset=utf-8".to_owned();
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], body).into_response())
}

/// Returns a text that a plan was made with, by its sha256: a playbook, a script, or a list with an entry per line.
#[utoipa::path(get, path = "/api/v1/texts/{sha256}", tag = "remediations", params(("sha256" = String, Path)),
    responses((status = 200, body = String, content_type = "text/plain"), Problems))]
pub(crate) async fn text(State(center): State<Center>, Path(sha256): Path<String>) -> Result<Response, Problem> {
    let digest: Digest = word("sha256", &sha256)?;
    let text = center.site().history.text(&digest).await?.ok_or_else(Problem::not_found)?;
    let disposition = format!("attachment; filename=\"{digest}.txt\"");
    let kind = "text/plain; charset=utf-8".to_owned();
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], text).into_response())
}
