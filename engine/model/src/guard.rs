//! Guards: what stops a remediation before it does more harm than good.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::budget::{self, CountedBy, Unit, Window};
use crate::clock::Timestamp;
use crate::counts::Counts;
use crate::halt::Halt;
use crate::id::RemediationId;
use crate::limits::LimitExceeded;
use crate::unseen::{self, LeftOut, Unseen, UnseenKind};

/// A batch of one fixed size shrinks to no less than this under throttling.
const SMALLEST_BATCH: u32 = 50;
/// More than one in so many throttled: the next batch is smaller.
const THROTTLED_SHARE: u64 = 10;
/// More than one in so many failed: so it is where batches grow.
const FAILED_SHARE: u64 = 100;

/// How a remediation is cut up, when it stops, and what is kept of what it deletes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Guards {
    /// Targets per batch, at most.
    pub batch: u32,
    /// Targets in the first batch, where batches grow: each that went well doubles the next, up to `batch`. None: `batch` from
    /// the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grows_from: Option<u32>,
    /// Targets in the first batch; 0: no canary.
    pub canary: u32,
    /// Stop rules.
    pub stop_when: StopWhen,
    /// Keep each message before it is deleted for good; what cannot be kept is not deleted. None: as the site says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_evidence: Option<bool>,
}

impl Guards {
    /// Targets in the first batch behind the canary.
    pub fn first_batch(&self) -> u32 {
        self.grows_from.unwrap_or(self.batch).min(self.batch).max(1)
    }

    /// Targets in the batch after one of `size` that met `report`. Throttling halves it. Where batches grow, failures do so,
    /// too, and only one without any doubles it; it never falls below the first.
    pub fn size_after(&self, size: u32, report: &BatchReport) -> u32 {
        let acted = report.counts.acted();
        let throttled = report.throttled * THROTTLED_SHARE > acted;
        let most = self.batch.max(1);
        if self.grows_from.is_none() {
            return if throttled {
                (size / 2).max(SMALLEST_BATCH).min(size)
            } else {
                (size + (size / 4).max(1)).min(most)
            };
        }
        let failed = report.counts.failed;
        if throttled || failed * FAILED_SHARE > acted {
            (size / 2).max(self.first_batch()).min(size)
        } else if failed > 0 {
            size
        } else {
            size.saturating_mul(2).min(most)
        }
    }
}

impl Default for Guards {
    fn default() -> Self {
        Self { batch: 5_000, grows_from: None, canary: 20, stop_when: StopWhen::default(), keep_evidence: None }
    }
}

/// Stop rules. Ratios are between 0 and 1 and are tested after each batch over all that was acted on; the time is tested while
/// a batch runs, too; the others are tested on the plan, and `vips` again whenever a worker begins, on the list as it is by
/// then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StopWhen {
    /// Share of failed targets.
    pub failed_ratio: Option<f64>,
    /// Share of targets whose call was throttled at least once.
    pub throttled_ratio: Option<f64>,
    /// More messages in the plan than this.
    pub targets: Option<u64>,
    /// More mailboxes in the plan than this.
    pub mailboxes: Option<u64>,
    /// More messages in mailboxes of VIPs than this.
    pub vips: Option<u64>,
    /// More than this share of the plan in one mailbox (of plans of 100 messages and more).
    pub mailbox_share: Option<f64>,
    /// Longer in progress than this, since the start or the last resume.
    pub running_longer_than: Option<Duration>,
    /// More mailboxes than this of which nothing could be searched, or any exclusion that excluded nothing: the plan asks for a vote,
    /// whatever the playbook says. None: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsearched: Option<u64>,
}

/// Why a remediation was stopped. Stored, and shown in history.
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
}

impl StopReason {
    /// The rule, as stored and shown.
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
        }
    }

    /// Whether it passes by itself: who is held by it goes on without anybody asking for it.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::InProgress { .. } | Self::ExclusiveAbove { .. } | Self::Halted { .. })
    }

    /// Whether a rule stopped it that somebody must weigh before it goes on, and not whoever asked for it. What is not as it was
    /// approved is no such rule: it is compared again before each step, and nobody can let it pass.
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
            | Self::NotAsApproved { .. } => false,
        }
    }
}

/// The rule, then what it met: limit and count.
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
                write!(f, "{}", budget::in_words(name, *unit, *limit, *window, *used, *adds))
            }
            Self::Halted { halt } => write!(f, "the site is {halt}"),
            Self::Limit { exceeded } => write!(f, "{exceeded}"),
            Self::Person { by } => write!(f, "{by} asked for it"),
            Self::StoreUnavailable { store, detail } => write!(f, "{store}: {detail}"),
            Self::PlanFailed { detail } | Self::NotAsApproved { detail } => write!(f, "{detail}"),
        }
    }
}

fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

/// What is known when a plan is frozen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanFacts {
    /// Messages in mailboxes of VIPs.
    pub vips: u64,
    /// Mailboxes with at least one target.
    pub mailboxes: u64,
    /// The mailbox with most targets, and how many.
    pub largest: Option<(String, u64)>,
    /// Mailboxes that were searched, in whole or in part. None in plans of before 0.2, which are judged as they were then:
    /// by their outcomes alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<u64>,
    /// Mailboxes that could not be searched, in whole or in part: the plan does not speak for them.
    pub unsearched: u64,
    /// Those of them that were searched in part.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub searched_in_part: u64,
    /// The first of these, each with the error.
    pub unsearched_sample: Vec<(String, String)>,
    /// Whatever else could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<Unseen>,
    /// What scripts left out of the plan, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl PlanFacts {
    /// Mailboxes of which nothing was searched.
    fn unsearched_whole(&self) -> u64 {
        self.unsearched.saturating_sub(self.searched_in_part)
    }

    /// Counts a mailbox that could not be searched.
    pub fn unsearched(&mut self, mailbox: &str, why: String) {
        self.unsearched += 1;
        unseen::keep(&mut self.unsearched_sample, mailbox.to_owned(), why);
    }

    /// Counts `count` more of something that could not be looked at.
    pub fn unseen(&mut self, kind: UnseenKind, count: u64, which: String, why: String) {
        unseen::note(&mut self.unseen, kind, count, which, why);
    }

    /// Counts a message that a script left out.
    pub fn left_out(&mut self, by: &str, reason: Option<String>) {
        unseen::leave_out(&mut self.left_out, by, reason, 1);
    }

    /// Takes in what the search of one more mailbox could not look at.
    pub fn absorb(&mut self, other: Self) {
        self.searched = Some(self.searched.unwrap_or(0) + other.searched.unwrap_or(0));
        self.unsearched += other.unsearched;
        self.searched_in_part += other.searched_in_part;
        for (mailbox, why) in other.unsearched_sample {
            unseen::keep(&mut self.unsearched_sample, mailbox, why);
        }
        for more in other.unseen {
            unseen::absorb(&mut self.unseen, more);
        }
        for more in other.left_out {
            unseen::leave_out(&mut self.left_out, &more.by, more.reason, more.count);
        }
    }

    /// How many of one kind could not be looked at.
    pub fn count_unseen(&self, kind: UnseenKind) -> u64 {
        self.unseen.iter().filter(|known| known.kind == kind).map(|known| known.count).sum()
    }

    /// Whether all that was asked for was looked at. The one rule of it: a result over anything else is partial.
    pub fn is_complete(&self) -> bool {
        self.searched.is_none() || (self.unsearched == 0 && self.unseen.is_empty())
    }

    /// What was not looked at, a sentence for each kind. Every face shows these; texts of mail in them are hostile.
    pub fn not_looked_at(&self) -> Vec<String> {
        let whole = self.unsearched_whole();
        let mailboxes = (whole > 0).then(|| {
            let what = if whole == 1 { "mailbox" } else { "mailboxes" };
            unseen::in_words(whole, &format!("{what} could not be searched"), self.unsearched_sample.first())
        });
        mailboxes.into_iter().chain(self.unseen.iter().map(Unseen::in_words)).collect()
    }
}

/// What one batch met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BatchReport {
    /// Outcomes of the batch.
    pub counts: Counts,
    /// Targets whose call was throttled at least once.
    pub throttled: u64,
}

impl StopWhen {
    /// The first rule that a plan breaks.
    pub fn check_plan(&self, counts: &Counts, facts: &PlanFacts) -> Option<StopReason> {
        let planned = counts.submitted;
        if let Some(limit) = self.targets.filter(|limit| planned > *limit) {
            return Some(StopReason::Targets { limit, planned });
        }
        if let Some(limit) = self.mailboxes.filter(|limit| facts.mailboxes > *limit) {
            return Some(StopReason::Mailboxes { limit, planned: facts.mailboxes });
        }
        if let Some(limit) = self.vips.filter(|limit| facts.vips > *limit) {
            return Some(StopReason::Vips { limit, planned: facts.vips });
        }
        if let (Some(limit), Some((mailbox, messages)), 100..) = (self.mailbox_share, &facts.largest, planned)
            && ratio(*messages, planned) > limit
        {
            return Some(StopReason::MailboxShare { limit, mailbox: mailbox.clone(), messages: *messages, planned });
        }
        None
    }

    /// Whether so much was not searched that a person must look at the plan before it is acted on.
    pub fn asks_for_a_person(&self, facts: &PlanFacts) -> bool {
        facts.unsearched_whole() > self.unsearched.unwrap_or(0) || facts.count_unseen(UnseenKind::Exclusion) > 0
    }

    /// The first rule that the work so far breaks.
    pub fn check_progress(&self, so_far: &BatchReport) -> Option<StopReason> {
        let acted = so_far.counts.acted();
        let failed = so_far.counts.failed;
        if let Some(limit) = self.failed_ratio.filter(|limit| ratio(failed, acted) > *limit) {
            return Some(StopReason::FailedRatio { limit, failed, acted });
        }
        let throttled = so_far.throttled;
        if let Some(limit) = self.throttled_ratio.filter(|limit| ratio(throttled, acted) > *limit) {
            return Some(StopReason::ThrottledRatio { limit, throttled, acted });
        }
        None
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
