//! All rules in their order, and what became of each.

use clawback_model::visible_line;
use serde::Serialize;

use super::rule::Kept;
use super::seed::Seed;
use super::{acting, reading};
use crate::boxed::boxed;
use crate::mail_store::MailStore;

/// Characters of a reason at most.
const TEXT: usize = 500;

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The rule, in words.
    pub rule: String,
    /// How the store broke it; `None` if it kept it.
    pub broken: Option<String>,
}

/// The verdicts so far, each reported as soon as it is known.
struct Verdicts<'a> {
    all: Vec<Verdict>,
    report: &'a mut (dyn FnMut(&Verdict) + Send),
}

impl Verdicts<'_> {
    fn add(&mut self, rule: impl Into<String>, kept: Kept) {
        let broken = kept.err().map(|why| visible_line(&why, TEXT));
        let verdict = Verdict { rule: rule.into(), broken };
        (self.report)(&verdict);
        self.all.push(verdict);
    }

    fn is_broken(&self) -> bool {
        self.all.iter().any(|verdict| verdict.broken.is_some())
    }
}

/// Runs the rules of reading, then those of acts up to the first that is broken. `report` gets each verdict as soon as it is known.
#[boxed]
pub async fn run(store: &dyn MailStore, seed: &Seed, report: &mut (dyn FnMut(&Verdict) + Send)) -> Vec<Verdict> {
    let mut verdicts = Verdicts { all: Vec::new(), report };
    verdicts.add("its capabilities are something at all", reading::capabilities(store));
    verdicts.add("mailboxes are complete, in pages of any size", reading::mailboxes(store, seed).await);
    verdicts.add("a search is complete, in pages of any size", reading::pages(store, seed).await);
    verdicts.add("messages are what was delivered", reading::query(store, seed).await);
    verdicts.add("messages are located, and those that are nowhere are not", reading::locate(store, seed).await);
    verdicts.add("a raw message is the message, up to the requested size", reading::raw(store, seed).await);
    verdicts.add("an unknown mailbox is an error", reading::unknown_mailbox(store, seed).await);
    if verdicts.is_broken() {
        return verdicts.all;
    }
    for action in acting::reversible(store) {
        let kept = acting::there_and_back(store, seed, action).await;
        verdicts.add(format!("{action}, again, and back: everything is as it was"), kept);
        if verdicts.is_broken() {
            return verdicts.all;
        }
    }
    if acting::can_move_aside(store) {
        verdicts.add("a message that its owner moved is left alone", acting::moved_since(store, seed).await);
    }
    if acting::can_delete(store) && !verdicts.is_broken() {
        verdicts.add("a hard delete removes one message and no other", acting::hard_delete(store, seed).await);
    }
    verdicts.all
}
