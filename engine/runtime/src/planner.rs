//! Makes a plan: searches mailboxes many at a time, filters, and streams the targets out in a stable order. Memory stays flat:
//! no more than a few pages are held at once, whatever the size of the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clawback_connectors::{CallError, MailStore};
use clawback_model::{
    Condition, DoneWith, Gap, LocationKind, Message, Picked, PlanFacts, PlanHeader, PlanParts, PlanSummary, Predicate,
    Query, Request, SelectionMode, StopReason, StopWhen, Target, Terms, UnseenKind,
};
use clawback_playbooks::{Bound, Judgement};
use clawback_store::StoreError;
use futures::StreamExt as _;
use futures::stream;
use tokio::sync::mpsc;

use crate::draft::Draft;
use crate::error::Error;
use crate::patience::with_retries;
use crate::progress::{Observer, Seen};
use crate::site::Site;
use crate::task;

/// How a search ended.
#[expect(clippy::large_enum_variant, reason = "a search has one end")]
pub(crate) enum Planned {
    /// Frozen, with what its parts hash to.
    Plan(PlanSummary, Option<PlanParts>),
    /// A limit or a guard forbids it.
    Refused(StopReason),
}

/// What a plan is made for.
pub(crate) struct Order<'a> {
    pub(crate) request: &'a Request,
    pub(crate) bound: Arc<Bound>,
    pub(crate) header: &'a PlanHeader,
    /// How often a mailbox whose store does not answer is left alone for [`Tuning::outage_pause`](crate::Tuning) and asked
    /// again. 0 where a person waits.
    pub(crate) outage_pauses: u64,
}

/// The header of a plan with this playbook on these stores.
pub(crate) fn header(site: &Site, request: &Request, bound: &Bound) -> Result<PlanHeader, Error> {
    let (mut connectors, mut grants) = (BTreeMap::new(), BTreeMap::new());
    for store in stores_of(site, bound)? {
        connectors.insert(store.name().to_string(), connector(&*store));
        grants.insert(store.name().to_string(), store.capabilities().grant.clone());
    }
    let terms = Terms {
        grants,
        lists: site.library.lists.digests(),
        guards: crate::evidence::settled(site, bound.guards()),
        throttles: site.throttles,
        approval: bound.approval_rule().cloned(),
        sweep: bound.sweep().cloned(),
        delete_senders_copy: request.delete_senders_copy,
    };
    Ok(PlanHeader {
        action: request.action,
        playbook: request.playbook.clone(),
        playbook_digest: clawback_model::Digest::of(request.playbook_source.as_bytes()),
        inputs: request.inputs.clone(),
        scripts: bound.script_digests(),
        connectors,
        terms: Some(terms),
    })
}

/// The texts whose sha256 stand in the header, by it.
pub(crate) fn texts(site: &Site, bound: &Bound) -> BTreeMap<clawback_model::Digest, String> {
    let lists = site.library.lists.iter().map(|(_, list)| list.lines());
    let texts = bound.sources().map(str::to_owned).chain(lists);
    texts.map(|text| (clawback_model::Digest::of(text.as_bytes()), text)).collect()
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
    let stores = if order.bound.searches() { stores_of(site, &order.bound)? } else { Vec::new() };
    if stores.is_empty() && order.bound.searches() {
        let detail = "no store is configured; name one under [stores.NAME] in clawback.toml".to_owned();
        return Ok(Planned::Refused(StopReason::PlanFailed { detail }));
    }
    let mut round = Round { site, order, search: &search, observer, asked: 0, named: BTreeSet::new() };
    for store in &stores {
        if let Some(refused) = round.store(store, &mut plan).await? {
            return Ok(refused);
        }
    }
    let named = round.named;
    if order.request.delete_senders_copy {
        senders_copies(site, order, &search.done_with, &mut plan).await?;
        if let Some(reason) = plan.over_limit(site, order.request, search.excluded()) {
            return Ok(Planned::Refused(reason));
        }
    }
    search.note_unnamed(&named, &mut plan.facts);
    let no_pick_found = order.request.mode == SelectionMode::Handpicked && named.is_empty();
    if order.bound.searches() && (plan.facts.searched == Some(0) || no_pick_found) {
        let first = plan.facts.not_looked_at().into_iter().next();
        let detail = first.unwrap_or_else(|| "no store has any mailbox".to_owned());
        let what = if no_pick_found { "no picked message was found" } else { "nothing was searched" };
        return Ok(Planned::Refused(StopReason::PlanFailed { detail: format!("{what}: {detail}") }));
    }
    let rules = order.bound.guards().stop_when.clone();
    plan.finish(&rules, Some(&site.throttles)).await
}

/// The search of one store after the other.
struct Round<'a> {
    site: &'a Arc<Site>,
    order: &'a Order<'a>,
    search: &'a Arc<Search>,
    observer: &'a Observer,
    /// Mailboxes that were asked for, searched or not.
    asked: u64,
    /// Numbers of the picked messages, or exclusions, that were found.
    named: BTreeSet<usize>,
}

impl Round<'_> {
    /// Searches every mailbox of a store. Those whose store does not answer are asked again in the end.
    async fn store(&mut self, store: &Arc<dyn MailStore>, plan: &mut Draft<'_>) -> Result<Option<Planned>, Error> {
        let before = self.asked;
        let mut silent = Vec::new();
        let listed = mailboxes(self.site, Arc::clone(store), self.order.request);
        let refused = self.mailboxes(store, listed, plan, &mut silent).await?;
        if refused.is_some() {
            return Ok(refused);
        }
        for pause in 1..=self.order.outage_pauses {
            if silent.is_empty() {
                break;
            }
            tracing::info!(store.name = %store.name(), mailboxes = silent.len(), pause, "Search waits for the store.");
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
        let is_whole = self.order.request.mode != SelectionMode::Handpicked;
        if is_whole && self.asked == before && !plan.facts.unseen.iter().any(|known| known.kind == UnseenKind::Store) {
            let why = "it lists no mailbox".to_owned();
            plan.facts.unseen(UnseenKind::Store, 1, store.name().to_string(), why);
        }
        Ok(None)
    }

    async fn mailboxes(
        &mut self,
        store: &Arc<dyn MailStore>,
        listed: stream::BoxStream<'_, Result<Listed, CallError>>,
        plan: &mut Draft<'_>,
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
                // The rest of its mailboxes is not known: the store as a whole was not searched.
                Err(error) => {
                    plan.facts.unseen(UnseenKind::Store, 1, store.name().to_string(), error.to_string());
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
            if let Some(reason) = plan.over_limit(self.site, self.order.request, self.search.excluded()) {
                return Ok(Some(Planned::Refused(reason)));
            }
        }
        Ok(None)
    }
}

/// Why what the history holds of a plan is not acted on.
pub(crate) fn not_as_approved(error: &StoreError) -> StopReason {
    StopReason::NotAsApproved { detail: error.to_string() }
}

/// What keeps a plan from being acted on here: this node has another connector for one of its stores, or grants it other things,
/// than the plan was made and approved for.
pub(crate) fn acts_otherwise(site: &Site, plan: &PlanHeader) -> Option<StopReason> {
    let mut now = PlanHeader { connectors: BTreeMap::new(), terms: Some(Terms::default()), ..plan.clone() };
    let grants = now.terms.as_mut().map(|terms| &mut terms.grants)?;
    for (name, store) in &site.stores {
        now.connectors.insert(name.to_string(), connector(&**store));
        grants.insert(name.to_string(), store.capabilities().grant.clone());
    }
    let difference = now.acts_otherwise(plan)?;
    Some(StopReason::NotAsApproved { detail: format!("it was approved for another configuration: {difference}") })
}

pub(crate) fn stores_of(site: &Site, bound: &Bound) -> Result<Vec<Arc<dyn MailStore>>, Error> {
    match bound.stores() {
        Some(names) => names.iter().map(|name| Ok(Arc::clone(site.store(name)?) as _)).collect(),
        None => Ok(site.stores.values().map(|store| Arc::clone(store) as _).collect()),
    }
}

/// What a store's list of mailboxes has in one place.
pub(crate) enum Listed {
    Mailbox(Arc<str>),
    /// A mailbox whose name could not be told.
    Gap(Gap),
}

/// The mailboxes to search: all of the store, or of these the ones with picked messages. A mailbox that the store does not
/// list is not reached by picking it, and each is spelt as the store spells it.
pub(crate) fn mailboxes(
    site: &Arc<Site>,
    store: Arc<dyn MailStore>,
    request: &Request,
) -> stream::BoxStream<'static, Result<Listed, CallError>> {
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
            let gaps = page.gaps.into_iter().map(|gap| Ok(Listed::Gap(gap)));
            let listed = page.items.into_iter().filter(wanted).map(|mailbox| Ok(Listed::Mailbox(mailbox)));
            let listed: Vec<_> = listed.chain(gaps).collect();
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

    /// Whether the selection has this message. Notes in `named` which picked messages or exclusions it is.
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
                if is_named && self.bound.predicate().matches(message) {
                    self.excluded.fetch_add(1, Ordering::Relaxed);
                }
                !is_named
            }
        }
    }

    /// Picked messages that no mailbox has, and exclusions that excluded nothing, are not passed over in silence.
    fn note_unnamed(&self, named: &BTreeSet<usize>, facts: &mut PlanFacts) {
        let (kind, why) = match self.mode {
            SelectionMode::Query => return,
            SelectionMode::Handpicked => (UnseenKind::Pick, "no mailbox that was searched has such a message"),
            SelectionMode::QueryWithExclusions => (UnseenKind::Exclusion, "the query does not find such a message"),
        };
        for (_, picked) in self.picked.iter().enumerate().filter(|(number, _)| !named.contains(number)) {
            let id =
                if picked.message_id.is_empty() { picked.fingerprint.as_deref() } else { Some(&*picked.message_id) };
            facts.unseen(kind, 1, format!("{} {}", picked.mailbox, id.unwrap_or_default()), why.to_owned());
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
pub(crate) struct Hit {
    pub(crate) message: Message,
    pub(crate) script_failed: bool,
    pub(crate) reason: Option<String>,
    pub(crate) tag: Option<String>,
}

impl Hit {
    fn plain(message: Message) -> Self {
        Self { message, script_failed: false, reason: None, tag: None }
    }
}

/// What the search of one mailbox found, and what it could not look at.
#[derive(Default)]
struct Found {
    hits: Vec<Hit>,
    facts: PlanFacts,
    named: BTreeSet<usize>,
}

async fn search_mailbox(
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
            found.facts.unseen(UnseenKind::Part, 1, mailbox.to_string(), gap.to_string());
        }
        let mut messages = page.items;
        messages.retain(|message| search.wants(message, &mut found.named));
        let judged = search.bound.filter(&messages);
        for (message, judgement) in messages.into_iter().zip(judged) {
            found.take(search, message, judgement);
        }
        match page.next {
            Some(next) if found.hits.len() as u64 <= search.most => cursor = Some(next),
            _ => return Ok(found),
        }
    }
}

impl Found {
    fn take(&mut self, search: &Search, message: Message, judgement: Judgement) {
        match judgement {
            Judgement::Keep { reason, tag } => self.hits.push(Hit { message, script_failed: false, reason, tag }),
            Judgement::Unmatched { .. } => {
                // The connector, which saw the whole text, may have found what is not in the part that it gives.
                if let Some(field) = message.cut.iter().find(|field| search.bound.reads(field)) {
                    let which = format!("{} {}", message.mailbox, message.reference.message_id);
                    self.facts.unseen(UnseenKind::CutText, 1, which, format!("its {field} is given in part only"));
                }
            }
            Judgement::Drop { by, reason } => self.facts.left_out(&by, reason),
            Judgement::Fault { script, fault } => {
                tracing::debug!(script.name = script, %fault, "Script failed on a message.");
                self.facts.unseen(UnseenKind::ScriptFault, 1, script, fault.to_string());
                self.hits.push(Hit { message, script_failed: true, reason: None, tag: None });
            }
        }
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
            let mailbox = match mailbox {
                Ok(Listed::Mailbox(mailbox)) => mailbox,
                // The search has met the same gap, and named it.
                Ok(Listed::Gap(_)) => continue,
                Err(error) => {
                    plan.facts.unseen(UnseenKind::Store, 1, store.name().to_string(), error.to_string());
                    break;
                }
            };
            let Some(sent) = senders.get(&mailbox.to_lowercase()) else { continue };
            let ids: Vec<String> = sent.iter().map(|(id, _)| id).filter(|id| !id.is_empty()).cloned().collect();
            let wanted =
                Predicate::all([Condition::MessageId(ids), Condition::LatestLocation(vec![LocationKind::SentItems])]);
            let query = wanted.push_down();
            let mut cursor = None;
            loop {
                let searched =
                    with_retries(site, || store.search(&mailbox, &query, cursor.clone(), site.tuning.page)).await;
                let page = match searched {
                    Ok(page) => page,
                    Err(error) => {
                        plan.facts.unsearched(&mailbox, error.to_string());
                        break;
                    }
                };
                for gap in page.gaps {
                    plan.facts.unseen(UnseenKind::Part, 1, mailbox.to_string(), gap.to_string());
                }
                // A forged From with a known Message-ID must not take another message of the sender along.
                let is_copy = |message: &Message| {
                    let named = (message.reference.message_id.clone(), message.subject.clone());
                    wanted.matches(message)
                        && !done_with.contains(message)
                        && sent.contains(&named)
                        && message.from_address.eq_ignore_ascii_case(&message.mailbox)
                };
                let copies = page.items.into_iter().filter(is_copy);
                let hits = copies.map(Hit::plain).collect();
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
            let seq = plan.next_seq();
            plan.push(Target { seq, ..target }).await?;
        }
    }
    plan.finish(&StopWhen::default(), None).await
}
