//! Who calls. Everything is closed by default: a request that brings neither a good token nor a good session reaches only the
//! addresses in [`OPEN`], whether or not there is anything at its own.

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use clawback_model::{Digest, Permission, Principal};
use clawback_runtime::Error;

use crate::center::Center;
use crate::connections::Slot;
use crate::problem::Problem;
use crate::refusal::Refused;
use crate::session::{Due, Found};
use crate::source::Source;
use crate::{host, oidc, refusal, session};

/// What answers to anybody.
const OPEN: [&str; 5] = ["/sign-in", "/sign-in/oidc", oidc::RETURN, "/healthz", "/api/v1/openapi.json"];
/// The code for whoever brings nothing at all, which is no refusal on a page.
const SIGNED_OUT: &str = "signed-out";
/// A form is not larger than this.
const LARGEST_FORM: usize = 1 << 20;

/// Whoever calls, with what their forms must send along.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) who: Principal,
    /// None for a token: it fills in no forms.
    pub(crate) form_token: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthenticated)
    }
}

/// What is asked for, and from where: kept aside, since a request itself cannot be shared while something is waited for.
struct Aim {
    method: Method,
    uri: Uri,
    source: Source,
}

impl Aim {
    fn of(center: &Center, request: &Request) -> Self {
        let peer = request.extensions().get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip());
        let source = Source::of(peer, request.headers(), &center.settings().proxies);
        Self { method: request.method().clone(), uri: request.uri().clone(), source }
    }

    fn is_api(&self) -> bool {
        self.uri.path().starts_with("/api/")
    }

    /// A page that is loaded, on which a browser takes a new cookie.
    fn is_page(&self) -> bool {
        self.method == Method::GET && !self.is_api()
    }

    /// For the query of a page that leads on to it.
    fn next(&self) -> String {
        encoded(self.uri.path_and_query().map_or("/", |target| target.as_str()))
    }

    fn changes_something(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// Finds out who calls, and refuses whoever is nobody.
pub(crate) async fn authenticate(State(center): State<Center>, mut request: Request, next: Next) -> Response {
    let aim = Aim::of(&center, &request);
    request.extensions_mut().insert(aim.source);
    let path = aim.uri.path();
    // Who looks whether the node is well goes by any name.
    if path != "/healthz"
        && let Err(problem) =
            host::check(request.headers(), center.site().public_url.as_ref(), center.settings().secure)
    {
        return if aim.is_api() { problem.into_response() } else { crate::pages::error_page(None, &problem) };
    }
    if OPEN.contains(&path) || path.starts_with("/assets/") {
        if aim.changes_something() && is_from_elsewhere(request.headers()) {
            return refuse(&center, None, &aim, elsewhere()).await;
        }
        return next.run(request).await;
    }
    let headers = request.headers().clone();
    let found = match bearer(&headers) {
        Some(token) => by_token(&center, token).await,
        None => by_session(&center, &headers).await,
    };
    match found {
        Ok((caller, due)) => {
            if let Some(slot) = request.extensions().get::<Slot>() {
                slot.is_known();
            }
            let mut response = admit(&center, caller, &aim, request, next).await;
            if let Some(due) = due.filter(|_| aim.is_page())
                && let Some(cookie) = session::renew(&center, &due).await
            {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(Outside { expired: Some(session), .. }) if aim.is_page() => {
            once_more(&center, &session, &aim, &headers).await
        }
        Err(Outside { problem, .. }) if problem.code == SIGNED_OUT && !aim.is_api() => to_sign_in(&aim),
        Err(Outside { problem, who, .. }) if problem.status == 401 => {
            let answer = refuse(&center, who.as_deref(), &aim, problem).await;
            if aim.is_api() { answer } else { to_sign_in(&aim) }
        }
        Err(Outside { problem, .. }) => problem.into_response(),
    }
}

/// Lets a known caller through, unless their request may be somebody else's doing.
async fn admit(center: &Center, caller: Caller, aim: &Aim, request: Request, next: Next) -> Response {
    let name = caller.who.name.clone();
    if !caller.who.may(Permission::Read) {
        let error = Error::Forbidden { name: name.clone(), permission: Permission::Read };
        return refuse(center, Some(&name), aim, error.into()).await;
    }
    let mut request = request;
    if aim.changes_something()
        && let Some(token) = &caller.form_token
    {
        let checked = if aim.is_api() { Err(token_required()) } else { checked_form(request, token).await };
        request = match checked {
            Ok(request) => request,
            Err(problem) => return refuse(center, Some(&name), aim, problem).await,
        };
    }
    request.extensions_mut().insert(caller);
    let response = next.run(request).await;
    if aim.changes_something() {
        center.last_look().forget().await;
    }
    if let Some(problem) = response.extensions().get::<Problem>().filter(|problem| problem.is_refusal()).cloned() {
        note(center, Some(&name), aim, &problem).await;
    }
    response
}

/// A form must come from our own pages: by what the browser says, and by the token that only they have.
async fn checked_form(request: Request, token: &str) -> Result<Request, Problem> {
    if is_from_elsewhere(request.headers()) {
        return Err(elsewhere());
    }
    let (parts, body) = request.into_parts();
    let bytes =
        to_bytes(body, LARGEST_FORM).await.map_err(|error| Problem::unread(&error, "the form", LARGEST_FORM))?;
    // The token is hexadecimal: nothing needs decoding to compare it.
    let mut fields = std::str::from_utf8(&bytes).unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    if fields.any(|(name, value)| name == "form_token" && value == token) {
        return Ok(Request::from_parts(parts, Body::from(bytes)));
    }
    let detail = "the form is not from a page of this session; go back, load the page again and send it once more";
    Err(Problem::new(StatusCode::FORBIDDEN, "form-token", detail))
}

/// By Fetch Metadata (W3C), and by `Origin` where a browser does not send it.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_none_or(|(_, place)| place != host),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn token_required() -> Problem {
    let detail = "the API takes a token in the authorization header, not the cookie of a browser";
    Problem::new(StatusCode::FORBIDDEN, "token-required", detail)
}

fn elsewhere() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "cross-site", "the request comes from another site; use the pages of this one")
}

/// Whoever is not let in.
struct Outside {
    /// Who it is, if that is known all the same.
    who: Option<String>,
    /// Their session from the identity provider, which has expired by its age alone.
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
        Found::None => {
            let detail = "sign in, or send a token: `authorization: Bearer cbk_…` (`clawback principals token NAME`)";
            Err(Problem::new(StatusCode::UNAUTHORIZED, SIGNED_OUT, detail).into())
        }
        Found::Invalid => Err(Problem::unauthenticated().into()),
        Found::Expired(session) => Err(Outside { expired: Some(session), ..Problem::unauthenticated().into() }),
        Found::Replayed { principal } => {
            let detail = "a cookie that was replaced is used again: somebody else may have it, so the session has ended; sign in again";
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "replaced-cookie", detail);
            Err(Outside { who: Some(principal), ..problem.into() })
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    Some(value.strip_prefix("Bearer ").unwrap_or_default())
}

async fn refuse(center: &Center, who: Option<&str>, aim: &Aim, problem: Problem) -> Response {
    note(center, who, aim, &problem).await;
    if aim.is_api() { problem.into_response() } else { crate::pages::error_page(None, &problem) }
}

async fn note(center: &Center, known: Option<&str>, aim: &Aim, problem: &Problem) {
    let Aim { method, uri, source } = aim;
    refusal::note(center, &Refused { known, named: None, source: *source, method, uri, problem }).await;
}

/// Back to where they were going, once they are signed in.
fn to_sign_in(aim: &Aim) -> Response {
    if aim.method != Method::GET {
        return Redirect::to("/sign-in").into_response();
    }
    Redirect::to(&format!("/sign-in?next={}", aim.next())).into_response()
}

/// Where the session from the identity provider is over by its age, the browser is sent there at once: where it is still signed in,
/// nobody notices. Only a page that is gone to can lead elsewhere, and a session leads there but once: if the provider does not
/// sign them in, the next page leads to our own.
async fn once_more(center: &Center, session: &Digest, aim: &Aim, headers: &HeaderMap) -> Response {
    let is_gone_to = headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
    if !is_gone_to || center.settings().oidc.is_none() {
        return to_sign_in(aim);
    }
    match session::forget(center, session).await {
        Ok(()) => Redirect::to(&format!("/sign-in/oidc?next={}", aim.next())).into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Percent-encoded for a query (RFC 3986, section 2.1).
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
