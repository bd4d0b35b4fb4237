//! The routes of the Action Center in their layers, and the server. A refusal is answered as JSON under `/api/`, and as
//! a page everywhere else.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Extension, Router};
use tokio::net::TcpListener;

use crate::access::{self, NotAdmitted};
use crate::center::Center;
use crate::problem::Problem;
use crate::server::Bounds;
use crate::{api, headers, idempotency, pages, refusal_log, server};

/// Largest body, in bytes: a hundred picked messages are far below it.
const LARGEST_BODY: usize = 1 << 20;
/// The time limit of a request; a search of many mailboxes takes longest.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);

impl Center {
    /// Every route.
    pub fn router(&self) -> Router {
        self.router_with(None)
    }

    /// The same with what answers AI agents, at `/mcp`.
    fn router_with(&self, agents: Option<MethodRouter>) -> Router {
        let center = self.clone();
        let (api, _) = api::router().split_for_parts();
        Router::new()
            .merge(api.route_layer(from_fn_with_state(center.clone(), idempotency::once)))
            .merge(pages::router())
            .route("/remediations/{id}/export", get(api::export))
            .route("/remediations/{id}/plan", get(api::plan))
            .route("/block-lists/{kind}", get(api::block_list))
            .route("/healthz", get(health))
            .merge(agents.map_or_else(Router::new, |agents| Router::new().route(access::AGENTS, agents.with_state(()))))
            .fallback(nothing)
            .method_not_allowed_fallback(not_so)
            .layer(from_fn_with_state(center.clone(), pages::in_frame))
            .layer(from_fn_with_state(center.clone(), authenticate))
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .layer(from_fn(patience))
            .layer(from_fn_with_state(center.clone(), headers::secure))
            .with_state(center)
    }

    /// The API for a caller in this process. A request passes the same authentication and authorization, has no time-out
    /// and no limit of its body, and comes from the loopback address. Requests are not repeated, so `Idempotency-Key` is
    /// not read.
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

    /// Serves until `stop` completes, within these limits; requests under way are answered first. Refusals that were
    /// only counted are written at the end. `agents` answers AI agents, behind the same layers.
    pub async fn serve(
        &self,
        listener: TcpListener,
        bounds: Bounds,
        agents: Option<MethodRouter>,
        stop: impl Future<Output = ()>,
    ) {
        // A proxy that is not configured, and all clients behind it, have one address.
        let by_address = if self.settings().secure && self.settings().proxies.is_empty() {
            bounds.connections
        } else {
            bounds.by_address
        };
        let bounds = Bounds { by_address, proxies: self.settings().proxies.clone(), ..bounds };
        server::serve(listener, self.router_with(agents), bounds, stop).await;
        refusal_log::write(self).await;
    }
}

/// Passes on requests that `access` admits, and answers all others.
async fn authenticate(State(center): State<Center>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    match access::authenticate(&center, request, next).await {
        Ok(response) => response,
        Err(NotAdmitted { problem, cookie, unsent }) => {
            let response = match unsent {
                Some(unsent) => {
                    let (unsent, caller) = *unsent;
                    pages::unsent_form(&center, &problem, &unsent, caller).await
                }
                None => answer(&uri, &problem),
            };
            access::with_cookie(response, cookie)
        }
    }
}

async fn patience(request: Request, next: Next) -> Response {
    if let Ok(response) = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        return response;
    }
    let detail = "the answer took too long; narrow the search, or try again later";
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
    answer(request.uri(), &Problem::not_found())
}

async fn not_so(request: Request) -> Response {
    let detail = format!("{} is not supported here; see /api/v1/openapi.json", request.method());
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail);
    answer(request.uri(), &problem)
}

/// A problem as JSON for the API, and as a page elsewhere.
fn answer(uri: &Uri, problem: &Problem) -> Response {
    if access::is_api(uri) {
        return problem.clone().into_response();
    }
    pages::error_page(problem)
}
