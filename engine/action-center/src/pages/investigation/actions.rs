//! The actions of an investigation: those that wait for a person, and those that were decided.

use clawback_model::{Remediation, Status};
use maud::{Markup, html};

use super::activities::{self, Timers, in_words};
use super::found::Found;
use super::log::events;
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::words::{number, verb};
use crate::design::{pill, text};
use crate::problem::Problem;

/// Actions that are shown; their waits are summed up from their events.
const LISTED: usize = 50;
const COLUMNS: [Column; 8] = [
    Column::lead("Action"),
    Column::medium("Status"),
    Column::count("Messages"),
    Column::count("Waited"),
    Column::short("Handled by"),
    Column::medium("Approval ID").at_1240(),
    Column::time("Decided").at_960(),
    // Of those that wait.
    Column::short("Decision"),
];

/// The tab.
pub(super) async fn tab(center: &Center, found: &Found) -> Result<Markup, Problem> {
    let all: Vec<(&str, &Remediation)> = std::iter::once(("", &found.remediation))
        .chain(found.followers.iter().map(|(name, remediation)| (*name, remediation)))
        .collect();
    let (mut pending, mut decided) = (Vec::new(), Vec::new());
    for (name, remediation) in all.iter().take(LISTED) {
        let row = row(center, name, remediation).await?;
        if waits(remediation) { pending.push(row) } else { decided.push(row) }
    }
    let more = all.len().saturating_sub(LISTED);
    let nothing = empty(Icon::Check, "No action waits for a person", "Actions that need a decision appear here.");
    Ok(html! {
        h2 { "Pending" }
        (Table::new("Pending actions", &COLUMNS, pending).or(nothing))
        h2 { "History" }
        (Table::new("Actions that do not wait for a person", &COLUMNS[..COLUMNS.len() - 1], decided).or(html! { p .empty { "No action was decided yet." } }))
        @if more > 0 { p .empty { "and " (number(more as u64)) " more" } }
    })
}

const fn waits(remediation: &Remediation) -> bool {
    matches!(remediation.status, Status::PendingApproval | Status::Paused)
}

async fn row(center: &Center, name: &str, remediation: &Remediation) -> Result<Row, Problem> {
    let happened = activities::of(&remediation.id, &events(center, &remediation.id).await?);
    let waited = Timers::of(&happened, center.now()).for_people;
    let request = &remediation.request;
    Ok(Row::of([
        html! { a href={ "/remediations/" (remediation.id) } title=(clawback_model::visible_line(&request.name, 200)) {
        @if !name.is_empty() { (name) ": " } (verb(request.action)) } },
        pill::status(remediation.status),
        text::count(remediation.counts.submitted),
        html! { (in_words(waited)) },
        text::cell(remediation.decided_by.as_deref().unwrap_or_default()),
        html! { code { (request.approval_id) } },
        html! { @if let Some(at) = remediation.approved_at { (text::time(at)) } },
        html! { @if waits(remediation) { a href={ "/remediations/" (remediation.id) } { "Decide" } } },
    ]))
}
