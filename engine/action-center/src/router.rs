//! The routes of the Action Center in their layers, and how it is served. What is refused is answered as JSON under `/api/`, and as
//! a page everywhere else.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use tokio::net::TcpListener;

use crate::access::{self, Caller, NotAdmitted};
use crate::center::Center;
use crate::problem::Problem;
use crate::server::Bounds;
use crate::{api, headers, idempotency, pages, refusal_log, server};

/// Largest body: a hundred picked messages are far below it.
const LARGEST_BODY: usize = 1 << 20;
/// A request that takes longer is given up; a search of many mailboxes is the longest.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);

impl Center {
    /// Every route.
    pub fn router(&self) -> Router {
        let center = self.clone();
        let (api, _) = api::router().split_for_parts();
        Router::new()
            .merge(api.route_layer(from_fn_with_state(center.clone(), idempotency::once)))
            .merge(pages::router())
            .route("/remediations/{id}/export", get(api::export))
            .route("/remediations/{id}/plan", get(api::plan))
            .route("/healthz", get(health))
            .fallback(nothing)
            .method_not_allowed_fallback(not_so)
            .layer(from_fn_with_state(center.clone(), authenticate))
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .layer(from_fn(patience))
            .layer(from_fn_with_state(center.clone(), headers::secure))
            .with_state(center)
    }

    /// The API for a caller in this process, who has the site open and shares it with nobody: a request may take any time and have a
    /// body of any size, and comes from the loopback address. It passes the same authentication and authorization. Requests are not
    /// repeated, so `Idempotency-Key` is not read.
    pub fn local_router(&self) -> Router {
        let center = self.clone();
        let (api, _) = api::router().split_for_parts();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        api.fallback(nothing)
            .method_not_allowed_fallback(not_so)
            .layer(from_fn_with_state(center.clone(), authenticate))
            .layer(DefaultBodyLimit::disable())
            .layer(Extension(ConnectInfo(peer)))
            .with_state(center)
    }

    /// Serves until `stop` completes, within these bounds; requests under way are answered first. Refusals that were only counted are
    /// written down in the end.
    pub async fn serve(&self, listener: TcpListener, bounds: Bounds, stop: impl Future<Output = ()>) {
        // A proxy that nobody named, and all behind it, have one address.
        let by_address = if self.settings().secure && self.settings().proxies.is_empty() {
            bounds.connections
        } else {
            bounds.by_address
        };
        let bounds = Bounds { by_address, proxies: self.settings().proxies.clone(), ..bounds };
        server::serve(listener, self.router(), bounds, stop).await;
        refusal_log::write(self).await;
    }
}

/// Lets through whom `access` admits, and answers everybody else.
async fn authenticate(State(center): State<Center>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    match access::authenticate(&center, request, next).await {
        Ok(response) => response,
        Err(NotAdmitted { problem, cookie }) => access::with_cookie(answer(&uri, None, &problem), cookie),
    }
}

async fn patience(request: Request, next: Next) -> Response {
    if let Ok(response) = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        return response;
    }
    let detail = "the answer took too long; narrow the search, or look again in a while";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "time-out", detail).into_response()
}

/// Whether this node can work: it runs, and its database answers.
async fn health(State(center): State<Center>) -> Response {
    match center.site().history.halted().await {
        Ok(None) => "ok\n".into_response(),
        Ok(Some(_)) => "ok, halted\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response(),
    }
}

async fn nothing(request: Request) -> Response {
    answer(request.uri(), request.extensions().get(), &Problem::not_found())
}

async fn not_so(request: Request) -> Response {
    let detail = format!("{} is not done here; see /api/v1/openapi.json", request.method());
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail);
    answer(request.uri(), request.extensions().get(), &problem)
}

/// A problem as JSON where a program asks, and as a page where a person does.
fn answer(uri: &Uri, caller: Option<&Caller>, problem: &Problem) -> Response {
    if access::is_api(uri) {
        return problem.clone().into_response();
    }
    pages::error_page(caller, problem)
}
