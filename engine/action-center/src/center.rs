//! The Action Center as a whole: its routes, in their layers, over one site.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clawback_app::Api;
use clawback_connectors::Host;
use clawback_model::{Principal, Timestamp};
use clawback_runtime::{DryRun, Site, Submission, silent};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::attempts::Addresses;
use crate::oidc::Oidc;
use crate::pages::LastLook;
use crate::password::Turns;
use crate::problem::Problem;
use crate::refusal::Refusals;
use crate::server::Bounds;
use crate::session::Uses;
use crate::{access, api, attempts, headers, idempotency, pages, refusal, server};

/// Largest body: a hundred picked messages are far below it.
const LARGEST_BODY: usize = 1 << 20;
/// A request that takes longer is given up; a search of many mailboxes is the longest.
const PATIENCE: Duration = Duration::from_mins(2);
/// Passwords of strangers, and of browsers and people who are known, that are looked at at once: each takes 19 MiB and a processor.
const PASSWORDS_AT_ONCE: usize = 1;
/// Playbooks that are checked at once: some milliseconds of a processor each.
const CHECKS_AT_ONCE: usize = 2;
/// Searches that keep nothing, of all callers at once: each asks every mailbox.
const PREVIEWS_AT_ONCE: usize = 4;
/// Whole histories, or all of the evidence, that are looked at at once: each reads everything.
const VERIFYING_AT_ONCE: usize = 1;

/// How the Action Center is served.
#[derive(Clone, Default)]
pub struct Settings {
    /// Browsers reach it over TLS (a proxy in front of it counts): cookies are for TLS only.
    pub secure: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpAddr>,
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
    passwords: Passwords,
    addresses: Addresses,
    refusals: Refusals,
    checks: Arc<Semaphore>,
    previews: Semaphore,
    verifying: Semaphore,
    verifying_evidence: Semaphore,
    last_look: LastLook,
    uses: Uses,
}

/// Turns to look at passwords. Whoever is known does not wait behind strangers.
#[derive(Debug)]
pub(crate) struct Passwords {
    pub(crate) strangers: Turns,
    pub(crate) known: Turns,
}

impl Center {
    /// The Action Center of a site.
    pub fn new(api: Api, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            api,
            settings,
            passwords: Passwords { strangers: Turns::new(PASSWORDS_AT_ONCE), known: Turns::new(PASSWORDS_AT_ONCE) },
            addresses: attempts::addresses(),
            refusals: Refusals::default(),
            checks: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
            previews: Semaphore::new(PREVIEWS_AT_ONCE),
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

    /// Turns to look at a password.
    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Addresses that tried passwords lately.
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.0.addresses
    }

    /// What was refused lately.
    pub(crate) fn refusals(&self) -> &Refusals {
        &self.0.refusals
    }

    /// Waits for a turn to check a playbook.
    pub(crate) fn checks(&self) -> &Arc<Semaphore> {
        &self.0.checks
    }

    /// Searches, at a turn, and keeps nothing.
    pub(crate) async fn preview(
        &self,
        who: &Principal,
        submission: Submission,
        sample: usize,
    ) -> Result<DryRun, Problem> {
        let _turn = self.0.previews.acquire().await.map_err(|_| Problem::internal())?;
        Ok(self.api().dry_run(who, submission, sample, &silent()).await?)
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
        refusal::write(self).await;
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
