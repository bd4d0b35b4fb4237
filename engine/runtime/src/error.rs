//! The errors between a request and its history. Each message says what to do next.

use clawback_connectors::CallError;
use clawback_model::{
    AlertId, ConfirmRefused, DeterminationRefused, ForeignCredential, Halt, IllegalTransition, LimitExceeded,
    Permission, RemediationId, Status, StopReason, VoteRefused, visible_line,
};
use clawback_playbooks::{BindError, Diagnostics};
use clawback_store::StoreError;
use clawback_vote_signatures::ApproversError;

use crate::vote_rules::UnsignedVote;

/// A request that could not be carried out.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages document the variants")]
pub enum Error {
    #[error("the action history could not be read or written")]
    History(#[source] StoreError),
    #[error("this node's lane worker failed; work that was not recorded is reconciled by the next claim")]
    LaneWorker(#[source] std::sync::Arc<Error>),
    #[error("this node stopped working on lanes after a defect (see the log); another node takes over")]
    LaneWorkerEnded,
    /// The history is consistent, but what was asked for does not exist or cannot happen now.
    #[error(transparent)]
    Refused(StoreError),
    #[error(transparent)]
    Store(#[from] CallError),
    #[error("messages cannot be examined here, as the built-in connector for that cannot be loaded")]
    NoExaminer(#[source] Option<Box<clawback_connectors::LoadError>>),
    #[error(
        "this .msg file of Outlook has no message that can be read; save or download the message as .eml, or forward it as an attachment"
    )]
    OutlookFile,
    #[error(transparent)]
    Playbook(#[from] Diagnostics),
    #[error(transparent)]
    Inputs(#[from] BindError),
    #[error(transparent)]
    Picks(#[from] clawback_model::PickError),
    #[error(transparent)]
    TooLong(#[from] clawback_model::TooLong),
    #[error(transparent)]
    Indicators(#[from] clawback_model::InvalidIndicatorFile),
    #[error(transparent)]
    Reporter(#[from] clawback_model::InvalidReporter),
    #[error(
        "the playbook `{name}` is not started by reports: write `report: {{}}` under its `on`, and give it the input `like`; or name another under [reports]"
    )]
    NotForReports { name: String },
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    #[error(transparent)]
    ForeignCredential(#[from] ForeignCredential),
    #[error(
        "this token has only the roles {brings}, so it cannot make a token for {name} that has more; name roles of these"
    )]
    TokenRolesExceeded { name: String, brings: String },
    #[error(transparent)]
    Vote(#[from] VoteRefused),
    #[error(transparent)]
    Unsigned(#[from] UnsignedVote),
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
    #[error("no playbook `{name}` in {folder}; known are {known}")]
    UnknownPlaybook { name: String, folder: String, known: String },
    #[error("no playbook `{name}` has a schedule; known are {known}")]
    UnknownSchedule { name: String, known: String },
    #[error("schedule `{name}` cannot be read: {error}; correct its playbook")]
    Schedule { name: String, error: clawback_model::InvalidCron },
    #[error("no store `{name}` is configured; known are {known}")]
    UnknownStore { name: String, known: String },
    #[error("{name} may not do this: it needs the role {}, which an administrator can give", permission.role())]
    Forbidden { name: String, permission: Permission },
    #[error("`{label}` is no label for a token: use one line of up to 200 visible characters, without `/`")]
    Label { label: String },
    #[error("{name} is the last administrator; give somebody else the role first")]
    LastAdministrator { name: String },
    #[error(
        "the service {name} needs an owner: a person who answers for it, and never approves what it asks for; name one with `--owner`"
    )]
    NoOwner { name: String },
    #[error("{owner} cannot own {name}: only a service is owned, and only by a person")]
    Owner { name: String, owner: String },
    #[error("owner: nobody is called `{}`; {advice}", visible_line(owner, 60))]
    UnknownOwner { owner: String, advice: String },
    #[error(transparent)]
    Determination(#[from] DeterminationRefused),
    #[error(
        "the alert {id} was changed meanwhile: it is {}; look at both, and save again",
        visible_line(recorded, 400)
    )]
    AlertChanged { id: AlertId, recorded: String },
    #[error("a token that expires lasts 1 to {most} days, not {days}")]
    TokenDays { days: u32, most: u32 },
    #[error("{name} is a person, and only a service may submit with action source `{source_given}`")]
    NotAService { name: String, source_given: clawback_model::ActionSource },
    #[error("the name of the agent is refused: {0}")]
    AgentName(#[source] clawback_model::NameRefused),
    #[error(
        "the agent {agent} may not ask for `{action}`: agents ask for soft deletes and moves only; a person submits everything else"
    )]
    NotForAgents { agent: String, action: clawback_model::Action },
    #[error("`{name}` is a path; put the playbook into {folder} and give its name")]
    PlaybookPath { name: String, folder: String },
    #[error(
        "the token is unknown, expired or revoked; ask an administrator for a new one (`clawback principals token NAME`)"
    )]
    Unauthenticated,
    #[error("{id} is {status} and not waiting for approval; `clawback show {id}` shows its history")]
    NotPending { id: RemediationId, status: Status },
    #[error("{id} has changed since you opened it; review it again, then decide")]
    Changed { id: RemediationId },
    #[error("{id} cannot be approved in its current state: {reason}; `clawback replan {id}` plans it again")]
    NotAsPlanned { id: RemediationId, reason: StopReason },
    #[error("{id} is {status}: {advice}")]
    WrongStatus { id: RemediationId, status: Status, advice: &'static str },
    #[error("{id} has no message {seq}; its page lists them")]
    NoMessage { id: RemediationId, seq: u32 },
    #[error("no store has this message in mailbox `{}`; it was moved or deleted: search again", clawback_model::visible_line(.mailbox, 60))]
    NoPickedMessage { mailbox: String },
    #[error("the message cannot be examined: {why}")]
    NotExamined { why: String },
    #[error("message {seq} of {id} was deleted for good, and not kept as evidence; its row in the plan describes it")]
    Gone { id: RemediationId, seq: u32 },
    #[error("the messages of {id} were removed by the site's retention, and only its events are left")]
    MessagesRemoved { id: RemediationId },
    #[error("{id} did `{action}`, which cannot be undone")]
    Irreversible { id: RemediationId, action: clawback_model::Action },
    #[error("the messages that {id} moved were put back by {by}; `clawback undo` and that ID moves them again")]
    Undone { id: RemediationId, by: RemediationId },
    #[error("{id} was retried by {by}; retry what failed there")]
    Retried { id: RemediationId, by: RemediationId },
    #[error("{id} has no {what} to {verb}")]
    NothingTo { id: RemediationId, what: &'static str, verb: &'static str },
    #[error("{id} is being worked on by another node ({node}); `clawback show {id}` follows it")]
    Busy { id: RemediationId, node: String },
    #[error("the approval of {id} is older than {days} days and covers no retry; submit the remediation again")]
    ApprovalTooOld { id: RemediationId, days: u64 },
    #[error("the site is {0}; nothing is planned, started or acted on before `clawback unhalt`")]
    Halted(Halt),
    #[error("there is no capacity for it now: {0}; try again when a remediation in progress has ended")]
    NoRoom(StopReason),
    #[error(
        "{id} was paused by the rule {rule}, and {name} may not resume it: that takes a person with the role approver who did not ask for it"
    )]
    GuardNotLifted { id: RemediationId, name: String, rule: &'static str },
    #[error("nothing could be searched: {detail}")]
    NothingSearched { detail: String },
    #[error(
        "the playbook keeps evidence, and no place for it is configured: set `folder` or `bucket` under [evidence] in clawback.toml"
    )]
    NoEvidence,
    #[error("the message kept under {digest} is lost: {detail}; restore it from a backup of the evidence")]
    EvidenceLost { digest: clawback_model::Digest, detail: String },
    #[error(
        "the place for evidence did not give the message kept under {digest}: {detail}; try again once `clawback doctor` says that it answers"
    )]
    EvidenceUnavailable { digest: clawback_model::Digest, detail: String },
    #[error("evidence bucket {url}: {detail}")]
    Bucket { url: String, detail: String },
    #[error("file {path} cannot be read: {detail}")]
    File { path: String, detail: String },
    #[error("notifier `{name}`: {detail}")]
    Notifier { name: String, detail: String },
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::ConfirmRefused(ConfirmRefused::ForeignCredential(unowned)) => Self::ForeignCredential(unowned),
            StoreError::NotFound { .. }
            | StoreError::Exists { .. }
            | StoreError::Name(_)
            | StoreError::ConfirmRefused(_)
            | StoreError::SavedSearch(_)
            | StoreError::NothingPending { .. }
            | StoreError::NoBackup
            | StoreError::Altered { .. }
            | StoreError::NotItsEvents { .. } => Self::Refused(error),
            StoreError::Halted { halt } => Self::Halted(halt),
            StoreError::Illegal(transition) => Self::Transition(transition),
            other => Self::History(other),
        }
    }
}

impl From<ApproversError> for Error {
    fn from(error: ApproversError) -> Self {
        Self::Unsigned(error.into())
    }
}

impl From<StopReason> for Error {
    fn from(reason: StopReason) -> Self {
        Self::NoRoom(reason)
    }
}
