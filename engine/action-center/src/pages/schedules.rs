//! Schedules: which playbooks run, and when.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use clawback_model::Permission;
use clawback_store::Slot;
use maud::{Markup, html};

use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::center::Center;
use crate::json::{SlotJson, schedule_state};
use crate::problem::Problem;

const COLUMNS: [&str; 7] = ["Playbook", "State", "Cron", "Time zone", "Next", "Last slot", "Control"];

pub(crate) async fn page(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let schedules = center.api().schedules(&frame.who).await?;
    let controls = frame.may(Permission::Control);
    let mut lasts = Vec::with_capacity(schedules.len());
    for schedule in &schedules {
        lasts.push(center.site().history.slots(&schedule.name, 1).await?.pop());
    }
    let rows: Vec<Markup> = schedules
        .iter()
        .zip(&lasts)
        .map(|(schedule, last)| {
            let verbs = if schedule.paused { ["resume", "run"] } else { ["pause", "run"] };
            html! {
                tr {
                    td { a href={ "/playbooks/" (crate::access::encoded(&schedule.name)) } { (schedule.name) } }
                    td { (schedule_state(schedule)) }
                    td { code { (schedule.timetable.cron) } }
                    td { (schedule.timetable.time_zone) }
                    td { @if let Some(at) = schedule.next_at.filter(|_| !schedule.paused) { (layout::time(at)) } }
                    td { @if let Some(slot) = last { (self::slot(slot)) } }
                    td { @if controls && !schedule.removed { div .row { @for verb in verbs {
                        form method="post" action={ "/schedules/" (crate::access::encoded(&schedule.name)) "/" (verb) } {
                            (layout::form_token(&frame))
                            button .plain aria-label={ (verb) " " (schedule.name) } { (verb) }
                        }
                    } } } }
                }
            }
        })
        .collect();
    let body = layout::table("Schedules", &COLUMNS, &rows, "No playbook has a schedule.");
    Ok(layout::page(&frame, "/schedules", "Schedules", &body))
}

/// The time of a slot, and its result.
fn slot(slot: &Slot) -> Markup {
    let words = SlotJson::from(slot).in_words();
    html! {
        (layout::time(slot.first)) " "
        @match &slot.remediation {
            Some(id) => a href={ "/remediations/" (id) } { (layout::mail(&words)) },
            None => (layout::mail(&words)),
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
