//! Messages that were kept before they were deleted for good.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use clawback_model::Digest;
use serde::Deserialize;
use utoipa::IntoParams;

use super::problems::Problems;
use super::slowly::slowly;
use crate::access::Caller;
use crate::body::{Params, optional, word};
use crate::center::Center;
use crate::json::{EvidenceReportJson, KeptJson, Page};
use crate::lookup::{find, page_size};
use crate::message_file::message_file;
use crate::problem::Problem;

/// Selects kept messages.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct EvidenceQuery {
    /// Only those of this remediation, by its own ID or its Approval ID.
    remediation: Option<String>,
    /// Where an earlier page ended.
    after: Option<String>,
    /// Rows of the page, 1 to 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Lists kept messages, in the order of the history.
#[utoipa::path(get, path = "/api/v1/evidence", tag = "evidence", params(EvidenceQuery),
    responses((status = 200, body = Page<KeptJson>), Problems))]
pub(crate) async fn list(
    State(center): State<Center>,
    Params(query): Params<EvidenceQuery>,
) -> Result<Json<Page<KeptJson>>, Problem> {
    let of = match &query.remediation {
        Some(id) => Some(find(&center, id).await?.id),
        None => None,
    };
    let after = optional("after", query.after.as_deref())?;
    let (found, next) = center.site().history.evidence(of.as_ref(), after, page_size(query.limit)?).await?;
    Ok(Json(Page { items: found.iter().map(KeptJson::from).collect(), next: next.map(|next| next.to_string()) }))
}

/// Returns a kept message by its digest, byte for byte. Requires the role `examiner`, and is recorded as an event of
/// the history.
#[utoipa::path(get, path = "/api/v1/evidence/{digest}", tag = "evidence", params(("digest" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), Problems))]
pub(crate) async fn get(
    State(center): State<Center>,
    Path(digest): Path<String>,
    caller: Caller,
) -> Result<Response, Problem> {
    let digest: Digest = word("digest", &digest)?;
    let raw = center.api().examine(&caller.who, &digest).await?;
    Ok(message_file(&digest.to_string(), raw))
}

/// Returns the kept message of a remediation, byte for byte. Requires the role `examiner`, and is recorded as an event
/// of the history.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/messages/{seq}/evidence", tag = "evidence",
    params(("id" = String, Path), ("seq" = u32, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), Problems))]
pub(crate) async fn of_message(
    State(center): State<Center>,
    Path((id, seq)): Path<(String, String)>,
    caller: Caller,
) -> Result<Response, Problem> {
    let id = find(&center, &id).await?.id;
    let seq = word("seq", &seq)?;
    let raw = center.api().examine_message(&caller.who, &id, seq).await?;
    Ok(message_file(&format!("{id}-{seq}"), raw))
}

/// Hashes every kept message and compares it with the history. This may take long; the answer begins with white space
/// meanwhile.
#[utoipa::path(get, path = "/api/v1/verify/evidence", tag = "evidence",
    responses((status = 200, body = EvidenceReportJson), Problems))]
pub(crate) async fn verify(State(center): State<Center>) -> Result<Response, Problem> {
    slowly(async move {
        let _turn = center.verifying_evidence().acquire().await.map_err(|_| Problem::internal())?;
        Ok(EvidenceReportJson::from(center.api().verify_evidence().await?))
    })
    .await
}
