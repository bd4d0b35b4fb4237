//! A schedule: its times, and the result of each slot.

use axum::extract::{Path, State};
use clawback_model::{Misfire, Overlap};
use clawback_store::Slot;
use maud::html;

use super::fields::Asked;
use super::frame::Frame;
use super::layout;
use super::schedules::controls;
use super::shown::Shown;
use crate::access::{Caller, encoded};
use crate::center::Center;
use crate::design::table::{Column, Row, Table};
use crate::design::words::spoken;
use crate::design::{facts, text};
use crate::json::{SlotJson, schedule_state};
use crate::problem::Problem;

/// Slots that are shown first, and at most.
const SHOWN: [u32; 2] = [50, 1_000];

const COLUMNS: [Column; 6] = [
    Column::time("Slot"),
    Column::count("Slots"),
    Column::medium("Remediation"),
    Column::lead("Result").tall(),
    Column::count("Messages").at_720(),
    Column::time("Decided").at_960(),
];

pub(crate) async fn page(
    State(center): State<Center>,
    Path(name): Path<String>,
    caller: Caller,
    Asked(query): Asked,
) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let most = if query.has("all") { SHOWN[1] } else { SHOWN[0] };
    let slots = center.api().slots(&frame.who, &name, most).await?;
    let schedules = center.api().schedules(&frame.who).await?;
    let schedule = schedules.into_iter().find(|one| one.name == name).ok_or_else(Problem::not_found)?;
    let timetable = &schedule.timetable;
    let is_full = slots.len() >= most as usize;
    let address = format!("/schedules/{}", encoded(&name));
    let rows: Vec<Row> = slots.iter().map(row).collect();
    let body = html! {
        (controls(&frame, &schedule))
        (facts::facts(&[
            ("State", html! { (spoken(schedule_state(&schedule))) }),
            ("Cron", html! { code { (timetable.cron) } }),
            ("Time zone", html! { (timetable.time_zone) }),
            ("Next", html! { @if let Some(at) = schedule.next_at.filter(|_| !schedule.paused) { (text::time(at)) } }),
            ("While a run continues", html! { (overlap(timetable.overlap)) }),
            ("Slots while no node was up", html! { (misfire(timetable.misfire)) }),
            ("Playbook", html! { a href={ "/playbooks/" (encoded(&name)) } { (name) } }),
        ]))
        h2 { "Slots" }
        (Table::new("Slots", &COLUMNS, rows).or("No slot yet."))
        @if is_full && most == SHOWN[0] { div .pager { a .button.plain href={ (address) "?all=yes" } { "Older" } } }
        @if is_full && most == SHOWN[1] { p .quiet { "The newest 1,000 slots are shown." } }
    };
    Ok(layout::page(&frame, "/schedules", &format!("Schedule {name}"), &body))
}

fn row(slot: &Slot) -> Row {
    Row::of([
        text::time(slot.first),
        text::count(slot.slots),
        html! { @if let Some(id) = &slot.remediation { a href={ "/remediations/" (id) } { code { (id) } } } },
        text::mail(&SlotJson::from(slot).result()),
        html! { @if let Some(result) = &slot.result { (text::count(result.counts.submitted)) } },
        text::time(slot.decided_at),
    ])
}

/// What becomes of a slot while the run before has not ended.
const fn overlap(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Skip => "The slot is skipped",
        Overlap::Queue => "The slot waits",
        Overlap::Replace => "The earlier run is cancelled",
    }
}

/// What becomes of slots at which no node was up.
fn misfire(misfire: Misfire) -> String {
    match misfire {
        Misfire::Skip => "They are skipped".to_owned(),
        Misfire::RunOnce => "One run replaces them".to_owned(),
        Misfire::Backfill(last) => format!("The last {last} run"),
    }
}
