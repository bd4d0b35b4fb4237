//! Signing in with a local account, and out again. A wrong password and an unknown name get the same answer, in the same time;
//! a name that is tried too often has to wait, longer each time.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use clawback_store::Signing;
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::{Shown, layout};
use crate::center::Center;
use crate::problem::Problem;
use crate::{password, refusal, session};

/// Wrong passwords that cost nothing but the time of looking.
const FREE: u32 = 4;
/// The first wait; it doubles with each wrong password.
const WAIT: Duration = Duration::from_secs(30);
/// The longest wait: an account is never shut for good by whoever knows its name.
const LONGEST: Duration = Duration::from_mins(15);

pub(crate) async fn page(State(center): State<Center>, Asked(query): Asked) -> Shown {
    let nobody = !center.site().history.has_accounts().await?;
    Ok(layout::plain("Sign in", &form(query.get("next"), None, nobody)))
}

fn form(next: &str, problem: Option<&str>, nobody: bool) -> Markup {
    html! {
        @if let Some(problem) = problem { p .problem role="alert" { (problem) } }
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
            let cookie = session::begin(&center, &principal).await?;
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to(local(fields.get("next")))).into_response())
        }
        Err(why) => {
            let (method, uri) = (axum::http::Method::POST, axum::http::Uri::from_static("/sign-in"));
            refusal::note(&center, Some(name).filter(|name| !name.is_empty()), &method, &uri, &why).await;
            let mut response = layout::plain("Sign in", &form(fields.get("next"), Some(&why), false));
            *response.status_mut() = StatusCode::FORBIDDEN;
            Ok(response)
        }
    }
}

/// The principal whose name and password these are, or what to tell whoever tried.
async fn check(center: &Center, name: &str, given: &str) -> Result<Result<String, String>, Problem> {
    let history = &center.site().history;
    let turn = center.passwords().acquire().await.map_err(|_| Problem::unauthenticated())?;
    let account = history.account(name).await?;
    let now = center.now();
    if let Some(account) = account.as_ref().filter(|account| account.locked_until > now) {
        let seconds = account.locked_until.since(now).as_secs().max(1);
        return Ok(Err(format!("too many wrong passwords for this name; try again in {seconds} s")));
    }
    let (given, hash) = (given.to_owned(), account.as_ref().map(|account| account.password.clone()));
    // Takes some 20 ms of a processor; other requests go on meanwhile.
    let right = tokio::task::spawn_blocking(move || password::is_right(&given, hash.as_deref())).await;
    drop(turn);
    let Some(account) = account else { return Ok(Err(WRONG.to_owned())) };
    let name = &account.principal.name;
    if right.unwrap_or(false) {
        history.count_signing(name, Signing::Right).await?;
        return Ok(Ok(name.clone()));
    }
    let doublings = (account.failures + 1).saturating_sub(FREE);
    let wait = if doublings == 0 { Duration::ZERO } else { (WAIT * (1 << (doublings - 1).min(10))).min(LONGEST) };
    history.count_signing(name, Signing::Wrong { locked_until: now.plus(wait) }).await?;
    Ok(Err(WRONG.to_owned()))
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
