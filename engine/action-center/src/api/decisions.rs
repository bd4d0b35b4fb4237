//! Decisions and controls: approve, reject, pause, resume, cancel, replan.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use clawback_app::Ballot;
use clawback_model::{Decision, PlanDigest, VoteSignature};

use super::detail::{detail, seen};
use super::problems::Problems;
use crate::access::Caller;
use crate::body::{Body, word};
use crate::center::Center;
use crate::json::{DetailJson, VoteJson};
use crate::lookup::find;
use crate::problem::Problem;

/// Approves the plan of this digest. With `If-Match` the vote is refused (412) if anything changed since.
#[utoipa::path(post, path = "/api/v1/remediations/{id}/approve", tag = "remediations", request_body = VoteJson,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag of the remediation")),
    responses((status = 200, body = DetailJson), Problems))]
pub(crate) async fn approve(
    State(center): State<Center>,
    Path(id): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    Body(vote): Body<VoteJson>,
) -> Result<Response, Problem> {
    decide(&center, &id, &caller, &headers, Decision::Approve, vote).await
}

/// Rejects the plan of this digest: one vote against it is enough.
#[utoipa::path(post, path = "/api/v1/remediations/{id}/reject", tag = "remediations", request_body = VoteJson,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag of the remediation")),
    responses((status = 200, body = DetailJson), Problems))]
pub(crate) async fn reject(
    State(center): State<Center>,
    Path(id): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    Body(vote): Body<VoteJson>,
) -> Result<Response, Problem> {
    decide(&center, &id, &caller, &headers, Decision::Reject, vote).await
}

async fn decide(
    center: &Center,
    id: &str,
    caller: &Caller,
    headers: &HeaderMap,
    decision: Decision,
    vote: VoteJson,
) -> Result<Response, Problem> {
    let digest: PlanDigest = word("plan_digest", &vote.plan_digest)?;
    let id = find(center, id).await?.id;
    let signature = vote.signature.map(VoteSignature::try_from).transpose().map_err(Problem::bad_request)?;
    let ballot = Ballot { decision, digest: Some(digest), comment: vote.comment, seen: seen(headers)?, signature };
    let voted = center.api().vote(&caller.who, &id, ballot).await?;
    detail(center, &voted).await
}

/// Pauses a running remediation; calls under way are ended and recorded.
#[utoipa::path(post, path = "/api/v1/remediations/{id}/pause", tag = "remediations", params(("id" = String, Path)),
    responses((status = 200, body = DetailJson), Problems))]
pub(crate) async fn pause(center: State<Center>, id: Path<String>, caller: Caller) -> Result<Response, Problem> {
    let found = find(&center, &id).await?;
    detail(&center, &center.api().pause(&caller.who, &found.id).await?).await
}

/// Resumes a paused remediation.
#[utoipa::path(post, path = "/api/v1/remediations/{id}/resume", tag = "remediations", params(("id" = String, Path)),
    responses((status = 200, body = DetailJson), Problems))]
pub(crate) async fn resume(center: State<Center>, id: Path<String>, caller: Caller) -> Result<Response, Problem> {
    let found = find(&center, &id).await?;
    detail(&center, &center.api().resume(&caller.who, &found.id).await?).await
}

/// Cancels a remediation; what is open becomes `cancelled`.
#[utoipa::path(post, path = "/api/v1/remediations/{id}/cancel", tag = "remediations", params(("id" = String, Path)),
    responses((status = 200, body = DetailJson), Problems))]
pub(crate) async fn cancel(center: State<Center>, id: Path<String>, caller: Caller) -> Result<Response, Problem> {
    let found = find(&center, &id).await?;
    detail(&center, &center.api().cancel(&caller.who, &found.id).await?).await
}

/// Makes the plan of a pending remediation again; votes so far are void.
#[utoipa::path(post, path = "/api/v1/remediations/{id}/replan", tag = "remediations", params(("id" = String, Path)),
    responses((status = 200, body = DetailJson), Problems))]
pub(crate) async fn replan(center: State<Center>, id: Path<String>, caller: Caller) -> Result<Response, Problem> {
    let found = find(&center, &id).await?;
    detail(&center, &center.api().replan(&caller.who, &found.id).await?).await
}
