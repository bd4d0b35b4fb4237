//! Cookies: sets one with the flags that every cookie of the Action Center has, and finds one by its name.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::center::Center;

pub(crate) fn set_cookie(center: &Center, name: &str, value: &str, seconds: u64) -> HeaderValue {
    let secure = if center.settings().secure { "; Secure" } else { "" };
    // Lax, so that a link in a notification finds the session of the user; no link changes anything.
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).expect("a cookie of letters and digits is a header value")
}

pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}
