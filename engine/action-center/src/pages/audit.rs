//! Audit: the check of the history, its checkpoints and events, refused requests, and the kill switch.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use clawback_model::{Permission, visible};
use clawback_store::Verified;
use maud::{Markup, html};

use super::checkpoints;
use super::events;
use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::design::table::{Column, Row, Table};
use crate::design::{facts, text};
use crate::problem::Problem;

/// Refusals that are shown.
const SHOWN: u32 = 200;

const REFUSALS: [Column; 6] = [
    Column::time("Last"),
    Column::count("Times"),
    Column::short("From").at_960(),
    Column::short("User"),
    Column::lead("Request"),
    Column::fill("Reason"),
];

pub(crate) async fn page(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    show(&center, &frame, &query, None).await
}

/// Checks the whole chain.
pub(crate) async fn verify(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let result = center.verified(None).await?;
    show(&center, &frame, &Fields::default(), Some(result)).await
}

async fn show(center: &Center, frame: &Frame, query: &Fields, result: Option<Result<Verified, String>>) -> Shown {
    let head = center.site().history.head().await?;
    let body = html! {
        p { "Every event is chained to the one before by its hash, and the chain has the digests of outcomes. Note down the head "
            "of the chain elsewhere from time to time: nothing else shows that the end of the chain was cut off." }
        (facts::facts(&[
            ("Events", html! { (head.seq) }),
            ("Head of the chain", html! { code .digest { (head.hash) } }),
        ]))
        form .row method="post" action="/audit" { (layout::form_token(frame)) button { "Verify the whole history" } }
        @match &result {
            None => {}
            Some(Ok(found)) => p .note role="status" {
                "The history holds: " (found.events) " events, " (found.remediations) " remediations, "
                (found.targets) " messages, " (found.outcomes) " outcomes."
            },
            Some(Err(broken)) => p .problem role="alert" { "The history is broken: " (visible(broken)) },
        }
        (checkpoints::section(center, &head).await?)
        (events::list(center, query).await?)
        @if frame.may(Permission::Administer) { (switch(frame)) (refusals(center, frame).await?) }
    };
    Ok(layout::page(frame, "/audit", "Audit", &body))
}

fn switch(frame: &Frame) -> Markup {
    html! {
        h2 { "Kill switch" }
        form method="post" action="/halt" {
            (layout::form_token(frame))
            @if frame.halted.is_some() {
                button name="verb" value="unhalt" { "End the halt" }
            } @else {
                p { "Within a second nothing is planned, started or acted on, on any node, until the halt is ended." }
                label { "Reason" input type="text" name="reason" required maxlength="500"; }
                div .row { button .danger name="verb" value="halt" { "Halt the site" } }
            }
        }
    }
}

async fn refusals(center: &Center, frame: &Frame) -> Result<Markup, Problem> {
    crate::refusal_log::write(center).await;
    let found = center.api().refusals(&frame.who, SHOWN).await?;
    let rows: Vec<Row> = found
        .iter()
        .map(|refusal| {
            Row::of([
                text::time(refusal.last_at),
                html! { (refusal.times) },
                html! { (refusal.source) },
                html! { (text::cell(refusal.principal.as_deref().unwrap_or("unknown"))) },
                text::cell(&refusal.request),
                text::cell(&refusal.reason),
            ])
        })
        .collect();
    Ok(html! {
        h2 { "Denied requests" }
        (Table::new("Denied requests", &REFUSALS, rows).or("Nothing was denied."))
    })
}

pub(crate) async fn halt(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    match fields.get("verb") {
        "halt" => _ = center.api().halt(&caller.who, fields.get("reason")).await?,
        "unhalt" => _ = center.api().unhalt(&caller.who).await?,
        _ => return Err(Problem::bad_request("verb: halt or unhalt?").into()),
    }
    Ok(Redirect::to("/audit").into_response())
}
