//! The full description of one remediation, with an entity tag for its state.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use clawback_model::{Remediation, Timestamp};

use crate::center::Center;
use crate::json::DetailJson;
use crate::problem::Problem;

/// The full description of one remediation.
pub(super) async fn detail(center: &Center, remediation: &Remediation) -> Result<Response, Problem> {
    let body = DetailJson::load(center.site(), remediation).await?;
    let tag = HeaderValue::try_from(etag(remediation)).map_err(|_| Problem::not_found())?;
    Ok(([(header::ETAG, tag)], Json(body)).into_response())
}

/// The entity tag, which changes with every event apart from those of the alert and the incident.
fn etag(remediation: &Remediation) -> String {
    format!("\"{}\"", remediation.updated_at.0)
}

/// The state that the caller has seen, from `If-Match`.
pub(super) fn seen(headers: &HeaderMap) -> Result<Option<Timestamp>, Problem> {
    let Some(tag) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let number = tag.to_str().ok().and_then(|tag| tag.trim_matches('"').parse().ok());
    let number = number.ok_or_else(|| Problem::bad_request("If-Match: give the ETag of the remediation"))?;
    Ok(Some(Timestamp(number)))
}
