//! The API in this process, over the site that the configuration names.

use std::io::Write;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use clawback_action_center::{Center, Settings, error_behind};
use futures::StreamExt as _;
use reqwest::Url;
use tower::ServiceExt as _;

use super::call::{Call, Problem};
use crate::args::Global;
use crate::failure::{Failure, chain};
use crate::open::{Session, Stores};

/// The site of this machine, and the routes of its API.
pub(super) struct Local {
    pub(super) session: Session,
    router: Router,
    bearer: HeaderValue,
    base: Url,
}

impl Local {
    /// Opens what the configuration names.
    pub(super) async fn open(global: &Global, stores: Stores) -> Result<Self, Failure> {
        let session = Session::open(global, stores).await?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", session.token.trim()))
            .map_err(|_| Failure::misuse("the token has characters that no token has"))?;
        bearer.set_sensitive(true);
        let settings = Settings { host: session.host.clone(), ..Settings::default() };
        let router = Center::new(session.api.clone(), settings).local_router();
        let base = Url::parse("http://localhost").map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self { session, router, bearer, base })
    }

    /// The body of the answer.
    pub(super) async fn ask(&self, call: &Call<'_>) -> Result<Vec<u8>, Failure> {
        let body = self.answer(call).await?.into_body();
        Ok(to_bytes(body, usize::MAX).await.map_err(broken)?.into())
    }

    /// Writes the body of the answer as it comes.
    pub(super) async fn copy(&self, call: &Call<'_>, out: &mut (impl Write + Send)) -> Result<(), Failure> {
        let mut parts = self.answer(call).await?.into_body().into_data_stream();
        while let Some(part) = parts.next().await {
            out.write_all(&part.map_err(broken)?)?;
        }
        Ok(())
    }

    /// The answer of a request that the API carried out.
    async fn answer(&self, call: &Call<'_>) -> Result<Response, Failure> {
        let url = call.url(&self.base);
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut request = Request::builder().method(&call.method).uri(target).header(AUTHORIZATION, &self.bearer);
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = call.body.clone().map_or_else(Body::empty, Body::from);
        let request = request.body(body).map_err(|error| Failure::failed(error.to_string()))?;
        let Ok(response) = self.router.clone().oneshot(request).await;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if let Some(error) = error_behind(&response) {
            return Err(error.into());
        }
        let body = to_bytes(response.into_body(), usize::MAX).await.map_err(broken)?;
        Err(match Problem::of(status, &body) {
            Some(problem) => call.refused(status, &problem),
            None => Failure::failed(format!("the API answered {status}")),
        })
    }
}

/// An answer that failed after it had begun.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn broken(error: axum::Error) -> Failure {
    Failure::failed(chain(&error))
}
