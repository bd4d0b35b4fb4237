//! The limits of a mail store, over all nodes: [`Gated`] is a store whose every call first takes a [`Permit`]: a seat and,
//! where the store has a rate, a token. Seats and tokens are rows of the history; a node holds its share of them while it
//! makes calls.
//!
//! Whoever waits for a permit holds nothing, and asks the database nothing: a task of the gate does both
//! ([`keeper`]). A future that is dropped while it waits therefore leaves nothing behind. A stop is asked about after the
//! wait and before the call, and wakes whoever waits.

mod crowd;
mod keeper;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use clawback_connectors::{ActionTarget, CallError, Capabilities, MailStore, Page, Readiness};
use clawback_model::{Action, Clock, Effect, Located, Message, MessageRef, Query, Timestamp};
use clawback_store::Store;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::stop::Stop;
use crowd::{Crowd, Turn};

/// Where seats and tokens come from.
struct Source {
    history: Store,
    clock: Arc<dyn Clock>,
    node: String,
    /// How long seats are held without a sign of life.
    lease: Duration,
}

struct State {
    crowd: Crowd,
    /// Futures that wait for a permit.
    waiting: u32,
    /// Whether a task keeps seats, and whether one fetches tokens.
    kept: bool,
    filling: bool,
    /// How often the limits could not be read, and why the last time.
    failures: u64,
    failure: String,
    /// Until when every node is to leave the store alone, as far as this one knows.
    held_until: Timestamp,
}

/// The gate of one store on one node.
struct Gate {
    store: Arc<str>,
    capabilities: Capabilities,
    source: Source,
    state: Mutex<State>,
    /// A call may be able to begin.
    changed: Notify,
    /// The keeper has something to tell to other nodes.
    to_tell: Notify,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a call to `mailbox` may begin. Fails with [`CallError::Stopped`] where a stop is asked for before that.
    async fn permit(self: &Arc<Self>, mailbox: Option<&str>, stop: Option<&Stop>) -> Result<Permit, CallError> {
        let stopped = || CallError::Stopped { store: Arc::clone(&self.store) };
        let must_stop = || stop.is_some_and(|stop| stop.must_stop(self.source.clock.now()));
        let raised = async {
            match stop {
                Some(stop) => stop.raised().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(raised);
        let waiting = Waiting::new(self);
        loop {
            if must_stop() {
                return Err(stopped());
            }
            let changed = self.changed.notified();
            let turn = self.turn(mailbox, waiting.failures)?;
            let until = match turn {
                Turn::Now => {
                    let permit = Permit { gate: Arc::clone(self) };
                    return if must_stop() { Err(stopped()) } else { Ok(permit) };
                }
                Turn::At(until) => until,
                Turn::NoSeat | Turn::NoToken => {
                    tokio::select! {
                        () = changed => {}
                        () = &mut raised => {}
                    }
                    continue;
                }
            };
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = &mut raised => {}
            }
        }
    }

    /// Begins a call if it may begin, and sees to it that whatever is missing comes.
    fn turn(self: &Arc<Self>, mailbox: Option<&str>, failures: u64) -> Result<Turn, CallError> {
        let now = Instant::now();
        let mut state = self.state();
        if state.failures != failures {
            let detail = format!("its limits cannot be read: {}", state.failure);
            return Err(CallError::Transient { store: Arc::clone(&self.store), detail });
        }
        let turn = state.crowd.begin(mailbox, now);
        // Whoever leaves wakes one that waits. Where there is room for more, or this one has to wait for something of its own,
        // it wakes the next.
        if matches!(turn, Turn::Now | Turn::At(_)) && state.crowd.has_seat() {
            self.changed.notify_one();
        }
        let keeps = !state.kept && !matches!(turn, Turn::At(_));
        state.kept |= keeps;
        let wanted = turn == Turn::NoToken || (turn == Turn::Now && keeper::is_early(self, &state.crowd));
        let fills = wanted && !state.filling;
        state.filling |= fills;
        drop(state);
        if keeps {
            keeper::keep(self);
        }
        if fills {
            keeper::fill(self);
        }
        Ok(turn)
    }

    /// Learns from how a call went, and has other nodes told where the store is to be left alone.
    fn learn<T>(&self, mailbox: Option<&str>, result: &Result<T, CallError>) {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(until) = state.crowd.learn(mailbox, result, now) {
            state.held_until = self.source.clock.now().plus(until - now);
            tracing::info!(store = %self.store, until = %state.held_until, "The store asked to be left alone.");
            drop(state);
            self.to_tell.notify_one();
        }
    }

    fn failed(&self, error: &clawback_store::StoreError) {
        let mut state = self.state();
        state.failures += 1;
        state.failure = error.to_string();
        drop(state);
        self.changed.notify_waiters();
    }
}

/// A future that waits for a permit.
struct Waiting<'a> {
    gate: &'a Gate,
    /// Failures that are not its own: it was not there yet.
    failures: u64,
}

impl<'a> Waiting<'a> {
    fn new(gate: &'a Gate) -> Self {
        let mut state = gate.state();
        state.waiting += 1;
        Self { gate, failures: state.failures }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.waiting -= 1;
        let has_seat = state.crowd.has_seat();
        drop(state);
        // It may have been woken for a seat that it does not take.
        if has_seat {
            self.gate.changed.notify_one();
        }
    }
}

/// The right to make one call.
struct Permit {
    gate: Arc<Gate>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.state().crowd.end();
        self.gate.changed.notify_one();
    }
}

/// A mail store behind its gate.
#[derive(Clone)]
pub struct Gated {
    store: Arc<dyn MailStore>,
    gate: Arc<Gate>,
    stop: Option<Stop>,
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
        let capabilities = store.capabilities().clone();
        let state = State {
            crowd: Crowd::new(capabilities.calls, capabilities.calls_per_second.is_some()),
            waiting: 0,
            kept: false,
            filling: false,
            failures: 0,
            failure: String::new(),
            held_until: Timestamp(0),
        };
        let gate = Arc::new(Gate {
            store: Arc::clone(store.name()),
            capabilities,
            source: Source { history, clock, node, lease },
            state: Mutex::new(state),
            changed: Notify::new(),
            to_tell: Notify::new(),
        });
        Self { store, gate, stop: None }
    }

    /// The same gate, at which no call begins once `stop` is asked for.
    pub(crate) fn until(&self, stop: &Stop) -> Self {
        Self { stop: Some(stop.clone()), ..self.clone() }
    }

    /// Calls that this node may make at once; not known before the first.
    pub(crate) fn seats(&self) -> Option<u32> {
        Some(self.gate.state().crowd.seats()).filter(|seats| *seats > 0)
    }

    async fn call<T>(
        &self,
        mailbox: Option<&str>,
        call: impl Future<Output = Result<T, CallError>> + Send,
    ) -> Result<T, CallError> {
        let _permit = self.gate.permit(mailbox, self.stop.as_ref()).await?;
        let result = call.await;
        self.gate.learn(mailbox, &result);
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
        self.call(None, self.store.mailboxes(cursor, most)).await
    }

    async fn search(
        &self,
        mailbox: &Arc<str>,
        query: &Query,
        cursor: Option<String>,
        most: u32,
    ) -> Result<Page<Message>, CallError> {
        self.call(Some(mailbox), self.store.search(mailbox, query, cursor, most)).await
    }

    async fn locate(&self, mailbox: &str, references: &[MessageRef]) -> Result<Vec<Located>, CallError> {
        self.call(Some(mailbox), self.store.locate(mailbox, references)).await
    }

    async fn apply(&self, mailbox: &str, action: Action, aims: &[ActionTarget]) -> Result<Vec<Effect>, CallError> {
        self.call(Some(mailbox), self.store.apply(mailbox, action, aims)).await
    }

    async fn fetch_raw(&self, mailbox: &str, reference: &MessageRef, most: u64) -> Result<Vec<u8>, CallError> {
        self.call(Some(mailbox), self.store.fetch_raw(mailbox, reference, most)).await
    }

    async fn check(&self, mailbox: &str) -> Result<Vec<Readiness>, CallError> {
        self.call(Some(mailbox), self.store.check(mailbox)).await
    }
}
