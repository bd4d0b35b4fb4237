//! Extractors for bodies and queries, in which every mistake is a problem that names it.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            let detail = "the body must be JSON, with content-type application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", detail));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| Problem::new(error.status(), "body", error.body_text()))?;
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| Problem::bad_request(format!("the body does not fit this address: {error}")))?;
        Ok(Self(value))
    }
}

/// The query of the address.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::bad_request(format!("the query is invalid: {}", error.body_text())))?;
        Ok(Self(query.0))
    }
}

/// Parses a word of the model, or returns a problem that names the field.
pub(crate) fn word<T: std::str::FromStr>(field: &str, given: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    given.trim().parse().map_err(|error| Problem::bad_request(format!("{field}: {error}")))
}

/// The same for a field that may be missing or empty, as a form sends it.
pub(crate) fn optional<T: std::str::FromStr>(field: &str, given: Option<&str>) -> Result<Option<T>, Problem>
where
    T::Err: std::fmt::Display,
{
    given.filter(|given| !given.trim().is_empty()).map(|given| word(field, given)).transpose()
}

/// The same for a field of a JSON body, which may be missing but not empty.
pub(crate) fn stated<T: std::str::FromStr>(field: &str, given: Option<&str>) -> Result<Option<T>, Problem>
where
    T::Err: std::fmt::Display,
{
    given.map(|given| word(field, given)).transpose()
}
