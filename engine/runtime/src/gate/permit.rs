//! The right to make one call: waited for, and given back.

use std::sync::Arc;

use clawback_connectors::CallError;
use tokio::time::Instant;

use super::call_limiter::Turn;
use super::keeper;
use super::state::Gate;
use crate::stop::Stop;

impl Gate {
    /// Waits until a call to `mailbox` may begin. Fails with [`CallError::Stopped`] if a stop is requested before that.
    pub(super) async fn permit(
        self: &Arc<Self>,
        mailbox: Option<&str>,
        stop: Option<&Stop>,
    ) -> Result<Permit, CallError> {
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

    /// Begins a call if it may begin; otherwise starts the task that fetches what is missing.
    fn turn(self: &Arc<Self>, mailbox: Option<&str>, failures: u64) -> Result<Turn, CallError> {
        let now = Instant::now();
        let mut state = self.state();
        if state.failures != failures {
            let detail = format!("its limits cannot be read: {}", state.failure);
            return Err(CallError::Transient { store: Arc::clone(&self.store), detail });
        }
        let turn = state.limiter.begin(mailbox, now);
        // A permit that is dropped wakes one waiting future. That one wakes the next if there is more capacity, or if
        // it has to wait for its own mailbox.
        if matches!(turn, Turn::Now | Turn::At(_)) && state.limiter.has_seat() {
            self.changed.notify_one();
        }
        let keeps = !state.kept && !matches!(turn, Turn::At(_));
        state.kept |= keeps;
        let wanted = turn == Turn::NoToken || (turn == Turn::Now && keeper::is_early(self, &state.limiter));
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

    /// Adjusts the limits to the result of a call, and has other nodes notified if the store is to be held.
    pub(super) fn learn<T>(&self, mailbox: Option<&str>, result: &Result<T, CallError>) {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(until) = state.limiter.learn(mailbox, result, now) {
            state.held_until = self.source.clock.now().plus(until - now);
            tracing::info!(store = %self.store, until = %state.held_until, "The store asked for a pause of all calls.");
            drop(state);
            self.to_publish.notify_one();
        }
    }
}

/// A future that waits for a permit.
struct Waiting<'a> {
    gate: &'a Gate,
    /// The count of failures when it began to wait: earlier ones are not its own.
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
        let has_seat = state.limiter.has_seat();
        drop(state);
        // It may have been woken for a seat that it does not take.
        if has_seat {
            self.gate.changed.notify_one();
        }
    }
}

/// The right to make one call.
pub(super) struct Permit {
    gate: Arc<Gate>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.state().limiter.end();
        self.gate.changed.notify_one();
    }
}
