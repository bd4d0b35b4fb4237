//! Reports: the groups of suspicious messages that people reported, and what became of each.

use axum::extract::State;
use clawback_model::{ReportGroup, Status, simulation_in_words};
use maud::{Markup, html};

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;

/// Groups on the page.
const MOST: u32 = 200;
const COLUMNS: [&str; 7] = ["Subject", "From", "Reports", "People", "First", "Last", "Remediation"];

pub(crate) async fn list(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let groups = center.api().report_groups(&frame.who, MOST).await?;
    let row = |(group, status): &(ReportGroup, Option<Status>)| {
        html! {
            tr {
                td { (layout::mail(&group.subject)) }
                td { (layout::mail(&group.sender)) }
                td .number { (group.reports) }
                td .number { (group.people) }
                td { (layout::time(group.first_at)) }
                td { (layout::time(group.last_at)) }
                td { @match (&group.remediation, status, &group.simulation) {
                    (Some(id), Some(status), _) => { a href={ "/remediations/" (id) } { code { (id) } } " " (layout::status(*status)) }
                    (_, _, Some(sender)) => (simulation_in_words(sender)),
                    _ => "too few reports",
                } }
            }
        }
    };
    let rows: Vec<Markup> = groups.iter().map(row).collect();
    let body = html! {
        p { "Each line is a group of reports of one campaign. Enough reports of enough people file a remediation, which waits for a vote." }
        (layout::table("Reports", &COLUMNS, &rows, "Nobody has reported a message yet. The mailbox for reports, the command clawback report and the API bring reports."))
        @if groups.len() as u64 == u64::from(MOST) { p .note { "The last " (MOST) " groups are shown." } }
    };
    Ok(layout::page(&frame, "/reports", "Reports", &body))
}
