//! Makes a plan: searches mailboxes many at a time, filters, and streams the targets out in a stable order. Memory stays flat:
//! no more than a few pages are held at once, whatever the size of the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clawback_connectors::{CallError, MailStore};
use clawback_model::{
    Action, Condition, Counts, DoneWith, Former, Location, LocationKind, Message, Picked, PlanFacts, PlanHasher,
    PlanHeader, PlanSummary, Predicate, Query, Reason, RemediationId, Request, SelectionMode, StopReason, StopWhen,
    Target, Throttles,
};
use clawback_playbooks::{Bound, Judgement};
use futures::StreamExt as _;
use futures::stream;
use tokio::sync::mpsc;

use crate::error::Error;
use crate::progress::{Observer, Seen};
use crate::site::Site;
use crate::task;

/// Targets handed on at once.
const PAGE_OF_TARGETS: usize = 4_000;
/// Errors of mailboxes kept as examples.
const SAMPLE: usize = 20;

/// How a search ended.
pub(crate) enum Planned {
    /// Frozen.
    Plan(PlanSummary),
    /// A limit or a guard forbids it.
    Refused(StopReason),
}

/// What a plan is made for.
pub(crate) struct Order<'a> {
    pub(crate) request: &'a Request,
    pub(crate) bound: Arc<Bound>,
    pub(crate) header: &'a PlanHeader,
}

/// The header of a plan with this playbook on these stores.
pub(crate) fn header(site: &Site, request: &Request, bound: &Bound) -> Result<PlanHeader, Error> {
    let mut connectors = BTreeMap::new();
    for store in stores_of(site, bound)? {
        connectors.insert(store.name().to_string(), connector(&*store));
    }
    Ok(PlanHeader {
        action: request.action,
        playbook: request.playbook.clone(),
        playbook_digest: clawback_model::Digest::of(request.playbook_source.as_bytes()),
        inputs: request.inputs.clone(),
        scripts: bound.script_digests(),
        connectors,
    })
}

/// A store's connector as a plan names it.
pub(crate) fn connector(store: &dyn MailStore) -> String {
    let known = store.capabilities();
    format!("{} {} {}", known.connector, known.version, known.digest)
}

/// Searches, and sends pages of targets to `pages` as they come.
pub(crate) async fn search(
    site: &Arc<Site>,
    order: &Order<'_>,
    pages: mpsc::Sender<Vec<Target>>,
    observer: &Observer,
) -> Result<Planned, Error> {
    let mut plan = Draft::new(site, order, pages);
    let done_with = crate::sweeps::done_with(site, &order.request.origin).await?;
    let search = Arc::new(Search::of(order, site.limits.messages(order.request.mode), done_with));
    let mut mailboxes_done = 0;
    for store in stores_of(site, &order.bound)? {
        let most_calls = usize::try_from(store.capabilities().calls.max(1)).unwrap_or(1);
        let mut found = mailboxes(site, Arc::clone(&store), order.request)
            .map(|listed| {
                let (site, store, search) = (Arc::clone(site), Arc::clone(&store), Arc::clone(&search));
                async move {
                    let mailbox = listed?;
                    // A task of its own, so that the searches use every core; the stream keeps their order.
                    let task = task::spawn(async move {
                        let result = search_mailbox(&site, &*store, &mailbox, &search).await;
                        (mailbox, result)
                    });
                    Ok(task.await)
                }
            })
            .buffered(most_calls * 2);
        while let Some(next) = found.next().await {
            let (mailbox, result) =
                next.map_err(|error: CallError| Error::NothingSearched { detail: error.to_string() })?;
            mailboxes_done += 1;
            match result {
                Ok(hits) => {
                    if let Some(reason) = search.ambiguous(&hits) {
                        return Ok(Planned::Refused(reason));
                    }
                    plan.add_all(&store, hits).await?;
                }
                Err(error) => plan.unsearched(&mailbox, &error),
            }
            observer(Seen::Searching { mailboxes: mailboxes_done, found: plan.submitted() });
            if let Some(reason) = plan.over_limit(site, order.request, search.excluded()) {
                return Ok(Planned::Refused(reason));
            }
        }
    }
    if order.request.delete_senders_copy {
        senders_copies(site, order, &search.done_with, &mut plan).await?;
        if let Some(reason) = plan.over_limit(site, order.request, search.excluded()) {
            return Ok(Planned::Refused(reason));
        }
    }
    if mailboxes_done > 0 && plan.facts.unsearched == mailboxes_done {
        let detail = plan.facts.unsearched_sample.first().map_or(String::new(), |(_, error)| error.clone());
        return Ok(Planned::Refused(StopReason::PlanFailed { detail }));
    }
    let rules = order.bound.guards().stop_when.clone();
    plan.finish(&rules, Some(&site.throttles)).await
}

/// The plan names the connectors that it was approved for. Others would do other things with it: then why it must not run here.
pub(crate) async fn other_connectors(site: &Site, id: &RemediationId) -> Result<Option<StopReason>, Error> {
    let Some(header) = site.history.plan_header(id).await? else { return Ok(None) };
    for (name, approved) in &header.connectors {
        let now = site.stores.get(name.as_str()).map(|store| connector(&**store));
        if now.as_ref() != Some(approved) {
            let now = now.unwrap_or_else(|| "not configured".to_owned());
            let detail = format!("the plan was approved for connector `{approved}`, and now it is `{now}`");
            return Ok(Some(StopReason::StoreUnavailable { store: name.clone(), detail }));
        }
    }
    Ok(None)
}

pub(crate) fn stores_of(site: &Site, bound: &Bound) -> Result<Vec<Arc<dyn MailStore>>, Error> {
    match bound.stores() {
        Some(names) => names.iter().map(|name| Ok(Arc::clone(site.store(name)?) as _)).collect(),
        None => Ok(site.stores.values().map(|store| Arc::clone(store) as _).collect()),
    }
}

/// The mailboxes to search: all of the store, or of these the ones with picked messages. A mailbox that the store does not
/// list is not reached by picking it, and each is spelt as the store spells it.
pub(crate) fn mailboxes(
    site: &Arc<Site>,
    store: Arc<dyn MailStore>,
    request: &Request,
) -> stream::BoxStream<'static, Result<Arc<str>, CallError>> {
    let picked: Option<BTreeSet<String>> = (request.mode == SelectionMode::Handpicked)
        .then(|| request.picked.iter().map(|picked| picked.mailbox.to_lowercase()).collect());
    let site = Arc::clone(site);
    stream::try_unfold(Some(None), move |cursor: Option<Option<String>>| {
        let (site, store, picked) = (Arc::clone(&site), Arc::clone(&store), picked.clone());
        async move {
            let Some(cursor) = cursor else { return Ok(None) };
            let page = with_retries(&site, || store.mailboxes(cursor.clone(), site.tuning.page)).await?;
            let wanted =
                move |mailbox: &Arc<str>| picked.as_ref().is_none_or(|picked| picked.contains(&mailbox.to_lowercase()));
            let listed: Vec<_> = page.items.into_iter().filter(wanted).map(Ok).collect();
            Ok(Some((stream::iter(listed), page.next.map(Some))))
        }
    })
    .flat_map(|page| match page {
        Ok(mailboxes) => mailboxes.boxed(),
        Err(error) => stream::iter([Err(error)]).boxed(),
    })
    .boxed()
}

/// What is looked for in every mailbox.
struct Search {
    query: Query,
    bound: Arc<Bound>,
    /// Handpicked: only these. With exclusions: all but these.
    picked: Vec<Picked>,
    mode: SelectionMode,
    /// More than this in one mailbox is more than the whole selection may have.
    most: u64,
    /// What an earlier remediation of a sweep has dealt with.
    done_with: DoneWith,
    /// Messages of the query that were left out by name.
    excluded: AtomicU64,
}

impl Search {
    fn of(order: &Order<'_>, most: u64, done_with: DoneWith) -> Self {
        let request = order.request;
        let mut query = order.bound.query();
        if request.mode == SelectionMode::Handpicked {
            query.message_id = message_ids(&request.picked);
        }
        let bound = Arc::clone(&order.bound);
        let picked = request.picked.clone();
        Self { query, bound, picked, mode: request.mode, most, done_with, excluded: AtomicU64::new(0) }
    }

    fn wants(&self, message: &Message) -> bool {
        if self.done_with.contains(message) {
            return false;
        }
        let named = || self.picked.iter().any(|picked| picked.names(message));
        match self.mode {
            SelectionMode::Query => true,
            SelectionMode::Handpicked => named(),
            SelectionMode::QueryWithExclusions => {
                let excluded = named();
                if excluded && self.bound.predicate().matches(message) {
                    self.excluded.fetch_add(1, Ordering::Relaxed);
                }
                !excluded
            }
        }
    }

    /// Messages of the query so far that were left out by name: the limit is on the query, before they are taken off.
    fn excluded(&self) -> u64 {
        self.excluded.load(Ordering::Relaxed)
    }

    /// A Message-ID that names two different mails of these, told so that a person can pick again. Copies of one mail are no
    /// such case: all of them are meant.
    fn ambiguous(&self, hits: &[Hit]) -> Option<StopReason> {
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

/// The Message-IDs that narrow a search for picked messages; none where one of them was picked without.
fn message_ids(picked: &[Picked]) -> Vec<String> {
    let ids: BTreeSet<&str> = picked.iter().map(|one| one.message_id.trim()).collect();
    if ids.contains("") { Vec::new() } else { ids.into_iter().map(str::to_owned).collect() }
}

/// A message that was selected, or whose filter script failed on it.
struct Hit {
    message: Message,
    script_failed: bool,
}

async fn search_mailbox(
    site: &Site,
    store: &dyn MailStore,
    mailbox: &Arc<str>,
    search: &Search,
) -> Result<Vec<Hit>, CallError> {
    let mut hits = Vec::new();
    let mut cursor = None;
    loop {
        let page =
            with_retries(site, || store.search(mailbox, &search.query, cursor.clone(), site.tuning.page)).await?;
        let mut messages = page.items;
        messages.retain(|message| search.wants(message));
        let judged = search.bound.filter(&messages);
        for (message, judgement) in messages.into_iter().zip(judged) {
            match judgement {
                Judgement::Keep { .. } => hits.push(Hit { message, script_failed: false }),
                Judgement::Drop { .. } => {}
                Judgement::Fault { script, fault } => {
                    tracing::warn!(script.name = script, %fault, "Script failed on a message.");
                    hits.push(Hit { message, script_failed: true });
                }
            }
        }
        match page.next {
            Some(next) if hits.len() as u64 <= search.most => cursor = Some(next),
            _ => return Ok(hits),
        }
    }
}

/// Tries a read again after a passing error; waits as the store asks.
pub(crate) async fn with_retries<T, F>(site: &Site, mut call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let tuning = &site.tuning;
    let mut wait = tuning.backoff;
    for _ in 1..tuning.attempts {
        match call().await {
            Err(CallError::Throttled { after, .. }) => {
                tokio::time::sleep(after.unwrap_or(wait).min(tuning.throttle_patience)).await;
            }
            Err(CallError::Transient { .. }) => tokio::time::sleep(wait).await,
            result => return result,
        }
        wait = wait.saturating_mul(2);
    }
    call().await
}

/// Message-ID and subject of what was found, by sender.
type Senders = BTreeMap<String, BTreeSet<(String, String)>>;

/// A plan in the making.
struct Draft<'a> {
    site: &'a Site,
    action: Action,
    hasher: PlanHasher,
    counts: Counts,
    facts: PlanFacts,
    next_seq: u32,
    page: Vec<Target>,
    pages: mpsc::Sender<Vec<Target>>,
    /// The mailbox whose targets are being added, and how many it has.
    current: Option<(Arc<str>, u64)>,
    /// What was found by sender, where the senders' copies are wanted.
    senders: Option<Senders>,
}

impl<'a> Draft<'a> {
    fn new(site: &'a Site, order: &Order<'_>, pages: mpsc::Sender<Vec<Target>>) -> Self {
        Self {
            site,
            action: order.request.action,
            hasher: PlanHasher::new(order.header),
            counts: Counts::default(),
            facts: PlanFacts::default(),
            next_seq: 0,
            page: Vec::with_capacity(PAGE_OF_TARGETS),
            pages,
            current: None,
            senders: order.request.delete_senders_copy.then(BTreeMap::new),
        }
    }

    fn submitted(&self) -> u64 {
        self.counts.submitted
    }

    async fn add_all(&mut self, store: &Arc<dyn MailStore>, hits: Vec<Hit>) -> Result<(), Error> {
        let can_act = store.capabilities().actions.contains(&self.action);
        for hit in hits {
            let not_remediable = if hit.script_failed {
                Some(Reason::ScriptError)
            } else if !hit.message.location.kind.is_remediable() {
                Some(Reason::LocationNotRemediable)
            } else if can_act {
                None
            } else {
                Some(Reason::ActionNotSupported)
            };
            self.add(hit.message, not_remediable).await?;
        }
        Ok(())
    }

    async fn add(&mut self, message: Message, not_remediable: Option<Reason>) -> Result<(), Error> {
        if let Some(senders) = &mut self.senders {
            let sent = senders.entry(message.from_address.to_lowercase()).or_default();
            sent.insert((message.reference.message_id.clone(), message.subject.clone()));
        }
        // Found by a search, not by an undo: what is known of its home is that it was mail, so it goes to the inbox.
        let former = (self.action == Action::Restore)
            .then(|| Former { location: Location::new(LocationKind::Inbox, "INBOX"), flags: message.flags });
        let target = Target {
            seq: self.next_seq,
            store: message.store,
            mailbox: message.mailbox,
            reference: message.reference,
            location: message.location,
            original_location: message.original_location,
            subject: message.subject,
            from_address: message.from_address,
            received_at: message.received_at,
            former,
            not_remediable,
        };
        self.push(target).await
    }

    async fn push(&mut self, target: Target) -> Result<(), Error> {
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
        if self.site.library.lists.get("vips").is_some_and(|vips| vips.contains(mailbox)) {
            self.facts.vips += 1;
        }
        match &mut self.current {
            Some((current, number)) if current == mailbox => *number += 1,
            _ => {
                self.close_mailbox();
                self.facts.mailboxes += 1;
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

    fn unsearched(&mut self, mailbox: &Arc<str>, error: &CallError) {
        self.facts.unsearched += 1;
        if self.facts.unsearched_sample.len() < SAMPLE {
            self.facts.unsearched_sample.push((mailbox.to_string(), error.to_string()));
        }
    }

    /// `excluded` were found as well, and count: the limit is on the query.
    fn over_limit(&self, site: &Site, request: &Request, excluded: u64) -> Option<StopReason> {
        let found = self.counts.submitted + excluded;
        let exceeded = site.limits.check_messages(request.mode, found).err()?;
        Some(StopReason::Limit { exceeded: exceeded.by_search() })
    }

    async fn send(&mut self) -> Result<(), Error> {
        let page = std::mem::replace(&mut self.page, Vec::with_capacity(PAGE_OF_TARGETS));
        // The receiver ends early only with an error of its own, which its owner reports.
        let _ = self.pages.send(page).await;
        Ok(())
    }

    async fn finish(mut self, rules: &StopWhen, throttles: Option<&Throttles>) -> Result<Planned, Error> {
        self.close_mailbox();
        if !self.page.is_empty() {
            self.send().await?;
        }
        let broken = throttles.and_then(|throttles| throttles.check_plan(&self.counts, &self.facts));
        if let Some(reason) = broken.or_else(|| rules.check_plan(&self.counts, &self.facts)) {
            return Ok(Planned::Refused(reason));
        }
        Ok(Planned::Plan(PlanSummary { digest: self.hasher.finish(), counts: self.counts, facts: self.facts }))
    }
}

/// Adds the copies in the sent items of senders who have a mailbox here.
async fn senders_copies(
    site: &Arc<Site>,
    order: &Order<'_>,
    done_with: &DoneWith,
    plan: &mut Draft<'_>,
) -> Result<(), Error> {
    let Some(senders) = plan.senders.take() else { return Ok(()) };
    for store in stores_of(site, &order.bound)? {
        let mut listed =
            mailboxes(site, Arc::clone(&store), &Request { mode: SelectionMode::Query, ..order.request.clone() });
        while let Some(mailbox) = listed.next().await {
            let mailbox = mailbox?;
            let Some(sent) = senders.get(&mailbox.to_lowercase()) else { continue };
            let ids: Vec<String> = sent.iter().map(|(id, _)| id).filter(|id| !id.is_empty()).cloned().collect();
            let wanted =
                Predicate::all([Condition::MessageId(ids), Condition::LatestLocation(vec![LocationKind::SentItems])]);
            let query = wanted.push_down();
            let mut cursor = None;
            loop {
                let page =
                    with_retries(site, || store.search(&mailbox, &query, cursor.clone(), site.tuning.page)).await?;
                // A forged From with a known Message-ID must not take another message of the sender along.
                let is_copy = |message: &Message| {
                    let named = (message.reference.message_id.clone(), message.subject.clone());
                    wanted.matches(message)
                        && !done_with.contains(message)
                        && sent.contains(&named)
                        && message.from_address.eq_ignore_ascii_case(&message.mailbox)
                };
                let copies = page.items.into_iter().filter(is_copy);
                let hits = copies.map(|message| Hit { message, script_failed: false }).collect();
                plan.add_all(&store, hits).await?;
                match page.next {
                    Some(next) => cursor = Some(next),
                    None => break,
                }
            }
        }
    }
    Ok(())
}

/// The plan of an undo or a retry: targets given, nothing searched.
pub(crate) async fn given(
    site: &Arc<Site>,
    order: &Order<'_>,
    mut targets: mpsc::Receiver<Vec<Target>>,
    pages: mpsc::Sender<Vec<Target>>,
) -> Result<Planned, Error> {
    let mut plan = Draft::new(site, order, pages);
    while let Some(page) = targets.recv().await {
        for target in page {
            let seq = plan.next_seq;
            plan.push(Target { seq, ..target }).await?;
        }
    }
    plan.finish(&StopWhen::default(), None).await
}
