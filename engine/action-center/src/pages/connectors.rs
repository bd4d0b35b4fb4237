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
    Column::long("Status").tall(),
];

/// A store as the configuration file has it.
const EXAMPLE: &str = r#"[stores.corp]
connector = "imap"
server = { host = "imap.corp.example", port = 993, tls = "implicit" }
auth = { kind = "plain", user = "clawback-admin", password-file = "imap.password" }
mailboxes-file = "mailboxes.txt"
"#;

pub(crate) async fn page(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    Ok(show(&center, &frame, &[]).await)
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
    Ok(show(&center, &frame, &answers).await)
}

type Answer = (String, Result<Probe, String>);

async fn show(center: &Center, frame: &Frame, answers: &[Answer]) -> axum::response::Response {
    let built_in = built_in(center).await;
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
                    Some(Ok(seen)) => { (pill::pill(Tone::Good, Icon::Check, "OK")) " in " (seen.took.as_millis()) " ms; "
                        @if seen.mailbox.is_some() { "1 mailbox looked at" } @else { "it has no mailbox" } }
                    Some(Err(why)) => { (pill::pill(Tone::Bad, Icon::Cross, "Failed")) " " (text::cell(why)) }
                } }])
        })
        .collect();
    let has_stores = !rows.is_empty();
    let body = html! {
        (Table::new("Mail stores", &COLUMNS, rows).or(empty(Icon::Store, "No mail store is configured", "An operator adds one to the configuration of this site, as said below.")))
        @if has_stores && frame.may(Permission::Control) {
            form .row method="post" action="/connectors" { (layout::form_token(frame)) button { "Check now" } }
        }
        (how_to_add(&built_in, !has_stores))
    };
    layout::page(frame, "/connectors", "Mail stores", &body)
}

/// The names of the built-in connectors; none if they do not describe themselves.
async fn built_in(center: &Center) -> Vec<String> {
    let Some(host) = &center.settings().host else { return Vec::new() };
    let found = host.builtin_connectors().await.unwrap_or_default();
    found.into_iter().map(|connector| connector.name).collect()
}

/// How an operator adds a store.
fn how_to_add(built_in: &[String], is_open: bool) -> Markup {
    html! {
        details open[is_open] {
            summary { "Add a store" }
            p { "A store is a table " code { "[stores.NAME]" } " in " code { "clawback.toml" } ", the configuration file of every node. For example:" }
            pre tabindex="0" { code { (EXAMPLE) } }
            @if !built_in.is_empty() { p { "Connectors: " @for (place, name) in built_in.iter().enumerate() { @if place > 0 { ", " } code { (name) } } "." } }
            p { "Restart every node after a change of the file; it is read at the start. " code { "clawback connectors check" }
                " logs in and names what is missing. The page " code { "configuration.md" } " of the documentation has all keys." }
        }
    }
}
