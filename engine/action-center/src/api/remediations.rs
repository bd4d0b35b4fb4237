//! Remediations: submit, list, look, and what they are made of.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clawback_model::{
    ActionSource, ApprovalRule, InvestigationStatus, LocationKind, Picked, Remediation, RemediationId, SelectionMode,
    Severity, Timestamp,
};
use clawback_runtime::{DryRun, Submission, silent};
use clawback_store::HistoryFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problems;
use crate::access::Caller;
use crate::body::{Body, Params, given, optional, word};
use crate::center::Center;
use crate::json::{MessageJson, RemediationJson};
use crate::problem::Problem;

/// Rows of a page, if the caller says nothing.
const PAGE: u32 = 50;
/// Rows of a page at most.
const LARGEST_PAGE: u32 = 1_000;
/// Longest time that a caller may wait for a change.
const LONGEST_WAIT: u64 = 60;
/// Between two looks while somebody waits.
const LOOK: Duration = Duration::from_millis(250);

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Where the next page begins; give it as `after`. Null on the last page.
    pub(crate) next: Option<String>,
}

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
    /// Status.
    pub(crate) status: Option<String>,
    /// Action source.
    pub(crate) action_source: Option<String>,
    /// Action type.
    pub(crate) action_type: Option<String>,
    /// One who decided, or `automation`.
    pub(crate) decided_by: Option<String>,
    /// Submitted at or after (RFC 3339).
    pub(crate) since: Option<String>,
    /// Submitted before (RFC 3339).
    pub(crate) until: Option<String>,
    /// Only what waits for a person.
    pub(crate) pending: Option<bool>,
    /// Where an earlier page ended.
    pub(crate) after: Option<String>,
    /// Rows of the page, 1 to 1,000.
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<u32>,
}

impl HistoryQuery {
    pub(crate) fn filter(&self) -> Result<HistoryFilter, Problem> {
        Ok(HistoryFilter {
            name: self.name.clone().filter(|name| !name.is_empty()),
            approval_id: optional("approval_id", self.approval_id.as_deref())?,
            investigation_id: optional("investigation_id", self.investigation_id.as_deref())?,
            status: optional("status", self.status.as_deref())?,
            action_source: optional("action_source", self.action_source.as_deref())?,
            action_type: optional("action_type", self.action_type.as_deref())?,
            decided_by: self.decided_by.clone().filter(|name| !name.is_empty()),
            since: time("since", self.since.as_deref())?,
            until: time("until", self.until.as_deref())?,
            pending_only: self.pending.unwrap_or(false),
        })
    }

    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        match self.limit {
            None => Ok(PAGE),
            Some(limit @ 1..=LARGEST_PAGE) => Ok(limit),
            Some(limit) => Err(Problem::bad_request(format!("limit: 1 to {LARGEST_PAGE}, not {limit}"))),
        }
    }
}

fn time(field: &str, given: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(given) = given.filter(|given| !given.trim().is_empty()) else { return Ok(None) };
    let time = Timestamp::parse(given.trim());
    time.map(Some)
        .ok_or_else(|| Problem::bad_request(format!("{field}: a time as in RFC 3339, such as 2026-11-25T08:00:00Z")))
}

/// A picked message, or an exclusion.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PickedJson {
    mailbox: String,
    /// With its angle brackets.
    message_id: String,
    /// Where two messages of the mailbox share the Message-ID.
    #[serde(default)]
    fingerprint: Option<String>,
}

/// What is to be remediated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubmissionJson {
    /// The playbook; `manual` takes any action and conditions.
    playbook: String,
    /// Its inputs.
    #[serde(default)]
    inputs: BTreeMap<String, String>,
    /// Name of the remediation; the playbook's if none is given.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    #[schema(schema_with = crate::words::severity_or_null, required = false)]
    severity: Option<String>,
    #[serde(default)]
    description: Option<String>,
    /// Where it comes from; `api` if nothing is said.
    #[serde(default)]
    #[schema(schema_with = crate::words::action_source_or_null, required = false)]
    action_source: Option<String>,
    /// `handpicked`, `query` or `query-with-exclusions`.
    #[serde(default)]
    #[schema(schema_with = crate::words::selection_or_null, required = false)]
    selection: Option<String>,
    /// Handpicked messages, or exclusions.
    #[serde(default)]
    messages: Vec<PickedJson>,
}

impl SubmissionJson {
    fn checked(self) -> Result<Submission, Problem> {
        let mode = match given("selection", self.selection.as_deref())? {
            None if self.messages.is_empty() => SelectionMode::Query,
            None => SelectionMode::Handpicked,
            Some(mode) => mode,
        };
        let picked =
            |one: PickedJson| Picked { mailbox: one.mailbox, message_id: one.message_id, fingerprint: one.fingerprint };
        Ok(Submission {
            playbook: self.playbook,
            inputs: self.inputs,
            name: self.name,
            severity: given::<Severity>("severity", self.severity.as_deref())?,
            description: self.description,
            source: given("action_source", self.action_source.as_deref())?.unwrap_or(ActionSource::Api),
            mode,
            picked: self.messages.into_iter().map(picked).collect(),
        })
    }
}

/// One remediation with what stands beside it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DetailJson {
    remediation: RemediationJson,
    /// Votes asked for and cast; null where none was needed.
    #[schema(value_type = Option<Object>)]
    approval: Option<clawback_model::Approval>,
    #[schema(value_type = Object)]
    alert: clawback_model::Alert,
    #[schema(value_type = Object)]
    investigation: clawback_model::Investigation,
    #[schema(schema_with = crate::words::investigation_status)]
    investigation_status: &'static str,
}

/// What a plan would be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewJson {
    /// The digest that the plan would have; null if there would be none.
    plan_digest: Option<String>,
    /// Why there would be no plan.
    refused: Option<String>,
    #[schema(value_type = Option<crate::json::CountsJson>)]
    counts: Option<clawback_model::Counts>,
    /// Mailboxes with a message of the plan.
    mailboxes: Option<u64>,
    /// Votes that would be asked for; null if none.
    #[schema(value_type = Option<Object>)]
    approval: Option<ApprovalRule>,
    /// Messages by latest delivery location.
    #[schema(value_type = BTreeMap<String, u64>)]
    by_location: BTreeMap<LocationKind, u64>,
    /// Messages by the hour of their arrival.
    by_hour: BTreeMap<String, u64>,
    /// The first messages.
    sample: Vec<SampleJson>,
}

/// A message that would be remediated.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SampleJson {
    mailbox: String,
    message_id: String,
    fingerprint: String,
    subject: String,
    from: String,
    received_at: String,
    latest_delivery_location: String,
    remediable: bool,
}

impl From<DryRun> for PreviewJson {
    fn from(found: DryRun) -> Self {
        let plan = found.plan.as_ref().ok();
        let sample = found.sample.iter().map(|target| SampleJson {
            mailbox: target.mailbox.to_string(),
            message_id: target.reference.message_id.clone(),
            fingerprint: target.reference.fingerprint.clone(),
            subject: target.subject.clone(),
            from: target.from_address.clone(),
            received_at: target.received_at.to_string(),
            latest_delivery_location: target.location.to_string(),
            remediable: target.not_remediable.is_none(),
        });
        Self {
            plan_digest: plan.map(|plan| plan.digest.to_string()),
            refused: found.plan.as_ref().err().map(ToString::to_string),
            counts: plan.map(|plan| plan.counts),
            mailboxes: plan.map(|plan| plan.facts.mailboxes),
            by_location: found.by_location.clone(),
            by_hour: found.by_hour.iter().map(|(hour, count)| (hour.to_string(), *count)).collect(),
            sample: sample.collect(),
            approval: found.approval,
        }
    }
}

/// One event of the chain.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventJson {
    seq: i64,
    at: String,
    actor: String,
    event: String,
    hash: String,
}

/// One batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchJson {
    number: u32,
    first: u32,
    messages: u32,
    started_at: String,
    finished_at: Option<String>,
    throttled: Option<u64>,
    #[schema(value_type = Option<crate::json::CountsJson>)]
    counts: Option<clawback_model::Counts>,
    outcomes_digest: Option<String>,
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

/// A page of messages.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// Where an earlier page ended.
    after: Option<String>,
    /// Rows of the page, 1 to 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// History and pending: remediations, the last submitted first.
#[utoipa::path(get, path = "/api/v1/remediations", tag = "remediations", params(HistoryQuery),
    responses((status = 200, body = Page<RemediationJson>), Problems))]
pub(crate) async fn list(
    State(center): State<Center>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<Page<RemediationJson>>, Problem> {
    let after = optional("after", query.after.as_deref())?;
    let page = center.site().history.history(&query.filter()?, after, query.limit()?).await?;
    let items = page.remediations.iter().map(RemediationJson::from).collect();
    Ok(Json(Page { items, next: page.next.map(|cursor| cursor.to_string()) }))
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
    let submitted = center.api().submit(&caller.who, body.checked()?).await?;
    let place =
        HeaderValue::try_from(format!("/api/v1/remediations/{}", submitted.id)).map_err(|_| Problem::not_found())?;
    let answer = (StatusCode::ACCEPTED, Json(RemediationJson::from(&submitted)));
    Ok(([(header::LOCATION, place)], answer).into_response())
}

/// What a submission would select, without keeping anything.
#[utoipa::path(post, path = "/api/v1/previews", tag = "remediations", request_body = SubmissionJson,
    responses((status = 200, body = PreviewJson), Problems))]
pub(crate) async fn preview(
    State(center): State<Center>,
    caller: Caller,
    Body(body): Body<SubmissionJson>,
) -> Result<Json<PreviewJson>, Problem> {
    let found = center.api().dry_run(&caller.who, body.checked()?, PAGE as usize, &silent()).await?;
    Ok(Json(found.into()))
}

/// One remediation, by its own ID or its Approval ID. The `ETag` goes with a decision.
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
    while !is_settled(&remediation) && tokio::time::Instant::now() < end {
        tokio::time::sleep(LOOK).await;
        remediation = center.site().history.load(&remediation.id).await?;
    }
    detail(&center, &remediation).await
}

/// Ended, or waiting for a person.
fn is_settled(remediation: &Remediation) -> bool {
    use clawback_model::Status::{Paused, PendingApproval};
    remediation.status.is_final() || matches!(remediation.status, Paused | PendingApproval)
}

/// The answer that tells all of one remediation.
pub(super) async fn detail(center: &Center, remediation: &Remediation) -> Result<Response, Problem> {
    let history = &center.site().history;
    let body = DetailJson {
        remediation: remediation.into(),
        approval: remediation.approval.clone(),
        alert: history.alert(&remediation.request.alert_id).await?,
        investigation: history.investigation(&remediation.request.investigation_id).await?,
        investigation_status: InvestigationStatus::of(remediation).as_str(),
    };
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
    let limit = HistoryQuery { limit: query.limit, ..HistoryQuery::default() }.limit()?;
    let after = optional("after", query.after.as_deref())?;
    let mut pairs = center.site().history.messages(&remediation.id, after, limit + 1).await?;
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
    Path((id, seq)): Path<(String, u32)>,
    caller: Caller,
) -> Result<Response, Problem> {
    let id = find(&center, &id).await?.id;
    let (_, raw) = center.api().read_message(&caller.who, &id, seq).await?;
    Ok(crate::pages::message_file(&id, seq, raw))
}

/// What happened, event by event, with the hashes of the chain.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/events", tag = "remediations", params(("id" = String, Path)),
    responses((status = 200, body = Vec<EventJson>), Problems))]
pub(crate) async fn events(
    State(center): State<Center>,
    Path(id): Path<String>,
) -> Result<Json<Vec<EventJson>>, Problem> {
    let id = find(&center, &id).await?.id;
    let item = |entry: clawback_store::Entry| EventJson {
        seq: entry.link.seq,
        at: entry.link.at.to_string(),
        actor: entry.link.actor,
        event: entry.link.kind,
        hash: entry.hash.to_string(),
    };
    Ok(Json(center.site().history.events(&id).await?.into_iter().map(item).collect()))
}

/// Its batches, with what came of each.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/batches", tag = "remediations", params(("id" = String, Path)),
    responses((status = 200, body = Vec<BatchJson>), Problems))]
pub(crate) async fn batches(
    State(center): State<Center>,
    Path(id): Path<String>,
) -> Result<Json<Vec<BatchJson>>, Problem> {
    let id = find(&center, &id).await?.id;
    let item = |batch: clawback_store::Batch| BatchJson {
        number: batch.number,
        first: batch.first,
        messages: batch.targets,
        started_at: batch.started_at.to_string(),
        finished_at: batch.finished.as_ref().map(|(at, ..)| at.to_string()),
        throttled: batch.finished.as_ref().map(|(_, report, _)| report.throttled),
        counts: batch.finished.as_ref().map(|(_, report, _)| report.counts),
        outcomes_digest: batch.finished.as_ref().map(|(.., digest)| digest.to_string()),
    };
    Ok(Json(center.site().history.batches(&id).await?.into_iter().map(item).collect()))
}

/// The remediation of a remediation ID or an Approval ID.
pub(crate) async fn find(center: &Center, id: &str) -> Result<Remediation, Problem> {
    let history = &center.site().history;
    if let Ok(approval) = id.parse() {
        return Ok(history.by_approval(&approval).await?);
    }
    let id: RemediationId = word("id", id)?;
    Ok(history.load(&id).await?)
}
