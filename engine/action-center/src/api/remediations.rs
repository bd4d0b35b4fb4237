//! Remediations: submit, list, look, and what they are made of.

use std::str::FromStr;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clawback_model::{ActionSource, Picked, Remediation, RemediationId, Request, SelectionMode, Severity, Timestamp};
use clawback_runtime::Submission;
use clawback_store::{HistoryFilter, MessageFilter};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::Problems;
use crate::access::Caller;
use crate::body::{Body, Params, optional, stated, word};
use crate::center::Center;
use crate::json::{
    BatchJson, DetailJson, EventJson, MessageJson, Page, PreviewJson, RemediationJson, SubmissionJson, is_settled,
};
use crate::message_file::message_file;
use crate::problem::Problem;

/// Rows of a page, if the caller says nothing.
const PAGE: u32 = 50;
/// Rows of a page at most.
const LARGEST_PAGE: u32 = 1_000;
/// Bytes of texts after which a page ends, whatever rows were asked for.
const LARGEST_ANSWER: usize = 4 << 20;
/// The word for a message without an outcome.
const OPEN: &str = "open";
/// Longest time that a caller may wait for a change.
const LONGEST_WAIT: u64 = 60;
/// Between two looks while somebody waits.
const LOOK: Duration = Duration::from_millis(250);

/// Filters of the history. All that are given must hold.
#[derive(Debug, Default, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// Part of the remediation name.
    pub(crate) name: Option<String>,
    /// Approval ID.
    pub(crate) approval_id: Option<String>,
    /// Investigation ID.
    pub(crate) investigation_id: Option<String>,
    /// Status; several between commas, for any of them.
    pub(crate) status: Option<String>,
    /// Action source.
    pub(crate) action_source: Option<String>,
    /// Action type.
    pub(crate) action_type: Option<String>,
    /// One who decided, or `automation`.
    pub(crate) decided_by: Option<String>,
    /// Who asked.
    pub(crate) requested_by: Option<String>,
    /// Name of the playbook.
    pub(crate) playbook: Option<String>,
    /// A mailbox with a message of its plan.
    pub(crate) mailbox: Option<String>,
    /// Message-ID of a message of its plan, with its angle brackets.
    pub(crate) message_id: Option<String>,
    /// Submitted at or after (RFC 3339).
    pub(crate) since: Option<String>,
    /// Submitted before (RFC 3339).
    pub(crate) until: Option<String>,
    /// Only what waits for a person.
    pub(crate) pending: Option<bool>,
    /// Also what a schedule began and that searched everything and found nothing (`nothing-to-do`).
    pub(crate) empty: Option<bool>,
    /// Where an earlier page ended.
    pub(crate) after: Option<String>,
    /// Rows of the page, 1 to 1,000.
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<u32>,
}

impl HistoryQuery {
    pub(crate) fn filter(&self) -> Result<HistoryFilter, Problem> {
        let text = |given: &Option<String>| given.clone().filter(|given| !given.is_empty());
        Ok(HistoryFilter {
            name: text(&self.name),
            approval_id: optional("approval_id", self.approval_id.as_deref())?,
            investigation_id: optional("investigation_id", self.investigation_id.as_deref())?,
            statuses: words("status", self.status.as_deref())?,
            action_source: optional("action_source", self.action_source.as_deref())?,
            action_type: optional("action_type", self.action_type.as_deref())?,
            decided_by: text(&self.decided_by),
            requested_by: text(&self.requested_by),
            playbook: text(&self.playbook),
            mailbox: text(&self.mailbox),
            message_id: text(&self.message_id),
            since: time("since", self.since.as_deref())?,
            until: time("until", self.until.as_deref())?,
            pending_only: self.pending.unwrap_or(false),
            without_empty: !self.empty.unwrap_or(false),
        })
    }

    /// The remediations that are asked for, and where the next page begins.
    pub(super) async fn page(&self, center: &Center) -> Result<(Vec<Remediation>, Option<String>), Problem> {
        let mut after = optional("after", self.after.as_deref())?;
        let (filter, limit) = (self.filter()?, self.limit()? as usize);
        let (mut found, mut bytes) = (Vec::new(), 0);
        loop {
            let left = u32::try_from(limit - found.len()).unwrap_or(PAGE).min(PAGE);
            let page = center.site().history.history(&filter, after, left).await?;
            bytes += page.remediations.iter().map(|one| text_of(&one.request)).sum::<usize>();
            found.extend(page.remediations);
            after = page.next;
            if after.is_none() || found.len() >= limit || bytes >= LARGEST_ANSWER {
                return Ok((found, after.map(|cursor| cursor.to_string())));
            }
        }
    }

    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        page_size(self.limit)
    }
}

/// Bytes of a request that lists repeat.
fn text_of(request: &Request) -> usize {
    request.name.len() + request.description.len() + request.in_words.len()
}

/// The words of a list between commas.
fn words<T: FromStr<Err: std::fmt::Display>>(field: &str, given: Option<&str>) -> Result<Vec<T>, Problem> {
    let parts = given.into_iter().flat_map(|given| given.split(',')).filter(|part| !part.trim().is_empty());
    parts.map(|part| word(field, part.trim())).collect()
}

/// The rows of a page, by what the caller asks for.
pub(super) fn page_size(limit: Option<u32>) -> Result<u32, Problem> {
    match limit {
        None => Ok(PAGE),
        Some(limit @ 1..=LARGEST_PAGE) => Ok(limit),
        Some(limit) => Err(Problem::bad_request(format!("limit: 1 to {LARGEST_PAGE}, not {limit}"))),
    }
}

fn time(field: &str, given: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(given) = given.filter(|given| !given.trim().is_empty()) else { return Ok(None) };
    let time = Timestamp::parse(given.trim());
    time.map(Some)
        .ok_or_else(|| Problem::bad_request(format!("{field}: a time as in RFC 3339, such as 2026-11-25T08:00:00Z")))
}

/// Checks a submission word by word.
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
        mode,
        picked: given.messages.into_iter().map(Picked::from).collect(),
    })
}

/// Waiting for a change.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wait {
    /// Seconds, at most 60, to wait until it ends or waits for a person.
    #[param(minimum = 0, maximum = 60)]
    wait: Option<u64>,
}

/// How much of a preview is shown.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct Sample {
    /// The first so many messages, at most 1,000; 50 if nothing is said.
    #[param(minimum = 0, maximum = 1000)]
    sample: Option<u32>,
}

/// A page of messages.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// Only messages with this outcome, or `open` for those without one; several between commas, for any of them.
    outcome: Option<String>,
    /// Only messages with this reason; several between commas, for any of them.
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

/// History and pending: remediations, the last submitted first.
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

/// Submits a remediation. It is planned and, once it may, carried out by a worker; `?wait` on it tells how it goes.
#[utoipa::path(post, path = "/api/v1/remediations", tag = "remediations", request_body = SubmissionJson,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key again: submitted once.")),
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

/// What a submission would select, without keeping anything.
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
    Ok(Json(center.preview(&caller.who, checked(body)?, sample as usize).await?.into()))
}

/// One remediation, by its own ID, its approval's, its investigation's or its alert's. The `ETag` goes with a decision.
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

/// The answer that tells all of one remediation.
pub(super) async fn detail(center: &Center, remediation: &Remediation) -> Result<Response, Problem> {
    let body = DetailJson::load(center.site(), remediation).await?;
    let tag = HeaderValue::try_from(etag(remediation)).map_err(|_| Problem::not_found())?;
    Ok(([(header::ETAG, tag)], Json(body)).into_response())
}

/// Changes with every event.
pub(crate) fn etag(remediation: &Remediation) -> String {
    format!("\"{}\"", remediation.updated_at.0)
}

/// What the caller looked at, by `If-Match`.
pub(super) fn seen(headers: &HeaderMap) -> Result<Option<Timestamp>, Problem> {
    let Some(tag) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let number = tag.to_str().ok().and_then(|tag| tag.trim_matches('"').parse().ok());
    let number = number.ok_or_else(|| Problem::bad_request("If-Match: give the ETag of the remediation"))?;
    Ok(Some(Timestamp(number)))
}

/// Messages of the plan with their outcomes, in the plan's order.
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

/// A message as it was sent, byte for byte, from where it lies now or from the evidence. Asks for the role `examiner`, and is
/// an event of the history.
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

/// What happened, event by event, with the hashes of the chain.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/events", tag = "remediations", params(("id" = String, Path)),
    responses((status = 200, body = Vec<EventJson>), Problems))]
pub(crate) async fn events(
    State(center): State<Center>,
    Path(id): Path<String>,
) -> Result<Json<Vec<EventJson>>, Problem> {
    let id = find(&center, &id).await?.id;
    Ok(Json(center.site().history.events(&id).await?.into_iter().map(EventJson::from).collect()))
}

/// Its batches, with what came of each.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/batches", tag = "remediations", params(("id" = String, Path)),
    responses((status = 200, body = Vec<BatchJson>), Problems))]
pub(crate) async fn batches(
    State(center): State<Center>,
    Path(id): Path<String>,
) -> Result<Json<Vec<BatchJson>>, Problem> {
    let id = find(&center, &id).await?.id;
    Ok(Json(center.site().history.batches(&id).await?.into_iter().map(BatchJson::from).collect()))
}

/// The remediation of its own ID, or of its approval's, investigation's or alert's.
pub(crate) async fn find(center: &Center, id: &str) -> Result<Remediation, Problem> {
    let history = &center.site().history;
    if let Ok(approval) = id.parse() {
        return Ok(history.by_approval(&approval).await?);
    }
    if let Ok(investigation) = id.parse() {
        return Ok(history.load(&history.investigation(&investigation).await?.remediation_id).await?);
    }
    if let Ok(alert) = id.parse() {
        return Ok(history.load(&history.alert(&alert).await?.remediation_id).await?);
    }
    let id: RemediationId = word("id", id)?;
    Ok(history.load(&id).await?)
}
