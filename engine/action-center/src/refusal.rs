//! What is refused is noted: who asked for what, and why not.

use axum::http::{Method, Uri};
use clawback_model::visible_line;
use clawback_store::Refusal;

use crate::center::Center;

/// Longest text that is kept of a request or a reason.
const LONGEST: usize = 200;

/// Notes a refusal. One that cannot be noted is at least logged.
pub(crate) async fn note(center: &Center, principal: Option<&str>, method: &Method, uri: &Uri, reason: &str) {
    // Without the query: it may hold what should not be kept.
    let request = visible_line(&format!("{method} {}", uri.path()), LONGEST);
    let principal = principal.map(|name| visible_line(name, LONGEST));
    let reason = visible_line(reason, LONGEST);
    tracing::warn!(principal, request, reason, "Refused.");
    let refusal = Refusal { at: center.now(), principal, request, reason };
    if let Err(error) = center.site().history.note_refusal(&refusal).await {
        tracing::error!(%error, "Refusal not noted.");
    }
}
