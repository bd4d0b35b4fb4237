//! The search of one mailbox: what is searched for, and what was found.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clawback_connectors::{CallError, MailStore};
use clawback_model::{HandledMessages, Message, Picked, PlanFacts, PlanGapKind, Query, SelectionMode, StopReason};
use clawback_playbooks::{Bound, Judgement};

use super::examine::{Judged, judge};
use super::input::{Hit, PlanInput};
use crate::retry::with_retries;
use crate::site::Site;

/// What is searched for in every mailbox.
pub(super) struct Search {
    query: Query,
    bound: Arc<Bound>,
    /// Handpicked: only these. With exclusions: all but these.
    picked: Vec<Picked>,
    mode: SelectionMode,
    /// More hits than this in one mailbox exceed the limit of the whole selection.
    most: u64,
    /// What an earlier remediation of a sweep has dealt with.
    pub(super) done_with: HandledMessages,
    /// Messages of the query that were excluded by name.
    excluded: AtomicU64,
}

impl Search {
    pub(super) fn of(input: &PlanInput<'_>, most: u64, done_with: HandledMessages) -> Self {
        let request = input.request;
        let mut query = input.bound.query();
        if request.mode == SelectionMode::Handpicked {
            query.message_id = message_ids(&request.picked);
        }
        let bound = Arc::clone(&input.bound);
        let picked = request.picked.clone();
        Self { query, bound, picked, mode: request.mode, most, done_with, excluded: AtomicU64::new(0) }
    }

    /// Whether the message is part of the selection. Adds to `named` which picked messages or exclusions it matches.
    fn wants(&self, message: &Message, named: &mut BTreeSet<usize>) -> bool {
        if self.done_with.contains(message) {
            return false;
        }
        let mut is_named = false;
        if self.mode != SelectionMode::Query {
            for (number, _) in self.picked.iter().enumerate().filter(|(_, picked)| picked.names(message)) {
                named.insert(number);
                is_named = true;
            }
        }
        match self.mode {
            SelectionMode::Query => true,
            SelectionMode::Handpicked => is_named,
            SelectionMode::QueryWithExclusions => {
                if is_named && self.bound.predicate().decide(message) != Some(false) {
                    self.excluded.fetch_add(1, Ordering::Relaxed);
                }
                !is_named
            }
        }
    }

    /// Records picked messages that no mailbox has, and exclusions that excluded nothing.
    pub(super) fn note_unnamed(&self, named: &BTreeSet<usize>, facts: &mut PlanFacts) {
        let (kind, why) = match self.mode {
            SelectionMode::Query => return,
            SelectionMode::Handpicked => (PlanGapKind::Pick, "no mailbox that was searched has such a message"),
            SelectionMode::QueryWithExclusions => (PlanGapKind::Exclusion, "the query does not find such a message"),
        };
        for (_, picked) in self.picked.iter().enumerate().filter(|(number, _)| !named.contains(number)) {
            let id =
                if picked.message_id.is_empty() { picked.fingerprint.as_deref() } else { Some(&*picked.message_id) };
            facts.unseen(kind, 1, format!("{} {}", picked.mailbox, id.unwrap_or_default()), why.to_owned());
        }
    }

    /// Messages of the query so far that were excluded by name: the limit is on the query, before exclusions.
    pub(super) fn excluded(&self) -> u64 {
        self.excluded.load(Ordering::Relaxed)
    }

    /// The refusal of a Message-ID that matches two different mails, so that a person can pick again. Copies of one
    /// mail are no such case: all of them are selected.
    pub(super) fn ambiguous(&self, hits: &[Hit]) -> Option<StopReason> {
        if self.mode != SelectionMode::Handpicked {
            return None;
        }
        let several = |picked: &&Picked| {
            let named = hits.iter().filter(|hit| picked.names(&hit.message));
            let mails: BTreeSet<&str> = named.map(|hit| hit.message.reference.fingerprint.as_str()).collect();
            picked.is_by_message_id() && mails.len() > 1
        };
        let picked = self.picked.iter().find(several)?;
        let detail = format!(
            "mailbox {} has more than one message with Message-ID {}; give the fingerprint too, as `plan --dry-run --format json` prints it",
            picked.mailbox, picked.message_id
        );
        Some(StopReason::PlanFailed { detail })
    }
}

/// The Message-IDs that narrow a search for picked messages; empty if one of them was picked without.
pub(super) fn message_ids(picked: &[Picked]) -> Vec<String> {
    let ids: BTreeSet<&str> = picked.iter().map(|one| one.message_id.trim()).collect();
    if ids.contains("") { Vec::new() } else { ids.into_iter().map(str::to_owned).collect() }
}

/// What the search of one mailbox found, and what it could not inspect.
#[derive(Default)]
pub(super) struct Found {
    pub(super) hits: Vec<Hit>,
    pub(super) facts: PlanFacts,
    pub(super) named: BTreeSet<usize>,
}

pub(super) async fn search_mailbox(
    site: &Site,
    store: &dyn MailStore,
    mailbox: &Arc<str>,
    search: &Search,
) -> Result<Found, CallError> {
    let mut found = Found::default();
    found.facts.searched = Some(1);
    let mut cursor = None;
    loop {
        let page =
            with_retries(site, || store.search(mailbox, &search.query, cursor.clone(), site.tuning.page)).await?;
        for gap in page.gaps {
            (found.facts.unsearched, found.facts.searched_in_part) = (1, 1);
            found.facts.unseen(PlanGapKind::Part, 1, mailbox.to_string(), gap.to_string());
        }
        let mut messages = page.items;
        messages.retain(|message| search.wants(message, &mut found.named));
        for judged in judge(site, store, mailbox, &search.bound, messages).await? {
            found.take(search, judged);
        }
        match page.next {
            Some(next) if found.hits.len() as u64 <= search.most => cursor = Some(next),
            _ => return Ok(found),
        }
    }
}

/// Returns why a message is not known in full: it was not examined, or this text of it is cut.
fn unknown(unexamined: Option<String>, cut: Option<&str>) -> Option<(PlanGapKind, String)> {
    let of_text = |text| (PlanGapKind::CutText, format!("only part of its {text} is known"));
    unexamined.map(|why| (PlanGapKind::Unexamined, why)).or_else(|| cut.map(of_text))
}

/// Returns the name of a message in a gap.
fn which(message: &Message) -> String {
    format!("{} {}", message.mailbox, message.reference.message_id)
}

impl Found {
    fn take(&mut self, search: &Search, judged: Judged) {
        let Judged { message, judgement, nearly, unexamined } = judged;
        match judgement {
            Judgement::Keep { reason, tag, clusters } => {
                let is_value = |text: &&str| matches!(*text, "links" | "attachments" | "from");
                let unknown = if search.bound.predicate().matches_content() {
                    unknown(unexamined, message.cut_texts().find(is_value))
                } else {
                    None
                };
                if let Some((kind, why)) = unknown {
                    let why = format!("it is in the plan, and which other values of `any` it has is not known: {why}");
                    self.facts.unseen(kind, 1, which(&message), why);
                }
                self.hits.push(Hit { message, script_failed: false, reason, tag, clusters });
            }
            Judgement::Unmatched { .. } => {
                if let Some(band) = nearly {
                    self.facts.left_out("like", Some(band.in_words().to_owned()));
                }
            }
            Judgement::Undecided { .. } => {
                let cut = message.cut_texts().find(|text| search.bound.reads(text));
                let (kind, why) = unknown(unexamined, cut)
                    .unwrap_or_else(|| (PlanGapKind::Unexamined, "a condition on it cannot be decided".to_owned()));
                self.facts.unseen(kind, 1, which(&message), why);
            }
            Judgement::Drop { by, reason } => self.facts.left_out(&by, reason),
            Judgement::Fault { script, fault } => {
                tracing::debug!(script.name = script, %fault, "Script failed on a message.");
                self.facts.unseen(PlanGapKind::ScriptFault, 1, script, fault.to_string());
                self.hits.push(Hit { script_failed: true, ..Hit::plain(message) });
            }
        }
    }
}
