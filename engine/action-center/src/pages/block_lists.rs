//! Block lists: what gateways may refuse, because messages with it were removed.

use axum::extract::State;
use clawback_app::BuiltBlockList;
use clawback_model::{BlockEntry, BlockListFormat, IndicatorKind};
use maud::{Markup, html};

use super::fields::Asked;
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::body::optional;
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::menu;
use crate::design::table::{Column, Row, Table};
use crate::design::tabs::{Tab, tabs};
use crate::design::{text, toast};

/// Entries that are shown; the files have all of them.
const SHOWN: usize = 1_000;

const COLUMNS: [Column; 5] = [
    Column::lead("Value"),
    Column::count("Messages"),
    Column::medium("Remediation"),
    Column::time("Listed").at_960(),
    Column::time("Expires"),
];
const LEFT_OFF: [Column; 2] = [Column::lead("Value"), Column::fill("Reason").tall()];

pub(crate) async fn page(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let kind = optional("kind", query.filled("kind"))?.unwrap_or(IndicatorKind::Sender);
    let built = center.api().block_list(&frame.who, kind).await?;
    let tab = |one: IndicatorKind| Tab {
        name: name(one),
        address: format!("/block-lists?kind={}", one.as_str()),
        count: (one == kind).then_some(built.list.entries.len() as u64),
        is_open: one == kind,
    };
    let head = html! { h1 { "Block lists" } div .actions { (files(kind)) } };
    let body = html! {
        p { "Senders, domains, links and files that a person named, or that an investigation proved, of messages that were removed and not put back. "
            "A mail gateway can fetch each list from the address of its file." }
        (tabs("Kinds", &IndicatorKind::ALL.map(tab)))
        (list(kind, &built))
    };
    Ok(layout::page_with(&frame, "/block-lists", "Block lists", &head, &body))
}

fn list(kind: IndicatorKind, built: &BuiltBlockList) -> Markup {
    let entries = &built.list.entries;
    let rows: Vec<Row> = entries.iter().take(SHOWN).map(row).collect();
    let left_off = built.list.left_off.iter().take(SHOWN);
    let left_off: Vec<Row> = left_off.map(|one| Row::of([text::cell(&one.value), text::mail(&one.reason)])).collect();
    let nothing = empty(
        Icon::Shield,
        "Nothing is listed",
        "A value is listed once a person has named it, for example as an input of the playbook indicators, and messages with it were removed.",
    );
    html! {
        @if !built.is_complete {
            (toast::warning("Not all of the history could be read for this list, so entries may be missing."))
        }
        (Table::new(name(kind), &COLUMNS, rows).or(nothing))
        @if entries.len() > SHOWN { p .quiet { "The first 1,000 entries are shown; the files have all of them." } }
        @if !left_off.is_empty() {
            h2 { "Left off" }
            p { "These values occur in messages that were removed, and are not listed." }
            (Table::new("Left off", &LEFT_OFF, left_off))
        }
    }
}

fn row(entry: &BlockEntry) -> Row {
    Row::of([
        text::cell(&entry.indicator.value),
        text::count(entry.messages),
        html! { a href={ "/remediations/" (entry.remediation) } { code { (entry.remediation) } } },
        text::time(entry.listed_at),
        text::time(entry.expires_at),
    ])
}

/// The formats, each a file.
fn files(kind: IndicatorKind) -> Markup {
    let file = |format: &BlockListFormat| {
        let name = match format {
            BlockListFormat::Json => "JSON",
            BlockListFormat::Plain => "One value a line",
            BlockListFormat::Rspamd => "Map of Rspamd",
            BlockListFormat::Postfix => "Access table of Postfix",
        };
        (name, format!("/block-lists/{}?format={}", kind.as_str(), format.as_str()))
    };
    // A format may have no entries of this kind.
    let formats = BlockListFormat::ALL.iter().filter(|format| format.write(kind, &[]).is_ok());
    menu::menu("Download", &formats.map(file).collect::<Vec<_>>())
}

const fn name(kind: IndicatorKind) -> &'static str {
    match kind {
        IndicatorKind::Sender => "Senders",
        IndicatorKind::Domain => "Domains",
        IndicatorKind::Url => "Links",
        IndicatorKind::Sha256 => "Files",
    }
}
