//! Connectors: the mail stores, the capabilities of their connectors, and whether they answer.

use axum::extract::State;
use clawback_connectors::{MailStore as _, Probe};
use clawback_model::Permission;
use maud::html;

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::pill::{self, Tone};
use crate::design::table::{Column, Row, Table};
use crate::design::text;
use crate::design::words::spoken;

const COLUMNS: [Column; 6] = [
    Column::lead("Store"),
    Column::medium("Connector"),
    Column::fill("Actions").tall(),
    Column::fill("Limits").tall(),
    Column::medium("Component").at_1240(),
    Column::long("Status"),
];

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
    let rows: Vec<Row> = center
        .site()
        .stores
        .iter()
        .map(|(name, store)| {
            let can = store.capabilities();
            let actions = can.actions.iter().map(|action| spoken(action.as_str())).collect::<Vec<_>>().join(", ");
            let answer = answers.iter().find(|(of, _)| **of == **name).map(|(_, answer)| answer);
            Row::of([html! { (name) }, html! { (can.connector) " " (can.version) }, html! { (actions) }, html! { (can.calls) " concurrent calls, " (can.calls_per_mailbox) " per mailbox, "
                    (can.largest_batch) " messages per call"
                    @if let Some(rate) = can.calls_per_second { ", " (rate) " calls/s" } }, html! { code title=(can.digest) { (can.digest.chars().take(12).collect::<String>()) } }, html! { @match answer {
                    None => { span .quiet { "Not checked" } },
                    Some(Ok(seen)) => { (pill::pill(Tone::Good, Icon::Check, "OK")) " in " (seen.took.as_millis()) " ms" }
                    Some(Err(why)) => { (pill::pill(Tone::Bad, Icon::Cross, "Failed")) " " (text::cell(why)) }
                } }])
        })
        .collect();
    let has_stores = !rows.is_empty();
    let body = html! {
        (Table::new("Mail stores", &COLUMNS, rows).or(empty(Icon::Store, "No mail store is configured", "An operator adds one as [stores.NAME] to the configuration of this site.")))
        @if has_stores && frame.may(Permission::Control) {
            form .row method="post" action="/connectors" { (layout::form_token(frame)) button { "Check now" } }
        }
    };
    layout::page(frame, "/connectors", "Mail stores", &body)
}
