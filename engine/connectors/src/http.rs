//! The import `http`: requests to the endpoints that the manifest names and the operator granted.

use crate::bindings::clawback::mail_store::http::{self, HttpError, Request, Response};
use crate::config::ConfigError;
use crate::grant::Ground;
use crate::guest::Guest;

/// What one store may reach.
#[derive(Default)]
pub(crate) struct HttpGrants {}

impl HttpGrants {
    pub(crate) fn of(_: &Ground<'_>) -> Result<Self, ConfigError> {
        Ok(Self::default())
    }
}

impl http::Host for Guest {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        Ok(Err(HttpError::Denied(format!("endpoint `{}` was not granted", request.endpoint))))
    }

    async fn send_many(&mut self, requests: Vec<Request>) -> wasmtime::Result<Vec<Result<Response, HttpError>>> {
        Ok(requests.into_iter().map(|_| Err(HttpError::Denied("not granted".into()))).collect())
    }
}
