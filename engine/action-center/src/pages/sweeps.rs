//! Sweeps under way: remediations that keep searching for late copies.

use maud::{Markup, html};

use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::text;
use crate::json::SweepJson;
use crate::problem::Problem;

const COLUMNS: [Column; 6] = [
    Column::lead("Remediation"),
    Column::count("Searches"),
    Column::count("Late copies"),
    Column::time("Last search"),
    Column::time("Next search"),
    Column::time("Until").at_960(),
];

/// The sweeps, each with a link to its remediation, where it can be stopped.
pub(super) async fn section(center: &Center) -> Result<Markup, Problem> {
    let sweeps = SweepJson::under_way(&center.site().history).await?;
    let time = |at: &Option<String>| at.as_deref().map_or_else(Markup::default, text::time_of);
    let row = |sweep: &SweepJson| {
        Row::of([
            html! { a href={ "/remediations/" (sweep.first) "?tab=late-copies" } { code { (sweep.first) } } },
            text::count(sweep.looks),
            text::count(sweep.late_copies),
            time(&sweep.looked_at),
            time(&sweep.next_at),
            time(&sweep.until),
        ])
    };
    let rows: Vec<Row> = sweeps.iter().map(row).collect();
    let nothing = empty(
        Icon::Clock,
        "No sweep is under way",
        "The step `sweep` of a playbook repeats its search after the remediation has ended.",
    );
    Ok(html! { h2 #sweeps { "Sweeps" } (Table::new("Sweeps", &COLUMNS, rows).or(nothing)) })
}
