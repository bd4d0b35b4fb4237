//! Schedules and their slots. A slot and its remediation are written in one transaction, which repeats the version of
//! the schedule: of all nodes that decide concurrently, one succeeds.

use crate::boxed::boxed;
use clawback_model::{
    Actor, Counts, Event, RemediationId, Round, ScheduleState, SlotReason, Status, Timestamp, Timetable,
};

use crate::database::dialect::{Row, Tx};
use crate::error::StoreError;
use crate::history::locking::lock;
use crate::history::transitions::{Filing, file, write};
use crate::rows::{json, parse, state};
use crate::site_events::{SiteEvent, append};
use crate::store::Store;

/// A schedule and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The name of the playbook.
    pub name: String,
    /// The timetable.
    pub timetable: Timetable,
    /// Whether a person paused it.
    pub paused: bool,
    /// Whether its playbook is missing, or no longer has a schedule.
    pub removed: bool,
    /// Every slot up to this time has its fate.
    pub decided_to: Timestamp,
    /// Slots up to this time fall into a pause.
    pub paused_to: Option<Timestamp>,
    /// The slot that waits for an earlier run to end.
    pub waiting: Option<Timestamp>,
    /// The time of the next round.
    pub next_at: Option<Timestamp>,
    version: i64,
}

/// A schedule as a playbook defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedSchedule {
    /// The name of the playbook.
    pub name: String,
    /// The timetable.
    pub timetable: Timetable,
    /// Whether a new schedule is paused until a person resumes it.
    pub starts_paused: bool,
}

/// The fate of one slot, or of several that were skipped together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The first slot.
    pub first: Timestamp,
    /// The last slot.
    pub last: Timestamp,
    /// The number of slots.
    pub slots: u64,
    /// Its run.
    pub remediation: Option<RemediationId>,
    /// The current state of the run.
    pub result: Option<SlotResult>,
    /// Why it has no run.
    pub reason: Option<SlotReason>,
    /// Further detail in words, if any.
    pub detail: Option<String>,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// The current state of a slot's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotResult {
    /// Its status.
    pub status: Status,
    /// The mailboxes that were searched, once it has a plan.
    pub searched: Option<u64>,
    /// The counts of its messages.
    pub counts: Counts,
}

/// A slot to write.
#[derive(Debug)]
pub struct SlotRecord {
    /// The first slot.
    pub first: Timestamp,
    /// The last slot; the same for a single one.
    pub last: Timestamp,
    /// The number of slots.
    pub slots: u64,
    /// Their fate.
    pub fate: SlotFate,
}

/// The fate of a slot.
#[derive(Debug)]
pub enum SlotFate {
    /// It starts this remediation.
    Runs(Box<Filing>),
    /// It is skipped, for a reason.
    LeftOut {
        /// The reason.
        reason: SlotReason,
        /// Further detail in words, if any.
        detail: Option<String>,
    },
}

const COLUMNS: &str = "name, timetable, paused, removed, decided_to, paused_to, waiting, next_at, version";
/// A backfill files at most this many at once, so an older run that has not ended is among this many.
const OPEN_RUNS: u32 = 128;
/// The most schedules that are read at once.
const DUE: u32 = 1_000;
/// The actor that cancels runs which a later slot replaces.
const AUTOMATION: &str = "automation";

impl Store {
    /// Returns whether any schedule or sweep is due. An idle node runs only this query.
    #[tracing::instrument(name = "store.timers.due", skip_all)]
    #[boxed]
    pub async fn timers_due(&self, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS due WHERE EXISTS (SELECT 1 FROM schedules WHERE next_at <= $1) \
                   OR EXISTS (SELECT 1 FROM sweeps WHERE next_at <= $1)";
        Ok(self.row(sql, &[now.into()]).await?.is_some())
    }

    /// Returns every schedule, by name.
    #[tracing::instrument(name = "store.schedules", skip_all)]
    #[boxed]
    pub async fn schedules(&self) -> Result<Vec<Schedule>, StoreError> {
        all(&mut self.read().await?).await
    }

    /// Returns the schedules that are due. A row that cannot be read is an error in its place; the others are still
    /// returned.
    #[tracing::instrument(name = "store.schedules.due", skip_all)]
    #[boxed]
    pub async fn due_schedules(&self, now: Timestamp) -> Result<Vec<Result<Schedule, StoreError>>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM schedules WHERE next_at <= $1 ORDER BY next_at, name LIMIT $2");
        Ok(self.rows(sql, &[now.into(), DUE.into()]).await?.iter().map(read).collect())
    }

    /// Makes the table match the playbooks. `kept` are names whose playbooks currently have errors: these rows do not
    /// change.
    #[tracing::instrument(name = "store.schedules.sync", skip_all)]
    pub async fn sync_schedules(
        &self,
        wanted: &[WantedSchedule],
        kept: &[String],
        actor: impl Into<Actor<'_>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let actor = actor.into();
        let known = self.schedules().await?;
        let is_same = |new: &WantedSchedule, row: &Schedule| {
            row.name == new.name && row.timetable == new.timetable && !row.removed
        };
        let changed: Vec<_> = wanted.iter().filter(|new| !known.iter().any(|row| is_same(new, row))).collect();
        let is_gone = |row: &&Schedule| {
            !row.removed && !wanted.iter().any(|new| new.name == row.name) && !kept.contains(&row.name)
        };
        let gone: Vec<_> = known.iter().filter(is_gone).collect();
        if changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let mut tx = self.write().await?;
        for new in changed {
            put(&mut tx, &new.name, &new.timetable, now).await?;
            let event = SiteEvent::ScheduleSet { name: new.name.clone(), timetable: new.timetable.clone() };
            append(&mut tx, &event, actor, now).await?;
            if new.starts_paused && !known.iter().any(|row| row.name == new.name) {
                let sql = "UPDATE schedules SET paused = 1, next_at = NULL WHERE name = $1 AND paused = 0";
                if tx.execute(sql, &[(&new.name).into()]).await? == 1 {
                    append(&mut tx, &SiteEvent::SchedulePaused { name: new.name.clone() }, actor, now).await?;
                }
            }
        }
        for row in gone {
            let sql = "UPDATE schedules SET removed = 1, next_at = NULL, version = version + 1 WHERE name = $1";
            tx.execute(sql, &[(&row.name).into()]).await?;
            append(&mut tx, &SiteEvent::ScheduleRemoved { name: row.name.clone() }, actor, now).await?;
        }
        tx.commit().await
    }

    /// Returns the runs of a schedule that have not ended.
    #[tracing::instrument(name = "store.schedules.runs", skip_all)]
    #[boxed]
    pub async fn open_runs(&self, name: &str) -> Result<Vec<RemediationId>, StoreError> {
        let sql = "SELECT r.id, r.status FROM slots s JOIN remediations r ON r.id = s.remediation_id \
                   WHERE s.schedule = $1 AND s.remediation_id IS NOT NULL ORDER BY s.fire_at DESC LIMIT $2";
        let rows = self.rows(sql, &[name.into(), OPEN_RUNS.into()]).await?;
        let mut open = Vec::new();
        for row in rows {
            let id = row.string(0)?;
            let corrupt = |column| StoreError::corrupt("remediations", column, &id);
            let status: Status = row.text(1)?.parse().map_err(|_| corrupt("status"))?;
            if !status.is_final() {
                open.push(id.parse().map_err(|_| corrupt("id"))?);
            }
        }
        Ok(open)
    }

    /// Writes the fates of slots, with the remediations that begin and the cancels of those that are replaced. Returns
    /// false and writes nothing if another node has decided concurrently.
    #[tracing::instrument(name = "store.schedules.decide", skip_all)]
    #[boxed]
    pub async fn decide_slots(
        &self,
        schedule: &Schedule,
        round: &Round,
        records: &[SlotRecord],
        replaced: &[RemediationId],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let touched = tx
            .execute(
                "UPDATE schedules SET decided_to = $1, waiting = $2, next_at = $3, version = version + 1 \
                 WHERE name = $4 AND version = $5 AND paused = 0 AND removed = 0",
                &[
                    round.decided_to.into(),
                    round.waiting.into(),
                    round.next_at.into(),
                    (&schedule.name).into(),
                    schedule.version.into(),
                ],
            )
            .await?;
        if touched == 0 {
            return Ok(false);
        }
        // First every row, then the lock of the chain, which the first event takes: all writers lock in that order.
        let mut all = Vec::with_capacity(replaced.len());
        for id in replaced {
            all.push(lock(&mut tx, id, None).await?);
        }
        for locked in all {
            if !locked.remediation.status.is_final() {
                let event = Event::CancelRequested { by: AUTOMATION.to_owned(), reason: None };
                write(&mut tx, locked, AUTOMATION.into(), &event, now).await?;
            }
        }
        for record in records {
            if let SlotFate::Runs(filing) = &record.fate {
                file(&mut tx, filing).await?;
            }
            insert(&mut tx, &schedule.name, record, now).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Pauses a schedule until it is resumed. Pausing it again changes nothing.
    #[tracing::instrument(name = "store.schedules.pause", skip_all)]
    pub async fn pause_schedule(
        &self,
        name: &str,
        actor: impl Into<Actor<'_>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let actor = actor.into();
        let sql =
            "UPDATE schedules SET paused = 1, next_at = NULL, version = version + 1 WHERE name = $1 AND paused = 0";
        self.switch(sql, &[name.into()], &SiteEvent::SchedulePaused { name: name.to_owned() }, actor, now).await
    }

    /// Resumes a paused schedule; the slots of the pause are skipped.
    #[tracing::instrument(name = "store.schedules.resume", skip_all)]
    pub async fn resume_schedule(
        &self,
        name: &str,
        actor: impl Into<Actor<'_>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let actor = actor.into();
        let sql = "UPDATE schedules SET paused = 0, paused_to = $2, version = version + 1, \
                   next_at = CASE removed WHEN 0 THEN CAST($2 AS BIGINT) END WHERE name = $1 AND paused = 1";
        let event = SiteEvent::ScheduleResumed { name: name.to_owned() };
        self.switch(sql, &[name.into(), now.into()], &event, actor, now).await
    }

    async fn switch(
        &self,
        sql: &'static str,
        values: &[crate::database::dialect::Value<'_>],
        event: &SiteEvent,
        actor: Actor<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        if tx.execute(sql, values).await? == 1 {
            append(&mut tx, event, actor, now).await?;
        } else if tx.row("SELECT name FROM schedules WHERE name = $1", &values[..1]).await?.is_none() {
            let (SiteEvent::SchedulePaused { name } | SiteEvent::ScheduleResumed { name }) = event else {
                return Ok(());
            };
            return Err(StoreError::not_found("schedule", name));
        }
        tx.commit().await
    }

    /// Returns the slots of a schedule with their fates, newest first.
    #[tracing::instrument(name = "store.slots", skip_all)]
    #[boxed]
    pub async fn slots(&self, name: &str, most: u32) -> Result<Vec<Slot>, StoreError> {
        let sql = "SELECT s.remediation_id, s.fire_at, s.last_at, s.slots, r.state, s.reason, s.detail, s.decided_at \
                   FROM slots s LEFT JOIN remediations r ON r.id = s.remediation_id \
                   WHERE s.schedule = $1 ORDER BY s.fire_at DESC LIMIT $2";
        let rows = self.rows(sql, &[name.into(), most.into()]).await?;
        let corrupt = |column| StoreError::corrupt("slots", column, name);
        rows.iter()
            .map(|row| {
                let run = row.opt_text(4)?.map(|_| state(row, 4)).transpose()?;
                let id = row.opt_text(0)?.map(|id| id.parse().map_err(|_| corrupt("remediation_id"))).transpose()?;
                Ok(Slot {
                    first: row.time(1)?,
                    last: row.time(2)?,
                    slots: u64::try_from(row.int(3)?).map_err(|_| corrupt("slots"))?,
                    remediation: id,
                    result: run.map(|run| SlotResult {
                        status: run.status,
                        searched: run.plan.and_then(|plan| plan.facts.searched),
                        counts: run.counts,
                    }),
                    reason: row.opt_text(5)?.map(|word| word.parse().map_err(|_| corrupt("reason"))).transpose()?,
                    detail: row.opt_text(6)?.map(std::borrow::Cow::into_owned),
                    decided_at: row.time(7)?,
                })
            })
            .collect()
    }
}

/// Returns every schedule, by name.
pub(crate) async fn all(tx: &mut Tx) -> Result<Vec<Schedule>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM schedules ORDER BY name");
    tx.rows(sql, &[]).await?.iter().map(read).collect()
}

impl Schedule {
    /// Returns its state, as the input of the decision on its slots.
    pub fn standing(&self, busy: bool) -> ScheduleState {
        ScheduleState { decided_to: self.decided_to, paused_to: self.paused_to, waiting: self.waiting, busy }
    }
}

/// Writes a timetable. A new or changed one begins now, without earlier slots. A schedule that was removed comes back
/// as after a pause.
async fn put(tx: &mut Tx, name: &str, timetable: &Timetable, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO schedules (name, timetable, decided_to, next_at) VALUES ($1, $2, $3, $3) \
               ON CONFLICT (name) DO UPDATE SET version = schedules.version + 1, removed = 0, \
               paused_to = CASE WHEN schedules.removed = 1 OR schedules.timetable <> excluded.timetable \
               THEN excluded.decided_to ELSE schedules.paused_to END, \
               decided_to = CASE WHEN schedules.timetable = excluded.timetable THEN schedules.decided_to \
               ELSE excluded.decided_to END, \
               timetable = excluded.timetable, \
               next_at = CASE schedules.paused WHEN 0 THEN excluded.next_at END";
    tx.execute(sql, &[name.into(), json(timetable).into(), now.into()]).await.map(drop)
}

async fn insert(tx: &mut Tx, schedule: &str, record: &SlotRecord, now: Timestamp) -> Result<(), StoreError> {
    let (remediation, reason, detail) = match &record.fate {
        SlotFate::Runs(filing) => (Some(filing.remediation.id.as_str()), None, None),
        SlotFate::LeftOut { reason, detail } => (None, Some(reason.as_str()), detail.as_deref()),
    };
    // Only a slot that waits may get another fate later.
    let sql = "INSERT INTO slots (schedule, fire_at, last_at, slots, remediation_id, reason, detail, decided_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (schedule, fire_at) DO UPDATE SET \
               remediation_id = excluded.remediation_id, reason = excluded.reason, detail = excluded.detail, \
               decided_at = excluded.decided_at WHERE slots.reason = 'waiting'";
    let values = [
        schedule.into(),
        record.first.into(),
        record.last.into(),
        i64::try_from(record.slots).unwrap_or(i64::MAX).into(),
        remediation.into(),
        reason.into(),
        detail.into(),
        now.into(),
    ];
    match tx.execute(sql, &values).await? {
        1 => Ok(()),
        _ => Err(StoreError::Exists { noun: "slot", id: format!("{schedule} {}", record.first) }),
    }
}

fn read(row: &Row) -> Result<Schedule, StoreError> {
    Ok(Schedule {
        name: row.string(0)?,
        timetable: parse(row, 1, "schedules", "timetable")?,
        paused: row.int(2)? == 1,
        removed: row.int(3)? == 1,
        decided_to: row.time(4)?,
        paused_to: row.opt_int(5)?.map(Timestamp),
        waiting: row.opt_int(6)?.map(Timestamp),
        next_at: row.opt_int(7)?.map(Timestamp),
        version: row.int(8)?,
    })
}
