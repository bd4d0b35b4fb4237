//! The site itself: who calls, playbooks, the kill switch, the proof of the history.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use clawback_model::{Halt, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problems;
use crate::access::Caller;
use crate::body::Body;
use crate::center::Center;
use crate::problem::Problem;

/// Whoever calls.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeJson {
    name: String,
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
}

/// A playbook with its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaybookJson {
    name: String,
    description: String,
    severity: &'static str,
    digest: String,
    source: String,
}

/// Why the site is halted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HaltJson {
    /// In the words of whoever throws the switch.
    reason: String,
}

/// Whether the site stands still.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HaltedJson {
    halted: bool,
    by: Option<String>,
    reason: Option<String>,
    since: Option<String>,
}

impl From<Option<Halt>> for HaltedJson {
    fn from(halt: Option<Halt>) -> Self {
        let halted = halt.is_some();
        let (by, reason, since) =
            halt.map_or((None, None, None), |halt| (Some(halt.by), Some(halt.reason), Some(halt.since.to_string())));
        Self { halted, by, reason, since }
    }
}

/// Whether the history holds together.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerifiedJson {
    holds: bool,
    events: Option<i64>,
    remediations: Option<u64>,
    head: Option<String>,
    broken: Option<String>,
}

/// A refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusalJson {
    at: String,
    principal: Option<String>,
    request: String,
    reason: String,
}

/// Whoever the token belongs to.
#[utoipa::path(get, path = "/api/v1/me", tag = "site", responses((status = 200, body = MeJson), Problems))]
pub(crate) async fn me(caller: Caller) -> Json<MeJson> {
    Json(MeJson { name: caller.who.name, roles: caller.who.roles })
}

/// Names of all playbooks.
#[utoipa::path(get, path = "/api/v1/playbooks", tag = "site", responses((status = 200, body = Vec<String>), Problems))]
pub(crate) async fn playbooks(center: State<Center>) -> Json<Vec<String>> {
    Json(center.site().library.playbook_names())
}

/// One playbook, checked.
#[utoipa::path(get, path = "/api/v1/playbooks/{name}", tag = "site", params(("name" = String, Path)),
    responses((status = 200, body = PlaybookJson), Problems))]
pub(crate) async fn playbook(center: State<Center>, name: Path<String>) -> Result<Json<PlaybookJson>, Problem> {
    let playbook = center.api().check(&name)?;
    Ok(Json(PlaybookJson {
        name: playbook.name().to_owned(),
        description: playbook.description().to_owned(),
        severity: playbook.severity().as_str(),
        digest: playbook.digest().to_string(),
        source: playbook.source().to_owned(),
    }))
}

/// Whether the site is halted.
#[utoipa::path(get, path = "/api/v1/halt", tag = "site", responses((status = 200, body = HaltedJson), Problems))]
pub(crate) async fn halted(center: State<Center>) -> Result<Json<HaltedJson>, Problem> {
    Ok(Json(center.site().history.halted().await?.into()))
}

/// Throws the kill switch: within a second nothing is planned, started or acted on, on any node.
#[utoipa::path(post, path = "/api/v1/halt", tag = "site", request_body = HaltJson,
    responses((status = 200, body = HaltedJson), Problems))]
pub(crate) async fn halt(
    center: State<Center>,
    caller: Caller,
    Body(body): Body<HaltJson>,
) -> Result<Json<HaltedJson>, Problem> {
    Ok(Json(Some(center.api().halt(&caller.who, &body.reason).await?).into()))
}

/// Takes the kill switch back.
#[utoipa::path(delete, path = "/api/v1/halt", tag = "site", responses((status = 200, body = HaltedJson), Problems))]
pub(crate) async fn unhalt(center: State<Center>, caller: Caller) -> Result<Json<HaltedJson>, Problem> {
    center.api().unhalt(&caller.who).await?;
    Ok(Json(None.into()))
}

/// Walks the whole chain and compares it with every table. On a large history this takes a while.
#[utoipa::path(get, path = "/api/v1/verify", tag = "site", responses((status = 200, body = VerifiedJson), Problems))]
pub(crate) async fn verify(center: State<Center>) -> Result<Json<VerifiedJson>, Problem> {
    Ok(Json(match verified(&center).await? {
        Ok(found) => VerifiedJson {
            holds: true,
            events: Some(found.head.seq),
            remediations: Some(found.remediations),
            head: Some(found.head.hash.to_string()),
            broken: None,
        },
        Err(broken) => {
            VerifiedJson { holds: false, events: None, remediations: None, head: None, broken: Some(broken) }
        }
    }))
}

/// The verified history, or what is broken in it.
pub(crate) async fn verified(center: &Center) -> Result<Result<clawback_store::Verified, String>, Problem> {
    use clawback_store::VerifyError;
    match center.site().history.verify(None, |_| {}).await {
        Ok(verified) => Ok(Ok(verified)),
        Err(VerifyError::Broken(found)) => Ok(Err(found.to_string())),
        Err(VerifyError::Store(error)) => Err(error.into()),
    }
}

/// What was refused to whom, the newest first.
#[utoipa::path(get, path = "/api/v1/refusals", tag = "site", responses((status = 200, body = Vec<RefusalJson>), Problems))]
pub(crate) async fn refusals(center: State<Center>, caller: Caller) -> Result<Json<Vec<RefusalJson>>, Problem> {
    let found = center.api().refusals(&caller.who, 200).await?;
    let item = |refusal: clawback_store::Refusal| RefusalJson {
        at: refusal.at.to_string(),
        principal: refusal.principal,
        request: refusal.request,
        reason: refusal.reason,
    };
    Ok(Json(found.into_iter().map(item).collect()))
}

/// This description. It asks for no token.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "site", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn description() -> Response {
    Json(super::openapi()).into_response()
}
