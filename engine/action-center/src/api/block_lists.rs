//! Block lists for mail gateways.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clawback_model::{BlockListFormat, Digest, IndicatorKind, ascii_where_deceptive};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problems::Problems;
use crate::access::Caller;
use crate::body::{Params, stated, word};
use crate::center::Center;
use crate::json::BlockListJson;
use crate::problem::Problem;

/// The format of a block list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct BlockListQuery {
    /// Default: `json`.
    #[param(schema_with = crate::json::words::block_list_format)]
    format: Option<String>,
}

/// Returns what gateways may refuse: senders, domains, URLs or sha256 of messages that were removed after a vote or the
/// verdict malicious, and not put back. With `If-None-Match`, an unchanged list is answered with 304. The header
/// `clawback-dropped` counts the entries that the format cannot have, and `clawback-complete` is `false` if not all of
/// the history was read.
#[utoipa::path(get, path = "/api/v1/block-lists/{kind}", tag = "remediations",
    params(BlockListQuery, ("kind" = String, Path, description = "`sender`, `domain`, `url` or `sha256`"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the list that is known")),
    responses(
        (status = 200, content((BlockListJson = "application/json"), (String = "text/plain"))),
        (status = 304, description = "The list is unchanged"), Problems))]
pub(crate) async fn get(
    State(center): State<Center>,
    caller: Caller,
    Path(kind): Path<String>,
    Params(query): Params<BlockListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kind: IndicatorKind = word("kind", &kind)?;
    let format: BlockListFormat = stated("format", query.format.as_deref())?.unwrap_or_default();
    let built = center.api().block_list(&caller.who, kind).await?;
    let is_complete = built.is_complete;
    let (text, dropped, content) = if format == BlockListFormat::Json {
        let json = serde_json::to_string(&BlockListJson::new(kind, built)).expect("texts and numbers serialize");
        (ascii_where_deceptive(&json), 0, "application/json")
    } else {
        let written = format.write(kind, &built.list.entries);
        let written = written.map_err(|error| Problem::bad_request(format!("format: {error}")))?;
        (written.text, written.dropped, "text/plain; charset=utf-8")
    };
    let tag = format!("\"{}\"", Digest::of(text.as_bytes()));
    let named = [
        ("etag", tag.clone()),
        ("cache-control", "private, no-cache".to_owned()),
        ("clawback-dropped", dropped.to_string()),
        ("clawback-complete", is_complete.to_string()),
    ];
    if is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, named).into_response());
    }
    Ok((named, [(header::CONTENT_TYPE, content)], text).into_response())
}

/// Returns whether `If-None-Match` names the tag (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let given = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = given.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}
