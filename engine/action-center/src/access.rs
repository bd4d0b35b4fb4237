//! Authentication of requests. Everything is closed by default: a request without a valid token or session reaches only
//! the addresses in [`OPEN`], whether or not its own address exists.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use clawback_model::{Digest, Permission, Principal};
use clawback_runtime::Error;

use crate::center::Center;
use crate::connections::Slot;
use crate::forms::{Kept, NotOurs, checked_form, elsewhere, is_from_elsewhere, kept};
use crate::problem::Problem;
use crate::refusals::Refused;
use crate::session::{Due, Found};
use crate::source::Source;
use crate::unsent::{self, Unsent};
use crate::{host, oidc, refusal_log, session};

/// Addresses that need no authentication.
const OPEN: [&str; 5] = ["/sign-in", "/sign-in/oidc", oidc::RETURN, "/healthz", "/api/v1/openapi.json"];
/// The address of AI agents (Model Context Protocol). It takes a token only.
pub(crate) const AGENTS: &str = "/mcp";
/// The code for a request without any credential, which on a page is not reported as a refusal.
const SIGNED_OUT: &str = "signed-out";

/// The authenticated caller, with the token that their forms must carry.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) who: Principal,
    /// `None` for a caller with a bearer token, who fills in no forms.
    pub(crate) form_token: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthenticated)
    }
}

/// Whether the request is of a program, for the API or of an agent, and not for a page.
pub(crate) fn is_api(uri: &Uri) -> bool {
    uri.path().starts_with("/api/") || is_of_agent(uri)
}

fn is_of_agent(uri: &Uri) -> bool {
    uri.path() == AGENTS
}

/// What is requested, and from where. Copied out, since a request itself cannot be shared across an await.
struct RequestTarget {
    method: Method,
    uri: Uri,
    source: Source,
}

impl RequestTarget {
    fn of(center: &Center, request: &Request) -> Self {
        let peer = request.extensions().get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip());
        let source = Source::of(peer, request.headers(), &center.settings().proxies);
        Self { method: request.method().clone(), uri: request.uri().clone(), source }
    }

    fn is_api(&self) -> bool {
        is_api(&self.uri)
    }

    /// Whether a page is loaded, on which a browser accepts a new cookie.
    fn is_page(&self) -> bool {
        self.method == Method::GET && !self.is_api()
    }

    /// The address for the `next` parameter of the sign-in page.
    fn next(&self) -> String {
        encoded(self.uri.path_and_query().map_or("/", |target| target.as_str()))
    }

    fn changes_something(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// A request that is refused.
pub(crate) struct NotAdmitted {
    /// The reason.
    pub(crate) problem: Problem,
    /// The cookie to set with the answer.
    pub(crate) cookie: Option<HeaderValue>,
    /// The form that was not accepted, if it goes back to the browser, and the caller if they are signed in.
    pub(crate) unsent: Option<Box<(Unsent, Option<Caller>)>>,
}

impl From<Problem> for NotAdmitted {
    fn from(problem: Problem) -> Self {
        Self { problem, cookie: None, unsent: None }
    }
}

/// The answer, which also sets a cookie if there is one.
pub(crate) fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Authenticates the caller, and refuses requests without a valid credential.
pub(crate) async fn authenticate(center: &Center, mut request: Request, next: Next) -> Result<Response, NotAdmitted> {
    let target = RequestTarget::of(center, &request);
    request.extensions_mut().insert(target.source);
    let path = target.uri.path();
    let (public_url, secure) = (center.site().public_url.as_ref(), center.settings().secure);
    let is_of_agent = is_of_agent(&target.uri);
    if is_of_agent {
        // The protocol requires both checks of each request, also of one with a token.
        host::check_name(request.headers(), public_url, secure)?;
        if is_from_elsewhere(request.headers()) {
            return Err(refused(center, None, &target, elsewhere()).await.into());
        }
    } else if path != "/healthz" {
        // A health check may use any host name.
        host::check(request.headers(), public_url, secure)?;
    }
    if OPEN.contains(&path) || path.starts_with("/assets/") {
        if target.changes_something() && is_from_elsewhere(request.headers()) {
            return Err(refused(center, None, &target, elsewhere()).await.into());
        }
        return Ok(next.run(request).await);
    }
    let headers = request.headers().clone();
    let found = match bearer(&headers) {
        Some(token) => by_token(center, token).await,
        None if is_of_agent => Err(signed_out().into()),
        None => by_session(center, &headers).await,
    };
    match found {
        Ok((caller, due)) => {
            if let Some(slot) = request.extensions().get::<Slot>() {
                slot.is_known();
            }
            let admitted = admit(center, caller, &target, request, next).await;
            let cookie = match due.filter(|_| target.is_page()) {
                Some(due) => session::renew(center, &due).await,
                None => None,
            };
            match admitted {
                Ok(response) => Ok(with_cookie(response, cookie)),
                Err(refused) => Err(NotAdmitted { cookie, ..refused }),
            }
        }
        Err(Outside { expired: Some(session), .. }) if target.is_page() => {
            Ok(sign_in_silently(center, &session, &target, &headers).await)
        }
        Err(Outside { problem, .. }) if problem.code == SIGNED_OUT && !target.is_api() => {
            without_session(problem, &target, request).await
        }
        Err(Outside { problem, who, .. }) if problem.status == 401 => {
            let problem = refused(center, who.as_deref(), &target, problem).await;
            if target.is_api() { Err(problem.into()) } else { without_session(problem, &target, request).await }
        }
        Err(Outside { problem, .. }) => Ok(problem.into_response()),
    }
}

/// Passes on the request of an authenticated caller, unless it may be a cross-site request.
async fn admit(
    center: &Center,
    caller: Caller,
    target: &RequestTarget,
    mut request: Request,
    next: Next,
) -> Result<Response, NotAdmitted> {
    let name = caller.who.name.clone();
    if !caller.who.may(Permission::Read) {
        let error = Error::Forbidden { name: name.clone(), permission: Permission::Read };
        return Err(refused(center, Some(&name), target, error.into()).await.into());
    }
    if target.changes_something()
        && let Some(token) = &caller.form_token
    {
        let checked = if target.is_api() { Err(token_required().into()) } else { checked_form(request, token).await };
        request = match checked {
            Ok(request) => request,
            Err(NotOurs { problem, unsent }) => {
                let unsent = unsent.map(|unsent| Box::new((*unsent, Some(caller))));
                let problem = refused(center, Some(&name), target, problem).await;
                return Err(NotAdmitted { problem, cookie: None, unsent });
            }
        };
    }
    request.extensions_mut().insert(caller);
    let response = next.run(request).await;
    if target.changes_something() {
        center.status_cache().forget().await;
    }
    if let Some(problem) = response.extensions().get::<Problem>().filter(|problem| problem.is_refusal()).cloned() {
        note(center, Some(&name), target, &problem).await;
    }
    Ok(response)
}

fn token_required() -> Problem {
    let detail = "the API takes a token in the authorization header, not the cookie of a browser";
    Problem::new(StatusCode::FORBIDDEN, "token-required", detail)
}

/// A caller who is not authenticated.
struct Outside {
    /// The principal, if known nevertheless.
    who: Option<String>,
    /// Their session from the identity provider, if it has expired by its age alone.
    expired: Option<Digest>,
    problem: Problem,
}

impl<E: Into<Problem>> From<E> for Outside {
    fn from(error: E) -> Self {
        Self { who: None, expired: None, problem: error.into() }
    }
}

async fn by_token(center: &Center, token: &str) -> Result<(Caller, Option<Due>), Outside> {
    let who = center.api().authenticate(token).await?;
    Ok((Caller { who, form_token: None }, None))
}

async fn by_session(center: &Center, headers: &HeaderMap) -> Result<(Caller, Option<Due>), Outside> {
    match session::find(center, headers).await? {
        Found::Good { form_token, who, due } => Ok((Caller { who: *who, form_token: Some(form_token) }, due)),
        Found::None => Err(signed_out().into()),
        Found::Invalid => Err(Problem::unauthenticated().into()),
        Found::Expired(session) => Err(Outside { expired: Some(session), ..Problem::unauthenticated().into() }),
        Found::Replayed { principal } => {
            let detail = "a cookie that was replaced is used again: somebody else may have it, so the session has ended; sign in again";
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "replaced-cookie", detail);
            Err(Outside { who: Some(principal), ..problem.into() })
        }
    }
}

fn signed_out() -> Problem {
    let detail = "sign in, or send a token: `authorization: Bearer cbk_…` (`clawback principals token NAME`)";
    Problem::new(StatusCode::UNAUTHORIZED, SIGNED_OUT, detail)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    Some(value.strip_prefix("Bearer ").unwrap_or_default())
}

/// Records a refusal, and returns it.
async fn refused(center: &Center, who: Option<&str>, target: &RequestTarget, problem: Problem) -> Problem {
    note(center, who, target, &problem).await;
    problem
}

async fn note(center: &Center, known: Option<&str>, target: &RequestTarget, problem: &Problem) {
    let RequestTarget { method, uri, source } = target;
    refusal_log::note(center, &Refused { known, named: None, source: *source, method, uri, problem }).await;
}

/// Answers a request for a page without a session. A form goes back to the browser with the sign-in page, if it may.
async fn without_session(problem: Problem, target: &RequestTarget, request: Request) -> Result<Response, NotAdmitted> {
    if !target.changes_something() {
        return Ok(to_sign_in(target));
    }
    let (parts, body) = request.into_parts();
    match kept(&parts, body).await {
        Kept::Form(unsent) => Err(NotAdmitted { problem, cookie: None, unsent: Some(Box::new((*unsent, None))) }),
        lost => {
            let why = if matches!(lost, Kept::TooLarge) { unsent::TOO_LARGE } else { "yes" };
            let page = encoded(&unsent::page_before(&parts.headers));
            Ok(Redirect::to(&format!("/sign-in?unsent={why}&next={page}")).into_response())
        }
    }
}

/// Redirects to the sign-in page, which then leads back to the requested address.
fn to_sign_in(target: &RequestTarget) -> Response {
    Redirect::to(&format!("/sign-in?next={}", target.next())).into_response()
}

/// Signs in silently. If the session from the identity provider has expired by its age, the browser is redirected to
/// the provider at once, where a user who is still signed in there needs no interaction. This applies only to a page
/// that is navigated to, and only once a session: if the provider does not sign the user in, the next page leads to our
/// own sign-in page.
async fn sign_in_silently(center: &Center, session: &Digest, target: &RequestTarget, headers: &HeaderMap) -> Response {
    let is_gone_to = headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
    if !is_gone_to || center.settings().oidc.is_none() {
        return to_sign_in(target);
    }
    match session::forget(center, session).await {
        Ok(()) => Redirect::to(&format!("/sign-in/oidc?next={}", target.next())).into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Percent-encodes a text for a query (RFC 3986, section 2.1).
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => _ = write!(out, "%{byte:02X}"),
        }
        out
    })
}
