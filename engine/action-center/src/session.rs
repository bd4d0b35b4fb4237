//! Sessions of browsers: a random cookie, known to the database only by its digest, and a form token derived from it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use clawback_model::{Digest, Timestamp};
use clawback_runtime::NewToken;
use clawback_store::{Session, Store, StoreError};
use data_encoding::BASE64URL_NOPAD;

use crate::center::Center;
use crate::oidc::Errand;
use crate::problem::chain;

/// A session ends after this, however busy.
const LONGEST: Duration = Duration::from_hours(12);
/// And after this without a request.
const IDLE: Duration = Duration::from_hours(1);
/// Nobody is longer at the identity provider.
const LONGEST_ERRAND: Duration = Duration::from_mins(10);
/// Use is noted no more often than this.
const NOTED: Duration = Duration::from_mins(1);

/// The name of the cookie; browsers take a `__Host-` cookie only over TLS, for the whole host, from this host itself.
fn name(center: &Center) -> &'static str {
    if center.settings().secure { "__Host-clawback" } else { "clawback" }
}

/// The name of the cookie that is kept while somebody is at the identity provider.
fn errand_name(center: &Center) -> &'static str {
    if center.settings().secure { "__Host-clawback-oidc" } else { "clawback-oidc" }
}

/// The cookie that keeps an errand while the browser is at the identity provider.
pub(crate) fn keep_errand(center: &Center, errand: &Errand) -> HeaderValue {
    let text = serde_json::to_vec(errand).unwrap_or_default();
    set_cookie(center, errand_name(center), &BASE64URL_NOPAD.encode(&text), LONGEST_ERRAND.as_secs())
}

/// The errand that these headers come back from, if they are from one.
pub(crate) fn errand(center: &Center, headers: &HeaderMap) -> Option<Errand> {
    let text = BASE64URL_NOPAD.decode(cookie(headers, errand_name(center))?.as_bytes()).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Removes it: a way back is gone once.
pub(crate) fn forget_errand(center: &Center) -> HeaderValue {
    set_cookie(center, errand_name(center), "", 0)
}

/// Begins a session and gives the cookie to set.
pub(crate) async fn begin(center: &Center, principal: &str) -> Result<HeaderValue, StoreError> {
    let cookie = NewToken::generate(center.site().random);
    let now = center.now();
    center.site().history.begin_session(&cookie.digest(), principal, now, now.plus(LONGEST)).await?;
    Ok(set_cookie(center, name(center), cookie.reveal(), LONGEST.as_secs()))
}

/// The session of these headers, with its cookie.
pub(crate) async fn find(center: &Center, headers: &HeaderMap) -> Result<Found, StoreError> {
    let Some(cookie) = cookie(headers, name(center)) else { return Ok(Found::None) };
    let now = center.now();
    let history = &center.site().history;
    let digest = Digest::of(cookie.as_bytes());
    let Some(session) = history.session(&digest, now, now.minus(IDLE)).await? else {
        return Ok(Found::Void);
    };
    if now.since(session.seen_at) > NOTED {
        center.uses().note(history, digest, now).await;
    }
    Ok(Found::Good { form_token: form_token(&cookie), session })
}

/// Sessions whose use is to be noted. Whoever has the turn writes down all that have come meanwhile, so that a thousand readers who
/// began together cost a few transactions a minute, not a thousand at once.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    waiting: Mutex<Vec<Digest>>,
    turn: tokio::sync::Mutex<()>,
}

impl Uses {
    /// Comes back once it is written, by whomever. What cannot be written now is with the next request.
    async fn note(&self, history: &Store, cookie: Digest, now: Timestamp) {
        self.waiting().push(cookie);
        let _turn = self.turn.lock().await;
        let all = std::mem::take(&mut *self.waiting());
        if !all.is_empty()
            && let Err(error) = history.touch_sessions(&all, now).await
        {
            tracing::warn!(error = chain(&error), "The use of sessions was not noted.");
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Digest>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    Ok(set_cookie(center, name(center), "", 0))
}

/// Only who knows the cookie can know it, and it does not give the cookie away.
fn form_token(cookie: &str) -> String {
    Digest::of(format!("form token of {cookie}").as_bytes()).to_string()
}

fn set_cookie(center: &Center, name: &str, value: &str, seconds: u64) -> HeaderValue {
    let secure = if center.settings().secure { "; Secure" } else { "" };
    // Lax, so that a link in a notification finds whoever is signed in; nothing is done by a link.
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).expect("a cookie of letters and digits is a header value")
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}
