//! Sessions of browsers: a random cookie, known to the database only by its digest, and a form token derived from it.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use clawback_model::Digest;
use clawback_runtime::NewToken;
use clawback_store::{Session, StoreError};

use crate::center::Center;

/// A session ends after this, however busy.
const LONGEST: Duration = Duration::from_hours(12);
/// And after this without a request.
const IDLE: Duration = Duration::from_hours(1);
/// Use is noted no more often than this.
const NOTED: Duration = Duration::from_mins(1);

/// The name of the cookie; browsers take a `__Host-` cookie only over TLS, for the whole host, from this host itself.
fn name(center: &Center) -> &'static str {
    if center.settings().secure { "__Host-clawback" } else { "clawback" }
}

/// Begins a session and gives the cookie to set.
pub(crate) async fn begin(center: &Center, principal: &str) -> Result<HeaderValue, StoreError> {
    let cookie = NewToken::generate(center.site().random);
    let now = center.now();
    center.site().history.begin_session(&cookie.digest(), principal, now, now.plus(LONGEST)).await?;
    Ok(set_cookie(center, cookie.reveal(), LONGEST.as_secs()))
}

/// The session of these headers, with its cookie.
pub(crate) async fn find(center: &Center, headers: &HeaderMap) -> Result<Found, StoreError> {
    let Some(cookie) = cookie(headers, name(center)) else { return Ok(Found::None) };
    let now = center.now();
    let history = &center.site().history;
    let Some(session) = history.session(&Digest::of(cookie.as_bytes()), now, now.minus(IDLE)).await? else {
        return Ok(Found::Void);
    };
    if now.since(session.seen_at) > NOTED {
        history.touch_session(&Digest::of(cookie.as_bytes()), now).await?;
    }
    Ok(Found::Good { form_token: form_token(&cookie), session })
}

/// What stands behind the cookie of a request.
#[derive(Debug)]
pub(crate) enum Found {
    /// There is none.
    None,
    /// It is forged, over, or ended.
    Void,
    /// A session that holds.
    Good {
        /// What its forms must send along.
        form_token: String,
        /// Who.
        session: Session,
    },
}

/// Ends the session of these headers, and gives the cookie that removes it.
pub(crate) async fn end(center: &Center, headers: &HeaderMap) -> Result<HeaderValue, StoreError> {
    if let Some(cookie) = cookie(headers, name(center)) {
        center.site().history.end_session(&Digest::of(cookie.as_bytes())).await?;
    }
    Ok(set_cookie(center, "", 0))
}

/// Only who knows the cookie can know it, and it does not give the cookie away.
fn form_token(cookie: &str) -> String {
    Digest::of(format!("form token of {cookie}").as_bytes()).to_string()
}

fn set_cookie(center: &Center, value: &str, seconds: u64) -> HeaderValue {
    let secure = if center.settings().secure { "; Secure" } else { "" };
    // Lax, so that a link in a notification finds whoever is signed in; nothing is done by a link.
    let text = format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", name(center));
    HeaderValue::from_str(&text).expect("a cookie of base 32 is a header value")
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}
