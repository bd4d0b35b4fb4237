//! The findings of a verification.

use clawback_model::{Digest, Timestamp};

use crate::error::StoreError;

/// The error of a verification.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The history was changed.
    #[error("the history was tampered with or damaged: {0}")]
    Broken(#[from] Found),
    /// The history could not be read to the end.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The first mismatch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Found {
    #[error("event {seq} ({kind}, of {of}) was changed: its hash does not fit")]
    EventChanged { seq: i64, kind: String, of: String },
    #[error("event {seq} is missing")]
    EventMissing { seq: i64 },
    #[error("event {seq} (of {of}) does not continue the event before it")]
    EventUnlinked { seq: i64, of: String },
    #[error("event {seq} is not the one that was noted: the history was rewritten")]
    Rewritten { seq: i64 },
    #[error("the history ends at event {last}, but event {known} was noted: its end was cut off")]
    Cut { known: i64, last: i64 },
    #[error("the first {size} events are not those of the checkpoint of that size: the history was rewritten")]
    NotTheCheckpoint { size: u64 },
    #[error("the history ends at event {last}, but a checkpoint of {size} events was published: its end was cut off")]
    CutCheckpoint { size: u64, last: u64 },
    #[error("the checkpoint of {size} events that is kept in the table `heads` is not one")]
    Head { size: i64 },
    #[error(
        "the checkpoint of {size} events that is kept in the table `heads` is not signed by the site's key `{key}`"
    )]
    HeadUnsigned { size: u64, key: String },
    #[error("the tree's tile {level}/{number} differs from the events")]
    Tile { level: u32, number: u64 },
    #[error("the tree's tiles are more or fewer than its events need")]
    Tiles,
    #[error("event {seq} cannot be read: {detail}")]
    EventUnreadable { seq: i64, detail: String },
    #[error("event {seq} (of {remediation}) could not have happened: {detail}")]
    EventImpossible { seq: i64, remediation: String, detail: String },
    #[error("remediation {remediation} has events, but its row is missing")]
    RemediationMissing { remediation: String },
    #[error("remediation {remediation} has a row, but no event submitted it")]
    RemediationAdded { remediation: String },
    #[error("remediation {remediation} differs from its events in {what}")]
    State { remediation: String, what: &'static str },
    #[error("the votes on {remediation} differ from its events: see event {event}")]
    Vote { remediation: String, event: i64 },
    #[error("what {remediation} counts towards the limits on what runs without a vote differs from its events")]
    Counted { remediation: String },
    #[error("batch {number} of {remediation} differs from its events")]
    Batch { remediation: String, number: u32 },
    #[error("the plan of {remediation} is missing")]
    PlanMissing { remediation: String },
    #[error("the targets of {remediation} are not those that were planned: digest {found}, but {expected} was frozen")]
    Plan { remediation: String, expected: Digest, found: Digest },
    #[error("target {seq} of {remediation} has lost its outcome")]
    OutcomeMissing { remediation: String, seq: u32 },
    #[error("the outcome of target {seq} of {remediation} was not recorded by any event")]
    OutcomeAdded { remediation: String, seq: u32 },
    #[error("{remediation} has outcomes of targets that are not in its plan")]
    OutcomesBeyondPlan { remediation: String },
    #[error(
        "the outcomes of batch {number} of {remediation} were changed: digest {found}, but {expected} was recorded"
    )]
    Outcomes { remediation: String, number: u32, expected: Digest, found: Digest },
    #[error("the cancelled targets of {remediation} were changed: digest {found}, but {expected} was recorded")]
    Cancelled { remediation: String, expected: Digest, found: Digest },
    #[error("whether the site is halted differs from the events of the site")]
    Halt,
    #[error("the index of the history's filters has lost or added remediations {first} to {last} under `{word}`")]
    Words { word: String, first: i64, last: i64 },
    #[error("whether the messages of {remediation} were removed differs from the events of the site")]
    Removal { remediation: String },
    #[error("principal `{name}` differs from the events of the site")]
    Principal { name: String },
    #[error("token `{label}` of `{principal}` differs from the events of the site")]
    Token { principal: String, label: String },
    #[error(
        "the way in which `{principal}` signs in differs from the events of the site: it was changed without an event"
    )]
    SignIn { principal: String },
    #[error("schedule `{name}` differs from the events of the site: it was paused or resumed without an event")]
    Schedule { name: String },
    #[error("schedule `{name}` differs from the events of the site and its slots in {what}")]
    Timetable { name: String, what: &'static str },
    #[error("the slot of the run {remediation} differs from its events")]
    SlotOfRun { remediation: String },
    #[error("slot {at} of schedule `{name}` names {remediation}, which no schedule submitted")]
    Slot { name: String, at: Timestamp, remediation: String },
    #[error("sweep of {remediation} differs from the events of the site: it was ended or revived without an event")]
    Sweep { remediation: String },
    #[error("the sweep settings of {remediation} differ from the events of the site")]
    SweepTerms { remediation: String },
    #[error("the shared search {id} differs from the events of the site: it was changed without an event")]
    SharedSearch { id: String },
    #[error("whose follow-up {remediation} is differs from its events")]
    FollowUp { remediation: String },
    #[error("the alert of {remediation} differs from its events")]
    Alert { remediation: String },
    #[error("the investigation of {remediation} differs from its events")]
    Investigation { remediation: String },
    #[error("the request for votes on {remediation} differs from its events")]
    Approval { remediation: String },
    #[error("the reminder of {remediation} differs from its rule")]
    Reminder { remediation: String },
    #[error("the plan's row of {remediation} differs from its events")]
    PlanRow { remediation: String },
    #[error("lane {lane} of {remediation} differs from the targets of its plan")]
    Lane { remediation: String, lane: i64 },
    #[error("work on lane {lane} of {remediation} is not of its open batch")]
    Work { remediation: String, lane: i64 },
    #[error("target {seq} of {remediation} is in its open batch, and there is no work for it")]
    WorkMissing { remediation: String, seq: i64 },
    #[error("what was kept of target {seq} of {remediation} differs from its outcome")]
    Evidence { remediation: String, seq: u32 },
    #[error("{remediation} has kept messages that are not in its plan")]
    EvidenceBeyondPlan { remediation: String },
    #[error("the text kept under {digest} in the table `texts` is another")]
    Text { digest: String },
    #[error("a session of `{principal}` was begun by no event of the site")]
    Session { principal: String },
    #[error("table {table} has rows that belong to nothing in the history, or lacks some")]
    Rows { table: &'static str },
    #[error("row {row} of table {table} is deferred until {until} (column {column}), which this program never does")]
    PutOff { table: &'static str, column: &'static str, row: String, until: Timestamp },
    #[error("the database's schema is not this program's: {what}")]
    Schema { what: String },
}
