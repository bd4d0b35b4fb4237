//! `clawback schedules`: lists and controls the schedules of playbooks.

use clawback_action_center::json::{RemediationJson, ScheduleJson, SlotJson};
use clawback_model::{Clock as _, Timestamp, visible};
use serde::Serialize;

use super::goal::Goal;
use super::proceed::proceed;
use crate::args::{Global, SchedulesCommand};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, SystemClock};
use crate::output;
use crate::table::{Column, Shape, Table, text, time, whole};
use crate::tables::Schedules;

#[derive(Serialize)]
pub(crate) struct NextJson {
    name: String,
    slot: String,
    fires_at: String,
    local: String,
}

pub(crate) async fn run(global: &Global, command: SchedulesCommand) -> Result<Exit, Failure> {
    let stores = match &command {
        SchedulesCommand::Run { leave, .. } => Stores::unless(*leave, None),
        _ => Stores::None,
    };
    let client = Client::open(global, stores).await?;
    match command {
        SchedulesCommand::List(shape) => list(global, &shape, &client.get::<Vec<_>>(&["schedules"], &[]).await?)?,
        SchedulesCommand::Next { name, count } => {
            next(global, &client.get::<Vec<_>>(&["schedules"], &[]).await?, name.as_deref(), count.into())?;
        }
        SchedulesCommand::Slots { name, limit } => {
            let query = [("limit", limit.to_string())];
            slots(global, &client.get::<Vec<_>>(&["schedules", &name, "slots"], &query).await?)?;
        }
        SchedulesCommand::Pause { name } => {
            client.act::<()>(&["schedules", &name, "pause"]).await?;
            output::line(&format!("paused {name}"))?;
        }
        SchedulesCommand::Resume { name } => {
            client.act::<()>(&["schedules", &name, "resume"]).await?;
            output::line(&format!("resumed {name}"))?;
        }
        SchedulesCommand::Run { name, leave } => {
            let submitted: RemediationJson = client.act(&["schedules", &name, "run"]).await?;
            return proceed(global, &client, &submitted.id, Goal::Settled(leave)).await;
        }
    }
    Ok(Exit::Done)
}

fn slots(global: &Global, items: &[SlotJson]) -> Result<(), Failure> {
    Shape::<Slots>::default().print(global.format, items, None)
}

pub(crate) struct Slots;

impl Table for Slots {
    type Row = SlotJson;
    const COLUMNS: &'static [Column<SlotJson>] = &[
        time("slot", |item| item.slot.clone()),
        text("result", SlotJson::in_words),
        time("decided", |item| item.decided_at.clone()),
    ];
}

pub(crate) struct Upcoming;

impl Table for Upcoming {
    type Row = NextJson;
    const COLUMNS: &'static [Column<NextJson>] = &[
        text("name", |item| item.name.clone()),
        whole("fires_at", |item| item.fires_at.clone()),
        whole("local_time", |item| item.local.clone()),
    ];
}

fn list(global: &Global, args: &Shape<Schedules>, items: &[ScheduleJson]) -> Result<(), Failure> {
    if items.is_empty() {
        output::note("no playbook has a schedule");
    }
    args.print(global.format, items, None)
}

fn next(global: &Global, schedules: &[ScheduleJson], name: Option<&str>, count: usize) -> Result<(), Failure> {
    let now = SystemClock.now();
    let mut items = Vec::new();
    if let Some(name) = name
        && !schedules.iter().any(|schedule| schedule.name == name)
    {
        return Err(Failure::misuse(format!("no playbook `{name}` has a schedule"))
            .hint("`clawback schedules list` shows those that have"));
    }
    for schedule in schedules.iter().filter(|schedule| name.is_none_or(|name| name == schedule.name)) {
        if schedule.state != "active" {
            let (name, state) = (visible(&schedule.name), visible(&schedule.state));
            output::note(&format!("{name} is {state} and does not fire"));
            continue;
        }
        items.extend(upcoming(schedule, now, count)?);
    }
    items.sort_by(|one, other| one.fires_at.cmp(&other.fires_at));
    Shape::<Upcoming>::default().print(global.format, &items, None)
}

fn upcoming(schedule: &ScheduleJson, now: Timestamp, count: usize) -> Result<Vec<NextJson>, Failure> {
    let timetable = schedule.timetable();
    let cron = timetable.cron().map_err(|error| Failure::misuse(format!("{}: {error}", schedule.name)))?;
    let slots = cron.slots_after(now).take(count);
    let item = |slot: Timestamp| NextJson {
        name: schedule.name.clone(),
        slot: slot.to_string(),
        fires_at: timetable.due(&schedule.name, slot).to_string(),
        local: cron.local(slot),
    };
    Ok(slots.map(item).collect())
}
