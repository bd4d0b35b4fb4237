//! The right to make one call: waited for, and given back.

use std::sync::Arc;

use clawback_connectors::CallError;
use tokio::time::Instant;

use super::call_limiter::Turn;
use super::keeper;
use super::state::Gate;
use crate::stop::Stop;

impl Gate {
    /// Waits until a call to `mailbox` may begin. Fails with [`CallError::Stopped`] where a stop is asked for before that.
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

    /// Begins a call if it may begin, and sees to it that whatever is missing comes.
    fn turn(self: &Arc<Self>, mailbox: Option<&str>, failures: u64) -> Result<Turn, CallError> {
        let now = Instant::now();
        let mut state = self.state();
        if state.failures != failures {
            let detail = format!("its limits cannot be read: {}", state.failure);
            return Err(CallError::Transient { store: Arc::clone(&self.store), detail });
        }
        let turn = state.limiter.begin(mailbox, now);
        // Whoever leaves wakes one that waits. Where there is room for more, or this one has to wait for something of its own,
        // it wakes the next.
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

    /// Learns from how a call went, and has other nodes told where the store is to be left alone.
    pub(super) fn learn<T>(&self, mailbox: Option<&str>, result: &Result<T, CallError>) {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(until) = state.limiter.learn(mailbox, result, now) {
            state.held_until = self.source.clock.now().plus(until - now);
            tracing::info!(store = %self.store, until = %state.held_until, "The store asked to be left alone.");
            drop(state);
            self.to_tell.notify_one();
        }
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
