//! Investigations: the record of each remediation with the reference product's fields and statuses.

use axum::extract::{Path, State};
use clawback_model::{Investigation, InvestigationId, InvestigationStatus, Remediation};
use clawback_store::HistoryFilter;
use maud::html;

use super::fields::Asked;
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::body::{optional, word};
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::words::spoken;
use crate::design::{facts, pill, text};
use crate::problem::Problem;

/// Rows of a page.
const PAGE: u32 = 50;
const COLUMNS: [Column; 7] = [
    Column::medium("Investigation"),
    Column::short("Type"),
    Column::medium("Status"),
    Column::lead("Remediation"),
    Column::fill("Entity").at_960(),
    Column::count("Messages"),
    Column::time("Opened"),
];

pub(crate) async fn list(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let history = &center.site().history;
    let after = optional("after", query.filled("after"))?;
    let filter = HistoryFilter { without_empty: true, ..HistoryFilter::default() };
    let found = history.history(&filter, after, PAGE).await?;
    let investigations = history.investigations_of(&found.remediations).await?;
    let row = |(remediation, investigation): (&Remediation, &Investigation)| {
        Row::of([
            html! { a href={ "/investigations/" (investigation.id) } { code { (investigation.id) } } },
            html! { (spoken(investigation.kind.as_str())) },
            html! { (spoken(InvestigationStatus::of(remediation).as_str())) },
            layout::link(remediation),
            text::cell(&investigation.entity),
            text::count(remediation.counts.submitted),
            text::time(investigation.created_at),
        ])
    };
    let rows: Vec<Row> = found.remediations.iter().zip(&investigations).map(row).collect();
    let body = html! {
        (Table::new("Investigations", &COLUMNS, rows).or(empty(Icon::Folder, "No investigation yet", "Each remediation opens one.")))
        @if let Some(next) = found.next { p .next { a href={ "/investigations?after=" (next) } { "Older" } } }
    };
    Ok(layout::page(&frame, "/investigations", "Investigations", &body))
}

pub(crate) async fn page(State(center): State<Center>, Path(id): Path<String>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let id: InvestigationId = word("id", &id)?;
    let history = &center.site().history;
    let filter = HistoryFilter { investigation_id: Some(id.clone()), ..HistoryFilter::default() };
    let found = history.history(&filter, None, 1).await?;
    let remediation = found.remediations.first().ok_or_else(Problem::not_found)?;
    let investigation = history.investigation(&id).await?;
    let alert = history.alert(&investigation.alert_id).await?;
    let approver = remediation.decided_by.as_deref().unwrap_or_default();
    let body = facts::facts(&[
        ("Type", html! { (spoken(investigation.kind.as_str())) }),
        ("Status", html! { (spoken(InvestigationStatus::of(remediation).as_str())) }),
        ("Remediation", layout::link(remediation)),
        ("Remediation status", pill::status(remediation.status)),
        ("Entity", text::mail(&investigation.entity)),
        ("Messages", html! { (remediation.counts.submitted) }),
        ("Action", pill::action(remediation.request.action)),
        ("Related alert", html! { code { (alert.id) } " " (alert.name) }),
        ("Alert severity", pill::severity(alert.severity)),
        ("Actor", text::mail(&alert.actor)),
        ("Approved by", text::mail(approver)),
        ("Opened", text::time(investigation.created_at)),
        ("Last update", text::time(remediation.updated_at)),
    ]);
    Ok(layout::page(&frame, "/investigations", &format!("Investigation {id}"), &body))
}
