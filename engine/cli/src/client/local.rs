//! The API in this process, over the site that the configuration names.

use std::io::Write;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use clawback_action_center::{Center, Settings, error_behind};
use futures::StreamExt as _;
use reqwest::Url;
use tower::ServiceExt as _;

use super::call::{Call, Problem};
use crate::args::Global;
use crate::failure::{Failure, chain};
use crate::open::{Session, Stores};

/// The address of the requests, which no host reads.
const BASE: &str = "http://localhost";
/// Headers of a caller that say who they are.
const OF_CALLER: [HeaderName; 2] = [AUTHORIZATION, HeaderName::from_static("x-forwarded-for")];

/// The routes of an API in this process, and the caller.
pub(super) struct Local {
    /// The site of this machine, if the caller is the one who runs this process.
    pub(super) session: Option<Session>,
    router: Router,
    headers: HeaderMap,
    /// Where the caller is, if not here.
    peer: Option<ConnectInfo<SocketAddr>>,
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
        Ok(Self {
            session: Some(session),
            router,
            headers: HeaderMap::from_iter([(AUTHORIZATION, bearer)]),
            peer: None,
        })
    }

    /// These routes for the caller of another request: with their credential and their address, as if they asked
    /// themselves.
    pub(super) fn on_behalf_of(router: Router, request: &Request) -> Self {
        let mut headers = HeaderMap::new();
        for name in OF_CALLER {
            for value in request.headers().get_all(&name) {
                let mut value = value.clone();
                value.set_sensitive(name == AUTHORIZATION);
                headers.append(&name, value);
            }
        }
        Self { session: None, router, headers, peer: request.extensions().get().copied() }
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
        let base = Url::parse(BASE).map_err(|error| Failure::failed(error.to_string()))?;
        let url = call.url(&base);
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let body = call.body.clone().map_or_else(Body::empty, Body::from);
        let request = Request::builder().method(&call.method).uri(target).body(body);
        let mut request = request.map_err(|error| Failure::failed(error.to_string()))?;
        request.headers_mut().clone_from(&self.headers);
        if call.body.is_some() {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        let Ok(response) = self.router.clone().oneshot(request).await;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        // Causes and paths are for the one who runs this process.
        if let Some(error) = self.session.as_ref().and_then(|_| error_behind(&response)) {
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
