//! The limits of a mail store, over all nodes: [`Gated`] is a store whose every call first takes a seat and, where the store
//! has a rate, a token. Seats and tokens are rows of the history; a node holds its share of them while it makes calls.
//!
//! A store that throttles is asked by fewer calls at once: half as many, then one more for each round that went well.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use clawback_connectors::{Aim, CallError, Capabilities, MailStore, Page, Readiness};
use clawback_model::{Action, Clock, Effect, Located, Message, MessageRef, Query};
use clawback_store::Store;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::node;

/// How often a node looks whether its share has changed.
const REFRESH: Duration = Duration::from_millis(500);
/// Time between two cuts of the calls at once.
const CALM: Duration = Duration::from_secs(1);
/// Tokens that were not used for so long are given up: with every other node's they would be a burst.
const FRESH: Duration = Duration::from_millis(100);
/// Calls in a second from which on the next lot is fetched before the last is used up: below, nobody waits for the database.
const FAST: u32 = 100;
/// Looks without a call after which the seats are given back.
const QUIET: u32 = 4;

/// Where seats and tokens come from.
struct Source {
    history: Store,
    clock: Arc<dyn Clock>,
    node: String,
    /// How long seats are held without a sign of life.
    lease: Duration,
}

#[derive(Default)]
struct State {
    /// Seats that this node holds; none before the first call.
    seats: u32,
    used: u32,
    /// Fewer, while the store throttles.
    most: f64,
    halved_at: Option<Instant>,
    tokens: u32,
    /// When the last of these came.
    filled_at: Option<Instant>,
}

impl State {
    fn has_room(&self) -> bool {
        self.used < self.seats && f64::from(self.used) < self.most.max(1.0)
    }

    /// Whether there is a token; forgets those that are too old.
    fn has_token(&mut self) -> bool {
        if self.filled_at.is_some_and(|at| at.elapsed() > FRESH) {
            self.tokens = 0;
        }
        self.tokens > 0
    }
}

/// The gate of one store on one node.
struct Gate {
    store: Arc<str>,
    capabilities: Capabilities,
    source: Source,
    state: Mutex<State>,
    changed: Notify,
    /// One task at a time goes for tokens.
    filling: Arc<tokio::sync::Mutex<()>>,
    /// Whether seats are being kept up.
    kept: AtomicBool,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn enter(self: &Arc<Self>) -> Result<Seat, CallError> {
        let seat = loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if state.has_room() {
                    state.used += 1;
                    // One that leaves wakes one that waits; where there is room for more, that one wakes the next.
                    if state.has_room() {
                        self.changed.notify_one();
                    }
                    break Seat { gate: Arc::clone(self) };
                }
            }
            if !self.kept.swap(true, Ordering::AcqRel) {
                if let Err(error) = self.begin().await {
                    self.kept.store(false, Ordering::Release);
                    self.changed.notify_waiters();
                    return Err(error);
                }
                tokio::spawn(keep(Arc::downgrade(self)));
                continue;
            }
            changed.await;
        };
        if let Some(rate) = self.capabilities.calls_per_second {
            self.token(rate).await?;
        }
        Ok(seat)
    }

    /// Takes the first seats; those of dead processes of this machine are nobody's.
    async fn begin(&self) -> Result<(), CallError> {
        let Source { history, node, .. } = &self.source;
        for holder in history.seat_holders(&self.store).await.map_err(|error| self.unreachable(&error))? {
            if holder == *node || node::is_dead(&holder) {
                history.leave_seats(&holder, &self.store).await.map_err(|error| self.unreachable(&error))?;
            }
        }
        self.refresh().await
    }

    /// Takes this node's share of the seats.
    async fn refresh(&self) -> Result<(), CallError> {
        let Source { history, clock, node, lease } = &self.source;
        let (total, used) = (self.capabilities.calls, self.state().used);
        let now = clock.now();
        let taken = history.take_seats(node, &self.store, total, used, now, now.plus(*lease)).await;
        let seats = taken.map_err(|error| self.unreachable(&error))?;
        {
            let mut state = self.state();
            if state.seats == 0 {
                state.most = f64::from(total);
            }
            state.seats = seats;
        }
        self.changed.notify_waiters();
        Ok(())
    }

    async fn token(self: &Arc<Self>, rate: u32) -> Result<(), CallError> {
        // Small, since what several nodes have taken and not used is a burst: a hundredth of a second's over all of them.
        let (seats, calls) = (u64::from(self.state().seats), u64::from(self.capabilities.calls.max(1)));
        let lot = u32::try_from(u64::from(rate) * seats / calls / 100).unwrap_or(u32::MAX).max(1);
        loop {
            if let Some(left) = self.take_token() {
                // The next lot is on its way before this one is used up: calls do not wait for the database.
                if rate >= FAST
                    && left <= lot / 2
                    && let Ok(turn) = Arc::clone(&self.filling).try_lock_owned()
                {
                    let gate = Arc::clone(self);
                    tokio::spawn(async move {
                        if let Err(error) = gate.fill(rate, lot).await {
                            tracing::debug!(store = %gate.store, %error, "No tokens; whoever needs one tries again.");
                        }
                        drop(turn);
                    });
                }
                return Ok(());
            }
            let _turn = self.filling.lock().await;
            if !self.state().has_token() {
                self.fill(rate, lot).await?;
            }
        }
    }

    /// Takes a lot, and waits until it may be used.
    async fn fill(&self, rate: u32, lot: u32) -> Result<(), CallError> {
        let Source { history, clock, .. } = &self.source;
        let taken = history.take_tokens(&self.store, rate, lot, clock.now()).await;
        tokio::time::sleep(taken.map_err(|error| self.unreachable(&error))?).await;
        let mut state = self.state();
        state.tokens += lot;
        state.filled_at = Some(Instant::now());
        Ok(())
    }

    /// Takes a token, if there is one; gives how many are left.
    fn take_token(&self) -> Option<u32> {
        let mut state = self.state();
        if !state.has_token() {
            return None;
        }
        state.tokens -= 1;
        Some(state.tokens)
    }

    fn unreachable(&self, error: &clawback_store::StoreError) -> CallError {
        CallError::Transient { store: Arc::clone(&self.store), detail: format!("its limits cannot be read: {error}") }
    }

    /// Learns from how a call went.
    fn went<T>(&self, result: &Result<T, CallError>) {
        let mut state = self.state();
        let seats = f64::from(state.seats.max(1));
        state.most = match result {
            // The calls that were under way at the same time tell of the same crowd: it is halved once.
            Err(CallError::Throttled { .. }) if state.halved_at.is_none_or(|at| at.elapsed() >= CALM) => {
                state.halved_at = Some(Instant::now());
                (state.most.min(seats) / 2.0).max(1.0)
            }
            Err(CallError::Throttled { .. }) => state.most,
            _ => (state.most + 1.0 / state.most.max(1.0)).min(f64::from(self.capabilities.calls)),
        };
    }
}

/// The right to make one call.
struct Seat {
    gate: Arc<Gate>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.gate.state().used -= 1;
        self.gate.changed.notify_one();
    }
}

/// Keeps the seats of a gate while it is used, and gives them back when it is not.
async fn keep(gate: Weak<Gate>) {
    let mut quiet = 0;
    loop {
        tokio::time::sleep(REFRESH).await;
        let Some(gate) = gate.upgrade() else { return };
        let used = gate.state().used;
        quiet = if used == 0 { quiet + 1 } else { 0 };
        if quiet < QUIET {
            if let Err(error) = gate.refresh().await {
                tracing::warn!(store = %gate.store, %error, "Seats not kept.");
            }
            continue;
        }
        {
            let mut state = gate.state();
            if state.used > 0 {
                continue;
            }
            state.seats = 0;
        }
        let Source { history, node, .. } = &gate.source;
        if let Err(error) = history.leave_seats(node, &gate.store).await {
            tracing::debug!(store = %gate.store, %error, "Seats not given back; they run out.");
        }
        gate.kept.store(false, Ordering::Release);
        gate.changed.notify_waiters();
        return;
    }
}

/// A mail store behind its gate.
pub struct Gated {
    store: Arc<dyn MailStore>,
    gate: Arc<Gate>,
}

impl Gated {
    /// `store`, within its limits over all nodes that share `history`. `node` is this one; what it holds is others' if it
    /// gives no sign of life for `lease`.
    pub fn new(
        store: Arc<dyn MailStore>,
        history: Store,
        clock: Arc<dyn Clock>,
        node: String,
        lease: Duration,
    ) -> Self {
        let gate = Arc::new(Gate {
            store: Arc::clone(store.name()),
            capabilities: store.capabilities().clone(),
            source: Source { history, clock, node, lease },
            state: Mutex::default(),
            changed: Notify::new(),
            filling: Arc::default(),
            kept: AtomicBool::new(false),
        });
        Self { store, gate }
    }

    /// Calls that this node may make at once; not known before the first.
    pub(crate) fn seats(&self) -> Option<u32> {
        Some(self.gate.state().seats).filter(|seats| *seats > 0)
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, CallError>> + Send) -> Result<T, CallError> {
        let _seat = self.gate.enter().await?;
        let result = call.await;
        self.gate.went(&result);
        result
    }
}

#[async_trait]
impl MailStore for Gated {
    fn name(&self) -> &Arc<str> {
        self.store.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.store.capabilities()
    }

    async fn mailboxes(&self, cursor: Option<String>, most: u32) -> Result<Page<Arc<str>>, CallError> {
        self.call(self.store.mailboxes(cursor, most)).await
    }

    async fn search(
        &self,
        mailbox: &Arc<str>,
        query: &Query,
        cursor: Option<String>,
        most: u32,
    ) -> Result<Page<Message>, CallError> {
        self.call(self.store.search(mailbox, query, cursor, most)).await
    }

    async fn locate(&self, mailbox: &str, references: &[MessageRef]) -> Result<Vec<Located>, CallError> {
        self.call(self.store.locate(mailbox, references)).await
    }

    async fn apply(&self, mailbox: &str, action: Action, aims: &[Aim]) -> Result<Vec<Effect>, CallError> {
        self.call(self.store.apply(mailbox, action, aims)).await
    }

    async fn fetch_raw(&self, mailbox: &str, reference: &MessageRef, most: u64) -> Result<Vec<u8>, CallError> {
        self.call(self.store.fetch_raw(mailbox, reference, most)).await
    }

    async fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, CallError> {
        self.call(self.store.check(mailbox)).await
    }
}
