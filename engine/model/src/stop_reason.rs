//! Why a remediation was stopped.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::counted::{self, CountedBy, Unit, Window};
use crate::halt::Halt;
use crate::id::RemediationId;
use crate::limits::LimitExceeded;

/// Why a remediation was stopped. Stored, and shown in the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[expect(missing_docs, reason = "the names are those of the rules")]
pub enum StopReason {
    FailedRatio { limit: f64, failed: u64, acted: u64 },
    ThrottledRatio { limit: f64, throttled: u64, acted: u64 },
    Targets { limit: u64, planned: u64 },
    Mailboxes { limit: u64, planned: u64 },
    Vips { limit: u64, planned: u64 },
    VipsNow { limit: u64, planned: u64 },
    MailboxShare { limit: f64, mailbox: String, messages: u64, planned: u64 },
    RecipientsRatio { share: f64, limit: u64, recipients: u64, planned: u64, mailbox: String, messages: u64 },
    RunningLongerThan { limit: Duration },
    InProgress { limit: u64, running: u64 },
    ExclusiveAbove { limit: u64, remediation: RemediationId, messages: u64 },
    SameSelection { other: RemediationId, approved_at: Timestamp, minutes: u32 },
    WithoutAVote { by: CountedBy, name: String, unit: Unit, limit: u64, window: Window, used: u64, adds: u64 },
    Halted { halt: Halt },
    Limit { exceeded: LimitExceeded },
    Person { by: String },
    StoreUnavailable { store: String, detail: String },
    PlanFailed { detail: String },
    NotAsApproved { detail: String },
    NothingLeft { gone: u64 },
}

impl StopReason {
    /// Returns the rule, as stored and shown.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::FailedRatio { .. } => "failed-ratio",
            Self::ThrottledRatio { .. } => "throttled-ratio",
            Self::Targets { .. } => "targets",
            Self::Mailboxes { .. } => "mailboxes",
            Self::Vips { .. } => "vips",
            Self::VipsNow { .. } => "vips-now",
            Self::MailboxShare { .. } => "mailbox-share",
            Self::RecipientsRatio { .. } => "recipients-ratio",
            Self::RunningLongerThan { .. } => "running-longer-than",
            Self::InProgress { .. } => "in-progress",
            Self::ExclusiveAbove { .. } => "exclusive-above",
            Self::SameSelection { .. } => "same-selection",
            Self::WithoutAVote { .. } => "without-a-vote",
            Self::Halted { .. } => "halted",
            Self::Limit { .. } => "limit",
            Self::Person { .. } => "person",
            Self::StoreUnavailable { .. } => "store-unavailable",
            Self::PlanFailed { .. } => "plan-failed",
            Self::NotAsApproved { .. } => "not-as-approved",
            Self::NothingLeft { .. } => "nothing-left",
        }
    }

    /// Returns whether the reason clears without a person: a remediation held by it then continues.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::InProgress { .. } | Self::ExclusiveAbove { .. } | Self::Halted { .. })
    }

    /// Returns whether a rule stopped it that a person other than the requester must weigh before it continues. A plan
    /// that is not as it was approved is not such a rule: it is compared again before each step, and nobody can
    /// override it.
    pub const fn is_guard(&self) -> bool {
        match self {
            Self::FailedRatio { .. }
            | Self::ThrottledRatio { .. }
            | Self::Targets { .. }
            | Self::Mailboxes { .. }
            | Self::Vips { .. }
            | Self::VipsNow { .. }
            | Self::MailboxShare { .. }
            | Self::RecipientsRatio { .. }
            | Self::RunningLongerThan { .. }
            | Self::SameSelection { .. }
            | Self::WithoutAVote { .. }
            | Self::Limit { .. } => true,
            Self::InProgress { .. }
            | Self::ExclusiveAbove { .. }
            | Self::Halted { .. }
            | Self::Person { .. }
            | Self::StoreUnavailable { .. }
            | Self::PlanFailed { .. }
            | Self::NotAsApproved { .. }
            | Self::NothingLeft { .. } => false,
        }
    }
}

/// Formats the rule, then the limit and the count that exceeded it.
impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.rule())?;
        match self {
            Self::FailedRatio { limit, failed, acted } => {
                write!(f, "{failed} of {acted} failed, more than {}", percent(*limit))
            }
            Self::ThrottledRatio { limit, throttled, acted } => {
                write!(f, "{throttled} of {acted} were throttled, more than {}", percent(*limit))
            }
            Self::Targets { limit, planned } => write!(f, "the plan has {planned} messages, more than {limit}"),
            Self::Mailboxes { limit, planned } => write!(f, "the plan has {planned} mailboxes, more than {limit}"),
            Self::Vips { limit, planned } => {
                write!(f, "the plan has {planned} messages in mailboxes of VIPs, more than {limit}")
            }
            Self::VipsNow { limit, planned } => {
                write!(f, "the plan has {planned} messages in mailboxes of VIPs as listed now, more than {limit}")
            }
            Self::MailboxShare { limit, mailbox, messages, planned } => {
                write!(f, "{messages} of {planned} messages are in {mailbox}, more than {}", percent(*limit))
            }
            Self::RecipientsRatio { share, limit, recipients, planned, mailbox, messages } => write!(
                f,
                "{recipients} recipients of {planned} messages are less than {}, so one recipient may have at most {limit}; {mailbox} has {messages}",
                percent(*share)
            ),
            Self::RunningLongerThan { limit } => {
                write!(f, "it is in progress for more than {} s", limit.as_secs_f64())
            }
            Self::InProgress { limit, running } => {
                write!(f, "{running} remediations are in progress, and at most {limit} may be")
            }
            Self::ExclusiveAbove { limit, remediation, messages } => {
                write!(f, "{remediation} is in progress with {messages} messages, and above {limit} it runs alone")
            }
            Self::SameSelection { other, approved_at, minutes } => write!(
                f,
                "{other} has the same playbook, inputs, action and picked messages, and was approved at {approved_at}, less than {minutes} minutes before"
            ),
            Self::WithoutAVote { name, unit, limit, window, used, adds, .. } => {
                write!(f, "{}", counted::in_words(name, *unit, *limit, *window, *used, *adds))
            }
            Self::Halted { halt } => write!(f, "the site is {halt}"),
            Self::Limit { exceeded } => write!(f, "{exceeded}"),
            Self::Person { by } => write!(f, "{by} asked for it"),
            Self::StoreUnavailable { store, detail } => write!(f, "{store}: {detail}"),
            Self::PlanFailed { detail } | Self::NotAsApproved { detail } => write!(f, "{detail}"),
            Self::NothingLeft { gone } => {
                write!(f, "none of the {gone} messages of the plan is left in a mailbox for the action")
            }
        }
    }
}

fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}
