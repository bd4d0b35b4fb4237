//! Schedules: which playbooks run, and when; and the sweeps under way.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use clawback_model::Permission;
use clawback_store::{Schedule, Slot};
use maud::{Markup, html};

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use super::sweeps;
use crate::access::{Caller, encoded};
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::text;
use crate::json::{SlotJson, schedule_state};
use crate::problem::Problem;

const COLUMNS: [Column; 7] = [
    Column::lead("Playbook"),
    Column::short("State"),
    Column::medium("Cron"),
    Column::medium("Time zone").at_960(),
    Column::time("Next"),
    Column::fill("Last slot"),
    Column::medium("Actions"),
];

pub(crate) async fn page(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let schedules = center.api().schedules(&frame.who).await?;
    let mut lasts = Vec::with_capacity(schedules.len());
    for schedule in &schedules {
        lasts.push(center.site().history.slots(&schedule.name, 1).await?.pop());
    }
    let rows: Vec<Row> = schedules
        .iter()
        .zip(&lasts)
        .map(|(schedule, last)| {
            Row::of([
                html! { a href={ "/schedules/" (encoded(&schedule.name)) } { (schedule.name) } },
                html! { (schedule_state(schedule)) },
                html! { code { (schedule.timetable.cron) } },
                html! { (schedule.timetable.time_zone) },
                html! { @if let Some(at) = schedule.next_at.filter(|_| !schedule.paused) { (text::time(at)) } },
                html! { @if let Some(slot) = last { (self::slot(slot)) } },
                controls(&frame, schedule),
            ])
        })
        .collect();
    let nothing =
        empty(Icon::Calendar, "No playbook has a schedule", "The trigger `schedule` of a playbook gives it one.");
    let body = html! {
        (Table::new("Schedules", &COLUMNS, rows).or(nothing))
        (sweeps::section(&center).await?)
    };
    Ok(layout::page(&frame, "/schedules", "Schedules", &body))
}

/// The buttons of those who may control it.
pub(super) fn controls(frame: &Frame, schedule: &Schedule) -> Markup {
    if schedule.removed || !frame.may(Permission::Control) {
        return html! {};
    }
    let pauses = if schedule.paused { ("resume", "Resume") } else { ("pause", "Pause") };
    html! { div .inline { @for (verb, label) in [pauses, ("run", "Run now")] {
        form method="post" action={ "/schedules/" (encoded(&schedule.name)) "/" (verb) } {
            (layout::form_token(frame))
            button .plain.small aria-label={ (label) " " (schedule.name) } { (label) }
        }
    } } }
}

/// The time of a slot, and its result.
fn slot(slot: &Slot) -> Markup {
    let words = SlotJson::from(slot).in_words();
    html! {
        (text::time(slot.first)) " "
        @match &slot.remediation {
            Some(id) => a href={ "/remediations/" (id) } { (text::mail(&words)) },
            None => (text::mail(&words)),
        }
    }
}

pub(crate) async fn act(
    State(center): State<Center>,
    Path((name, verb)): Path<(String, String)>,
    caller: Caller,
) -> Shown {
    let (api, who) = (center.api(), &caller.who);
    match verb.as_str() {
        "pause" => api.pause_schedule(who, &name).await?,
        "resume" => api.resume_schedule(who, &name).await?,
        "run" => {
            let submitted = api.run_schedule(who, &name).await?;
            return Ok(Redirect::to(&format!("/remediations/{}?submitted=1", submitted.id)).into_response());
        }
        _ => return Err(Problem::not_found().into()),
    }
    Ok(Redirect::to("/schedules").into_response())
}
