//! Sign-in, with a local account or at the identity provider, and sign-out. A wrong password and an unknown name get
//! the same answer, in the same time; `attempts` limits the tries, whether or not the name exists.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use clawback_model::visible_line;
use clawback_store::StoreError;
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::layout;
use super::shown::{Shown, error_page};
use crate::access::encoded;
use crate::attempts::{Trier, check, too_many};
use crate::center::Center;
use crate::design::toast;
use crate::device::Device;
use crate::oidc::{self, Identity, Oidc, OidcError};
use crate::problem::Problem;
use crate::refusals::Refused;
use crate::session::Place;
use crate::source::Source;
use crate::{pending_sign_in, refusal_log, session};

/// Largest form that a stranger may send, in bytes.
pub(super) const LARGEST_FORM: usize = 16 << 10;
/// Characters of an identity provider's error that are shown.
const LONGEST_ANSWER: usize = 200;

pub(crate) async fn page(State(center): State<Center>, Asked(query): Asked) -> Shown {
    let oidc = center.settings().oidc.as_deref();
    let nobody = oidc.is_none() && !center.site().history.has_accounts().await?;
    let form = form(query.get("next"), "", oidc, None, nobody);
    let body = html! {
        @if query.has("unsent") { (toast::warning("You were signed out before the form was sent, so nothing was done. Sign in to return to its page.")) }
        (form)
    };
    Ok(layout::plain("Sign in", &body))
}

fn form(next: &str, name: &str, oidc: Option<&Oidc>, problem: Option<&str>, nobody: bool) -> Markup {
    html! {
        @if let Some(problem) = problem { (toast::problem(problem)) }
        @if let Some(oidc) = oidc {
            p { a .button href={ "/sign-in/oidc?next=" (encoded(local(next))) } { "Sign in at " (oidc.host()) } }
            p .note { "Or with an account of this site:" }
        }
        @if nobody {
            p .note.wait { "Nobody has a password yet. On the machine that serves this: " code { "clawback principals password NAME" } }
        }
        form .form method="post" action="/sign-in" {
            input type="hidden" name="next" value=(local(next));
            label { "Name" input type="text" name="name" value=(name) autocomplete="username" required autofocus; }
            label { "Password" input type="password" name="password" autocomplete="current-password" required; }
            button { "Sign in" }
        }
    }
}

/// Accepts only a path of this site, so that the page does not redirect to other sites.
fn local(next: &str) -> &str {
    // A text that a header cannot hold is no path either.
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic()) && !next.contains('\\');
    let is_path = next.starts_with('/') && !next.starts_with("//");
    if is_path && is_plain { next } else { "/" }
}

pub(crate) async fn submit(
    State(center): State<Center>,
    Extension(source): Extension<Source>,
    headers: HeaderMap,
    fields: Fields,
) -> Shown {
    let (name, given) = (fields.get("name").trim(), fields.get("password"));
    match sign_in(&center, name, given, source, &headers).await {
        Ok((principal, device)) => {
            let cookie = session::begin(&center, &principal, Place::Here).await?;
            let cookies = AppendHeaders([(header::SET_COOKIE, cookie), (header::SET_COOKIE, device.keep(&center))]);
            Ok((cookies, Redirect::to(local(fields.get("next")))).into_response())
        }
        Err(problem) if problem.status().is_client_error() => {
            let (method, uri) = (Method::POST, Uri::from_static("/sign-in"));
            let named = Some(name).filter(|name| !name.is_empty());
            let refused = Refused { known: None, named, source, method: &method, uri: &uri, problem: &problem };
            refusal_log::note(&center, &refused).await;
            let oidc = center.settings().oidc.as_deref();
            let form = form(fields.get("next"), name, oidc, Some(&layout::in_words(&problem)), false);
            let mut response = layout::plain("Sign in", &form);
            *response.status_mut() = problem.status();
            Ok(response)
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The principal with this name and password, and the device cookie for the browser.
async fn sign_in(
    center: &Center,
    name: &str,
    given: &str,
    source: Source,
    headers: &HeaderMap,
) -> Result<(String, Device), Problem> {
    let history = &center.site().history;
    if let Some(device) = Device::shown(center, headers)
        && let Some(account) = history.account(name).await?
        && device.is_of(name, &account.password)
    {
        check(center, name, given, &Trier::Known(device.clone())).await?;
        return Ok((account.principal.name, device));
    }
    let taken = center.addresses().take(source, center.now());
    taken.map_err(|wait| too_many("sign-ins from this address", wait, "address-waits"))?;
    let (principal, password) = check(center, name, given, &Trier::Stranger(source)).await?;
    center.addresses().give_back(&source);
    let device = Device::new(center, &principal, &password);
    Ok((principal, device))
}

pub(crate) async fn to_provider(State(center): State<Center>, Asked(query): Asked) -> Shown {
    let oidc = center.settings().oidc.as_deref().ok_or_else(Problem::not_found)?;
    let (url, pending) = oidc.begin(local(query.get("next"))).await?;
    Ok(([(header::SET_COOKIE, pending_sign_in::keep(&center, &pending))], Redirect::to(&url)).into_response())
}

/// Completes the sign-in of a user whom the identity provider has authenticated.
pub(crate) async fn from_provider(
    State(center): State<Center>,
    Extension(source): Extension<Source>,
    Asked(query): Asked,
    headers: HeaderMap,
) -> Shown {
    let came_back = take_back(&center, &query, &headers).await;
    let forget = pending_sign_in::forget(&center);
    match came_back {
        Ok(Returned { principal, lasts, next }) => {
            let cookie = session::begin(&center, &principal, Place::Provider(lasts)).await?;
            let cookies = AppendHeaders([(header::SET_COOKIE, forget), (header::SET_COOKIE, cookie)]);
            Ok((cookies, Redirect::to(&next)).into_response())
        }
        Err(problem) => {
            let (method, uri) = (Method::GET, Uri::from_static(oidc::RETURN));
            let refused = Refused { known: None, named: None, source, method: &method, uri: &uri, problem: &problem };
            refusal_log::note(&center, &refused).await;
            Ok(([(header::SET_COOKIE, forget)], error_page(&problem)).into_response())
        }
    }
}

/// A user whom the identity provider has authenticated.
struct Returned {
    principal: String,
    /// How long the session lasts.
    lasts: Duration,
    /// The address that was requested before the sign-in.
    next: String,
}

async fn take_back(center: &Center, query: &Fields, headers: &HeaderMap) -> Result<Returned, Problem> {
    let oidc = center.settings().oidc.as_deref().ok_or_else(Problem::not_found)?;
    let refused = |said: String| Problem::from(OidcError::Answer(said));
    let pending = pending_sign_in::find(center, headers)
        .ok_or_else(|| refused("this browser did not start this sign-in".to_owned()))?;
    if let Some(error) = query.filled("error") {
        let said = query.filled("error_description").unwrap_or(error);
        return Err(refused(format!("it says `{}`", visible_line(said, LONGEST_ANSWER))));
    }
    let next = pending.next.clone();
    let identity = oidc.finish(pending, query.get("code"), query.get("state")).await?;
    let history = &center.site().history;
    let Identity { issuer, subject, name, roles } = &identity;
    let principal = history.principal_of_identity(issuer, subject, name, roles, center.now()).await.map_err(
        |error| match error {
            StoreError::Name(refused) => OidcError::Name { claim: oidc.name_claim().to_owned(), refused }.into(),
            error => Problem::from(error),
        },
    )?;
    Ok(Returned { principal: principal.name, lasts: oidc.session(), next: local(&next).to_owned() })
}

pub(crate) async fn sign_out(State(center): State<Center>, request: Request) -> Result<Response, Problem> {
    let cookie = session::end(&center, request.headers()).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn the_return_path_stays_on_this_site() {
        assert_eq!(local("/remediations/R-1?x=1"), "/remediations/R-1?x=1");
        for other in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/\t/evil",
            "/\u{b}/x",
            "/ü",
        ] {
            assert_eq!(local(other), "/", "{other}");
        }
    }
}
