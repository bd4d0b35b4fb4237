//! The site: the caller, playbooks, nodes, the kill switch, the check of the history.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use clawback_runtime::compare_nodes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problems::Problems;
use super::slowly::slowly;
use crate::access::Caller;
use crate::body::{Body, Params, optional};
use crate::center::Center;
use crate::json::{HaltJson, HaltedJson, MeJson, NodeJson, PlaybookJson, SettingJson, VerifiedJson};
use crate::problem::Problem;

/// A head of the chain that was noted earlier.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrustedHeads {
    /// `SEQ:HASH`: proves that nothing was cut off since.
    head: Option<String>,
}

/// A refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusalJson {
    /// The time of the first.
    at: String,
    /// The time of the last.
    last_at: String,
    /// How often it was repeated.
    times: u64,
    /// The principal who was refused; of a stranger, the name that they gave.
    principal: Option<String>,
    /// Whether a token or a session proved the principal.
    known: bool,
    /// The address that it came from; of IPv6, the network.
    source: Option<String>,
    request: String,
    reason: String,
}

/// Returns the owner of the token.
#[utoipa::path(get, path = "/api/v1/me", tag = "site", responses((status = 200, body = MeJson), Problems))]
pub(crate) async fn me(caller: Caller) -> Json<MeJson> {
    Json(MeJson { name: caller.who.name, roles: caller.who.roles })
}

/// Lists the names of all playbooks.
#[utoipa::path(get, path = "/api/v1/playbooks", tag = "site", responses((status = 200, body = Vec<String>), Problems))]
pub(crate) async fn playbooks(center: State<Center>) -> Json<Vec<String>> {
    Json(center.site().library.playbook_names())
}

/// Returns one playbook, checked.
#[utoipa::path(get, path = "/api/v1/playbooks/{name}", tag = "site", params(("name" = String, Path)),
    responses((status = 200, body = PlaybookJson), Problems))]
pub(crate) async fn playbook(center: State<Center>, name: Path<String>) -> Result<Json<PlaybookJson>, Problem> {
    Ok(Json((&center.api().check(&name)?).into()))
}

/// Lists the nodes that run, or ran within the last day. Nothing is planned or acted on while none is alive.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "site", responses((status = 200, body = Vec<NodeJson>), Problems))]
pub(crate) async fn nodes(center: State<Center>) -> Result<Json<Vec<NodeJson>>, Problem> {
    let nodes = compare_nodes(center.site()).await?;
    Ok(Json(nodes.into_iter().map(NodeJson::from).collect()))
}

/// Lists the settings in force on the node that answers, by the tables and keys of `clawback.toml`. For administrators.
#[utoipa::path(get, path = "/api/v1/settings", tag = "site",
    responses((status = 200, body = Vec<SettingJson>), Problems))]
pub(crate) async fn settings(center: State<Center>, caller: Caller) -> Result<Json<Vec<SettingJson>>, Problem> {
    Ok(Json(center.api().settings(&caller.who)?.into_iter().map(SettingJson::from).collect()))
}

/// Returns whether the site is halted.
#[utoipa::path(get, path = "/api/v1/halt", tag = "site", responses((status = 200, body = HaltedJson), Problems))]
pub(crate) async fn halted(center: State<Center>) -> Result<Json<HaltedJson>, Problem> {
    Ok(Json(center.site().history.halted().await?.into()))
}

/// Halts the site: within a second nothing is planned, started or acted on, on any node.
#[utoipa::path(post, path = "/api/v1/halt", tag = "site", request_body = HaltJson,
    responses((status = 200, body = HaltedJson), Problems))]
pub(crate) async fn halt(
    center: State<Center>,
    caller: Caller,
    Body(body): Body<HaltJson>,
) -> Result<Json<HaltedJson>, Problem> {
    Ok(Json(Some(center.api().halt(&caller.who, &body.reason).await?).into()))
}

/// Ends the halt of the site, and returns it.
#[utoipa::path(delete, path = "/api/v1/halt", tag = "site", responses((status = 200, body = HaltedJson), Problems))]
pub(crate) async fn unhalt(center: State<Center>, caller: Caller) -> Result<Json<HaltedJson>, Problem> {
    Ok(Json(HaltedJson::taken_back(center.api().unhalt(&caller.who).await?)))
}

/// Checks the whole chain against every table. On a large history this takes long; the answer begins with white space
/// meanwhile.
#[utoipa::path(get, path = "/api/v1/verify", tag = "site", params(TrustedHeads),
    responses((status = 200, body = VerifiedJson), Problems))]
pub(crate) async fn verify(
    State(center): State<Center>,
    Params(noted): Params<TrustedHeads>,
) -> Result<Response, Problem> {
    let head = optional("head", noted.head.as_deref())?;
    slowly(async move { Ok(VerifiedJson::from(center.verified(head).await?)) }).await
}

/// Lists refused requests, newest first.
#[utoipa::path(get, path = "/api/v1/refusals", tag = "site", responses((status = 200, body = Vec<RefusalJson>), Problems))]
pub(crate) async fn refusals(center: State<Center>, caller: Caller) -> Result<Json<Vec<RefusalJson>>, Problem> {
    crate::refusal_log::write(&center).await;
    let found = center.api().refusals(&caller.who, 200).await?;
    let item = |refusal: clawback_store::Refusal| RefusalJson {
        at: refusal.at.to_string(),
        last_at: refusal.last_at.to_string(),
        times: refusal.times,
        known: refusal.known.is_some(),
        source: Some(refusal.source).filter(|source| !source.is_empty()),
        principal: refusal.principal,
        request: refusal.request,
        reason: refusal.reason,
    };
    Ok(Json(found.into_iter().map(item).collect()))
}
