//! The remediation state machine: the history is a list of events, the state is their fold, and the next step is a pure
//! function of the state and the time. The worker that recovers a crashed run evaluates the same function as the one
//! that started it.

pub(crate) mod replay;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::approval::{Approval, ApprovalRule};
use crate::clock::Timestamp;
use crate::counts::Counts;
use crate::event::{Asked, Event, Request};
use crate::guard::{BatchReport, Guards};
use crate::handling::{AlertHandling, Incident};
use crate::id::RemediationId;
use crate::omitted::is_default;
use crate::outcome::OutcomeKind;
use crate::plan::summary::PlanSummary;
use crate::principal::{Permission, Principal, PrincipalKind};
use crate::status::Status;
use crate::stop_reason::StopReason;
use crate::vote::{Decision, Vote};

/// The progress of the batches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Progress {
    /// The first target that no batch has covered yet.
    pub next_seq: u32,
    /// The number of the next batch, from 0.
    pub next_batch: u32,
    /// The open batch: number, first target, number of targets.
    pub open_batch: Option<(u32, u32, u32)>,
    /// The size of the next batch, by [`Guards::size_after`].
    pub batch_size: u32,
    /// Outcomes and throttles since the start or the last resume. A person who resumes after a guard has seen its
    /// reason, so the guard counts only what is new.
    pub since_resumed: BatchReport,
    /// The result of the verification, once it ran: confirmed and not confirmed.
    pub verified: Option<(u64, u64)>,
    /// When it started or was last resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_since: Option<Timestamp>,
    /// The number of messages of VIPs that the person who resumed it knew of.
    #[serde(default)]
    pub vips_accepted: u64,
}

/// An event that is not allowed in this status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a remediation that is {status} cannot take the event {event}; `clawback show` lists its events")]
pub struct IllegalTransition {
    /// The current status.
    pub status: Status,
    /// The kind of the event.
    pub event: &'static str,
}

/// One remediation, as the fold of its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Remediation {
    /// Its ID.
    pub id: RemediationId,
    /// The request.
    pub request: Request,
    /// Its status.
    pub status: Status,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When the last event was recorded, apart from those of its alert and its incident, which change nothing of it.
    pub updated_at: Timestamp,
    /// The frozen plan, once there is one.
    pub plan: Option<PlanSummary>,
    /// Its batch sizes and stop rules.
    pub guards: Guards,
    /// Whether the playbook asks for verification.
    pub verify: bool,
    /// The time between the decision and the first batch, if the playbook sets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Duration>,
    /// The request for votes, if one was needed.
    pub approval: Option<Approval>,
    /// The remediation whose votes cover it, if it has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<RemediationId>,
    /// Who decided: names of principals, or `automation`.
    pub decided_by: Option<String>,
    /// When it was approved to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Timestamp>,
    /// The counts of outcomes.
    pub counts: Counts,
    /// The progress of the batches.
    pub progress: Progress,
    /// A control request that the worker has not carried out yet.
    pub asked: Option<Asked>,
    /// Why it is paused or held, or why the plan was refused.
    pub stop: Option<StopReason>,
    /// How people handle its alert.
    #[serde(default, skip_serializing_if = "is_default")]
    pub alert: Box<AlertHandling>,
    /// The incident of the site's ticket system that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
}

/// The next step. `Run` covers both a new batch and one that a crash left open.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Next {
    Plan,
    AwaitApproval { until: Timestamp },
    AwaitTime { until: Timestamp },
    Expire,
    Start,
    Release,
    StartBatch { number: u32, first: u32, targets: u32 },
    Run { number: u32, first: u32, targets: u32 },
    Pause { reason: StopReason },
    Cancel { by: String },
    Verify,
    Finish,
    AwaitPerson,
    Nothing,
}

impl Next {
    /// Returns whether a worker has nothing to do before a person or a time.
    pub const fn is_waiting(&self) -> bool {
        matches!(self, Self::AwaitApproval { .. } | Self::AwaitTime { .. } | Self::AwaitPerson | Self::Nothing)
    }
}

impl Remediation {
    /// Creates a remediation from its submission.
    pub fn submitted(id: RemediationId, request: Request, at: Timestamp) -> Self {
        Self {
            id,
            request,
            status: Status::Queued,
            created_at: at,
            updated_at: at,
            plan: None,
            guards: Guards::default(),
            verify: false,
            wait: None,
            approval: None,
            under: None,
            decided_by: None,
            approved_at: None,
            counts: Counts::default(),
            progress: Progress::default(),
            asked: None,
            stop: None,
            alert: Box::default(),
            incident: None,
        }
    }

    /// Returns the remediation after `event`. This is the only place where a status changes.
    pub fn apply(&self, event: &Event, at: Timestamp) -> Result<Self, IllegalTransition> {
        use Status::{Approved, Cancelled, Expired, Failed, InProgress, Paused, PendingApproval, Planning, Queued};
        if event.is_note() {
            return Ok(self.noted(event));
        }
        let mut next = Self { updated_at: at, ..self.clone() };
        match (self.status, event) {
            (Queued | Planning, Event::PlanningStarted) => {
                next.status = Planning;
                next.stop = None;
            }
            (Planning, Event::Planned { plan, guards, verify, approval, decided_by, under, wait }) => {
                next.counts = plan.counts;
                next.progress = Progress { batch_size: guards.first_batch(), ..Progress::default() };
                next.plan = Some(plan.clone());
                next.guards = guards.clone();
                next.verify = *verify;
                next.wait = *wait;
                next.decided_by.clone_from(decided_by);
                next.under.clone_from(under);
                next.approval = approval.as_ref().map(|rule| self.ask(rule, plan, at));
                next.status = planned(plan, approval.as_ref());
            }
            (Planning, Event::PlanRefused { reason }) => {
                next.status = Failed;
                next.stop = Some(reason.clone());
            }
            (PendingApproval, Event::ReplanRequested) => {
                next.status = Planning;
                next.stop = None;
                next.approval = None;
                next.plan = None;
                next.counts = Counts::default();
            }
            (PendingApproval, Event::Voted { vote }) => next.count(vote),
            (PendingApproval, Event::Expired) => next.status = Expired,
            // Only before the first batch: work that has begun is not reverted.
            (Approved | Paused, Event::VotesVoided { voters }) if self.progress.next_batch == 0 => {
                next.void(voters);
            }
            (Approved | Paused, Event::VoteRequired { reason, approval }) if self.runs_uncovered() => {
                let Some(plan) = &self.plan else {
                    return Err(IllegalTransition { status: self.status, event: event.kind() });
                };
                next.approval = Some(self.ask(approval, plan, at));
                next.wait_for_votes();
                next.stop = Some(reason.clone());
            }
            (Approved | Paused, Event::Counted { .. }) if self.runs_uncovered() => {}
            (Approved, Event::Started) => {
                next.status = InProgress;
                next.stop = None;
                next.progress.running_since = Some(at);
            }
            (Queued | Planning | Approved | InProgress, Event::Held { reason }) if reason.passes() => {
                next.stop = Some(reason.clone());
            }
            (InProgress, Event::Released) if self.is_held() => next.stop = None,
            (InProgress, Event::BatchStarted { number, first, targets }) => {
                next.progress.open_batch = Some((*number, *first, *targets));
                next.progress.next_batch = number + 1;
                next.progress.next_seq = first + targets;
            }
            // A pause may leave a batch half done; a cancel then closes it with the outcomes so far.
            (InProgress | Paused, Event::BatchFinished { report, .. }) => next.finish_batch(report),
            (Approved | InProgress, Event::PauseRequested { by }) => {
                next.asked = self.cancel_asked().or_else(|| Some(Asked::Pause { by: by.clone() }));
            }
            (Approved | InProgress, Event::Paused { reason }) => {
                next.status = Paused;
                next.asked = self.cancel_asked();
                next.stop = Some(reason.clone());
            }
            (Paused, Event::Resumed { .. }) if self.cancel_asked().is_none() => {
                next.go_on(at);
            }
            (
                Queued | Planning | PendingApproval | Approved | InProgress | Paused,
                Event::CancelRequested { by, reason },
            ) => {
                next.stop = reason.clone().or(next.stop);
                next.asked = Some(Asked::Cancel { by: by.clone() });
            }
            (
                Queued | Planning | PendingApproval | Approved | InProgress | Paused,
                Event::Cancelled { targets, .. },
            ) => {
                next.counts.record(OutcomeKind::Cancelled, *targets);
                next.progress.open_batch = None;
                next.asked = None;
                next.stop = self.stop.clone().filter(|reason| !reason.passes());
                next.status = Cancelled;
            }
            (InProgress, Event::Verified { confirmed, unconfirmed, .. }) => {
                next.progress.verified = Some((*confirmed, *unconfirmed));
            }
            // It can only finish when every remediable target has its outcome.
            (InProgress, Event::Finished) if self.counts.open == 0 => next.status = self.result(),
            (status, event) => return Err(IllegalTransition { status, event: event.kind() }),
        }
        if next.status == Approved && !matches!(self.status, Approved | Paused) {
            next.approved_at = Some(at);
        }
        Ok(next)
    }

    /// Returns whether it waits for a condition that clears without a person.
    pub fn is_held(&self) -> bool {
        !self.status.is_final() && self.stop.as_ref().is_some_and(StopReason::passes)
    }

    /// Returns whether it has not begun and no vote covers it.
    pub fn runs_uncovered(&self) -> bool {
        self.approval.is_none() && self.under.is_none() && self.progress.running_since.is_none()
    }

    /// Returns whether this principal may resume it where it is paused, given that they may control remediations at
    /// all. A stop by a guard needs a second person: one who may decide on plans, and who is neither the requester nor
    /// the owner of the service that requested it.
    pub fn may_be_resumed_by(&self, who: &Principal) -> bool {
        let guarded = self.stop.as_ref().is_some_and(StopReason::is_guard);
        let asked = who.name == self.request.requested_by || self.request.owner.as_ref() == Some(&who.name);
        let second = !asked && who.kind == PrincipalKind::Person;
        !guarded || (second && who.may(Permission::Decide))
    }

    /// Returns the number of messages that it moved and none of its `undos` has put back.
    pub fn left_to_undo(&self, undos: &[Self]) -> u64 {
        if !self.request.action.is_reversible() {
            return 0;
        }
        let back = undos.iter().map(|undo| undo.counts.succeeded).sum();
        self.counts.succeeded.saturating_sub(back)
    }

    /// Returns whether it acted on a message, or may yet.
    pub fn may_act_or_has_acted(&self) -> bool {
        !self.status.is_final() || self.counts.acted() > self.counts.cancelled
    }

    /// Returns the rule on its time in progress, if that is exceeded.
    pub fn overdue(&self, now: Timestamp) -> Option<StopReason> {
        let (limit, since) = (self.guards.stop_when.running_longer_than?, self.progress.running_since?);
        let overdue = self.status == Status::InProgress && now.since(since) > limit;
        overdue.then_some(StopReason::RunningLongerThan { limit })
    }

    /// Returns the rule that a plan with this many messages in mailboxes of currently listed VIPs breaks.
    pub fn touches_vips(&self, planned: u64) -> Option<StopReason> {
        // An undo or a retry acts on targets that were checked before.
        let limit = self.guards.stop_when.vips.filter(|_| self.request.follows().is_none())?;
        (planned > limit.max(self.progress.vips_accepted)).then_some(StopReason::VipsNow { limit, planned })
    }

    /// Applies what people noted of its alert, in any status. The time of the last change stays, so that a vote on what
    /// was seen before counts.
    fn noted(&self, event: &Event) -> Self {
        let mut next = self.clone();
        match event {
            Event::AlertHandled(handling) => (*next.alert).clone_from(handling),
            Event::IncidentLinked { incident } => next.incident.clone_from(incident),
            _ => {}
        }
        next
    }

    /// Returns the next step.
    pub fn next(&self, now: Timestamp) -> Next {
        if self.status.is_final() {
            return Next::Nothing;
        }
        if let Some(Asked::Cancel { by }) = &self.asked {
            return Next::Cancel { by: by.clone() };
        }
        match self.status {
            Status::Queued | Status::Planning => Next::Plan,
            Status::PendingApproval => match &self.approval {
                Some(approval) if now < approval.deadline => Next::AwaitApproval { until: approval.deadline },
                _ => Next::Expire,
            },
            Status::Approved => self.pause_asked().unwrap_or_else(|| match self.starts_at().filter(|at| now < *at) {
                Some(until) => Next::AwaitTime { until },
                None => Next::Start,
            }),
            Status::InProgress if self.is_held() => self.pause_asked().unwrap_or(Next::Release),
            Status::InProgress => self.pause_asked().unwrap_or_else(|| self.next_batch(now)),
            Status::Paused => Next::AwaitPerson,
            _ => Next::Nothing,
        }
    }

    /// Returns when the first batch of an approved plan may begin, if the playbook waits.
    pub fn starts_at(&self) -> Option<Timestamp> {
        let (wait, approved_at) = self.wait.zip(self.approved_at)?;
        (self.status == Status::Approved).then(|| approved_at.plus(wait))
    }

    /// Returns a cancel request. It remains until it is carried out, whatever else is requested.
    fn cancel_asked(&self) -> Option<Asked> {
        self.asked.clone().filter(|asked| matches!(asked, Asked::Cancel { .. }))
    }

    fn pause_asked(&self) -> Option<Next> {
        match &self.asked {
            Some(Asked::Pause { by }) => Some(Next::Pause { reason: StopReason::Person { by: by.clone() } }),
            _ => None,
        }
    }

    fn next_batch(&self, now: Timestamp) -> Next {
        let progress = &self.progress;
        let dealt_with = self.counts.open == 0;
        if let Some(reason) = self.overdue(now).filter(|_| !dealt_with) {
            return Next::Pause { reason };
        }
        if let Some((number, first, targets)) = progress.open_batch {
            return Next::Run { number, first, targets };
        }
        let report = progress.since_resumed;
        let left = u32::try_from(self.counts.submitted).unwrap_or(u32::MAX).saturating_sub(progress.next_seq);
        if left > 0 {
            if let Some(reason) = self.guards.stop_when.check_progress(&report) {
                return Next::Pause { reason };
            }
            let canary = progress.next_batch == 0 && self.guards.canary > 0;
            let size = if canary { self.guards.canary } else { progress.batch_size };
            return Next::StartBatch {
                number: progress.next_batch,
                first: progress.next_seq,
                targets: left.min(size.max(1)),
            };
        }
        if self.verify && progress.verified.is_none() { Next::Verify } else { Next::Finish }
    }

    fn ask(&self, rule: &ApprovalRule, plan: &PlanSummary, at: Timestamp) -> Approval {
        Approval {
            id: self.request.approval_id.clone(),
            rule: rule.clone(),
            digest: plan.digest,
            requester: self.request.requested_by.clone(),
            owner: self.request.owner.clone(),
            deadline: at.plus(rule.expires),
            votes: Vec::new(),
        }
    }

    fn count(&mut self, vote: &Vote) {
        let Some(approval) = &mut self.approval else { return };
        approval.votes.push(vote.clone());
        let yes: Vec<_> = approval
            .votes
            .iter()
            .filter(|known| known.decision == Decision::Approve)
            .map(|known| known.by.as_str())
            .collect();
        if vote.decision == Decision::Reject {
            self.decided_by = Some(vote.by.clone());
            self.status = Status::Rejected;
        } else if yes.len() >= approval.rule.votes as usize {
            self.decided_by = Some(yes.join(", "));
            self.status = Status::Approved;
            self.stop = self.stop.take().filter(|_| self.cancel_asked().is_some());
        }
    }

    fn go_on(&mut self, at: Timestamp) {
        // One that was paused while it waited begins when its time has come.
        if self.wait.is_some() && self.progress.running_since.is_none() {
            (self.status, self.stop, self.asked) = (Status::Approved, None, None);
            return;
        }
        self.status = Status::InProgress;
        if let Some(StopReason::VipsNow { planned, .. }) = self.stop {
            self.progress.vips_accepted = planned;
        }
        self.stop = None;
        self.progress.running_since = Some(at);
        self.asked = None;
        self.progress.since_resumed = BatchReport::default();
    }

    fn void(&mut self, voters: &[String]) {
        if let Some(approval) = &mut self.approval {
            approval.votes.retain(|vote| !voters.contains(&vote.by));
        }
        self.wait_for_votes();
    }

    fn wait_for_votes(&mut self) {
        self.status = Status::PendingApproval;
        self.decided_by = None;
        self.approved_at = None;
        self.asked = None;
        self.stop = None;
    }

    fn finish_batch(&mut self, report: &BatchReport) {
        for (kind, number) in [
            (OutcomeKind::Succeeded, report.counts.succeeded),
            (OutcomeKind::AlreadyInDestination, report.counts.already_in_destination),
            (OutcomeKind::NotFound, report.counts.not_found),
            (OutcomeKind::MovedSince, report.counts.moved_since),
            (OutcomeKind::Failed, report.counts.failed),
            (OutcomeKind::Cancelled, report.counts.cancelled),
        ] {
            self.counts.record(kind, number);
        }
        let progress = &mut self.progress;
        let canary = self.guards.grows_from.is_some() && self.guards.canary > 0 && progress.next_batch <= 1;
        progress.open_batch = None;
        progress.since_resumed.counts = progress.since_resumed.counts.plus(report.counts);
        progress.since_resumed.throttled += report.throttled;
        // A canary decides whether the rest may begin, not how large its batches are.
        if !canary {
            progress.batch_size = self.guards.size_after(progress.batch_size, report);
        }
    }

    /// Returns the final status, by the counts and by whether the search was complete.
    fn result(&self) -> Status {
        let counts = &self.counts;
        let incomplete = self.plan.as_ref().is_some_and(|plan| !plan.facts.is_complete());
        let unconfirmed = self.progress.verified.is_some_and(|(_, unconfirmed)| unconfirmed > 0);
        match counts.failed {
            0 if unconfirmed || incomplete => Status::PartiallyCompleted,
            0 => Status::Completed,
            failed if failed == counts.remediable => Status::Failed,
            _ => Status::PartiallyCompleted,
        }
    }
}

/// Returns the status after a plan was made.
fn planned(plan: &PlanSummary, approval: Option<&ApprovalRule>) -> Status {
    match (plan.counts.remediable, approval) {
        // Nothing was found, but the search was incomplete: the mailboxes are not known to be clean.
        (0, _) if !plan.facts.is_complete() => Status::PartiallyCompleted,
        (0, _) => Status::NothingToDo,
        (_, Some(_)) => Status::PendingApproval,
        (_, None) => Status::Approved,
    }
}

#[cfg(test)]
mod tests;
