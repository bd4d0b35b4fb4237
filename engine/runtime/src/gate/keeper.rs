//! The tasks of a gate, the only ones that query the database: one renews this node's seats while there are calls, one
//! fetches tokens. A guard of each marks it as ended, however it ends.

use std::sync::{Arc, Weak};
use std::time::Duration;

use clawback_store::StoreError;
use tokio::time::{Instant, timeout};

use super::call_limiter::CallLimiter;
use super::state::{Gate, Source};
use crate::node;

/// How often a node checks whether its share has changed.
const REFRESH: Duration = Duration::from_millis(500);
/// Checks without a call after which the seats are given back.
const QUIET: u32 = 4;
/// Calls per second from which the next lot is fetched before the last is used up. Below this rate, no call waits for
/// the database.
const FAST: u32 = 100;

/// Starts the task that renews the seats of a gate. The caller has marked it as running.
pub(super) fn keep(gate: &Arc<Gate>) {
    let kept = Kept(Arc::downgrade(gate));
    tokio::spawn(async move { kept.run().await });
}

/// Marks the task that renews a gate's seats as ended when it is dropped.
struct Kept(Weak<Gate>);

impl Drop for Kept {
    fn drop(&mut self) {
        let Some(gate) = self.0.upgrade() else { return };
        let mut state = gate.state();
        state.limiter.seat(0);
        state.kept = false;
        drop(state);
        // Futures that began to wait meanwhile start the task again.
        gate.changed.notify_waiters();
    }
}

impl Kept {
    async fn run(&self) {
        let Some(gate) = self.0.upgrade() else { return };
        if let Err(error) = gate.take_first().await {
            return gate.failed(&error);
        }
        drop(gate);
        let (mut quiet, mut kept_at) = (0, Instant::now());
        while let Some(gate) = self.0.upgrade() {
            let is_notified = timeout(REFRESH, gate.to_publish.notified()).await.is_ok();
            quiet = if is_notified || gate.is_used() { 0 } else { quiet + 1 };
            if (quiet >= QUIET || Arc::strong_count(&gate) == 1) && gate.leave_unused().await {
                return;
            }
            match gate.refresh().await {
                Ok(()) => kept_at = Instant::now(),
                // Other nodes have taken the seats by now.
                Err(error) if kept_at.elapsed() >= gate.source.lease => return gate.failed(&error),
                Err(error) => tracing::warn!(store = %gate.store, %error, "Seats not renewed."),
            }
        }
    }
}

/// Starts the task that fetches the next tokens of a gate. The caller has marked it as running.
pub(super) fn fill(gate: &Arc<Gate>) {
    let filling = Filling(Arc::clone(gate));
    tokio::spawn(async move { filling.run().await });
}

/// Whether the next tokens are to be fetched before the last are used up.
pub(super) fn is_early(gate: &Gate, limiter: &CallLimiter) -> bool {
    let rate = gate.capabilities.calls_per_second.unwrap_or_default();
    rate >= FAST && limiter.tokens() <= lot(gate, rate, limiter) / 2
}

/// Number of tokens fetched at once: a hundredth of a second's over all nodes. Few, since unused tokens of several
/// nodes make a burst.
fn lot(gate: &Gate, rate: u32, limiter: &CallLimiter) -> u32 {
    let (seats, calls) = (u64::from(limiter.seats()), u64::from(gate.capabilities.calls.max(1)));
    u32::try_from(u64::from(rate) * seats / calls / 100).unwrap_or(u32::MAX).max(1)
}

/// Marks the task that fetches a gate's tokens as ended when it is dropped.
struct Filling(Arc<Gate>);

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.state().filling = false;
        self.0.changed.notify_one();
    }
}

impl Filling {
    /// Takes a lot, and waits until it may be used.
    async fn run(&self) {
        let Self(gate) = self;
        let Source { history, clock, .. } = &gate.source;
        let Some(rate) = gate.capabilities.calls_per_second else { return };
        let lot = lot(gate, rate, &gate.state().limiter);
        match history.take_tokens(&gate.store, rate, lot, clock.now()).await {
            Ok(wait) => tokio::time::sleep(wait).await,
            Err(error) => return gate.failed(&error),
        }
        gate.state().limiter.fill(lot, Instant::now());
    }
}

impl Gate {
    /// Takes the first seats, and frees those of dead processes of this machine.
    async fn take_first(&self) -> Result<(), StoreError> {
        let Source { history, node, .. } = &self.source;
        for holder in history.seat_holders(&self.store).await? {
            if holder == *node || node::is_dead(&holder) {
                history.leave_seats(&holder, &self.store).await?;
            }
        }
        self.refresh().await
    }

    /// Takes this node's share of the seats, and exchanges with other nodes until when the store is held.
    async fn refresh(&self) -> Result<(), StoreError> {
        let Source { history, clock, node, lease } = &self.source;
        let (used, held_until) = {
            let state = self.state();
            (state.limiter.used(), state.held_until)
        };
        let now = clock.now();
        if held_until > now {
            history.hold_store(&self.store, held_until).await?;
        }
        let taken = history.take_seats(node, &self.store, self.capabilities.calls, used, now, now.plus(*lease)).await?;
        {
            let mut state = self.state();
            state.limiter.seat(taken.seats);
            if taken.held_until > state.held_until {
                state.held_until = taken.held_until;
                state.limiter.hold(Instant::now() + taken.held_until.since(now));
            }
        }
        self.changed.notify_waiters();
        Ok(())
    }

    fn is_used(&self) -> bool {
        let state = self.state();
        state.limiter.used() > 0 || state.waiting > 0
    }

    /// Gives the seats back, unless there is a call or a waiting future.
    async fn leave_unused(&self) -> bool {
        {
            let mut state = self.state();
            if state.limiter.used() > 0 || state.waiting > 0 {
                return false;
            }
            state.limiter.seat(0);
        }
        let Source { history, node, .. } = &self.source;
        if let Err(error) = history.leave_seats(node, &self.store).await {
            tracing::debug!(store = %self.store, %error, "Seats not given back; they expire.");
        }
        true
    }
}
