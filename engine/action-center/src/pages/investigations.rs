//! Investigations: the record of each remediation with the reference product's fields and statuses.

use axum::extract::State;
use clawback_model::{Investigation, InvestigationStatus, Remediation};
use clawback_store::{Cursor, HistoryFilter, Store, StoreError};
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::shown::Shown;
use super::{inputs, layout, listing};
use crate::access::Caller;
use crate::body::optional;
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::words::spoken;
use crate::design::{field, filter_bar, pill, text};
use crate::problem::Problem;

/// Rows read at once.
const READ: u32 = 50;
const COLUMNS: [Column; 8] = [
    Column::lead("Investigation"),
    Column::medium("Status"),
    Column::fill("Entity").at_720(),
    Column::count("Messages"),
    Column::short("Severity").at_1240(),
    Column::short("Type").at_1240(),
    Column::medium("Investigation ID").at_1540(),
    Column::time("Opened"),
];
/// The filters that a reader sets, each with its label.
const FILTERS: [(&str, &str); 3] = [("text", "Name or ID"), ("status", "Status"), ("days", "Opened")];

pub(crate) async fn list(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let status: Option<InvestigationStatus> = optional("status", query.filled("status"))?;
    let filter = filter(&center, &query, status)?;
    let after = optional("after", query.filled("after"))?;
    let history = &center.site().history;
    let (all, next) = listing::full_page(after, |after| read(history, &filter, status, after)).await?;
    let rows: Vec<Row> = all.iter().map(|(of, investigation)| row(of, investigation)).collect();
    let set = listing::set_filters("/investigations", &FILTERS, &query);
    let nothing = if set.is_empty() {
        empty(Icon::Folder, "No investigation yet", "Each remediation opens one.")
    } else {
        empty(Icon::Search, "No investigation matches", html! { a href="/investigations" { "Clear the filters" } })
    };
    let body = html! {
        (filters(&query))
        (filter_bar::set(&set, "/investigations"))
        div #investigations data-live data-every="10" { (Table::new("Investigations", &COLUMNS, rows).or(nothing)) }
        (listing::pager("/investigations", &query, next))
    };
    Ok(layout::page(&frame, "/investigations", "Investigations", &body))
}

fn row(remediation: &Remediation, investigation: &Investigation) -> Row {
    Row::of([
        html! { a href={ "/investigations/" (investigation.id) } { (text::cell(&remediation.request.name)) } },
        pill::investigation(InvestigationStatus::of(remediation)),
        entity(remediation, investigation),
        text::count(remediation.counts.submitted),
        pill::severity(remediation.request.severity),
        html! { (spoken(investigation.kind.as_str())) },
        html! { code { (investigation.id) } },
        text::time(investigation.created_at),
    ])
}

/// The message that was looked into, or else the selection.
fn entity(remediation: &Remediation, investigation: &Investigation) -> Markup {
    match inputs::root(&remediation.request.inputs) {
        Some(root) => text::cell(&root.in_words()),
        None => text::cell(&investigation.entity),
    }
}

fn filter(center: &Center, query: &Fields, status: Option<InvestigationStatus>) -> Result<HistoryFilter, Problem> {
    let given = query.filled("text");
    let id = given.and_then(|text| text.parse().ok());
    Ok(HistoryFilter {
        name: given.filter(|_| id.is_none()).map(str::to_owned),
        investigation_id: id,
        statuses: status.map(|status| status.statuses().to_vec()).unwrap_or_default(),
        since: listing::since(center, query)?,
        // A schedule that finds nothing is no investigation, unless one asks for those that found nothing.
        without_empty: true,
        ..HistoryFilter::default()
    })
}

/// Reads some rows. A status of an investigation is a part of a status of its remediation, so further ones are left out
/// here.
async fn read(
    history: &Store,
    filter: &HistoryFilter,
    status: Option<InvestigationStatus>,
    after: Option<Cursor>,
) -> Result<(Vec<(Remediation, Investigation)>, Option<Cursor>), StoreError> {
    let mut page = history.history(filter, after, READ).await?;
    page.remediations.retain(|one| status.is_none_or(|status| InvestigationStatus::of(one) == status));
    let records = history.investigations_of(&page.remediations).await?;
    Ok((page.remediations.into_iter().zip(records).collect(), page.next))
}

fn filters(query: &Fields) -> Markup {
    html! {
        form .filters method="get" action="/investigations" role="search" aria-label="Filters" {
            div .bar {
                label .first { "Name or ID" input type="search" name="text" value=(query.get("text")) placeholder="Part of the name, or I-…"; }
                (field::choice("status", "Status", Some("Any"), &InvestigationStatus::ALL.map(InvestigationStatus::as_str), query.get("status")))
                (listing::times("Opened", query))
                button .plain { "Filter" }
            }
        }
    }
}
