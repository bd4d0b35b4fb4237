//! The Action Center as a whole: its routes, in their layers, over one site.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clawback_connectors::Host;
use clawback_model::Timestamp;
use clawback_runtime::{Api, Site};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::oidc::Oidc;
use crate::pages::LastLook;
use crate::problem::Problem;
use crate::session::Uses;
use crate::{access, api, headers, idempotency, pages};

/// Largest body: a hundred picked messages are far below it.
const LARGEST_BODY: usize = 1 << 20;
/// A request that takes longer is given up; a search of many mailboxes is the longest.
const PATIENCE: Duration = Duration::from_mins(2);
/// Passwords that are looked at at once; each takes 19 MiB.
const PASSWORDS_AT_ONCE: usize = 2;
/// Whole histories, or all of the evidence, that are looked at at once: each reads everything.
const VERIFYING_AT_ONCE: usize = 1;

/// How the Action Center is served.
#[derive(Clone, Default)]
pub struct Settings {
    /// Browsers reach it over TLS (a proxy in front of it counts): cookies are for TLS only.
    pub secure: bool,
    /// Where people sign in, beside local accounts.
    pub oidc: Option<Arc<Oidc>>,
    /// What the connectors that are built in say of themselves; none: nobody can ask.
    pub host: Option<Arc<Host>>,
}

/// The Action Center over one site.
#[derive(Clone)]
pub struct Center(Arc<Inner>);

struct Inner {
    api: Api,
    settings: Settings,
    passwords: Semaphore,
    verifying: Semaphore,
    verifying_evidence: Semaphore,
    last_look: LastLook,
    uses: Uses,
}

impl Center {
    /// The Action Center of a site.
    pub fn new(api: Api, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            api,
            settings,
            passwords: Semaphore::new(PASSWORDS_AT_ONCE),
            verifying: Semaphore::new(VERIFYING_AT_ONCE),
            verifying_evidence: Semaphore::new(VERIFYING_AT_ONCE),
            last_look: LastLook::default(),
            uses: Uses::default(),
        }))
    }

    pub(crate) fn api(&self) -> &Api {
        &self.0.api
    }

    pub(crate) fn site(&self) -> &Arc<Site> {
        self.0.api.site()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.site().now()
    }

    /// Waits for a turn to look at a password.
    pub(crate) fn passwords(&self) -> &Semaphore {
        &self.0.passwords
    }

    /// Waits for a turn to look at the whole history.
    pub(crate) fn verifying(&self) -> &Semaphore {
        &self.0.verifying
    }

    /// Waits for a turn to look at all of the evidence.
    pub(crate) fn verifying_evidence(&self) -> &Semaphore {
        &self.0.verifying_evidence
    }

    /// What all pages show alike.
    pub(crate) fn last_look(&self) -> &LastLook {
        &self.0.last_look
    }

    /// Sessions whose use is to be noted.
    pub(crate) fn uses(&self) -> &Uses {
        &self.0.uses
    }

    /// Every route.
    pub fn router(&self) -> Router {
        let center = self.clone();
        let (api, _) = api::router().split_for_parts();
        Router::new()
            .merge(api.route_layer(from_fn_with_state(center.clone(), idempotency::once)))
            .merge(pages::router())
            .route("/healthz", get(health))
            .fallback(nothing)
            .method_not_allowed_fallback(not_so)
            .layer(from_fn_with_state(center.clone(), access::authenticate))
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .layer(from_fn(patience))
            .layer(from_fn_with_state(center.clone(), headers::secure))
            .with_state(center)
    }

    /// Serves until `stop` completes; requests under way are answered first.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        axum::serve(listener, self.router()).with_graceful_shutdown(stop).await
    }
}

async fn patience(request: Request, next: Next) -> Response {
    if let Ok(response) = tokio::time::timeout(PATIENCE, next.run(request)).await {
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
    answer(&request, &Problem::not_found())
}

async fn not_so(request: Request) -> Response {
    let detail = format!("{} is not done here; see /api/v1/openapi.json", request.method());
    answer(&request, &Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail))
}

fn answer(request: &Request, problem: &Problem) -> Response {
    if request.uri().path().starts_with("/api/") {
        return problem.clone().into_response();
    }
    pages::error_page(request.extensions().get(), problem)
}
