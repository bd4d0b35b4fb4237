//! Errors in Google's form.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::tokens;

/// An error that a request is answered with.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    status: u16,
    reason: &'static str,
    state: &'static str,
    message: String,
    /// The header `Retry-After`, in seconds.
    after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: u16, reason: &'static str, state: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, state, message: message.into(), after: None }
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "notFound", "NOT_FOUND", "Requested entity was not found.")
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalidArgument", "INVALID_ARGUMENT", message)
    }

    pub(super) fn no_scope() -> Self {
        let message = "Request had insufficient authentication scopes.";
        Self::new(403, "insufficientPermissions", "PERMISSION_DENIED", message)
    }

    /// One of Google's forms of "too many". Returns how long to wait, if the answer names it.
    pub(super) fn throttled(form: u64, wait: Duration) -> (Self, Option<Duration>) {
        let until = tokens::now() + wait;
        let text = format!(
            "User-rate limit exceeded.  Retry after {}",
            until.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
        );
        match form % 4 {
            0 => (Self::new(403, "userRateLimitExceeded", "PERMISSION_DENIED", text), Some(wait)),
            1 => (Self::new(429, "rateLimitExceeded", "RESOURCE_EXHAUSTED", text), Some(wait)),
            2 => {
                let refusal = Self::new(429, "rateLimitExceeded", "RESOURCE_EXHAUSTED", "Too many requests.");
                let whole = wait.as_secs() + 1;
                (Self { after: Some(whole), ..refusal }, Some(Duration::from_secs(whole)))
            }
            _ => (Self::new(403, "rateLimitExceeded", "PERMISSION_DENIED", "Rate Limit Exceeded"), None),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("a status");
        let mut headers = HeaderMap::new();
        if let Some(after) = self.after {
            headers.insert("retry-after", HeaderValue::from(after));
        }
        let error = json!({
            "error": {
                "code": self.status,
                "message": self.message,
                "errors": [{ "message": self.message, "domain": "global", "reason": self.reason }],
                "status": self.state,
            }
        });
        (status, headers, Json(error)).into_response()
    }
}
