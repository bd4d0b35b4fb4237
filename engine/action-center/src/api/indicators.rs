//! Files of indicators, and their sightings.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use clawback_model::{ascii_where_deceptive, stix_sightings};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problems::Problems;
use crate::access::Caller;
use crate::body::{Body, Params, stated};
use crate::center::Center;
use crate::json::{IndicatorFileJson, IndicatorsJson, SightingsJson};
use crate::lookup::find;
use crate::problem::Problem;

/// The format of sightings.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SightingsQuery {
    /// As a bundle of STIX 2.1.
    stix: Option<bool>,
}

/// Reads a file of indicators: addresses, domains, URLs and sha256, in a list, as an event of MISP or as a bundle of STIX
/// 2.1. The answer has the inputs of the playbook `indicators`. Nothing is stored or searched.
#[utoipa::path(post, path = "/api/v1/indicators", tag = "remediations", request_body = IndicatorFileJson,
    responses((status = 200, body = IndicatorsJson), Problems))]
pub(crate) async fn read(
    State(center): State<Center>,
    caller: Caller,
    Body(given): Body<IndicatorFileJson>,
) -> Result<Json<IndicatorsJson>, Problem> {
    let format = stated("format", given.format.as_deref())?;
    let file = center.api().read_indicators(&caller.who, &given.content, format, given.allow_common)?;
    Ok(Json(file.into()))
}

/// Counts the messages of a remediation, and of the follow-ups of its sweep, by the indicators that they have. In STIX, a
/// count of 0 says that all mail was searched and no message has the indicator.
#[utoipa::path(get, path = "/api/v1/remediations/{id}/sightings", tag = "remediations",
    params(SightingsQuery, ("id" = String, Path)),
    responses((status = 200, content(
        (SightingsJson = "application/json"), (Object = "application/stix+json;version=2.1"))), Problems))]
pub(crate) async fn sightings(
    State(center): State<Center>,
    caller: Caller,
    Path(id): Path<String>,
    Params(query): Params<SightingsQuery>,
) -> Result<Response, Problem> {
    let remediation = find(&center, &id).await?;
    let counted = center.api().indicator_sightings(&caller.who, &remediation).await?;
    if query.stix != Some(true) {
        return Ok(Json(SightingsJson::new(&remediation, counted)).into_response());
    }
    let (scope, made) = (remediation.id.as_str(), remediation.created_at);
    let bundle = stix_sightings(&counted.sightings, &BTreeMap::new(), counted.is_complete, scope, made);
    let kind = "application/stix+json;version=2.1";
    Ok(([(header::CONTENT_TYPE, kind)], ascii_where_deceptive(&bundle.to_string())).into_response())
}
