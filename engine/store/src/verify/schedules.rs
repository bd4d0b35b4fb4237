//! Checks schedules against the events of the site and their slots: their timetable and their next time.

use std::collections::{BTreeMap, BTreeSet};

use clawback_model::{ScheduleState, Timestamp, Timetable};

use super::found::{Found, VerifyError};
use crate::database::dialect::Tx;
use crate::work::schedules::Schedule;

/// A schedule as the fold of the events of the site.
#[derive(Debug)]
pub(super) struct Scheduled {
    pub(super) timetable: Timetable,
    /// When it got this timetable.
    pub(super) since: Timestamp,
    pub(super) paused_to: Option<Timestamp>,
    pub(super) removed: bool,
    /// Whether its events go back far enough to determine the time of its timetable and the pauses of its slots.
    pub(super) whole: bool,
}

/// Compares the fold of the events with the rows. `older` is the last event before they recorded schedules.
pub(super) async fn compare(
    tx: &mut Tx,
    by_events: &BTreeMap<String, Scheduled>,
    older: i64,
) -> Result<(), VerifyError> {
    let mut known = BTreeSet::new();
    for schedule in crate::work::schedules::all(tx).await? {
        let name = schedule.name.clone();
        let Some(events) = by_events.get(&name) else {
            // Set by a version that recorded no event; the next change of its timetable records one.
            if older > 0 {
                continue;
            }
            return Err(Found::Timetable { name, what: "timetable" }.into());
        };
        known.insert(name.clone());
        if let Some(what) = differs(tx, &schedule, events).await? {
            return Err(Found::Timetable { name, what }.into());
        }
    }
    if let Some(name) = by_events.keys().find(|name| !known.contains(*name)) {
        return Err(Found::Timetable { name: name.clone(), what: "its row" }.into());
    }
    let orphan =
        "SELECT s.schedule FROM slots s LEFT JOIN schedules x ON x.name = s.schedule WHERE x.name IS NULL LIMIT 1";
    if tx.row(orphan, &[]).await?.is_some() {
        return Err(Found::Rows { table: "slots" }.into());
    }
    Ok(())
}

/// Returns the first column that differs.
async fn differs(tx: &mut Tx, row: &Schedule, events: &Scheduled) -> Result<Option<&'static str>, VerifyError> {
    let sql = "SELECT MAX(last_at), MAX(CASE reason WHEN 'waiting' THEN fire_at END) FROM slots WHERE schedule = $1";
    let slots = tx.row(sql, &[(&row.name).into()]).await?;
    let (last, waiting) = match slots {
        Some(slots) => (slots.opt_int(0)?.map(Timestamp), slots.opt_int(1)?.map(Timestamp)),
        None => (None, None),
    };
    let stands = !row.paused && !row.removed;
    let checks = [
        ("timetable", row.timetable == events.timetable),
        ("removed", row.removed == events.removed),
        ("decided_to", !events.whole || Some(row.decided_to) == last.max(Some(events.since))),
        ("paused_to", !events.whole || row.paused_to == events.paused_to),
        ("waiting", row.waiting == waiting),
        ("next_at", if stands { is_next(row, &events.timetable) } else { row.next_at.is_none() }),
    ];
    Ok(checks.into_iter().find_map(|(what, fits)| (!fits).then_some(what)))
}

/// Returns whether its next round is no later than its next slot fires; it may be earlier.
fn is_next(row: &Schedule, timetable: &Timetable) -> bool {
    let Ok(cron) = timetable.cron() else { return true };
    let standing = ScheduleState { decided_to: row.decided_to, paused_to: None, waiting: None, busy: false };
    match (row.next_at, timetable.decide(&row.name, &cron, &standing, row.decided_to).next_at) {
        (Some(next), Some(latest)) => next <= latest.max(row.paused_to.unwrap_or(latest)),
        // It waits for a run to end, or had no round since it was set: the round finds nothing to do.
        (Some(next), None) => row.waiting.is_some() || next <= row.decided_to.max(row.paused_to.unwrap_or(next)),
        (None, latest) => latest.is_none(),
    }
}
