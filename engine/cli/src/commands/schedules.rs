//! `clawback schedules`: playbooks that run by themselves.

use clawback_model::{Misfire, Overlap, Timestamp};
use clawback_store::{Schedule, Slot};
use serde::Serialize;

use crate::args::{Global, SchedulesCommand};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;

#[derive(Serialize)]
struct ScheduleJson {
    name: String,
    state: &'static str,
    cron: String,
    time_zone: String,
    jitter_seconds: u64,
    overlap: Overlap,
    misfire: Misfire,
    next_at: Option<String>,
    last: Option<SlotJson>,
}

#[derive(Serialize)]
struct SlotJson {
    slot: String,
    last_slot: String,
    slots: u64,
    remediation: Option<String>,
    reason: Option<&'static str>,
    detail: Option<String>,
    decided_at: String,
}

#[derive(Serialize)]
struct NextJson {
    name: String,
    slot: String,
    fires_at: String,
    local: String,
}

pub(crate) async fn run(global: &Global, command: SchedulesCommand) -> Result<Exit, Failure> {
    let stores = if matches!(command, SchedulesCommand::Run { .. }) { Stores::All } else { Stores::None };
    let session = Session::open(global, stores).await?;
    let (api, who) = (&session.api, &session.who);
    match command {
        SchedulesCommand::List => list(global, &session).await?,
        SchedulesCommand::Next { name, count } => next(global, &session, name.as_deref(), count.into()).await?,
        SchedulesCommand::Slots { name, limit } => {
            let items: Vec<_> = api.slots(who, &name, limit).await?.iter().map(SlotJson::from).collect();
            output::rows(global.format, &["slot", "result", "decided"], &items, None, |item| {
                vec![item.slot.clone(), item.in_words(), item.decided_at.clone()]
            })?;
        }
        SchedulesCommand::Pause { name } => {
            api.pause_schedule(who, &name).await?;
            output::line(&format!("paused {name}"))?;
        }
        SchedulesCommand::Resume { name } => {
            api.resume_schedule(who, &name).await?;
            output::line(&format!("resumed {name}"))?;
        }
        SchedulesCommand::Run { name, leave } => {
            let submitted = api.run_schedule(who, &name).await?;
            return super::work::carry_on(global, &session, &submitted.id, leave).await;
        }
    }
    Ok(Exit::Done)
}

async fn list(global: &Global, session: &Session) -> Result<(), Failure> {
    let mut items = Vec::new();
    for schedule in session.api.schedules(&session.who).await? {
        let last = session.site().history.slots(&schedule.name, 1).await?;
        items.push(ScheduleJson::new(schedule, last.first()));
    }
    if items.is_empty() {
        output::note("no playbook has a schedule");
    }
    let columns = ["name", "state", "cron", "time zone", "next", "last slot", "result"];
    output::rows(global.format, &columns, &items, None, |item| {
        let (slot, result) =
            item.last.as_ref().map_or_else(Default::default, |last| (last.slot.clone(), last.in_words()));
        let next = item.next_at.clone().unwrap_or_default();
        vec![item.name.clone(), item.state.to_owned(), item.cron.clone(), item.time_zone.clone(), next, slot, result]
    })
}

async fn next(global: &Global, session: &Session, name: Option<&str>, count: usize) -> Result<(), Failure> {
    let now = session.site().now();
    let mut items = Vec::new();
    let schedules = session.api.schedules(&session.who).await?;
    if let Some(name) = name
        && !schedules.iter().any(|schedule| schedule.name == name)
    {
        return Err(Failure::misuse(format!("no playbook `{name}` has a schedule"))
            .hint("`clawback schedules list` shows those that have"));
    }
    for schedule in schedules.iter().filter(|schedule| name.is_none_or(|name| name == schedule.name)) {
        if schedule.paused || schedule.removed {
            output::note(&format!("{} is {}: it fires not at all", schedule.name, state(schedule)));
            continue;
        }
        items.extend(upcoming(schedule, now, count)?);
    }
    items.sort_by(|one, other| one.fires_at.cmp(&other.fires_at));
    output::rows(global.format, &["name", "fires at", "local time"], &items, None, |item| {
        vec![item.name.clone(), item.fires_at.clone(), item.local.clone()]
    })
}

fn upcoming(schedule: &Schedule, now: Timestamp, count: usize) -> Result<Vec<NextJson>, Failure> {
    let timetable = &schedule.timetable;
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

const fn state(schedule: &Schedule) -> &'static str {
    match (schedule.removed, schedule.paused) {
        (true, _) => "removed",
        (false, true) => "paused",
        (false, false) => "active",
    }
}

impl ScheduleJson {
    fn new(schedule: Schedule, last: Option<&Slot>) -> Self {
        Self {
            state: state(&schedule),
            jitter_seconds: schedule.timetable.jitter.as_secs(),
            overlap: schedule.timetable.overlap,
            misfire: schedule.timetable.misfire,
            next_at: schedule.next_at.map(|at| at.to_string()),
            last: last.map(SlotJson::from),
            name: schedule.name,
            cron: schedule.timetable.cron,
            time_zone: schedule.timetable.time_zone,
        }
    }
}

impl From<&Slot> for SlotJson {
    fn from(slot: &Slot) -> Self {
        Self {
            slot: slot.first.to_string(),
            last_slot: slot.last.to_string(),
            slots: slot.slots,
            remediation: slot.remediation.as_ref().map(ToString::to_string),
            reason: slot.reason.map(clawback_model::SlotReason::as_str),
            detail: slot.detail.clone(),
            decided_at: slot.decided_at.to_string(),
        }
    }
}

impl SlotJson {
    /// The remediation, or why there is none.
    fn in_words(&self) -> String {
        if let Some(remediation) = &self.remediation {
            return remediation.clone();
        }
        let mut words = self.reason.unwrap_or_default().to_owned();
        if self.slots > 1 {
            words = format!("{words}: {} slots until {}", self.slots, self.last_slot);
        }
        match &self.detail {
            Some(detail) => format!("{words}: {detail}"),
            None => words,
        }
    }
}
