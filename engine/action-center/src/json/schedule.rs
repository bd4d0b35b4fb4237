//! Schedules and their slots.

use crate::boxed::boxed;
use std::borrow::Cow;

use clawback_model::{Misfire, Overlap, SlotReason, Status, Timetable};
use clawback_store::{Schedule, Slot, Store, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A schedule, and the result of its last slot.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of a playbook's schedule")]
pub struct ScheduleJson {
    pub name: String,
    /// `active`, `paused` or `removed`.
    pub state: Cow<'static, str>,
    pub cron: String,
    pub time_zone: String,
    pub jitter_seconds: u64,
    #[schema(value_type = String)]
    pub overlap: Overlap,
    /// `skip`, `run-once`, or an object `{"backfill": N}`.
    #[schema(value_type = serde_json::Value)]
    pub misfire: Misfire,
    pub next_at: Option<String>,
    pub last: Option<SlotJson>,
}

impl ScheduleJson {
    /// Reads the schedule's last slot.
    #[boxed]
    pub async fn load(history: &Store, schedule: Schedule) -> Result<Self, StoreError> {
        let last = history.slots(&schedule.name, 1).await?;
        Ok(Self {
            state: state(&schedule).into(),
            jitter_seconds: schedule.timetable.jitter.as_secs(),
            overlap: schedule.timetable.overlap,
            misfire: schedule.timetable.misfire,
            next_at: schedule.next_at.map(|at| at.to_string()),
            last: last.first().map(SlotJson::from),
            name: schedule.name,
            cron: schedule.timetable.cron,
            time_zone: schedule.timetable.time_zone,
        })
    }

    /// When it fires.
    pub fn timetable(&self) -> Timetable {
        Timetable {
            cron: self.cron.clone(),
            time_zone: self.time_zone.clone(),
            jitter: std::time::Duration::from_secs(self.jitter_seconds),
            overlap: self.overlap,
            misfire: self.misfire,
        }
    }
}

/// The state of a schedule.
pub(crate) const fn state(schedule: &Schedule) -> &'static str {
    match (schedule.removed, schedule.paused) {
        (true, _) => "removed",
        (false, true) => "paused",
        (false, false) => "active",
    }
}

/// The result of a slot, or of several consecutive ones.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the history")]
pub struct SlotJson {
    pub slot: String,
    pub last_slot: String,
    pub slots: u64,
    pub remediation: Option<String>,
    /// The status of the remediation.
    #[serde(default)]
    pub status: Option<Cow<'static, str>>,
    /// Mailboxes that it searched.
    #[serde(default)]
    pub searched: Option<u64>,
    /// Messages that it found.
    #[serde(default)]
    pub submitted: Option<u64>,
    /// Messages that it moved or deleted.
    #[serde(default)]
    pub succeeded: Option<u64>,
    pub reason: Option<Cow<'static, str>>,
    pub detail: Option<String>,
    pub decided_at: String,
}

impl From<&Slot> for SlotJson {
    fn from(slot: &Slot) -> Self {
        Self {
            slot: slot.first.to_string(),
            last_slot: slot.last.to_string(),
            slots: slot.slots,
            remediation: slot.remediation.as_ref().map(ToString::to_string),
            status: slot.result.as_ref().map(|result| result.status.as_str().into()),
            searched: slot.result.as_ref().and_then(|result| result.searched),
            submitted: slot.result.as_ref().map(|result| result.counts.submitted),
            succeeded: slot.result.as_ref().map(|result| result.counts.succeeded),
            reason: slot.reason.map(SlotReason::as_str).map(Cow::Borrowed),
            detail: slot.detail.clone(),
            decided_at: slot.decided_at.to_string(),
        }
    }
}

impl SlotJson {
    /// The remediation, and the result in words.
    pub fn in_words(&self) -> String {
        match &self.remediation {
            Some(remediation) => format!("{remediation}: {}", self.result()),
            None => self.result(),
        }
    }

    /// The result in words: what its run found, or why it has none.
    pub(crate) fn result(&self) -> String {
        if self.remediation.is_some() {
            let (status, found) = (self.status.as_deref().unwrap_or("removed"), self.submitted.unwrap_or_default());
            return match (status == Status::NothingToDo.as_str(), found, self.searched) {
                (true, 0, Some(searched)) => format!("nothing found in {searched} mailboxes"),
                (true, _, _) => "nothing to do".to_owned(),
                (false, 0, _) => status.to_owned(),
                (false, ..) => format!("{status}, {} of {found} messages", self.succeeded.unwrap_or_default()),
            };
        }
        let mut words = self.reason.as_deref().unwrap_or_default().to_owned();
        if self.slots > 1 {
            words = format!("{words}: {} slots until {}", self.slots, self.last_slot);
        }
        match &self.detail {
            Some(detail) => format!("{words}: {detail}"),
            None => words,
        }
    }
}
