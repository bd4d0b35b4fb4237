//! Mail stores, the connectors that reach them, and whether they answer.

use axum::Json;
use axum::extract::{Path, State};
use clawback_connectors::MailStore as _;

use super::problems::Problems;
use crate::access::Caller;
use crate::center::Center;
use crate::error_chain::chain;
use crate::json::{ConnectorJson, StoreCheckJson, StoreJson};
use crate::problem::Problem;

/// Lists the built-in connectors, with the stores that use them.
#[utoipa::path(get, path = "/api/v1/connectors", tag = "stores",
    responses((status = 200, body = Vec<ConnectorJson>), Problems))]
pub(crate) async fn connectors(center: State<Center>) -> Result<Json<Vec<ConnectorJson>>, Problem> {
    let Some(host) = &center.settings().host else { return Ok(Json(Vec::new())) };
    let built_in = host.builtin_connectors().await.map_err(|error| {
        tracing::error!(error = chain(&error), "A built-in connector does not describe itself.");
        Problem::internal()
    })?;
    let item = |connector: clawback_connectors::ConnectorInfo| {
        let uses = |digest: &str| digest == connector.sha256;
        let stores = center.site().stores.iter().filter(|(_, store)| uses(&store.capabilities().digest));
        let names = stores.map(|(name, _)| name.to_string()).collect();
        ConnectorJson::new(connector, names)
    };
    Ok(Json(built_in.into_iter().map(item).collect()))
}

/// Lists every store, with the capabilities of its connector.
#[utoipa::path(get, path = "/api/v1/stores", tag = "stores", responses((status = 200, body = Vec<StoreJson>), Problems))]
pub(crate) async fn list(center: State<Center>) -> Json<Vec<StoreJson>> {
    let stores = center.site().stores.iter();
    Json(stores.map(|(name, store)| StoreJson::new(name, store.capabilities())).collect())
}

/// Returns the capabilities of one store's connector.
#[utoipa::path(get, path = "/api/v1/stores/{name}", tag = "stores", params(("name" = String, Path)),
    responses((status = 200, body = StoreJson), Problems))]
pub(crate) async fn show(center: State<Center>, name: Path<String>) -> Result<Json<StoreJson>, Problem> {
    Ok(Json(StoreJson::new(&name, center.site().store(&name)?.capabilities())))
}

/// Logs in to a store and searches it, without changing anything.
#[utoipa::path(post, path = "/api/v1/stores/{name}/check", tag = "stores", params(("name" = String, Path)),
    responses((status = 200, body = StoreCheckJson), Problems))]
pub(crate) async fn check(
    center: State<Center>,
    name: Path<String>,
    caller: Caller,
) -> Result<Json<StoreCheckJson>, Problem> {
    Ok(Json(center.api().check_store(&caller.who, &name).await?.into()))
}
