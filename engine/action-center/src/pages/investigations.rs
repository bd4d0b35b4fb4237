//! Investigations: the record of each remediation with the reference product's fields and statuses.

use axum::extract::{Path, State};
use clawback_model::{Investigation, InvestigationId, InvestigationStatus, Remediation};
use clawback_store::HistoryFilter;
use maud::{Markup, html};

use super::fields::Asked;
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::body::{optional, word};
use crate::center::Center;
use crate::problem::Problem;

/// Rows of a page.
const PAGE: u32 = 50;
const COLUMNS: [&str; 7] = ["Investigation", "Type", "Status", "Remediation", "Entity", "Messages", "Opened"];

pub(crate) async fn list(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let history = &center.site().history;
    let after = optional("after", query.filled("after"))?;
    let filter = HistoryFilter { without_empty: true, ..HistoryFilter::default() };
    let found = history.history(&filter, after, PAGE).await?;
    let investigations = history.investigations_of(&found.remediations).await?;
    let row = |(remediation, investigation): (&Remediation, &Investigation)| {
        html! {
            tr {
                td { a href={ "/investigations/" (investigation.id) } { code { (investigation.id) } } }
                td { (investigation.kind.as_str()) }
                td { (InvestigationStatus::of(remediation).as_str()) }
                td { (layout::link(remediation)) }
                td { (layout::mail(&investigation.entity)) }
                td .number { (remediation.counts.submitted) }
                td { (layout::time(investigation.created_at)) }
            }
        }
    };
    let rows: Vec<Markup> = found.remediations.iter().zip(&investigations).map(row).collect();
    let body = html! {
        (layout::table("Investigations", &COLUMNS, &rows, "There is no investigation yet."))
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
    let body = layout::facts(&[
        ("Type", html! { (investigation.kind.as_str()) }),
        ("Status", html! { (InvestigationStatus::of(remediation).as_str()) }),
        ("Remediation", layout::link(remediation)),
        ("Remediation status", layout::status(remediation.status)),
        ("Entity", layout::mail(&investigation.entity)),
        ("Messages", html! { (remediation.counts.submitted) }),
        ("Action taken", html! { (remediation.request.action) }),
        ("Related alert", html! { code { (alert.id) } " " (alert.name) }),
        ("Alert severity", html! { (alert.severity.as_str()) }),
        ("Actor", layout::mail(&alert.actor)),
        ("Approved by", layout::mail(approver)),
        ("Opened", layout::time(investigation.created_at)),
        ("Last update", layout::time(remediation.updated_at)),
    ]);
    Ok(layout::page(&frame, "/investigations", &format!("Investigation {id}"), &body))
}
