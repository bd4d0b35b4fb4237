//! Guards: the rules that stop a remediation before it does more harm than good.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clusters::{ClusterBy, ClusterCount, Clusters};
use crate::counts::Counts;
use crate::message::Message;
use crate::not_automatic::NotAutomatic;
use crate::omitted::is_default;
use crate::stop_reason::StopReason;
use crate::unseen::{self, LeftOut, PlanGap, PlanGapKind};
use crate::verdict::Verdict;

/// Throttling shrinks a batch of fixed size to no less than this.
const SMALLEST_BATCH: u32 = 50;
/// If more than one target in this many was throttled, the next batch is smaller.
const THROTTLED_SHARE: u64 = 10;
/// If batches grow and more than one target in this many failed, the next batch is smaller.
const FAILED_SHARE: u64 = 100;

/// The batch sizes of a remediation, its stop rules, and whether messages are kept as evidence before deletion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Guards {
    /// The most targets in a batch.
    pub batch: u32,
    /// The targets in the first batch, if batches grow: each successful batch doubles the next, up to `batch`. `None`
    /// means `batch` from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grows_from: Option<u32>,
    /// The targets in the canary batch; 0 means no canary.
    pub canary: u32,
    /// The stop rules.
    pub stop_when: StopWhen,
    /// Keeps each message before it is deleted permanently; a message that cannot be kept is not deleted. `None` means
    /// the site's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_evidence: Option<bool>,
}

impl Guards {
    /// Returns the targets in the first batch after the canary.
    pub fn first_batch(&self) -> u32 {
        self.grows_from.unwrap_or(self.batch).min(self.batch).max(1)
    }

    /// Returns the targets in the batch after one of `size` with this `report`. Throttling halves the size. If batches
    /// grow, more than 1 % of failures halve it, too, and only a batch without failures doubles it; it never falls
    /// below the first size.
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

/// Stop rules. Ratios are between 0 and 1 and are checked after each batch over everything acted on so far. The time is
/// also checked while a batch runs. The other rules are checked on the plan; `vips` is checked again whenever a worker
/// begins, with the current list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StopWhen {
    /// The share of failed targets.
    pub failed_ratio: Option<f64>,
    /// The share of targets whose call was throttled at least once.
    pub throttled_ratio: Option<f64>,
    /// The most messages in the plan.
    pub targets: Option<u64>,
    /// The most mailboxes in the plan.
    pub mailboxes: Option<u64>,
    /// The most messages in mailboxes of VIPs.
    pub vips: Option<u64>,
    /// The largest share of the plan in one mailbox (for plans of 100 messages and more).
    pub mailbox_share: Option<f64>,
    /// The longest time in progress, since the start or the last resume.
    pub running_longer_than: Option<Duration>,
    /// The most mailboxes of which nothing could be searched. Above it, or if any exclusion excluded nothing, the plan
    /// needs a vote, even if the playbook requires none. `None` means 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsearched: Option<u64>,
}

/// The facts that are known when a plan is frozen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanFacts {
    /// Messages in mailboxes of VIPs.
    pub vips: u64,
    /// Mailboxes of VIPs with at least one target.
    #[serde(default, skip_serializing_if = "is_default")]
    pub vip_mailboxes: u64,
    /// Messages that their owners have answered.
    #[serde(default, skip_serializing_if = "is_default")]
    pub answered: u64,
    /// Messages in a cluster on which the program may act without a person.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sure: u64,
    /// The clusters, with their counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterCount>,
    /// Clusters that were asked for and that the root does not make, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters_not_made: Vec<(ClusterBy, String)>,
    /// The verdict of the playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Whether the site lets the plan run without a vote, as an investigation that no person started.
    #[serde(default, skip_serializing_if = "is_default")]
    pub automatic: bool,
    /// Why the site does not: the rules that such a plan does not meet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_automatic: Vec<NotAutomatic>,
    /// Mailboxes with at least one target.
    pub mailboxes: u64,
    /// The mailbox with the most targets, and their number.
    pub largest: Option<(String, u64)>,
    /// Mailboxes that were searched, in whole or in part. `None` in plans made before 0.2, which are judged by their
    /// outcomes alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<u64>,
    /// Mailboxes that could not be searched, in whole or in part: the plan does not cover them.
    pub unsearched: u64,
    /// Those that were searched in part.
    #[serde(default, skip_serializing_if = "is_default")]
    pub searched_in_part: u64,
    /// The first of the unsearched mailboxes, each with the error.
    pub unsearched_sample: Vec<(String, String)>,
    /// Everything else that could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<PlanGap>,
    /// What scripts left out of the plan, with the reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

impl PlanFacts {
    /// Returns the number of mailboxes of which nothing was searched.
    fn unsearched_whole(&self) -> u64 {
        self.unsearched.saturating_sub(self.searched_in_part)
    }

    /// Counts a mailbox that could not be searched.
    pub fn unsearched(&mut self, mailbox: &str, why: String) {
        self.unsearched += 1;
        unseen::keep(&mut self.unsearched_sample, mailbox.to_owned(), why);
    }

    /// Counts `count` more of something that could not be read.
    pub fn unseen(&mut self, kind: PlanGapKind, count: u64, which: String, why: String) {
        unseen::note(&mut self.unseen, kind, count, which, why);
    }

    /// Counts a message that a script left out.
    pub fn left_out(&mut self, by: &str, reason: Option<String>) {
        unseen::leave_out(&mut self.left_out, by, reason, 1);
    }

    /// Begins to count these clusters.
    pub fn begin_clusters(&mut self, clusters: &Clusters) {
        self.clusters = clusters.made().iter().map(ClusterCount::of).collect();
        self.clusters_not_made = clusters.not_made().iter().map(|(by, why)| (*by, (*why).to_owned())).collect();
    }

    /// Counts a message of the plan, with the clusters that it is in.
    pub fn found(&mut self, message: &Message, clusters: &[ClusterBy]) {
        self.answered += u64::from(message.is_answered());
        self.sure += u64::from(clusters.iter().any(|by| by.is_sure()));
        for count in self.clusters.iter_mut().filter(|count| clusters.contains(&count.by)) {
            count.add(message, clusters.len() == 1);
        }
    }

    /// Adds what the search of another mailbox could not read.
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

    /// Returns how many of one kind could not be read.
    pub fn count_unseen(&self, kind: PlanGapKind) -> u64 {
        self.unseen.iter().filter(|known| known.kind == kind).map(|known| known.count).sum()
    }

    /// Returns whether the search covered everything that was requested. This is the only definition: any other result
    /// is partial.
    pub fn is_complete(&self) -> bool {
        self.searched.is_none() || (self.unsearched == 0 && self.unseen.is_empty())
    }

    /// Returns a sentence for each kind of gap, for every front end. The sentences contain text from mail, which is
    /// untrusted.
    pub fn not_looked_at(&self) -> Vec<String> {
        let whole = self.unsearched_whole();
        let mailboxes = (whole > 0).then(|| {
            let what = if whole == 1 { "mailbox" } else { "mailboxes" };
            unseen::in_words(whole, &format!("{what} could not be searched"), self.unsearched_sample.first())
        });
        mailboxes.into_iter().chain(self.unseen.iter().map(PlanGap::in_words)).collect()
    }
}

/// The results of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BatchReport {
    /// Outcomes of the batch.
    pub counts: Counts,
    /// Targets whose call was throttled at least once.
    pub throttled: u64,
}

impl StopWhen {
    /// Returns the first rule that a plan breaks.
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

    /// Returns whether so much was not searched that the plan needs a vote.
    pub fn asks_for_a_person(&self, facts: &PlanFacts) -> bool {
        facts.unsearched_whole() > self.unsearched.unwrap_or(0)
            || [PlanGapKind::Exclusion, PlanGapKind::CommonRoot].into_iter().any(|kind| facts.count_unseen(kind) > 0)
    }

    /// Returns the first rule that the results so far break.
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
