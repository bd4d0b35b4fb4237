//! Alerts: one for each administrative action, and for each suggestion of a detector.

use axum::extract::State;
use clawback_model::{Alert, InvestigationStatus, Remediation};
use clawback_store::HistoryFilter;
use maud::html;

use super::fields::Asked;
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::body::optional;
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::words::spoken;
use crate::design::{pill, text};

/// Rows of a page.
const PAGE: u32 = 50;
const COLUMNS: [Column; 7] = [
    Column::lead("Alert"),
    Column::short("Severity"),
    Column::short("Actor"),
    Column::medium("Action").at_960(),
    Column::fill("Remediation"),
    Column::long("Investigation").at_1240(),
    Column::time("Raised"),
];

pub(crate) async fn list(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let history = &center.site().history;
    let after = optional("after", query.filled("after"))?;
    // A schedule that finds nothing raises no alert.
    let filter = HistoryFilter { without_empty: true, ..HistoryFilter::default() };
    let found = history.history(&filter, after, PAGE).await?;
    let alerts = history.alerts_of(&found.remediations).await?;
    let row = |(remediation, alert): (&Remediation, &Alert)| {
        Row::of([
            html! { (text::cell(&alert.name)) " " code .quiet { (alert.id) } },
            pill::severity(alert.severity),
            text::cell(&alert.actor),
            pill::action(alert.action),
            layout::link(remediation),
            html! { a href={ "/investigations/" (alert.investigation_id) } { code { (alert.investigation_id) } }
            " " (spoken(InvestigationStatus::of(remediation).as_str())) },
            text::time(alert.created_at),
        ])
    };
    let rows: Vec<Row> = found.remediations.iter().zip(&alerts).map(row).collect();
    let body = html! {
        (Table::new("Alerts", &COLUMNS, rows).or(empty(Icon::Bell, "No alert yet", "Each remediation raises one.")))
        @if let Some(next) = found.next { p .next { a href={ "/alerts?after=" (next) } { "Older" } } }
    };
    Ok(layout::page(&frame, "/alerts", "Alerts", &body))
}
