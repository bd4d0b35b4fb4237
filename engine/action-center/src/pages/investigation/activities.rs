//! What happened in an investigation, from its events: the search, the wait for a decision, the action, the
//! verification, with when each was due, began and ended.

use std::time::Duration;

use clawback_model::{Decision, Event, Remediation, RemediationId, Status, Timestamp, show_duration};

/// What an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Search,
    Approval,
    Wait,
    Action,
    Pause,
    Verification,
}

impl Kind {
    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Search => "Search",
            Self::Approval => "Approval",
            Self::Wait => "Wait for capacity",
            Self::Action => "Action",
            Self::Pause => "Pause",
            Self::Verification => "Verification",
        }
    }

    /// Whether nothing is done meanwhile: its whole time is pending.
    const fn is_pending(self) -> bool {
        matches!(self, Self::Approval | Self::Wait | Self::Pause)
    }

    /// Whether it waits for a person.
    const fn waits_for_a_person(self) -> bool {
        matches!(self, Self::Approval | Self::Pause)
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Activity {
    pub(super) kind: Kind,
    /// When it was due.
    pub(super) created_at: Timestamp,
    /// When it began; `None` for what only waits.
    pub(super) started_at: Option<Timestamp>,
    /// When it ended; `None` while it goes on.
    pub(super) ended_at: Option<Timestamp>,
    /// How it ended, in a word; empty while it goes on.
    pub(super) result: &'static str,
    /// What there is to say; it may quote people.
    pub(super) says: String,
}

impl Activity {
    const fn due(kind: Kind, created_at: Timestamp, started_at: Option<Timestamp>) -> Self {
        Self { kind, created_at, started_at, ended_at: None, result: "", says: String::new() }
    }

    /// The word for how far it is.
    pub(super) const fn status(&self) -> &'static str {
        match (self.ended_at, self.started_at) {
            (Some(_), _) => self.result,
            (None, Some(_)) => "Running",
            (None, None) => "Pending",
        }
    }

    /// The time that it took, without the time before it began.
    pub(super) fn duration(&self) -> Option<Duration> {
        Some(self.ended_at?.since(self.started_at?))
    }

    /// The time that it waited.
    pub(super) fn pending(&self, now: Timestamp) -> Duration {
        let until = if self.kind.is_pending() { self.ended_at } else { self.started_at.or(self.ended_at) };
        until.unwrap_or(now).since(self.created_at)
    }
}

/// The times of an investigation as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Timers {
    /// The time in which nothing was done.
    pub(super) pending: Duration,
    /// The part of it that waited for a person.
    pub(super) for_people: Duration,
}

impl Timers {
    pub(super) fn of(activities: &[Activity], now: Timestamp) -> Self {
        let sum = |of: &dyn Fn(&&Activity) -> bool| activities.iter().filter(of).map(|one| one.pending(now)).sum();
        Self { pending: sum(&|_| true), for_people: sum(&|one| one.kind.waits_for_a_person()) }
    }
}

/// A duration for readers.
pub(super) fn in_words(duration: Duration) -> String {
    if duration.is_zero() {
        "0s".to_owned()
    } else if duration < Duration::from_secs(1) {
        "under 1s".to_owned()
    } else if duration >= Duration::from_hours(24) {
        show_duration(Duration::from_secs(duration.as_secs() / 60 * 60))
    } else {
        show_duration(duration)
    }
}

/// The activities that these events tell of, in the order in which they were due.
pub(super) fn of(id: &RemediationId, events: &[(Event, Timestamp)]) -> Vec<Activity> {
    let mut told = Told { all: Vec::new(), open: Vec::new(), batches: 0 };
    let mut replay = Remediation::replay(id.clone());
    let mut before: Option<Status> = None;
    for (event, at) in events {
        // The proof of the history is `clawback verify`; a page shows what can be read.
        let Ok(after) = replay.add(event, *at) else { break };
        told.add(event, *at, before, after);
        before = Some(after.status);
    }
    told.all
}

struct Told {
    all: Vec<Activity>,
    /// The places of those that go on.
    open: Vec<usize>,
    batches: u64,
}

impl Told {
    fn begin(&mut self, kind: Kind, at: Timestamp, started_at: Option<Timestamp>) {
        if self.going(kind).is_none() {
            self.open.push(self.all.len());
            self.all.push(Activity::due(kind, at, started_at));
        }
    }

    fn going(&mut self, kind: Kind) -> Option<&mut Activity> {
        let place = self.open.iter().copied().find(|place| self.all[*place].kind == kind)?;
        self.all.get_mut(place)
    }

    fn end(&mut self, kind: Kind, at: Timestamp, result: &'static str, says: &str) {
        let Some(activity) = self.going(kind) else { return };
        activity.ended_at = Some(at);
        activity.result = result;
        note(activity, says);
        let all = &self.all;
        self.open.retain(|place| all[*place].ended_at.is_none());
    }

    fn add(&mut self, event: &Event, at: Timestamp, before: Option<Status>, after: &Remediation) {
        let says = event.in_words();
        match event {
            Event::Submitted { .. } | Event::ReplanRequested => {
                self.end(Kind::Approval, at, "Void", "");
                self.end(Kind::Pause, at, "Ended", "");
                self.end(Kind::Search, at, "Repeated", "");
                self.begin(Kind::Search, at, None);
            }
            Event::PlanningStarted => {
                self.begin(Kind::Search, at, None);
                if let Some(search) = self.going(Kind::Search) {
                    search.started_at.get_or_insert(at);
                }
            }
            // Without the digest, which the page of the remediation has.
            Event::Planned { .. } => {
                self.end(Kind::Search, at, "Completed", says.split("; plan ").next().unwrap_or_default());
            }
            Event::PlanRefused { .. } => self.end(Kind::Search, at, "Failed", &says),
            Event::Voted { vote } => {
                let decided = if vote.decision == Decision::Approve { "approved" } else { "rejected" };
                let comment = vote.comment.as_ref().map(|comment| format!(": {comment}")).unwrap_or_default();
                if let Some(approval) = self.going(Kind::Approval) {
                    note(approval, &format!("{} {decided}{comment}", vote.by));
                }
            }
            Event::Held { .. } => {
                self.begin(Kind::Wait, at, None);
                if let Some(wait) = self.going(Kind::Wait) {
                    note(wait, &says);
                }
            }
            Event::Released => self.end(Kind::Wait, at, "Ended", ""),
            Event::Started | Event::BatchStarted { .. } => {
                self.end(Kind::Wait, at, "Ended", "");
                self.begin(Kind::Action, at, None);
                if let Some(action) = self.going(Kind::Action) {
                    action.started_at.get_or_insert(at);
                }
            }
            Event::BatchFinished { .. } => self.batches += 1,
            Event::Paused { .. } => {
                self.end(Kind::Wait, at, "Ended", "");
                self.begin(Kind::Pause, at, None);
                if let Some(pause) = self.going(Kind::Pause) {
                    note(pause, &says);
                }
            }
            Event::Resumed { .. } => self.end(Kind::Pause, at, "Resumed", &says),
            Event::Verified { .. } => {
                let due = self.all.iter().rev().find(|one| one.kind == Kind::Action);
                let began = due.and_then(|action| action.ended_at).unwrap_or(at);
                self.begin(Kind::Verification, began, Some(began));
                self.end(Kind::Verification, at, "Completed", &says);
            }
            _ => {}
        }
        self.follow(at, before, after);
    }

    /// What follows from the status alone.
    fn follow(&mut self, at: Timestamp, before: Option<Status>, after: &Remediation) {
        let status = after.status;
        if status == Status::PendingApproval {
            self.begin(Kind::Approval, at, None);
        } else if before == Some(Status::PendingApproval) {
            let result = match status {
                Status::Rejected => "Rejected",
                Status::Expired => "Expired",
                Status::Cancelled => "Cancelled",
                _ => "Approved",
            };
            self.end(Kind::Approval, at, result, "");
        }
        if status == Status::Approved {
            self.begin(Kind::Action, at, None);
        }
        let all_acted = after.counts.open == 0 && after.progress.next_batch > 0;
        if status.is_final() || (status == Status::InProgress && all_acted && after.progress.open_batch.is_none()) {
            let result = match status {
                Status::Cancelled => "Cancelled",
                Status::Failed | Status::Rejected | Status::Expired => "Ended",
                _ => "Completed",
            };
            let counts = &after.counts;
            let batches =
                format!("{} succeeded, {} failed, in {} batches", counts.succeeded, counts.failed, self.batches);
            self.end(Kind::Action, at, result, &batches);
        }
        if status.is_final() {
            for kind in [Kind::Search, Kind::Wait, Kind::Pause] {
                self.end(kind, at, if status == Status::Cancelled { "Cancelled" } else { "Ended" }, "");
            }
        }
    }
}

fn note(activity: &mut Activity, says: &str) {
    if says.is_empty() {
        return;
    }
    if !activity.says.is_empty() {
        activity.says.push_str("; ");
    }
    activity.says.push_str(says);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(timed: &[(Event, i64)]) -> (Vec<Activity>, Timers) {
        let id = RemediationId::from_random(7);
        let events: Vec<(Event, Timestamp)> =
            timed.iter().map(|(event, at)| (event.clone(), Timestamp(at * 1_000_000))).collect();
        let all = of(&id, &events);
        let timers = Timers::of(&all, Timestamp(100_000_000));
        (all, timers)
    }

    #[test]
    fn each_activity_is_due_begins_and_ends() {
        let request: clawback_model::Request = serde_json::from_value(serde_json::json!({
            "name": "n", "severity": "high", "description": "", "action": "soft-delete", "delete-senders-copy": false,
            "source": "manual", "mode": "query", "playbook": "p", "playbook-source": "", "inputs": {}, "picked": [],
            "requested-by": "ann", "origin": { "kind": "fresh" },
            "approval-id": clawback_model::ApprovalId::from_random(1),
            "investigation-id": clawback_model::InvestigationId::from_random(1),
            "alert-id": clawback_model::AlertId::from_random(1),
        }))
        .unwrap();
        let (all, timers) = shown(&[(Event::Submitted { request: request.clone() }, 0), (Event::PlanningStarted, 10)]);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].kind, all[0].status(), all[0].duration()), (Kind::Search, "Running", None));
        assert_eq!((timers.pending.as_secs(), timers.for_people.as_secs()), (10, 0));

        let reason = clawback_model::StopReason::Person { by: "ann".into() };
        let (all, timers) = shown(&[
            (Event::Submitted { request }, 0),
            (Event::PlanningStarted, 10),
            (Event::PlanRefused { reason: reason.clone() }, 30),
        ]);
        assert_eq!((all[0].status(), all[0].duration().map(in_words)), ("Failed", Some("20s".to_owned())));
        assert!(all[0].says.contains(&reason.to_string()), "{all:?}");
        assert_eq!(
            timers.pending.as_secs(),
            10 + all.iter().skip(1).map(|one| one.pending(Timestamp(100_000_000)).as_secs()).sum::<u64>()
        );
        assert_eq!(of(&RemediationId::from_random(7), &[(Event::Finished, Timestamp(0))]), []);
        assert_eq!(in_words(Duration::from_millis(3)), "under 1s");
        assert_eq!(in_words(Duration::from_secs(90_061)), "1d1h1m");
    }
}
