//! A sign-in that is pending at the identity provider: the browser keeps it in a cookie, so that any node can complete
//! it.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use data_encoding::BASE64URL_NOPAD;

use crate::center::Center;
use crate::cookies::{cookie, set_cookie};
use crate::oidc::PendingSignIn;

/// The time limit of a pending sign-in.
const LONGEST: Duration = Duration::from_mins(10);

/// The name of the cookie.
fn name(center: &Center) -> &'static str {
    if center.settings().secure { "__Host-clawback-oidc" } else { "clawback-oidc" }
}

/// The cookie that keeps a pending sign-in while the browser is at the identity provider.
pub(crate) fn keep(center: &Center, pending: &PendingSignIn) -> HeaderValue {
    let text = serde_json::to_vec(pending).unwrap_or_default();
    set_cookie(center, name(center), &BASE64URL_NOPAD.encode(&text), LONGEST.as_secs())
}

/// The pending sign-in in these headers, if there is one.
pub(crate) fn find(center: &Center, headers: &HeaderMap) -> Option<PendingSignIn> {
    let text = BASE64URL_NOPAD.decode(cookie(headers, name(center))?.as_bytes()).ok()?;
    serde_json::from_slice(&text).ok()
}

/// The cookie that removes it: a pending sign-in is completed once.
pub(crate) fn forget(center: &Center) -> HeaderValue {
    set_cookie(center, name(center), "", 0)
}
