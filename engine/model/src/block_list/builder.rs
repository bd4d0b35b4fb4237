//! Builds a block list from what was removed, without what was put back.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::rules::BlockListRules;
use crate::action::Action;
use crate::clock::Timestamp;
use crate::clusters::ClusterBy;
use crate::comparison::is_same;
use crate::domain::registrable_domain;
use crate::id::RemediationId;
use crate::indicator::{Indicator, IndicatorKind, matched_by};
use crate::likeness::{Root, is_free_mail};
use crate::message::domain_of;
use crate::plan::target::Target;
use crate::remediation::Remediation;
use crate::status::Status;
use crate::verdict::Verdict;
use crate::vote::Decision;

/// An entry of a block list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockEntry {
    /// What is refused. A domain stands for its sub-domains, too.
    pub indicator: Indicator,
    /// The last remediation that removed messages with it.
    pub remediation: RemediationId,
    /// Messages with it that were removed.
    pub messages: u64,
    /// When that remediation ended.
    pub listed_at: Timestamp,
    /// When it is no longer listed.
    pub expires_at: Timestamp,
}

/// A value that is left off a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOffList {
    /// The value.
    pub value: String,
    /// Why.
    pub reason: String,
}

/// A block list of one kind, in the order of its values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockList {
    /// The entries.
    pub entries: Vec<BlockEntry>,
    /// What was removed and is not listed.
    pub left_off: Vec<LeftOffList>,
}

/// The actions that take messages from their readers. Junk is read.
pub const REMOVALS: [Action; 4] =
    [Action::SoftDelete, Action::HardDelete, Action::MoveToQuarantine, Action::MoveToDeletedItems];

/// Returns whether a remediation can put entries on a list: it removed messages after a vote, or after the verdict
/// malicious.
pub fn is_removal(remediation: &Remediation) -> bool {
    let removes = REMOVALS.contains(&remediation.request.action);
    let has_ended = matches!(remediation.status, Status::Completed | Status::PartiallyCompleted);
    let by_votes = remediation.under.is_some()
        || remediation
            .approval
            .as_ref()
            .is_some_and(|asked| asked.votes.iter().any(|vote| vote.decision == Decision::Approve));
    let verdict = remediation.plan.as_ref().and_then(|plan| plan.facts.verdict);
    removes && has_ended && (by_votes || verdict == Some(Verdict::Malicious))
}

/// Returns whether one of these undos began, or can begin.
pub fn is_undone(undos: &[Status]) -> bool {
    let came_to_nothing = |status: &Status| {
        matches!(status, Status::Rejected | Status::Expired | Status::Cancelled | Status::Failed | Status::NothingToDo)
    };
    !undos.iter().all(came_to_nothing)
}

/// Builds the list of one kind. What was put back must be told first.
#[derive(Debug)]
pub struct BlockListBuilder<'a> {
    kind: IndicatorKind,
    rules: &'a BlockListRules,
    now: Timestamp,
    put_back: HashSet<String>,
    own: BTreeSet<String>,
    found: BTreeMap<Indicator, BlockEntry>,
    barred: BTreeSet<Indicator>,
}

impl<'a> BlockListBuilder<'a> {
    /// Begins a list.
    pub fn new(kind: IndicatorKind, rules: &'a BlockListRules, now: Timestamp) -> Self {
        let (put_back, own) = (HashSet::new(), BTreeSet::new());
        Self { kind, rules, now, put_back, own, found: BTreeMap::new(), barred: BTreeSet::new() }
    }

    /// Returns the time from which the end of a remediation counts.
    pub fn since(&self) -> Timestamp {
        self.now.minus(self.rules.expires)
    }

    /// Notes a message that was put back: nothing that it matched is listed.
    pub fn put_back(&mut self, target: &Target) {
        self.put_back.insert(mail(target));
    }

    /// Notes a message of a removal that was undone: nothing that it matched is listed.
    pub fn undone(&mut self, causes: &Causes<'_>, target: &Target) {
        let proved = causes.proved_by(target).into_iter().filter(|one| one.kind == self.kind);
        self.barred.extend(proved);
    }

    /// Notes a message that a remediation removed.
    pub fn removed(&mut self, remediation: &Remediation, causes: &Causes<'_>, target: &Target) {
        let mailbox = domain_of(&target.mailbox);
        let mailbox = idna::domain_to_ascii(mailbox).unwrap_or_else(|_| mailbox.to_lowercase());
        if !mailbox.is_empty() {
            self.own.insert(registrable_domain(&mailbox).to_owned());
        }
        let is_put_back = self.put_back.contains(&mail(target));
        for indicator in causes.proved_by(target).into_iter().filter(|one| one.kind == self.kind) {
            if is_put_back {
                self.barred.insert(indicator.clone());
            }
            let listed_at = remediation.updated_at;
            let entry = self.found.entry(indicator.clone()).or_insert_with(|| BlockEntry {
                indicator,
                remediation: remediation.id.clone(),
                messages: 0,
                listed_at,
                expires_at: listed_at,
            });
            entry.messages += 1;
            if listed_at > entry.listed_at {
                (entry.remediation, entry.listed_at) = (remediation.id.clone(), listed_at);
            }
            entry.expires_at = entry.listed_at.plus(self.rules.expires);
        }
    }

    /// Returns the list.
    pub fn finish(self) -> BlockList {
        let mut list = BlockList::default();
        for (indicator, entry) in self.found.into_iter().filter(|(_, entry)| entry.expires_at > self.now) {
            let refusal = if self.barred.contains(&indicator) {
                Some("a message with it was put back".to_owned())
            } else {
                self.rules.refusal(&indicator, &self.own)
            };
            match refusal {
                None => list.entries.push(entry),
                Some(reason) => list.left_off.push(LeftOffList { value: indicator.value, reason }),
            }
        }
        list
    }
}

/// Returns what names a mail over all mailboxes.
fn mail(target: &Target) -> String {
    let reference = &target.reference;
    if reference.fingerprint.is_empty() { reference.message_id.clone() } else { reference.fingerprint.clone() }
}

/// Why a remediation selects messages: the indicators that it names, and its roots.
#[derive(Debug, Clone, Copy)]
pub struct Causes<'a> {
    /// Each selects a message by itself.
    pub named: &'a BTreeSet<Indicator>,
    /// The roots of its investigation.
    pub roots: &'a [Root],
}

impl Causes<'_> {
    /// Returns what a message of its plan proves. Only what the remediation names is believed of the reason of a message:
    /// a script, and so a sender, can write one.
    fn proved_by(&self, target: &Target) -> BTreeSet<Indicator> {
        let named = matched_by(target).into_iter().filter(|one| self.named.contains(one));
        named.chain(self.roots.iter().flat_map(|root| proved_of(root, target))).collect()
    }
}

/// Returns what a removed message proves of its root. An authenticated From proves a domain, and not that all mail of
/// this address is malicious: the account of a partner can be stolen, and a service sends for strangers. So only an
/// address of free mail is listed.
fn proved_of(root: &Root, target: &Target) -> Vec<Indicator> {
    let mut proved = Vec::new();
    let read = |kind, value: &str| Indicator::read(Some(kind), value, true).ok();
    let identity = root.identity();
    let is_of_one = is_free_mail(domain_of(&identity.address));
    if identity.is_authenticated && is_of_one && is_same(&identity.address, &target.from_address) {
        proved.extend(read(IndicatorKind::Sender, &identity.address));
    }
    let files = &root.entities().files;
    let is_root = !root.message_id().is_empty() && root.message_id() == target.reference.message_id;
    // A root that is removed for its links, too, can carry a file of the organisation that it imitates.
    if let (true, 1, Some(file)) = (is_root && is_only_in(target, ClusterBy::File), files.len(), files.first()) {
        proved.extend(read(IndicatorKind::Sha256, file));
    }
    proved
}

/// Returns whether a message is in the plan for this cluster alone. The clusters are at the start of its reason.
fn is_only_in(target: &Target, by: ClusterBy) -> bool {
    let reason = target.script_reason.as_deref().unwrap_or_default();
    reason.strip_prefix("cluster ").and_then(|all| all.split("; ").next()) == Some(by.as_str())
}

#[cfg(test)]
mod tests;
