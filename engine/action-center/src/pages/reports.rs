//! Reports: the groups of suspicious messages that people reported, and what became of each.

use axum::extract::State;
use clawback_model::{ReportGroup, Status, simulation_in_words};
use maud::html;

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::{pill, text};

/// Groups on the page.
const MOST: u32 = 200;
const COLUMNS: [Column; 7] = [
    Column::lead("Subject"),
    Column::long("From"),
    Column::count("Reports"),
    Column::count("People"),
    Column::time("First").at_1240(),
    Column::time("Last"),
    Column::long("Remediation"),
];

pub(crate) async fn list(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let groups = center.api().report_groups(&frame.who, MOST).await?;
    let row = |(group, status): &(ReportGroup, Option<Status>)| {
        Row::of([
            text::cell(&group.subject),
            text::cell(&group.sender),
            text::count(group.reports.into()),
            text::count(group.people.into()),
            text::time(group.first_at),
            text::time(group.last_at),
            html! { @match (&group.remediation, status, &group.simulation) {
                (Some(id), Some(status), _) => { a href={ "/remediations/" (id) } { code { (id) } } " " (pill::status(*status)) }
                (_, _, Some(sender)) => (simulation_in_words(sender)),
                _ => "too few reports",
            } },
        ])
    };
    let rows: Vec<Row> = groups.iter().map(row).collect();
    let body = html! {
        p { "Each line is a group of reports of one campaign. Enough reports of enough people file a remediation, which waits for a vote." }
        (Table::new("Reports", &COLUMNS, rows).or(empty(Icon::Mail, "Nobody has reported a message yet", "People report by mail to the mailbox for reports, and programs by the API.")))
        @if groups.len() as u64 == u64::from(MOST) { p .note { "The last " (MOST) " groups are shown." } }
    };
    Ok(layout::page(&frame, "/reports", "Reports", &body))
}
