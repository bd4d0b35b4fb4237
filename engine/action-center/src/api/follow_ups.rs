//! Remediations that follow from another, or from what a detector found.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clawback_model::{ActionSource, Inputs, Picked, Remediation, SelectionMode, Severity};
use clawback_runtime::Submission;
use serde::Deserialize;
use utoipa::ToSchema;

use super::problems::Problems;
use crate::access::Caller;
use crate::body::{Body, stated};
use crate::center::Center;
use crate::json::{PickedJson, RemediationJson};
use crate::lookup::find;
use crate::problem::Problem;

/// What a detector suggests.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuggestionJson {
    /// The playbook that decides what is done. It must accept suggestions of this verdict (`on: suggestion`).
    playbook: String,
    /// The detector's verdict on the messages: `malicious`, `suspicious`, or another word that playbooks name.
    verdict: String,
    /// From 0 to 1; becomes part of the description.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    confidence: Option<f64>,
    /// The cluster: inputs of the playbook.
    #[serde(default)]
    #[schema(schema_with = crate::json::words::inputs, required = false)]
    inputs: Inputs,
    /// Single messages in place of all that the playbook's search finds; at most 100.
    #[serde(default)]
    messages: Vec<PickedJson>,
    /// Title of the alert.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    #[schema(schema_with = crate::json::words::severity_or_null, required = false)]
    severity: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

/// Puts back what this remediation moved, by a new remediation that is planned and approved like any other.
#[utoipa::path(post, path = "/api/v1/remediations/{id}/undo", tag = "remediations", params(("id" = String, Path)),
    responses((status = 202, body = RemediationJson), Problems))]
pub(crate) async fn undo(center: State<Center>, id: Path<String>, caller: Caller) -> Result<Response, Problem> {
    let found = find(&center, &id).await?;
    Ok(accepted(&center, &center.api().undo(&caller.who, &found.id).await?))
}

/// Retries what failed, by a new remediation under the same approval while that is valid.
#[utoipa::path(post, path = "/api/v1/remediations/{id}/retry", tag = "remediations", params(("id" = String, Path)),
    responses((status = 202, body = RemediationJson), Problems))]
pub(crate) async fn retry(center: State<Center>, id: Path<String>, caller: Caller) -> Result<Response, Problem> {
    let found = find(&center, &id).await?;
    Ok(accepted(&center, &center.api().retry(&caller.who, &found.id).await?))
}

/// Accepts a suggestion of an automated investigation: it becomes a remediation, and waits for votes if the playbook
/// says so. Only a service may suggest; the role `suggester` is enough.
#[utoipa::path(post, path = "/api/v1/suggestions", tag = "remediations", request_body = SuggestionJson,
    params(("Idempotency-Key" = Option<String>, Header, description = "A request that is repeated with the same key is carried out once.")),
    responses((status = 202, body = RemediationJson), Problems))]
pub(crate) async fn suggest(
    State(center): State<Center>,
    caller: Caller,
    Body(suggestion): Body<SuggestionJson>,
) -> Result<Response, Problem> {
    let playbook = center.api().check(&suggestion.playbook)?;
    let taken = &playbook.triggers().suggestion;
    if !taken.contains(&suggestion.verdict) {
        let known = if taken.is_empty() { "none".to_owned() } else { taken.join(", ") };
        let detail = format!(
            "playbook `{}` takes no suggestions of verdict `{}`; it takes: {known}",
            suggestion.playbook, suggestion.verdict
        );
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "verdict", detail));
    }
    if suggestion.confidence.is_some_and(|confidence| !(0.0..=1.0).contains(&confidence)) {
        return Err(Problem::bad_request("confidence: from 0 to 1"));
    }
    let confidence = suggestion.confidence.map(|confidence| format!(", confidence {confidence}")).unwrap_or_default();
    let said = format!("verdict {}{confidence}", suggestion.verdict);
    let description = match suggestion.description.filter(|text| !text.is_empty()) {
        Some(text) => format!("{text} ({said})"),
        None => format!("{} ({said})", playbook.description()),
    };
    let submission = Submission {
        playbook: suggestion.playbook,
        inputs: suggestion.inputs,
        name: suggestion.name,
        severity: stated::<Severity>("severity", suggestion.severity.as_deref())?,
        description: Some(description),
        source: ActionSource::Air,
        agent: None,
        mode: if suggestion.messages.is_empty() { SelectionMode::Query } else { SelectionMode::Handpicked },
        picked: suggestion.messages.into_iter().map(Picked::from).collect(),
    };
    Ok(accepted(&center, &center.api().suggest(&caller.who, submission).await?))
}

fn accepted(center: &Center, remediation: &Remediation) -> Response {
    let answer = RemediationJson::from(remediation).linked(center.site().public_url.as_ref());
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}
