//! Connectors: the mail stores, the capabilities of their connectors, and whether they answer.

use axum::extract::State;
use clawback_connectors::{MailStore as _, Probe};
use clawback_model::Permission;
use maud::{Markup, html};

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;

const COLUMNS: [&str; 6] = ["Store", "Connector", "Actions", "Limits", "Component", "Now"];

pub(crate) async fn page(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    Ok(show(&center, &frame, &[]))
}

/// Opens the first mailbox of every store.
pub(crate) async fn check(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let (api, who) = (center.api(), &frame.who);
    let names = center.site().stores.keys().map(ToString::to_string);
    let checks = names.map(|name| async move {
        let answer = api.check_store(who, &name).await?;
        Ok::<_, clawback_runtime::Error>((name, answer))
    });
    let answers: Vec<Answer> = futures::future::try_join_all(checks).await?;
    Ok(show(&center, &frame, &answers))
}

type Answer = (String, Result<Probe, String>);

fn show(center: &Center, frame: &Frame, answers: &[Answer]) -> axum::response::Response {
    let rows: Vec<Markup> = center
        .site()
        .stores
        .iter()
        .map(|(name, store)| {
            let can = store.capabilities();
            let actions = can.actions.iter().map(|action| action.as_str()).collect::<Vec<_>>().join(", ");
            let answer = answers.iter().find(|(of, _)| **of == **name).map(|(_, answer)| answer);
            html! { tr {
                td { (name) }
                td { (can.connector) " " (can.version) }
                td { (actions) }
                td { (can.calls) " calls at once, " (can.calls_per_mailbox) " in a mailbox, "
                    (can.largest_batch) " messages in each"
                    @if let Some(rate) = can.calls_per_second { ", " (rate) " calls/s" } }
                td { code title=(can.digest) { (can.digest.chars().take(12).collect::<String>()) } }
                td { @match answer {
                    None => "not asked",
                    Some(Ok(seen)) => { span .status.completed { "answers" } " in " (seen.took.as_millis()) " ms" }
                    Some(Err(why)) => { span .status.failed { "fails" } " " (layout::mail(why)) }
                } }
            } }
        })
        .collect();
    let body = html! {
        (layout::table("Mail stores", &COLUMNS, &rows, "No store is configured; `[stores.NAME]` in clawback.toml adds one."))
        @if !rows.is_empty() && frame.may(Permission::Control) {
            form .row method="post" action="/connectors" { (layout::form_token(frame)) button { "Check now" } }
        }
    };
    layout::page(frame, "/connectors", "Connectors", &body)
}
