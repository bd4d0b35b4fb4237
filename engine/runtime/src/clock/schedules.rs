//! Schedules: copies what the playbooks say into the table, and makes remediations of the slots that are due. The model
//! decides the fate of each slot; the store writes it once over all nodes.

use crate::boxed::boxed;
use std::sync::Arc;

use clawback_model::{ActionSource, Decided, Digest, Fate, SelectionMode, SlotReason, Timestamp};
use clawback_store::{Filing, Schedule, SlotFate, SlotRecord, WantedSchedule};

use crate::automation::automation;
use crate::error::Error;
use crate::intake::{self, Submission};
use crate::site::Site;

/// Makes the table match the playbooks. The schedule of a shipped playbook that was not edited starts paused, until a
/// person resumes it.
#[boxed]
pub async fn sync_schedules(site: &Arc<Site>) -> Result<(), Error> {
    let (mut wanted, mut kept) = (Vec::new(), Vec::new());
    for name in site.library.playbook_names() {
        let loaded = site
            .library
            .playbook_source(&name)
            .and_then(|(path, source)| site.library.check(&path, &source, None, None, site.limits));
        match loaded {
            Ok(playbook) => {
                let starts_paused =
                    site.library.shipped_workflows.get(&name).is_some_and(|source| source == playbook.source());
                let timetable = playbook.triggers().schedule.clone();
                wanted.extend(timetable.map(|timetable| WantedSchedule { name, timetable, starts_paused }));
            }
            // The file may be half saved. Its slots are refused, and recorded as such, until the playbook is valid
            // again.
            Err(error) => {
                tracing::debug!(playbook = name, %error, "Schedule not changed: its playbook has mistakes.");
                kept.push(name);
            }
        }
    }
    Ok(site.history.sync_schedules(&wanted, &kept, &automation(), site.now()).await?)
}

/// A digest of everything that [`sync_schedules`] reads.
pub(crate) fn texts(site: &Site) -> Digest {
    let mut all = Vec::new();
    for name in site.library.playbook_names() {
        // All playbooks that cannot be read count as the same text; the error is reported when the playbook is used.
        let source = site.library.playbook_source(&name).map(|(_, source)| source).unwrap_or_default();
        all.extend([name, source]);
    }
    let scripts = site.library.scripts().unwrap_or_default();
    all.extend(scripts.sources.into_iter().chain(scripts.unreadable).flat_map(|(name, text)| [name, text]));
    Digest::of(all.join("\0").as_bytes())
}

/// Decides on every slot that is due, and returns the number of remediations that were filed.
pub(crate) async fn fire(site: &Arc<Site>) -> Result<u64, Error> {
    let (history, now) = (&site.history, site.now());
    let mut began = 0;
    let mut failed = None;
    for schedule in history.due_schedules(now).await? {
        // A schedule that cannot be read or written must not delay the others.
        let schedule = match schedule {
            Ok(schedule) => schedule,
            Err(error) => {
                failed = Some(error.into());
                continue;
            }
        };
        match fire_one(site, &schedule, now).await {
            Ok(more) => began += more,
            Err(error @ Error::History(_)) => failed = Some(error),
            Err(error) => tracing::error!(schedule = schedule.name, %error, "Schedule not fired."),
        }
    }
    failed.map_or(Ok(began), Err)
}

#[tracing::instrument(name = "schedule.fire", skip_all, fields(schedule = schedule.name))]
async fn fire_one(site: &Arc<Site>, schedule: &Schedule, now: Timestamp) -> Result<u64, Error> {
    let history = &site.history;
    let open = history.open_runs(&schedule.name).await?;
    let timetable = &schedule.timetable;
    // The expression was checked when it was written; a newer time zone database may lack its zone.
    let cron = timetable.cron().map_err(|error| Error::Schedule { name: schedule.name.clone(), error })?;
    let round = timetable.decide(&schedule.name, &cron, &schedule.standing(!open.is_empty()), now);
    let records: Vec<SlotRecord> = round.decided.iter().map(|decided| record(site, schedule, decided)).collect();
    let began = records.iter().filter(|record| matches!(record.fate, SlotFate::Runs(_))).count() as u64;
    // A run that cannot begin must not end the one that runs.
    let replaced = if round.replaces && began > 0 { open.as_slice() } else { &[] };
    if !history.decide_slots(schedule, &round, &records, replaced, now).await? {
        return Ok(0);
    }
    for record in &records {
        if let SlotFate::LeftOut { reason, detail } = &record.fate {
            let detail = detail.as_deref().unwrap_or_default();
            tracing::info!(slot = %record.first, slots = record.slots, %reason, detail, "Slot left out.");
        }
    }
    Ok(began)
}

/// Makes a remediation of a slot that fires. A slot whose playbook cannot be submitted is recorded as left out, with
/// the reason.
fn record(site: &Arc<Site>, schedule: &Schedule, decided: &Decided) -> SlotRecord {
    let fate = match decided.fate {
        Fate::Skip(reason) => SlotFate::LeftOut { reason, detail: None },
        Fate::Fire => match filing(site, &schedule.name, decided.first) {
            Ok(filing) => SlotFate::Runs(Box::new(filing)),
            Err(error) => {
                let detail = clawback_model::visible_line(&error.to_string(), LONGEST_DETAIL);
                SlotFate::LeftOut { reason: SlotReason::Refused, detail: Some(detail) }
            }
        },
    };
    SlotRecord { first: decided.first, last: decided.last, slots: decided.slots, fate }
}

/// Characters kept of an error.
const LONGEST_DETAIL: usize = 500;

fn filing(site: &Arc<Site>, playbook: &str, slot: Timestamp) -> Result<Filing, Error> {
    let who = automation();
    let request = intake::request(site, &who, submission(playbook, ActionSource::Schedule), Some(slot))?;
    intake::filing(site, request, &who, None)
}

/// The submission of a playbook that has a schedule.
pub fn submission(playbook: &str, source: ActionSource) -> Submission {
    Submission {
        playbook: playbook.to_owned(),
        inputs: clawback_model::Inputs::default(),
        name: None,
        severity: None,
        description: None,
        source,
        agent: None,
        mode: SelectionMode::Query,
        picked: Vec::new(),
    }
}
