//! The newest checkpoint of the history that was kept, on the page Audit, and as a file.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use clawback_model::visible;
use clawback_store::Head;
use maud::{Markup, html};

use super::shown::Shown;
use crate::center::Center;
use crate::design::facts;
use crate::design::words::number;
use crate::problem::Problem;

/// The newest checkpoint, the key that signs, and how much of the history it covers.
pub(super) async fn section(center: &Center, head: &Head) -> Result<Markup, Problem> {
    let site = center.site();
    let newest = site.history.last_head().await?;
    let since = |size: u64| head.seq.unsigned_abs().saturating_sub(size);
    Ok(html! {
        h2 #checkpoints { "Checkpoints" }
        p { "A signed checkpoint that is kept elsewhere shows later whether an event before it was changed or cut off. "
            "An operator makes one with " code { "clawback checkpoint" } ", checks the history against one with "
            code { "clawback verify --checkpoint FILE" } ", and proves the events of a remediation with "
            code { "clawback proof ID" } "." }
        @match &newest {
            None => p .note { "No checkpoint was made yet." },
            Some((covered, text)) => {
                (facts::list(&[
                    ("Events covered", html! { (number(*covered)) }),
                    ("Events since", html! { (number(since(*covered))) }),
                    ("Verification key", html! { @if let Some(key) = &site.signer { code .digest { (visible(&key.to_string())) } } }),
                ]))
                pre tabindex="0" { code { @for line in text.lines() { (visible(line)) "\n" } } }
                p { a .button.plain href="/audit/checkpoint.txt" { "Download checkpoint" } }
            }
        }
    })
}

/// The newest checkpoint, byte for byte, as `clawback verify --checkpoint` reads it.
pub(crate) async fn file(State(center): State<Center>) -> Shown {
    let Some((_, note)) = center.site().history.last_head().await? else { return Err(Problem::not_found().into()) };
    let named = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"checkpoint.txt\""),
    ];
    Ok((named, note).into_response())
}
