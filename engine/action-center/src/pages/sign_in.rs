//! Signing in, with a local account or at the identity provider, and out again. A wrong password and an unknown name get the same answer, in the same time;
//! a name that is tried too often has to wait, longer each time, whether or not anybody has it.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use clawback_model::{Digest, visible_line};
use clawback_store::Wrong;
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::{Shown, layout};
use crate::access::encoded;
use crate::center::Center;
use crate::oidc::{self, Identity, Oidc, OidcError};
use crate::problem::Problem;
use crate::session::Place;
use crate::{password, refusal, session};

/// Wrong passwords that cost nothing but the time of looking.
const FREE: u32 = 4;
/// The first wait; it doubles with each wrong password.
const WAIT: Duration = Duration::from_secs(30);
/// The longest wait: an account is never shut for good by whoever knows its name.
const LONGEST: Duration = Duration::from_mins(15);
/// Wrong passwords are forgotten this long after the last wait they led to.
const FORGOTTEN: Duration = Duration::from_hours(24);
/// Wrong passwords of names that nobody has which are remembered: more than a node can look at in the longest wait, so that no
/// wait is pushed out before it ends; some 15 MB.
const MOST_UNKNOWN: u32 = 100_000;
/// Characters that are shown of what an identity provider says of a failure.
const LONGEST_ANSWER: usize = 200;

pub(crate) async fn page(State(center): State<Center>, Asked(query): Asked) -> Shown {
    let oidc = center.settings().oidc.as_deref();
    let nobody = oidc.is_none() && !center.site().history.has_accounts().await?;
    Ok(layout::plain("Sign in", &form(query.get("next"), oidc, None, nobody)))
}

fn form(next: &str, oidc: Option<&Oidc>, problem: Option<&str>, nobody: bool) -> Markup {
    html! {
        @if let Some(problem) = problem { p .problem role="alert" { (problem) } }
        @if let Some(oidc) = oidc {
            p { a .button href={ "/sign-in/oidc?next=" (encoded(local(next))) } { "Sign in at " (oidc.host()) } }
            p .note { "Or with an account of this site:" }
        }
        @if nobody {
            p .note.wait { "Nobody has a password yet. On the machine that serves this: " code { "clawback principals password NAME" } }
        }
        form .fields method="post" action="/sign-in" {
            input type="hidden" name="next" value=(local(next));
            label { "Name" input type="text" name="name" autocomplete="username" required autofocus; }
            label { "Password" input type="password" name="password" autocomplete="current-password" required; }
            button { "Sign in" }
        }
    }
}

/// Only a path of this site; anything else would make the page a signpost to other sites.
fn local(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\n', '\r', '\t']);
    if is_path { next } else { "/" }
}

pub(crate) async fn submit(State(center): State<Center>, fields: Fields) -> Shown {
    let name = fields.get("name").trim();
    match check(&center, name, fields.get("password")).await? {
        Ok(principal) => {
            let cookie = session::begin(&center, &principal, Place::Here).await?;
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to(local(fields.get("next")))).into_response())
        }
        Err(why) => {
            let (method, uri) = (axum::http::Method::POST, axum::http::Uri::from_static("/sign-in"));
            refusal::note(&center, Some(name).filter(|name| !name.is_empty()), &method, &uri, &why).await;
            let oidc = center.settings().oidc.as_deref();
            let mut response = layout::plain("Sign in", &form(fields.get("next"), oidc, Some(&why), false));
            *response.status_mut() = StatusCode::FORBIDDEN;
            Ok(response)
        }
    }
}

/// Sends the browser to the identity provider.
pub(crate) async fn to_provider(State(center): State<Center>, Asked(query): Asked) -> Shown {
    let oidc = center.settings().oidc.as_deref().ok_or_else(Problem::not_found)?;
    let (url, errand) = oidc.begin(local(query.get("next"))).await?;
    Ok(([(header::SET_COOKIE, session::keep_errand(&center, &errand))], Redirect::to(&url)).into_response())
}

/// Takes back whom the identity provider has signed in.
pub(crate) async fn from_provider(State(center): State<Center>, Asked(query): Asked, headers: HeaderMap) -> Shown {
    let came_back = take_back(&center, &query, &headers).await;
    let forget = session::forget_errand(&center);
    match came_back {
        Ok(Returned { principal, lasts, next }) => {
            let cookie = session::begin(&center, &principal, Place::Provider(lasts)).await?;
            let cookies = AppendHeaders([(header::SET_COOKIE, forget), (header::SET_COOKIE, cookie)]);
            Ok((cookies, Redirect::to(&next)).into_response())
        }
        Err(problem) => {
            let uri = axum::http::Uri::from_static(oidc::RETURN);
            refusal::note(&center, None, &axum::http::Method::GET, &uri, &problem.detail).await;
            Ok(([(header::SET_COOKIE, forget)], super::error_page(None, &problem)).into_response())
        }
    }
}

/// Somebody whom the identity provider has signed in.
struct Returned {
    principal: String,
    /// For so long.
    lasts: Duration,
    /// Where they were going.
    next: String,
}

async fn take_back(center: &Center, query: &Fields, headers: &HeaderMap) -> Result<Returned, Problem> {
    let oidc = center.settings().oidc.as_deref().ok_or_else(Problem::not_found)?;
    let refused = |said: String| Problem::from(OidcError::Answer(said));
    let errand =
        session::errand(center, headers).ok_or_else(|| refused("this browser did not ask for it".to_owned()))?;
    if let Some(error) = query.filled("error") {
        let said = query.filled("error_description").unwrap_or(error);
        return Err(refused(format!("it says `{}`", visible_line(said, LONGEST_ANSWER))));
    }
    let next = errand.next.clone();
    let identity = oidc.finish(errand, query.get("code"), query.get("state")).await?;
    let history = &center.site().history;
    let Identity { issuer, subject, name, roles } = &identity;
    let principal = history.principal_of_identity(issuer, subject, name, roles, center.now()).await?;
    Ok(Returned { principal: principal.name, lasts: oidc.session(), next: local(&next).to_owned() })
}

/// The principal whose name and password these are, or what to tell whoever tried.
pub(super) async fn check(center: &Center, name: &str, given: &str) -> Result<Result<String, String>, Problem> {
    let history = &center.site().history;
    let turn = center.passwords().acquire().await.map_err(|_| Problem::unauthenticated())?;
    let account = history.account(name).await?;
    // All that follows is the same for a name that nobody has, or nobody with a password: no answer and no wait tells them apart.
    let tried = Digest::of(name.as_bytes());
    let (locked_until, now) = (history.locked_until(&tried).await?, center.now());
    if locked_until > now {
        let seconds = locked_until.since(now).as_secs().max(1);
        return Ok(Err(format!("too many wrong passwords for this name; try again in {seconds} s")));
    }
    let (given, hash) = (given.to_owned(), account.as_ref().map(|account| account.password.clone()));
    // Takes some 20 ms of a processor; other requests go on meanwhile.
    let right = tokio::task::spawn_blocking(move || password::is_right(&given, hash.as_deref())).await;
    let is_account = account.is_some();
    if let Some(account) = account.filter(|_| right.unwrap_or(false)) {
        history.count_right(&tried).await?;
        return Ok(Ok(account.principal.name));
    }
    let wrong = Wrong { name: tried, is_account, at: now, forget_before: now.minus(FORGOTTEN), most: MOST_UNKNOWN };
    history.count_wrong(&wrong, wait).await?;
    // Only now: whoever has the next turn sees what was counted.
    drop(turn);
    Ok(Err(WRONG.to_owned()))
}

/// How long a name waits after so many wrong passwords.
fn wait(failures: u32) -> Duration {
    match failures.saturating_sub(FREE) {
        0 => Duration::ZERO,
        doublings => (WAIT * (1 << (doublings - 1).min(10))).min(LONGEST),
    }
}

const WRONG: &str = "name or password is not right";

pub(crate) async fn sign_out(State(center): State<Center>, request: Request) -> Result<Response, Problem> {
    let cookie = session::end(&center, request.headers()).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn the_way_back_stays_on_this_site() {
        assert_eq!(local("/remediations/R-1?x=1"), "/remediations/R-1?x=1");
        for other in
            ["", "https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil"]
        {
            assert_eq!(local(other), "/", "{other}");
        }
    }
}
