//! Builds a plan: numbers its targets, counts and hashes them, and passes them on in pages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clawback_connectors::MailStore;
use clawback_model::{
    Action, ClusterBy, Counts, Hashed, Location, LocationKind, PlanFacts, PlanGapKind, PlanHasher, PlanSummary, Reason,
    Request, RestorePoint, StopReason, StopWhen, Target, Throttles,
};
use clawback_scripting::SECOPS_MAILBOXES;
use tokio::sync::mpsc;

use super::input::{Hit, Noted, PlanInput, Planned};
use crate::error::Error;
use crate::site::Site;

/// Targets of a page.
const PAGE_OF_TARGETS: usize = 4_000;
/// Bytes of a subject that a plan keeps. A sender can write megabytes; the message has the whole.
const LONGEST_SUBJECT: usize = 2_000;

/// Message-ID and subject of the messages found, by sender.
pub(crate) type Senders = BTreeMap<String, BTreeSet<(String, String)>>;

/// A plan that is being built.
pub(crate) struct PlanBuilder<'a> {
    site: &'a Site,
    action: Action,
    hasher: PlanHasher,
    counts: Counts,
    pub(crate) facts: PlanFacts,
    next_seq: u32,
    page: Vec<Target>,
    pages: mpsc::Sender<Vec<Target>>,
    /// The mailbox whose targets are being added, and how many it has.
    current: Option<(Arc<str>, u64)>,
    /// Messages that were found, also those that are kept out, and on how many of them the filter script failed.
    judged: (u64, u64),
    /// Whether mailboxes of security people are left out, whatever the playbook says.
    keeps_out_secops: bool,
    /// The messages found by sender, if the senders' copies are to be added.
    pub(crate) senders: Option<Senders>,
    noted: Option<&'a Noted>,
}

impl<'a> PlanBuilder<'a> {
    pub(crate) fn new(site: &'a Site, input: &PlanInput<'a>, pages: mpsc::Sender<Vec<Target>>) -> Self {
        let mut facts = PlanFacts { searched: Some(0), ..PlanFacts::default() };
        if let Some(clusters) = input.bound.clusters() {
            facts.begin_clusters(clusters);
        }
        Self {
            site,
            action: input.request.action,
            hasher: PlanHasher::new(input.header),
            counts: Counts::default(),
            facts,
            next_seq: 0,
            page: Vec::with_capacity(PAGE_OF_TARGETS),
            pages,
            current: None,
            judged: (0, 0),
            // A report would remove itself, which is evidence.
            keeps_out_secops: input.request.reported,
            senders: input.request.delete_senders_copy.then(BTreeMap::new),
            noted: input.noted,
        }
    }

    /// The number of the next target.
    pub(crate) fn next_seq(&self) -> u32 {
        self.next_seq
    }

    pub(crate) fn submitted(&self) -> u64 {
        self.counts.submitted
    }

    pub(crate) async fn add_all(&mut self, store: &Arc<dyn MailStore>, hits: Vec<Hit>) -> Result<(), Error> {
        let can_act = store.capabilities().actions.contains(&self.action);
        for hit in hits {
            self.judged.0 += 1;
            self.judged.1 += u64::from(hit.script_failed);
            if self.is_kept_out(&hit.message.mailbox) {
                self.facts.left_out("the list secops_mailboxes", Some("SecOps mailbox".to_owned()));
                continue;
            }
            let not_remediable = if hit.script_failed {
                Some(Reason::ScriptError)
            } else if !hit.message.location.kind.is_remediable() {
                Some(Reason::LocationNotRemediable)
            } else if can_act {
                None
            } else {
                Some(Reason::ActionNotSupported)
            };
            self.add(hit, not_remediable).await?;
        }
        Ok(())
    }

    fn is_kept_out(&self, mailbox: &str) -> bool {
        let secops = self.site.library.lists.get(SECOPS_MAILBOXES);
        self.keeps_out_secops && secops.is_some_and(|list| list.contains(mailbox))
    }

    async fn add(&mut self, hit: Hit, not_remediable: Option<Reason>) -> Result<(), Error> {
        let Hit { message, reason, tag, clusters, .. } = hit;
        self.facts.found(&message, &clusters);
        if let Some(senders) = &mut self.senders {
            let sent = senders.entry(message.from_address.to_lowercase()).or_default();
            sent.insert((message.reference.message_id.clone(), message.subject.clone()));
        }
        if let Some(noted) = self.noted {
            noted.note(self.next_seq, &message);
        }
        // A search found it, so there is no earlier place on record, as for an undo: it is restored to the inbox.
        let former = (self.action == Action::Restore)
            .then(|| RestorePoint { location: Location::new(LocationKind::Inbox, "INBOX"), flags: message.flags });
        let target = Target {
            seq: self.next_seq,
            store: message.store,
            mailbox: message.mailbox,
            reference: message.reference,
            location: message.location,
            original_location: message.original_location,
            subject: bounded(message.subject),
            from_address: message.from_address,
            received_at: message.received_at,
            former,
            not_remediable,
            script_reason: in_clusters(&clusters).into_iter().chain(reason).reduce(|all, one| format!("{all}; {one}")),
            script_tag: tag,
        };
        self.push(target).await
    }

    pub(crate) async fn push(&mut self, target: Target) -> Result<(), Error> {
        self.note_mailbox(&target.mailbox);
        let more = if target.not_remediable.is_some() { Counts::planned(0, 1) } else { Counts::planned(1, 0) };
        self.counts = self.counts.plus(more);
        self.hasher.add(&target);
        self.next_seq += 1;
        self.page.push(target);
        if self.page.len() >= PAGE_OF_TARGETS {
            self.send().await?;
        }
        Ok(())
    }

    fn note_mailbox(&mut self, mailbox: &Arc<str>) {
        let is_vip = self.site.library.lists.get("vips").is_some_and(|vips| vips.contains(mailbox));
        self.facts.vips += u64::from(is_vip);
        match &mut self.current {
            Some((current, number)) if current == mailbox => *number += 1,
            _ => {
                self.close_mailbox();
                self.facts.mailboxes += 1;
                self.facts.vip_mailboxes += u64::from(is_vip);
                self.current = Some((Arc::clone(mailbox), 1));
            }
        }
    }

    fn close_mailbox(&mut self) {
        if let Some((mailbox, number)) = self.current.take()
            && self.facts.largest.as_ref().is_none_or(|(_, most)| number > *most)
        {
            self.facts.largest = Some((mailbox.to_string(), number));
        }
    }

    /// Whether the selection is over the limit of the query. `excluded` messages were found as well, and count.
    pub(crate) fn over_limit(&self, site: &Site, request: &Request, excluded: u64) -> Option<StopReason> {
        let found = self.counts.submitted + excluded;
        let exceeded = site.limits.check_messages(request.mode, found).err()?;
        Some(StopReason::Limit { exceeded: exceeded.by_search() })
    }

    async fn send(&mut self) -> Result<(), Error> {
        let page = std::mem::replace(&mut self.page, Vec::with_capacity(PAGE_OF_TARGETS));
        // The receiver ends early only with an error of its own, which its caller reports.
        let _ = self.pages.send(page).await;
        Ok(())
    }

    /// Fails the plan if the filter script failed on every message that was found: otherwise it would look like a
    /// search without hits.
    fn judged_nothing(&self) -> Option<StopReason> {
        let (found, faults) = self.judged;
        let (script, fault) =
            self.facts.unseen.iter().find(|known| known.kind == PlanGapKind::ScriptFault)?.examples.first()?;
        tracing::warn!(script.name = script, fault, messages = faults, "Script failed on messages.");
        (faults == found).then(|| {
            let detail = format!("script {script} failed on {faults} of {found} messages: {fault}; correct the script");
            StopReason::PlanFailed { detail }
        })
    }

    pub(crate) async fn finish(mut self, rules: &StopWhen, throttles: Option<&Throttles>) -> Result<Planned, Error> {
        self.close_mailbox();
        if !self.page.is_empty() {
            self.send().await?;
        }
        if let Some(reason) = self.judged_nothing() {
            return Ok(Planned::Refused(reason));
        }
        let broken = throttles.and_then(|throttles| throttles.check_plan(&self.counts, &self.facts));
        if let Some(reason) = broken.or_else(|| rules.check_plan(&self.counts, &self.facts)) {
            return Ok(Planned::Refused(reason));
        }
        let Hashed { digest, parts } = self.hasher.finish();
        Ok(Planned::Plan(PlanSummary { digest, counts: self.counts, facts: self.facts }, parts))
    }
}

/// Returns the clusters of a message in words, as the reason why it is in the plan.
fn in_clusters(clusters: &[ClusterBy]) -> Option<String> {
    let by: Vec<&str> = clusters.iter().map(|by| by.as_str()).collect();
    (!by.is_empty()).then(|| format!("cluster {}", by.join(", ")))
}

/// Cuts a subject to the length that a plan keeps.
fn bounded(mut subject: String) -> String {
    subject.truncate(subject.floor_char_boundary(LONGEST_SUBJECT));
    subject
}
