//! A mail store inside the process: fast, exact, and able to fail on demand. It keeps the same contract as the
//! connectors (the suite in [`crate::contract`] runs over it), so what is proven with it holds for them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use clawback_connectors::{ActionTarget, CallError, Capabilities, MailStore, Page};
use clawback_model::{
    Action, CalendarEntry, CalendarFate, Effect, Gap, Located, Location, LocationKind, Message, MessageRef, Query,
    Receipt, RestorePoint, Sighting, Timestamp,
};
use tokio::sync::Semaphore;

/// Permits for calls that act while the gate is open: more than any test makes.
const OPEN: usize = 1 << 20;

/// The store.
pub struct FakeStore {
    name: Arc<str>,
    capabilities: Capabilities,
    state: Arc<Mutex<State>>,
    gate: Arc<Semaphore>,
    searches: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    mailboxes: BTreeMap<Arc<str>, Vec<Kept>>,
    next: u64,
    failures: VecDeque<CallError>,
    lost_answers: VecDeque<CallError>,
    acts: u64,
    calls: u64,
    waiting: u64,
    searches: u64,
    down: bool,
    answers_everything: bool,
    keeps_handles: bool,
    /// The failures of its calendar that are to come, if it has one.
    calendar: Option<VecDeque<CallError>>,
    denied: BTreeSet<String>,
    gaps: BTreeMap<String, Vec<Gap>>,
}

struct Kept {
    message: Message,
    raw: Vec<u8>,
}

impl FakeStore {
    /// An empty store.
    pub fn new(name: &str) -> Self {
        let actions = Action::ALL.to_vec();
        Self {
            name: name.into(),
            capabilities: Capabilities {
                connector: "fake".into(),
                version: "0.0.0".into(),
                digest: "built-in".into(),
                actions,
                search_fields: Vec::new(),
                largest_batch: 1_000,
                calls_per_mailbox: 1,
                calls: 32,
                calls_per_second: None,
                grant: clawback_model::Grant::new(),
            },
            state: Arc::default(),
            gate: Arc::new(Semaphore::new(OPEN)),
            searches: Arc::new(Semaphore::new(OPEN)),
        }
    }

    /// The same with a limit of targets per call.
    #[must_use]
    pub fn with_largest_batch(mut self, most: u32) -> Self {
        self.capabilities.largest_batch = most;
        self
    }

    /// The same mail in a store with a limit of calls at once and, if given, of calls per second.
    #[must_use]
    pub fn limited(&self, calls: u32, calls_per_second: Option<u32>) -> Self {
        let capabilities = Capabilities { calls, calls_per_second, ..self.capabilities.clone() };
        Self {
            name: Arc::clone(&self.name),
            capabilities,
            state: Arc::clone(&self.state),
            gate: Arc::clone(&self.gate),
            searches: Arc::clone(&self.searches),
        }
    }

    /// The same, with these actions only.
    #[must_use]
    pub fn with_actions(mut self, actions: &[Action]) -> Self {
        self.capabilities.actions = actions.to_vec();
        self
    }

    /// Puts a message into the inbox and returns its reference.
    pub fn deliver(&self, mailbox: &str, from: &str, subject: &str, received_at: Timestamp) -> MessageRef {
        let message_id = format!("<{}@{}>", self.state().next, from.rsplit('@').next().unwrap_or("example"));
        let raw =
            format!("From: {from}\r\nTo: {mailbox}\r\nSubject: {subject}\r\nMessage-ID: {message_id}\r\n\r\nBody\r\n");
        self.deliver_raw(mailbox, &raw, received_at)
    }

    /// The same from a raw message with plain headers.
    pub fn deliver_raw(&self, mailbox: &str, raw: &str, received_at: Timestamp) -> MessageRef {
        let head = raw.split("\r\n\r\n").next().unwrap_or_default();
        let headers: Vec<(String, String)> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let header = |name: &str| {
            headers.iter().find(|(known, _)| known == name).map_or(String::new(), |(_, value)| value.clone())
        };
        let from = header("from");
        let (from_name, from_address) = from.trim_end_matches('>').rsplit_once('<').unwrap_or(("", from.as_str()));
        let mut state = self.state();
        state.next += 1;
        let reference = MessageRef {
            locator: format!("m{}", state.next),
            message_id: header("message-id"),
            fingerprint: clawback_model::Digest::of(raw.as_bytes()).to_string(),
        };
        let owner: Arc<str> = mailbox.into();
        let message = Message {
            store: Arc::clone(&self.name),
            mailbox: Arc::clone(&owner),
            reference: reference.clone(),
            location: place(LocationKind::Inbox),
            original_location: None,
            subject: header("subject"),
            from_address: from_address.trim().to_lowercase(),
            from_name: from_name.trim().to_owned(),
            also_from: Vec::new(),
            cut: Vec::new(),
            features: None,
            to: vec![header("to")],
            received_at,
            size: raw.len() as u64,
            flags: Vec::new(),
            attachments: Vec::new(),
            headers,
        };
        state.mailboxes.entry(owner).or_default().push(Kept { message, raw: raw.as_bytes().to_vec() });
        reference
    }

    /// Moves a message as the mailbox's owner does.
    pub fn move_by_owner(&self, mailbox: &str, fingerprint: &str, to: Location) {
        let mut state = self.state();
        let same = |kept: &&mut Kept| kept.message.reference.fingerprint == fingerprint;
        if let Some(kept) = state.mailboxes.get_mut(mailbox).and_then(|all| all.iter_mut().find(same)) {
            kept.message.location = to;
        }
    }

    /// Makes the next calls that reach a mailbox fail with these errors, one each.
    pub fn fail_next(&self, errors: impl IntoIterator<Item = CallError>) {
        self.state().failures.extend(errors);
    }

    /// Removes failures that no call has met yet.
    pub fn forget_failures(&self) {
        self.state().failures.clear();
    }

    /// Makes the next calls that act take full effect, and then fail with these errors: connections that break late.
    pub fn lose_answers(&self, errors: impl IntoIterator<Item = CallError>) {
        self.state().lost_answers.extend(errors);
    }

    /// Lets every message have an entry in a calendar from now on, which goes and comes with it.
    pub fn keep_calendar(&self) {
        self.state().calendar = Some(VecDeque::new());
    }

    /// Lets the next calls that complete the calendar's part of an act fail.
    pub fn fail_calendar(&self, errors: impl IntoIterator<Item = CallError>) {
        self.state().calendar.get_or_insert_default().extend(errors);
    }

    /// Lets `after` more calls act; later ones wait inside the call until [`FakeStore::open_gate`].
    pub fn close_gate(&self, after: usize) {
        self.gate.forget_permits(self.gate.available_permits());
        self.gate.add_permits(after);
    }

    /// Lets all waiting calls continue.
    pub fn open_gate(&self) {
        self.gate.add_permits(OPEN);
    }

    /// The number of calls that wait at the gate.
    pub fn waiting(&self) -> u64 {
        self.state().waiting
    }

    /// Makes searches wait until [`FakeStore::answer_searches`].
    pub fn hang_searches(&self) {
        self.searches.forget_permits(self.searches.available_permits());
    }

    /// Lets searches be answered again.
    pub fn answer_searches(&self) {
        self.searches.add_permits(OPEN);
    }

    /// The number of searches that have begun.
    pub fn searches(&self) -> u64 {
        self.state().searches
    }

    /// Sets whether the store is unreachable: every call that reaches a mailbox fails with a passing error.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// Denies access to this mailbox from now on.
    pub fn deny(&self, mailbox: &str) {
        self.state().denied.insert(mailbox.to_owned());
    }

    /// Makes every search of this mailbox report this gap.
    pub fn leave_gap(&self, mailbox: &str, folder: &str, reason: &str) {
        let gap = Gap { folder: folder.to_owned(), item: String::new(), reason: reason.to_owned() };
        self.state().gaps.entry(mailbox.to_owned()).or_default().push(gap);
    }

    /// Keeps a message's handle when it moves, as in stores whose handles belong to the mailbox and not to a folder.
    pub fn keep_handles(&self) {
        self.state().keeps_handles = true;
    }

    /// Makes searches return every message of a mailbox, as a connector may.
    pub fn answer_everything(&self) {
        self.state().answers_everything = true;
    }

    /// Returns only a part of this text for a message of this mailbox.
    pub fn cut(&self, mailbox: &str, text: &str) {
        if let Some(kept) = self.state().mailboxes.get_mut(mailbox).and_then(|all| all.first_mut()) {
            kept.message.cut.push(text.to_owned());
        }
    }

    /// The number of messages that were moved or deleted.
    pub fn acts(&self) -> u64 {
        self.state().acts
    }

    /// The number of calls to a mailbox that have begun.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// All messages of a mailbox, in any folder.
    pub fn messages(&self, mailbox: &str) -> Vec<Message> {
        self.state().mailboxes.get(mailbox).into_iter().flatten().map(|kept| kept.message.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }

    fn enter(&self, mailbox: &str) -> Result<MutexGuard<'_, State>, CallError> {
        let mut state = self.state();
        state.calls += 1;
        if state.down {
            return Err(CallError::Transient {
                store: Arc::clone(&self.name),
                detail: "connection refused".to_owned(),
            });
        }
        if let Some(failure) = state.failures.pop_front() {
            return Err(failure);
        }
        if state.denied.contains(mailbox) {
            return Err(CallError::Denied { store: Arc::clone(&self.name), detail: format!("no right to {mailbox}") });
        }
        if !state.mailboxes.contains_key(mailbox) {
            return Err(CallError::NotFound {
                store: Arc::clone(&self.name),
                mailbox: mailbox.to_owned(),
                detail: None,
            });
        }
        Ok(state)
    }
}

fn place(kind: LocationKind) -> Location {
    let path = match kind {
        LocationKind::Inbox => "INBOX",
        LocationKind::Junk => "Junk",
        LocationKind::DeletedItems => "Trash",
        LocationKind::RecoverableItems => "Recoverable Items",
        LocationKind::Quarantine => "Quarantine",
        _ => "Folder",
    };
    Location::new(kind, path)
}

fn is_hidden(kind: LocationKind) -> bool {
    matches!(kind, LocationKind::RecoverableItems | LocationKind::Quarantine)
}

fn matches(message: &Message, query: &Query) -> bool {
    let kind = message.location.kind;
    let placed = if query.locations.is_empty() && query.folders.is_empty() {
        !is_hidden(kind)
    } else {
        query.locations.contains(&kind) || query.folders.contains(&message.location.path)
    };
    let any = |list: &[String], test: &dyn Fn(&str) -> bool| list.is_empty() || list.iter().any(|text| test(text));
    let subject = message.subject.to_lowercase();
    placed
        && any(&query.from_address, &|text| text.to_lowercase() == message.from_address)
        && any(&query.from_domain, &|text| text.to_lowercase() == message.from_domain())
        && any(&query.subject_contains, &|text| subject.contains(&text.to_lowercase()))
        && any(&query.message_id, &|text| text == message.reference.message_id)
        && query.received_after.is_none_or(|after| message.received_at >= after)
        && query.received_before.is_none_or(|before| message.received_at < before)
}

/// What became of the entry of a message that was acted on.
fn calendar_entry(state: &State, action: Action) -> Option<CalendarEntry> {
    let fate = if action == Action::Restore { CalendarFate::Restored } else { CalendarFate::Removed };
    state.calendar.as_ref().map(|_| CalendarEntry { fate, detail: None })
}

fn act(state: &mut State, mailbox: &str, action: Action, aim: &ActionTarget) -> Effect {
    let calendar_entry = calendar_entry(state, action);
    let Some(kept) = state.mailboxes.get_mut(mailbox) else { return Effect::NotFound };
    let same = |kept: &Kept| kept.message.reference.fingerprint == aim.reference.fingerprint;
    let Some(at) = kept.iter().position(same) else { return Effect::NotFound };
    let destination = match action {
        Action::Restore => aim.former.as_ref().map(|former| former.location.clone()),
        other => other.destination().map(place),
    };
    let message = &mut kept[at].message;
    if Some(&message.location) == destination.as_ref() {
        return Effect::AlreadyInDestination;
    }
    if message.location != aim.location {
        return Effect::MovedSince(message.location.clone());
    }
    state.acts += 1;
    let former = RestorePoint { location: message.location.clone(), flags: message.flags.clone() };
    let Some(destination) = destination else {
        kept.remove(at);
        return Effect::Succeeded(Receipt { former, now: None, location: None, evidence: None, calendar_entry });
    };
    if !state.keeps_handles {
        state.next += 1;
        message.reference.locator = format!("m{}", state.next);
    }
    message.location = destination.clone();
    if let Some(home) = &aim.former {
        message.flags.clone_from(&home.flags);
    }
    Effect::Succeeded(Receipt {
        former,
        now: Some(message.reference.clone()),
        location: Some(destination),
        evidence: None,
        calendar_entry,
    })
}

#[async_trait]
impl MailStore for FakeStore {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn mailboxes(&self, cursor: Option<String>, most: u32) -> Result<Page<Arc<str>>, CallError> {
        let state = self.state();
        let after = |name: &&Arc<str>| cursor.as_deref().is_none_or(|cursor| ***name > *cursor);
        let mut items: Vec<_> = state.mailboxes.keys().filter(after).take(most as usize + 1).cloned().collect();
        let more = items.len() > most as usize;
        items.truncate(most as usize);
        let next = if more { items.last().map(ToString::to_string) } else { None };
        Ok(Page { items, next, gaps: Vec::new() })
    }

    async fn search(
        &self,
        mailbox: &Arc<str>,
        query: &Query,
        cursor: Option<String>,
        most: u32,
    ) -> Result<Page<Message>, CallError> {
        self.state().searches += 1;
        drop(self.searches.acquire().await.expect("the gate is never taken away"));
        let state = self.enter(mailbox)?;
        let from = cursor.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
        let kept = &state.mailboxes[mailbox];
        let mut items = Vec::new();
        for (at, kept) in kept.iter().enumerate().skip(from) {
            if items.len() == most as usize {
                return Ok(Page { items, next: Some(at.to_string()), gaps: Vec::new() });
            }
            if state.answers_everything || matches(&kept.message, query) {
                items.push(kept.message.clone());
            }
        }
        let gaps = state.gaps.get(&**mailbox).cloned().unwrap_or_default();
        Ok(Page { items, next: None, gaps })
    }

    async fn locate(&self, mailbox: &str, references: &[MessageRef]) -> Result<Vec<Located>, CallError> {
        let state = self.enter(mailbox)?;
        let kept = &state.mailboxes[mailbox];
        let one = |reference: &MessageRef| Located {
            locator: reference.locator.clone(),
            sightings: kept
                .iter()
                .map(|kept| &kept.message)
                .filter(|message| message.reference.fingerprint == reference.fingerprint)
                .map(|message| Sighting {
                    reference: message.reference.clone(),
                    location: message.location.clone(),
                    flags: message.flags.clone(),
                })
                .collect(),
        };
        Ok(references.iter().map(one).collect())
    }

    async fn apply(&self, mailbox: &str, action: Action, aims: &[ActionTarget]) -> Result<Vec<Effect>, CallError> {
        self.state().waiting += 1;
        self.gate.acquire().await.expect("the gate is never taken away").forget();
        self.state().waiting -= 1;
        let mut state = self.enter(mailbox)?;
        let effects = aims.iter().map(|aim| act(&mut state, mailbox, action, aim)).collect();
        state.lost_answers.pop_front().map_or(Ok(effects), Err)
    }

    fn keeps_calendar(&self) -> bool {
        self.state().calendar.is_some()
    }

    async fn settle_calendar(
        &self,
        mailbox: &str,
        action: Action,
        aims: &[ActionTarget],
    ) -> Result<Vec<Option<CalendarEntry>>, CallError> {
        let mut state = self.enter(mailbox)?;
        match state.calendar.as_mut().and_then(VecDeque::pop_front) {
            Some(failure) => Err(failure),
            None => Ok(vec![calendar_entry(&state, action); aims.len()]),
        }
    }

    async fn fetch_raw(&self, mailbox: &str, reference: &MessageRef, most: u64) -> Result<Vec<u8>, CallError> {
        let state = self.enter(mailbox)?;
        let same = |kept: &&Kept| kept.message.reference.fingerprint == reference.fingerprint;
        let Some(kept) = state.mailboxes[mailbox].iter().find(same) else {
            let detail = "this message is nowhere in the mailbox".to_owned();
            return Err(CallError::Permanent { store: Arc::clone(&self.name), detail });
        };
        Ok(kept.raw.iter().copied().take(usize::try_from(most).unwrap_or(usize::MAX)).collect())
    }
}
