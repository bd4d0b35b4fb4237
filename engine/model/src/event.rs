//! Requests and events: the entries of the action history.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::{Action, ActionSource, Severity};
use crate::approval::ApprovalRule;
use crate::clock::Timestamp;
use crate::counted::Counted;
use crate::guard::{BatchReport, Guards};
use crate::handling::{AlertHandling, Incident};
use crate::id::{AlertId, ApprovalId, InvestigationId, RemediationId};
use crate::limits::SelectionMode;
use crate::omitted::is_default;
use crate::pick::Picked;
use crate::plan::summary::PlanSummary;
use crate::sha256::Digest;
use crate::stop_reason::StopReason;
use crate::vote::Vote;

/// Why a remediation exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Origin {
    /// It was requested on its own.
    Fresh,
    /// It reverses another remediation.
    Undo {
        /// The other remediation.
        of: RemediationId,
    },
    /// It retries what failed in another remediation.
    Retry {
        /// The other remediation.
        of: RemediationId,
    },
    /// It acts on copies that arrived after another remediation had ended.
    Sweep {
        /// The first remediation of the family, never a follow-up.
        of: RemediationId,
    },
}

impl Origin {
    /// Returns whether its targets are searched for; the targets of the others come from the history.
    pub const fn is_searched(&self) -> bool {
        matches!(self, Self::Fresh | Self::Sweep { .. })
    }

    /// Returns the remediation that it follows; `None` for a fresh one.
    pub const fn of(&self) -> Option<&RemediationId> {
        match self {
            Self::Fresh => None,
            Self::Undo { of } | Self::Retry { of } | Self::Sweep { of } => Some(of),
        }
    }

    /// Returns the word used in JSON and on pages.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Undo { .. } => "undo",
            Self::Retry { .. } => "retry",
            Self::Sweep { .. } => "sweep",
        }
    }
}

/// A request for a remediation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Request {
    /// A name for people; not necessarily unique.
    pub name: String,
    /// The severity, which orders the queue.
    pub severity: Severity,
    /// Free text.
    pub description: String,
    /// The action.
    pub action: Action,
    /// On soft delete: also delete the copy in the sent items of senders who have a mailbox in the same stores.
    pub delete_senders_copy: bool,
    /// The source of the request.
    pub source: ActionSource,
    /// The mode of selection.
    pub mode: SelectionMode,
    /// Name of the playbook that runs.
    pub playbook: String,
    /// The playbook's source text, frozen at submit: later edits of the file have no effect.
    pub playbook_source: String,
    /// Inputs by name, as text; the values of a list are the text of a JSON array. In older histories the values of a
    /// list are separated by commas instead.
    pub inputs: std::collections::BTreeMap<String, String>,
    /// Messages that were picked or excluded by hand.
    pub picked: Vec<Picked>,
    /// The selection in words, as it was understood at submit. Empty in older histories.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub in_words: String,
    /// The requester.
    pub requested_by: String,
    /// The owner, at the time of the request, of the service that made it. `None` for a person, and for a service of an
    /// older history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The name of the AI agent that made the request on behalf of the requester. Its plan always waits for votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Whether reports of people asked for it. Its plan always waits for votes, and not for those of the requester.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reported: bool,
    /// Fresh, undo, retry or sweep.
    pub origin: Origin,
    /// The meaning of `now` in the playbook: the slot of a schedule, or the submission of the first remediation of a
    /// family. `None` means the time at which the plan is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// The ID of the approval, shown at submit.
    pub approval_id: ApprovalId,
    /// The investigation.
    pub investigation_id: InvestigationId,
    /// The alert.
    pub alert_id: AlertId,
}

/// Returns who made a request: the requester, or an agent on behalf of the requester. An agent with the token of a service
/// acts on behalf of the owner of the service.
pub fn requester_in_words(requested_by: &str, agent: Option<&str>, owner: Option<&str>) -> String {
    match (agent, owner) {
        (Some(agent), Some(owner)) => format!("agent {agent} on behalf of {owner}, by {requested_by}"),
        (Some(agent), None) => format!("agent {agent} on behalf of {requested_by}"),
        (None, _) => requested_by.to_owned(),
    }
}

impl Request {
    /// Returns the selection in words.
    pub fn selection_in_words(&self) -> String {
        match &self.origin {
            Origin::Undo { of } => format!("messages that {of} moved"),
            Origin::Retry { of } => format!("messages that failed in {of}"),
            Origin::Sweep { of } if self.in_words.is_empty() => format!("late copies of what {of} looked for"),
            Origin::Sweep { of } => format!("late copies of what {of} looked for: {}", self.in_words),
            Origin::Fresh if !self.in_words.is_empty() => self.in_words.clone(),
            Origin::Fresh if self.mode == SelectionMode::Handpicked => format!("{} picked messages", self.picked.len()),
            Origin::Fresh => {
                let inputs: Vec<String> = self.inputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("playbook {} ({})", self.playbook, inputs.join(", "))
            }
        }
    }

    /// Returns whether another person than the requester must decide, whatever the playbook and the site ask for: an agent
    /// asked, or reports of people did.
    pub const fn always_asks_another(&self) -> bool {
        self.agent.is_some() || self.reported
    }

    /// Returns whether a person started it: no service, schedule, sweep, suggestion, agent or report did.
    /// A service without an owner, of an older history, cannot be told from a person.
    pub const fn is_started_by_hand(&self) -> bool {
        let is_automatic = matches!(self.source, ActionSource::Schedule | ActionSource::Air);
        !is_automatic && self.owner.is_none() && !self.always_asks_another() && matches!(self.origin, Origin::Fresh)
    }

    /// Returns who made the request: see [`requester_in_words`].
    pub fn requester_in_words(&self) -> String {
        requester_in_words(&self.requested_by, self.agent.as_deref(), self.owner.as_deref())
    }

    /// Returns a digest that is the same for requests of the same selection: playbook, inputs, action and picked
    /// messages. `None` for requests that repeat intentionally: an undo, a retry, a schedule.
    pub fn selection(&self) -> Option<Digest> {
        if self.origin != Origin::Fresh || self.source == ActionSource::Schedule {
            return None;
        }
        let mut picked: Vec<_> = self.picked.iter().collect();
        picked.sort();
        let playbook = Digest::of(self.playbook_source.as_bytes());
        let parts = (playbook, self.action, self.delete_senders_copy, self.mode, &self.inputs, picked);
        let text = serde_json::to_string(&parts).expect("texts and maps by text serialize");
        Some(Digest::of(text.as_bytes()))
    }

    /// Returns the remediation that this one undoes or retries.
    pub fn follows(&self) -> Option<&RemediationId> {
        self.origin.of()
    }
}

/// A control request to a running remediation; the worker carries it out between two calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Asked {
    /// Pause.
    Pause {
        /// The person.
        by: String,
    },
    /// Cancel.
    Cancel {
        /// The person.
        by: String,
    },
}

impl std::fmt::Display for Asked {
    /// Describes the request to a person who waits for it: it takes effect after the calls under way.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pause { by } => write!(f, "pausing after the current call, as {by} asked"),
            Self::Cancel { by } => write!(f, "cancelling after the current call, as {by} asked"),
        }
    }
}

/// An event of a remediation. The list of these is the action history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
#[expect(clippy::large_enum_variant, reason = "a remediation has one event of a plan, and events are not kept")]
pub enum Event {
    Submitted {
        request: Request,
    },
    PlanningStarted,
    Planned {
        plan: PlanSummary,
        guards: Guards,
        verify: bool,
        approval: Option<ApprovalRule>,
        decided_by: Option<String>,
        /// The remediation whose votes cover this one, if it has none of its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        under: Option<RemediationId>,
        /// The time between the decision and the first batch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait: Option<Duration>,
    },
    PlanRefused {
        reason: StopReason,
    },
    ReplanRequested,
    Voted {
        vote: Vote,
    },
    Expired,
    /// Some votes no longer counted at the start: their voters may no longer decide. It waits for votes again.
    VotesVoided {
        voters: Vec<String>,
    },
    /// A limit of the site requires a vote for a remediation that would start without one.
    VoteRequired {
        reason: StopReason,
        approval: ApprovalRule,
    },
    /// It is about to start without a vote: the amounts that count towards the limits of the site.
    Counted {
        counted: Vec<Counted>,
    },
    Started,
    BatchStarted {
        number: u32,
        first: u32,
        targets: u32,
    },
    BatchFinished {
        number: u32,
        report: BatchReport,
        outcomes: Digest,
    },
    PauseRequested {
        by: String,
    },
    Paused {
        reason: StopReason,
    },
    /// It waits for a condition that clears without a person.
    Held {
        reason: StopReason,
    },
    /// The condition has cleared.
    Released,
    Resumed {
        by: String,
    },
    CancelRequested {
        by: String,
        /// Why, where no person asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<StopReason>,
    },
    Cancelled {
        by: String,
        targets: u64,
        outcomes: Digest,
    },
    Verified {
        confirmed: u64,
        unconfirmed: u64,
        sample: Vec<u32>,
    },
    Finished,
    /// People are this far with its alert. It changes nothing of what is done.
    AlertHandled(AlertHandling),
    /// It belongs to this incident of the site's ticket system, or to none any more.
    IncidentLinked {
        incident: Option<Incident>,
    },
}

impl Event {
    /// Every word of [`Event::kind`], in the order of a remediation.
    pub const KINDS: [&str; 24] = [
        "submitted",
        "planning-started",
        "planned",
        "plan-refused",
        "replan-requested",
        "voted",
        "expired",
        "votes-voided",
        "vote-required",
        "counted",
        "started",
        "batch-started",
        "batch-finished",
        "pause-requested",
        "paused",
        "held",
        "released",
        "resumed",
        "cancel-requested",
        "cancelled",
        "verified",
        "finished",
        "alert-handled",
        "incident-linked",
    ];

    /// Returns whether it is what people noted of the alert, which changes nothing of the work.
    pub const fn is_note(&self) -> bool {
        matches!(self, Self::AlertHandled(_) | Self::IncidentLinked { .. })
    }

    /// The kind, as stored and shown.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Submitted { .. } => "submitted",
            Self::PlanningStarted => "planning-started",
            Self::Planned { .. } => "planned",
            Self::PlanRefused { .. } => "plan-refused",
            Self::ReplanRequested => "replan-requested",
            Self::Voted { .. } => "voted",
            Self::Expired => "expired",
            Self::VotesVoided { .. } => "votes-voided",
            Self::VoteRequired { .. } => "vote-required",
            Self::Counted { .. } => "counted",
            Self::Started => "started",
            Self::BatchStarted { .. } => "batch-started",
            Self::BatchFinished { .. } => "batch-finished",
            Self::PauseRequested { .. } => "pause-requested",
            Self::Paused { .. } => "paused",
            Self::Held { .. } => "held",
            Self::Released => "released",
            Self::Resumed { .. } => "resumed",
            Self::CancelRequested { .. } => "cancel-requested",
            Self::Cancelled { .. } => "cancelled",
            Self::Verified { .. } => "verified",
            Self::Finished => "finished",
            Self::AlertHandled(_) => "alert-handled",
            Self::IncidentLinked { .. } => "incident-linked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{events, request};

    fn of() -> RemediationId {
        RemediationId::from_random(4)
    }

    fn origins() -> [Origin; 4] {
        [Origin::Fresh, Origin::Undo { of: of() }, Origin::Retry { of: of() }, Origin::Sweep { of: of() }]
    }

    #[test]
    fn the_list_has_every_kind() {
        let error = serde_json::from_str::<Event>(r#"{"event":"none"}"#).unwrap_err().to_string();
        let known: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, Event::KINDS, "{error}");
    }

    #[test]
    fn only_what_stands_for_itself_or_sweeps_is_searched() {
        let table = origins().map(|origin| (origin.as_str(), origin.is_searched(), origin.of().cloned()));
        let expected = [
            ("fresh", true, None),
            ("undo", false, Some(of())),
            ("retry", false, Some(of())),
            ("sweep", true, Some(of())),
        ];
        assert_eq!(table, expected);
        for origin in origins() {
            assert_eq!(serde_json::to_value(&origin).unwrap()["kind"], origin.as_str());
            let request = Request { origin: origin.clone(), ..request(Action::SoftDelete, ActionSource::Manual) };
            assert_eq!(request.follows(), origin.of());
        }
    }

    #[test]
    fn a_selection_is_told_in_words_as_far_as_they_are_known() {
        let said = |origin: &Origin, mode: SelectionMode, in_words: &str| {
            let picked = vec![Picked::default(); 3];
            let plain = request(Action::SoftDelete, ActionSource::Manual);
            Request { origin: origin.clone(), mode, picked, in_words: in_words.into(), ..plain }.selection_in_words()
        };
        let [fresh, undo, retry, sweep] = origins();
        let of = of();
        for (origin, mode, in_words, expected) in [
            (&fresh, SelectionMode::Query, "from eve", "from eve".to_owned()),
            (&fresh, SelectionMode::Handpicked, "3 picked", "3 picked".to_owned()),
            (&fresh, SelectionMode::Query, "", "playbook purge (sender=eve@evil.example)".to_owned()),
            (&fresh, SelectionMode::Handpicked, "", "3 picked messages".to_owned()),
            (&undo, SelectionMode::Query, "from eve", format!("messages that {of} moved")),
            (&retry, SelectionMode::Query, "from eve", format!("messages that failed in {of}")),
            (&sweep, SelectionMode::Query, "from eve", format!("late copies of what {of} looked for: from eve")),
            (&sweep, SelectionMode::Query, "", format!("late copies of what {of} looked for")),
        ] {
            assert_eq!(said(origin, mode, in_words), expected);
        }
    }

    #[test]
    fn the_order_in_which_messages_were_picked_makes_no_other_selection() {
        let pick = |mailbox: &str| Picked { mailbox: mailbox.into(), ..Picked::default() };
        let of = |picked| Request { picked, ..request(Action::SoftDelete, ActionSource::Manual) }.selection();
        assert_eq!(of(vec![pick("ann"), pick("ben")]), of(vec![pick("ben"), pick("ann")]));
        assert_ne!(of(vec![pick("ann")]), of(vec![pick("ben")]));
    }

    #[test]
    fn the_kind_of_an_event_is_its_name_in_json() {
        let more = [
            Event::PlanRefused { reason: StopReason::Targets { limit: 1, planned: 2 } },
            Event::ReplanRequested,
            Event::Expired,
            Event::VotesVoided { voters: vec!["ben".into()] },
            Event::VoteRequired {
                reason: StopReason::Targets { limit: 1, planned: 2 },
                approval: ApprovalRule::default(),
            },
            Event::Counted { counted: vec![] },
            Event::PauseRequested { by: "ann".into() },
            Event::Paused { reason: StopReason::Targets { limit: 1, planned: 2 } },
            Event::Held { reason: StopReason::InProgress { limit: 1, running: 1 } },
            Event::Released,
            Event::Resumed { by: "ann".into() },
            Event::CancelRequested { by: "ann".into(), reason: None },
            Event::Cancelled { by: "ann".into(), targets: 1, outcomes: Digest([0; 32]) },
            Event::Verified { confirmed: 1, unconfirmed: 0, sample: vec![] },
            Event::AlertHandled(AlertHandling::default()),
            Event::IncidentLinked { incident: None },
        ];
        let all: Vec<_> = events(Action::SoftDelete).into_iter().map(|(event, _)| event).chain(more).collect();
        let kinds: std::collections::BTreeSet<_> = all.iter().map(Event::kind).collect();
        assert_eq!(kinds.len(), 24, "every kind is here");
        for event in all {
            assert_eq!(serde_json::to_value(&event).unwrap()["event"], event.kind());
        }
    }
}
