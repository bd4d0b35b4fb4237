//! Sign-in, with a local account or at the identity provider, and sign-out. A wrong password and an unknown name get
//! the same answer, in the same time; `attempts` limits the tries, whether or not the name exists.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use clawback_model::{Permission, visible_line};
use clawback_store::StoreError;
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::layout;
use super::shown::{Shown, error_page};
use crate::access::{Caller, encoded};
use crate::attempts::{Trier, check, too_many};
use crate::center::Center;
use crate::design::toast;
use crate::device::Device;
use crate::oidc::{self, Identity, Oidc, OidcError};
use crate::problem::Problem;
use crate::refusals::Refused;
use crate::session::{Begun, Place};
use crate::source::Source;
use crate::unsent::{LARGEST, TOO_LARGE, Unsent, local};
use crate::{pending_sign_in, refusal_log, session};

/// Largest form that a stranger may send, in bytes: it may bring back another, which may be longer once it is encoded
/// again.
pub(super) const LARGEST_FORM: usize = 4 * LARGEST;
/// Characters of an identity provider's error that are shown.
const LONGEST_ANSWER: usize = 200;

pub(crate) async fn page(State(center): State<Center>, Asked(query): Asked) -> Shown {
    let notice = html! { @if query.has("unsent") {
        (toast::warning(html! {
            "You were signed out before the form was sent, so nothing was done. "
            @if query.get("unsent") == TOO_LARGE { "It is larger than " (LARGEST >> 10) " KiB, so it is not kept. " }
            "Sign in to return to its page."
        }))
    } };
    let shown = SignIn { next: query.get("next"), name: "", unsent: None };
    Ok(layout::plain("Sign in", &html! { (notice) (shown.page(&center, None).await?) }))
}

/// The answer to a form that is not accepted: the page on which it can be sent, or before that the sign-in, which brings
/// it back.
pub(crate) async fn unsent_form(
    center: &Center,
    problem: &Problem,
    unsent: &Unsent,
    caller: Option<Caller>,
) -> Response {
    let shown = if let Some(caller) = caller {
        let why = "The form was on a page of an earlier session, so nothing was done. Look at it, and send it again.";
        super::unsent::confirm(center, unsent, caller, why).await
    } else {
        let shown = SignIn { next: &unsent.back, name: "", unsent: Some(unsent) };
        shown.page(center, None).await.map(|page| layout::plain("Sign in", &page)).map_err(Problem::from)
    };
    match shown {
        Ok(mut response) => {
            layout::of_problem(&mut response, problem);
            response
        }
        Err(failed) => error_page(&failed),
    }
}

/// What the page of the sign-in is shown with.
struct SignIn<'a> {
    /// Where it leads.
    next: &'a str,
    /// The name that was typed.
    name: &'a str,
    /// The form that it brings back.
    unsent: Option<&'a Unsent>,
}

impl SignIn<'_> {
    async fn page(&self, center: &Center, problem: Option<&str>) -> Result<Markup, StoreError> {
        let oidc = center.settings().oidc.as_deref();
        let nobody = problem.is_none() && oidc.is_none() && !center.site().history.has_accounts().await?;
        Ok(html! {
            @if let Some(problem) = problem { (toast::problem(problem)) }
            @if let Some(unsent) = self.unsent {
                (toast::warning("You were signed out before the form was sent, so nothing was done. This page keeps it. Sign in here, then send it."))
                details { summary { "The form" } (super::unsent::fields(unsent)) }
            }
            @if let Some(oidc) = oidc {
                (self.at_provider(oidc))
                p .note { "Or with an account of this site:" }
            }
            @if nobody {
                p .note.wait { "Nobody has a password yet. On the machine that serves this: " code { "clawback principals password NAME" } }
            }
            form .form method="post" action="/sign-in" {
                input type="hidden" name="next" value=(local(self.next));
                @if let Some(unsent) = self.unsent { (super::unsent::brought(unsent)) }
                label { "Name" input type="text" name="name" value=(self.name) autocomplete="username" required autofocus; }
                label { "Password" input type="password" name="password" autocomplete="current-password" required; }
                button { "Sign in" }
            }
        })
    }

    /// The way to the provider. With a form it is another tab, because this page keeps the form.
    fn at_provider(&self, oidc: &Oidc) -> Markup {
        let address = format!("/sign-in/oidc?next={}", encoded(local(self.next)));
        html! { @match self.unsent {
            None => p { a .button href=(address) { "Sign in at " (oidc.host()) } },
            Some(unsent) => ol {
                li { a .button href=(address) target="_blank" rel="noopener" { "Sign in at " (oidc.host()) } " It opens another tab." }
                li {
                    "Come back to this tab. "
                    form .inline method="post" action=(unsent.to) { (super::unsent::hidden(unsent, "")) button .plain { "Continue" } }
                }
            },
        } }
    }
}

pub(crate) async fn submit(
    State(center): State<Center>,
    Extension(source): Extension<Source>,
    headers: HeaderMap,
    fields: Fields,
) -> Shown {
    let (name, given) = (fields.get("name").trim(), fields.get("password"));
    let unsent = Unsent::brought(&fields.pairs().collect::<Vec<_>>());
    match sign_in(&center, name, given, source, &headers).await {
        Ok((principal, device)) => {
            let Begun { cookie, form_token } = session::begin(&center, &principal, Place::Here).await?;
            let cookies = AppendHeaders([(header::SET_COOKIE, cookie), (header::SET_COOKIE, device.keep(&center))]);
            let who = center.site().history.principal(&principal).await?;
            let Some(unsent) = unsent.filter(|_| who.may(Permission::Read)) else {
                return Ok((cookies, Redirect::to(local(fields.get("next")))).into_response());
            };
            let caller = Caller { who, form_token: Some(form_token) };
            let why =
                "You were signed out before the form was sent, so nothing was done. Look at it, and send it again.";
            Ok((cookies, super::unsent::confirm(&center, &unsent, caller, why).await?).into_response())
        }
        Err(problem) if problem.status().is_client_error() => {
            let (method, uri) = (Method::POST, Uri::from_static("/sign-in"));
            let named = Some(name).filter(|name| !name.is_empty());
            let refused = Refused { known: None, named, source, method: &method, uri: &uri, problem: &problem };
            refusal_log::note(&center, &refused).await;
            let shown = SignIn { next: fields.get("next"), name, unsent: unsent.as_ref() };
            let page = shown.page(&center, Some(&layout::in_words(&problem))).await?;
            let mut response = layout::plain("Sign in", &page);
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
            let Begun { cookie, .. } = session::begin(&center, &principal, Place::Provider(lasts)).await?;
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
