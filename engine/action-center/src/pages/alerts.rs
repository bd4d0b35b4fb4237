//! Alerts: one for each administrative action, and for each suggestion of a detector.

use axum::extract::State;
use clawback_model::{Alert, InvestigationStatus, Remediation};
use clawback_store::HistoryFilter;
use maud::{Markup, html};

use super::fields::Asked;
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::body::optional;
use crate::center::Center;

/// Rows of a page.
const PAGE: u32 = 50;
const COLUMNS: [&str; 7] = ["Alert", "Severity", "Actor", "Action", "Remediation", "Investigation", "Raised"];

pub(crate) async fn list(State(center): State<Center>, caller: Caller, Asked(query): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let history = &center.site().history;
    let after = optional("after", query.filled("after"))?;
    // A schedule that finds nothing raises no alert.
    let filter = HistoryFilter { without_empty: true, ..HistoryFilter::default() };
    let found = history.history(&filter, after, PAGE).await?;
    let alerts = history.alerts_of(&found.remediations).await?;
    let row = |(remediation, alert): (&Remediation, &Alert)| {
        html! {
            tr {
                td { code { (alert.id) } " " (layout::mail(&alert.name)) }
                td { (alert.severity.as_str()) }
                td { (layout::mail(&alert.actor)) }
                td { (alert.action) }
                td { (layout::link(remediation)) }
                td { a href={ "/investigations/" (alert.investigation_id) } { code { (alert.investigation_id) } }
                    " " (InvestigationStatus::of(remediation).as_str()) }
                td { (layout::time(alert.created_at)) }
            }
        }
    };
    let rows: Vec<Markup> = found.remediations.iter().zip(&alerts).map(row).collect();
    let body = html! {
        (layout::table("Alerts", &COLUMNS, &rows, "There is no alert yet."))
        @if let Some(next) = found.next { p .next { a href={ "/alerts?after=" (next) } { "Older" } } }
    };
    Ok(layout::page(&frame, "/alerts", "Alerts", &body))
}
