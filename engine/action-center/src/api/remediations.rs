//! Remediations: submit, list, show, and their parts.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clawback_model::{ActionSource, Picked, SelectionMode, Severity};
use clawback_runtime::{Submission, silent};
use clawback_store::MessageFilter;
use serde::Deserialize;
use utoipa::IntoParams;

use super::detail::detail;
use super::problems::Problems;
use crate::access::Caller;
use crate::body::{Body, Params, optional, stated, word};
use crate::center::Center;
use crate::json::{
    BatchJson, DetailJson, EventJson, MessageJson, Page, PreviewJson, RemediationJson, SubmissionJson, is_settled,
};
use crate::lookup::{HistoryQuery, LARGEST_PAGE, PAGE, find, page_size, words};
use crate::message_file::message_file;
use crate::problem::Problem;

/// The word for a message without an outcome.
const OPEN: &str = "open";
/// Longest time that a caller may wait for a change, in seconds.
const LONGEST_WAIT: u64 = 60;
/// Time between two reads while a caller waits.
const LOOK: Duration = Duration::from_millis(250);

/// Checks the words of a submission.
fn checked(given: SubmissionJson) -> Result<Submission, Problem> {
    let mode = match stated("selection", given.selection.as_deref())? {
        None if given.messages.is_empty() => SelectionMode::Query,
        None => SelectionMode::Handpicked,
        Some(mode) => mode,
    };
    Ok(Submission {
        playbook: given.playbook,
        inputs: given.inputs,
        name: given.name,
        severity: stated::<Severity>("severity", given.severity.as_deref())?,
        description: given.description,
        source: stated("action_source", given.action_source.as_deref())?.unwrap_or(ActionSource::Api),
        agent: given.agent,
        mode,
        picked: given.messages.into_iter().map(Picked::from).collect(),
    })
}

/// A wait for a change.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wait {
    /// Seconds, at most 60, to wait until it ends or waits for a person.
    #[param(minimum = 0, maximum = 60)]
    wait: Option<u64>,
}

/// How much of a preview is returned.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct Sample {
    /// Number of messages, at most 1,000; default 50.
    #[param(minimum = 0, maximum = 1000)]
    sample: Option<u32>,
}

/// Selects messages of a plan.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// Only messages with this outcome, or `open` for those without one; several, separated by commas, select any of
    /// them.
    outcome: Option<String>,
    /// Only messages with this reason; several, separated by commas, select any of them.
    reason: Option<String>,
    /// Only messages of this mailbox.
    mailbox: Option<String>,
    /// Where an earlier page ended.
    after: Option<String>,
    /// Rows of the page, 1 to 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl MessagesQuery {
    fn filter(&self) -> Result<MessageFilter, Problem> {
        let outcome = |given: String| if given == OPEN { Ok(None) } else { word("outcome", &given).map(Some) };
        let outcomes: Vec<String> = words("outcome", self.outcome.as_deref())?;
        Ok(MessageFilter {
            outcomes: outcomes.into_iter().map(outcome).collect::<Result<_, Problem>>()?,
            reasons: words("reason", self.reason.as_deref())?,
            mailbox: self.mailbox.clone().filter(|mailbox| !mailbox.is_empty()),
        })
    }
}

/// Lists remediations, of the history or pending, last submitted first.
#[utoipa::path(get, path = "/api/v1/remediations", tag = "remediations", params(HistoryQuery),
    responses((status = 200, body = Page<RemediationJson>), Problems))]
pub(crate) async fn list(
    State(center): State<Center>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<Page<RemediationJson>>, Problem> {
    let (remediations, next) = query.page(&center).await?;
    let url = center.site().public_url.as_ref();
    Ok(Json(Page { items: remediations.iter().map(|found| RemediationJson::from(found).linked(url)).collect(), next }))
}

/// Submits a remediation. A worker plans it and, once it may, carries it out; `?wait` on it reports the progress.
#[utoipa::path(post, path = "/api/v1/remediations", tag = "remediations", request_body = SubmissionJson,
    params(("Idempotency-Key" = Option<String>, Header, description = "A request that is repeated with the same key is carried out once.")),
    responses((status = 202, body = RemediationJson), Problems))]
pub(crate) async fn submit(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<SubmissionJson>,
) -> Result<Response, Problem> {
    let submitted = center.api().submit(&caller.who, checked(body)?).await?;
    let place =
        HeaderValue::try_from(format!("/api/v1/remediations/{}", submitted.id)).map_err(|_| Problem::not_found())?;
    let answer =
        (StatusCode::ACCEPTED, Json(RemediationJson::from(&submitted).linked(center.site().public_url.as_ref())));
    Ok(([(header::LOCATION, place)], answer).into_response())
}

/// Returns what a submission would select, without keeping anything.
#[utoipa::path(post, path = "/api/v1/previews", tag = "remediations", request_body = SubmissionJson, params(Sample),
    responses((status = 200, body = PreviewJson), Problems))]
pub(crate) async fn preview(
    State(center): State<Center>,
    caller: Caller,
    Params(query): Params<Sample>,
    Body(body): Body<SubmissionJson>,
) -> Result<Json<PreviewJson>, Problem> {
    let sample = query.sample.unwrap_or(PAGE);
    if sample > LARGEST_PAGE {
        return Err(Problem::bad_request(format!("sample: at most {LARGEST_PAGE}, not {sample}")));
    }
    Ok(Json(center.preview(&caller.who, checked(body)?, sample as usize, &silent()).await?.into()))
}

/// Returns one remediation, by its own ID, its approval's, its investigation's or its alert's. The `ETag` goes with a
/// decision.
#[utoipa::path(get, path = "/api/v1/remediations/{id}", tag = "remediations", params(Wait, ("id" = String, Path)),
    responses((status = 200, body = DetailJson), Problems))]
pub(crate) async fn show(
    State(center): State<Center>,
    Path(id): Path<String>,
    Params(query): Params<Wait>,
) -> Result<Response, Problem> {
    let mut remediation = find(&center, &id).await?;
    let seconds = query.wait.unwrap_or(0);
    if seconds > LONGEST_WAIT {
        return Err(Problem::bad_request(format!("wait: at most {LONGEST_WAIT} seconds")));
    }
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    while !is_settled(&remediation, center.now()) && tokio::time::Instant::now() < end {
        tokio::time::sleep(LOOK).await;
        remediation = center.site().history.load(&remediation.id).await?;
    }
    detail(&center, &remediation).await
}

/// Lists messages of the plan with their outcomes, in the plan's order.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/messages", tag = "remediations",
    params(MessagesQuery, ("id" = String, Path)), responses((status = 200, body = Page<MessageJson>), Problems))]
pub(crate) async fn messages(
    State(center): State<Center>,
    Path(id): Path<String>,
    Params(query): Params<MessagesQuery>,
) -> Result<Json<Page<MessageJson>>, Problem> {
    let remediation = find(&center, &id).await?;
    let limit = page_size(query.limit)?;
    let after = optional("after", query.after.as_deref())?;
    let history = &center.site().history;
    let mut pairs = history.messages_like(&remediation.id, &query.filter()?, after, limit + 1).await?;
    let more = pairs.len() > limit as usize;
    pairs.truncate(limit as usize);
    let next = pairs.last().filter(|_| more).map(|(target, _)| target.seq.to_string());
    let item = |(target, outcome): &(_, Option<_>)| MessageJson::new(&remediation, target, outcome.as_ref());
    Ok(Json(Page { items: pairs.iter().map(item).collect(), next }))
}

/// Returns a message as it was sent, byte for byte, from its current place or from the evidence. Requires the role
/// `examiner`, and is recorded as an event of the history.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/messages/{seq}/raw", tag = "remediations",
    params(("id" = String, Path), ("seq" = u32, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), Problems))]
pub(crate) async fn raw(
    State(center): State<Center>,
    Path((id, seq)): Path<(String, String)>,
    caller: Caller,
) -> Result<Response, Problem> {
    let id = find(&center, &id).await?.id;
    let seq = word("seq", &seq)?;
    let (_, raw) = center.api().read_message(&caller.who, &id, seq).await?;
    Ok(message_file(&format!("{id}-{seq}"), raw))
}

/// Lists its events, with the hashes of the chain.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/events", tag = "remediations", params(("id" = String, Path)),
    responses((status = 200, body = Vec<EventJson>), Problems))]
pub(crate) async fn events(
    State(center): State<Center>,
    Path(id): Path<String>,
) -> Result<Json<Vec<EventJson>>, Problem> {
    let id = find(&center, &id).await?.id;
    Ok(Json(center.site().history.timeline(&id).await?.into_iter().map(EventJson::from).collect()))
}

/// Lists its batches, with the result of each.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/batches", tag = "remediations", params(("id" = String, Path)),
    responses((status = 200, body = Vec<BatchJson>), Problems))]
pub(crate) async fn batches(
    State(center): State<Center>,
    Path(id): Path<String>,
) -> Result<Json<Vec<BatchJson>>, Problem> {
    let id = find(&center, &id).await?.id;
    Ok(Json(center.site().history.batches(&id).await?.into_iter().map(BatchJson::from).collect()))
}
