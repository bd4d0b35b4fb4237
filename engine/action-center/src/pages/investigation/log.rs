//! The log of an investigation: what was done and waited for, with its times, and the timers of the whole.

use clawback_model::{Event, Timestamp};
use maud::{Markup, html};

use super::activities::{self, Activity, Timers, in_words};
use super::found::Found;
use crate::center::Center;
use crate::design::table::{Column, Row, Table};
use crate::design::words::{number, verb};
use crate::design::{facts, text};
use crate::problem::Problem;

/// Rows that are shown, the first ones.
const LISTED: usize = 200;
const COLUMNS: [Column; 8] = [
    Column::medium("What"),
    Column::short("Status"),
    Column::lead("Description").tall(),
    Column::time("Created"),
    Column::time("Started").at_1240(),
    Column::count("Duration"),
    Column::count("Pending"),
    Column::time("Ended").at_1540(),
];

/// The events of a remediation with their times. An event that cannot be read ends them; `verify` reports it.
pub(super) async fn events(
    center: &Center,
    id: &clawback_model::RemediationId,
) -> Result<Vec<(Event, Timestamp)>, Problem> {
    let entries = center.site().history.events(id).await?;
    Ok(entries.iter().map_while(|entry| Some((entry.event().ok()??, entry.link.at))).collect())
}

/// The tab.
pub(super) async fn tab(center: &Center, found: &Found) -> Result<Markup, Problem> {
    let (remediation, now) = (&found.remediation, center.now());
    let all = activities::of(&remediation.id, &events(center, &remediation.id).await?);
    let timers = Timers::of(&all, now);
    let ended = remediation.status.is_final().then_some(remediation.updated_at);
    let duration = ended.unwrap_or(now).since(remediation.created_at);
    let action = verb(remediation.request.action);
    let rows: Vec<Row> = all.iter().take(LISTED).map(|one| row(one, &action, now)).collect();
    let more = all.len().saturating_sub(LISTED);
    Ok(html! {
        (facts::facts(&[
            ("Started", text::moment(remediation.created_at)),
            ("Ended", html! { @match ended { Some(at) => (text::moment(at)), None => "Not yet" } }),
            ("Duration", html! { (in_words(duration)) }),
            ("Pending in all", html! { (in_words(timers.pending)) }),
            ("Waited for people", html! { (in_words(timers.for_people)) }),
        ]))
        (Table::new("Log", &COLUMNS, rows).or("Nothing has happened yet."))
        @if more > 0 { p .empty { "and " (number(more as u64)) " more" } }
        p { a href={ "/remediations/" (remediation.id) "?tab=timeline" } { "Each event, with who caused it" } }
    })
}

fn row(activity: &Activity, action: &str, now: Timestamp) -> Row {
    let name = if activity.kind == activities::Kind::Action { action } else { activity.kind.name() };
    let time = |at: Option<Timestamp>| html! { @if let Some(at) = at { (text::time(at)) } };
    Row::of([
        html! { (name) },
        html! { (activity.status()) },
        text::mail(&activity.says),
        text::time(activity.created_at),
        time(activity.started_at),
        html! { @if let Some(took) = activity.duration() { (in_words(took)) } },
        html! { (in_words(activity.pending(now))) },
        time(activity.ended_at),
    ])
}
