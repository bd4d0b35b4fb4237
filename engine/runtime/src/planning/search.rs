//! Searches many mailboxes at a time, filters, and streams the targets in a stable order. Memory use does not depend on
//! the size of the plan: no more than a few pages are held at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use clawback_connectors::{CallError, MailStore};
use clawback_model::{FeatureCondition, PlanGapKind, SelectionMode, StopReason, Target};
use futures::StreamExt as _;
use futures::stream;
use tokio::sync::mpsc;

use super::builder::PlanBuilder;
use super::copies::senders_copies;
use super::family;
use super::header::stores_of;
use super::input::{PlanInput, Planned};
use super::mailbox::{Search, search_mailbox};
use super::mailboxes::{Listed, mailboxes};
use super::own_text;
use crate::error::Error;
use crate::progress::{Observer, Seen};
use crate::site::Site;
use crate::task;

/// Searches, and sends pages of targets to `pages` as they are filled.
pub(crate) async fn search(
    site: &Arc<Site>,
    input: &PlanInput<'_>,
    pages: mpsc::Sender<Vec<Target>>,
    observer: &Observer,
) -> Result<Planned, Error> {
    let stores = if input.bound.searches() { stores_of(site, &input.bound)? } else { Vec::new() };
    if stores.is_empty() && input.bound.searches() {
        let detail = "no store is configured; name one under [stores.NAME] in clawback.toml".to_owned();
        return Ok(Planned::Refused(StopReason::PlanFailed { detail }));
    }
    if let Some(detail) = cannot_examine(site, input) {
        return Ok(Planned::Refused(StopReason::PlanFailed { detail }));
    }
    let (bound, common) = own_text::of_strangers_removed(site, input, &stores).await;
    let input = &PlanInput {
        request: input.request,
        bound,
        header: input.header,
        outage_pauses: input.outage_pauses,
        noted: input.noted,
    };
    let mut plan = PlanBuilder::new(site, input, pages);
    for root in common {
        let why = "mail of other senders has most of it; look at each message".to_owned();
        plan.facts.unseen(PlanGapKind::CommonRoot, 1, root, why);
    }
    let done_with = family::done_with(site, &input.request.origin).await?;
    let search = Arc::new(Search::of(input, site.limits.messages(input.request.mode), done_with));
    let mut round = Round { site, input, search: &search, observer, asked: 0, named: BTreeSet::new() };
    for store in &stores {
        if let Some(refused) = round.store(store, &mut plan).await? {
            return Ok(refused);
        }
    }
    let named = round.named;
    if input.request.delete_senders_copy {
        senders_copies(site, input, &search.done_with, &mut plan).await?;
        if let Some(reason) = plan.over_limit(site, input.request, search.excluded()) {
            return Ok(Planned::Refused(reason));
        }
    }
    search.note_unnamed(&named, &mut plan.facts);
    let no_pick_found = input.request.mode == SelectionMode::Handpicked && named.is_empty();
    if input.bound.searches() && (plan.facts.searched == Some(0) || no_pick_found) {
        let first = plan.facts.not_looked_at().into_iter().next();
        let detail = first.unwrap_or_else(|| "no store has any mailbox".to_owned());
        let what = if no_pick_found { "no picked message was found" } else { "nothing was searched" };
        return Ok(Planned::Refused(StopReason::PlanFailed { detail: format!("{what}: {detail}") }));
    }
    let rules = input.bound.guards().stop_when.clone();
    let planned = plan.finish(&rules, Some(&site.throttles)).await?;
    Ok(match planned {
        Planned::Plan(mut summary, parts) => {
            summary.facts.verdict = input.bound.verdict(&summary.facts, &summary.counts);
            Planned::Plan(summary, parts)
        }
        refused @ Planned::Refused(_) => refused,
    })
}

/// Returns why a condition on the content of messages could not be decided on any message.
fn cannot_examine(site: &Site, input: &PlanInput<'_>) -> Option<String> {
    let servers = &site.examination.authentication_servers;
    if servers.is_empty() && input.bound.on_features().any(FeatureCondition::is_on_authentication) {
        return Some("the playbook has a condition on results of authentication, and no server is trusted to give them; name it in `authentication-servers` under [examination] in clawback.toml".to_owned());
    }
    let key_id = site.examination.key_id();
    let foreign = input.bound.roots().find(|root| root.key_id() != key_id)?;
    let name = foreign.in_words();
    Some(format!(
        "the root {name} was made under another site key, so it is like no message here; make it again with `clawback examine`"
    ))
}

/// A search of the stores, one after the other.
struct Round<'a> {
    site: &'a Arc<Site>,
    input: &'a PlanInput<'a>,
    search: &'a Arc<Search>,
    observer: &'a Observer,
    /// Mailboxes that were to be searched, successfully or not.
    asked: u64,
    /// Numbers of the picked messages, or exclusions, that were found.
    named: BTreeSet<usize>,
}

impl Round<'_> {
    /// Searches every mailbox of a store. Those whose store does not answer are searched again at the end.
    async fn store(
        &mut self,
        store: &Arc<dyn MailStore>,
        plan: &mut PlanBuilder<'_>,
    ) -> Result<Option<Planned>, Error> {
        let before = self.asked;
        let mut silent = Vec::new();
        let listed = mailboxes(self.site, Arc::clone(store), self.input.request);
        let refused = self.mailboxes(store, listed, plan, &mut silent).await?;
        if refused.is_some() {
            return Ok(refused);
        }
        for pause in 1..=self.input.outage_pauses {
            if silent.is_empty() {
                break;
            }
            tracing::info!(store.name = %store.name(), mailboxes = silent.len(), pause, "The search waits for a store that does not answer.");
            tokio::time::sleep(self.site.tuning.outage_pause).await;
            let again = stream::iter(std::mem::take(&mut silent)).map(|(mailbox, _)| Ok(Listed::Mailbox(mailbox)));
            let refused = self.mailboxes(store, again.boxed(), plan, &mut silent).await?;
            if refused.is_some() {
                return Ok(refused);
            }
        }
        for (mailbox, error) in silent {
            plan.facts.unsearched(&mailbox, error.to_string());
        }
        let is_whole = self.input.request.mode != SelectionMode::Handpicked;
        if is_whole && self.asked == before && !plan.facts.unseen.iter().any(|known| known.kind == PlanGapKind::Store) {
            let why = "it lists no mailbox".to_owned();
            plan.facts.unseen(PlanGapKind::Store, 1, store.name().to_string(), why);
        }
        Ok(None)
    }

    async fn mailboxes(
        &mut self,
        store: &Arc<dyn MailStore>,
        listed: stream::BoxStream<'_, Result<Listed, CallError>>,
        plan: &mut PlanBuilder<'_>,
        silent: &mut Vec<(Arc<str>, CallError)>,
    ) -> Result<Option<Planned>, Error> {
        let most_calls = usize::try_from(store.capabilities().calls.max(1)).unwrap_or(1);
        let mut found = listed
            .map(|listed| {
                let (site, store, search) = (Arc::clone(self.site), Arc::clone(store), Arc::clone(self.search));
                async move {
                    let mailbox = match listed? {
                        Listed::Mailbox(mailbox) => mailbox,
                        Listed::Gap(gap) => return Ok(Err(gap)),
                    };
                    // A task of its own, so that the searches use every core; the stream keeps their order.
                    let task = task::spawn(async move {
                        let result = search_mailbox(&site, &*store, &mailbox, &search).await;
                        (mailbox, result)
                    });
                    Ok::<_, CallError>(Ok(task.await))
                }
            })
            .buffered(most_calls * 2);
        while let Some(next) = found.next().await {
            let (mailbox, result) = match next {
                Ok(Ok(searched)) => searched,
                Ok(Err(gap)) => {
                    self.asked += 1;
                    plan.facts.unsearched(&format!("store {}", store.name()), gap.to_string());
                    continue;
                }
                // The rest of its mailboxes is unknown, so the store as a whole was not searched.
                Err(error) => {
                    plan.facts.unseen(PlanGapKind::Store, 1, store.name().to_string(), error.to_string());
                    continue;
                }
            };
            self.asked += 1;
            match result {
                Ok(found) => {
                    if let Some(reason) = self.search.ambiguous(&found.hits) {
                        return Ok(Some(Planned::Refused(reason)));
                    }
                    self.named.extend(found.named);
                    plan.facts.absorb(found.facts);
                    plan.add_all(store, found.hits).await?;
                }
                Err(error @ (CallError::Transient { .. } | CallError::Throttled { .. })) => {
                    silent.push((mailbox, error));
                }
                Err(error) => plan.facts.unsearched(&mailbox, error.to_string()),
            }
            (self.observer)(Seen::Searching { mailboxes: self.asked, found: plan.submitted() });
            if let Some(reason) = plan.over_limit(self.site, self.input.request, self.search.excluded()) {
                return Ok(Some(Planned::Refused(reason)));
            }
        }
        Ok(None)
    }
}
