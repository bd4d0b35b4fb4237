//! The number of open connections to one mail server, including idle ones, and the number that it accepts.
//!
//! Servers limit connections in ways that they do not announce: processes, connections per address or per user. So the
//! configured limit is the maximum. Each refusal lowers the limit to the number that was open then; a time without
//! refusals raises it again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The time without refused logins after which the limit is raised by one.
const CALM: Duration = Duration::from_secs(30);

/// The connections of one store.
#[derive(Debug)]
pub(crate) struct Seats {
    count: Mutex<Count>,
    /// Signals that a connection was closed or became idle.
    pub(crate) freed: Notify,
}

/// The other connections at the time of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Others {
    /// Logged in, or in the process of it.
    pub(crate) open: usize,
    /// Logged in.
    pub(crate) established: usize,
}

/// The decisions, without a clock.
#[derive(Debug)]
struct Count {
    most: usize,
    /// The number that the server accepts, as far as known.
    ceiling: usize,
    lowered_at: Option<Instant>,
    /// Open or being opened.
    open: usize,
    /// Logged in.
    established: usize,
}

impl Count {
    fn take(&mut self) -> bool {
        let has_room = self.open < self.ceiling;
        self.open += usize::from(has_room);
        has_room
    }

    fn refused(&mut self, now: Instant) {
        // If no login has succeeded, the server may be down; this says nothing about its limit.
        if self.established == 0 {
            return;
        }
        self.ceiling = self.ceiling.min(self.open).max(1);
        self.lowered_at = Some(now);
    }

    fn established(&mut self, now: Instant) {
        self.established += 1;
        if self.ceiling < self.most && self.lowered_at.is_none_or(|at| now.duration_since(at) >= CALM) {
            self.ceiling += 1;
        }
    }
}

impl Seats {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let count = Count { most, ceiling: most, lowered_at: None, open: 0, established: 0 };
        Arc::new(Self { count: Mutex::new(count), freed: Notify::new() })
    }

    /// Returns the right to open one connection, if there is room.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Seat> {
        self.count().take().then(|| Seat { seats: Arc::clone(self), is_established: false })
    }

    /// Records that the server refused one connection in addition to those that are open.
    pub(crate) fn refused(&self) {
        self.count().refused(Instant::now());
    }

    /// Returns the current connections.
    pub(crate) fn others(&self) -> Others {
        let count = self.count();
        Others { open: count.open, established: count.established }
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one open connection; dropped after it is closed.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    is_established: bool,
}

impl Seat {
    /// Records that the login succeeded.
    pub(crate) fn establish(mut self) -> Self {
        self.is_established = true;
        self.seats.count().established(Instant::now());
        self
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        {
            let mut count = self.seats.count();
            count.open -= 1;
            count.established -= usize::from(self.is_established);
        }
        self.seats.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit() {
        let seats = Seats::new(2);
        let first = seats.take().unwrap();
        let second = seats.take().unwrap().establish();
        assert!(seats.take().is_none());
        assert_eq!(seats.others(), Others { open: 2, established: 1 });
        drop(second);
        assert_eq!(seats.others(), Others { open: 1, established: 0 });
        assert!(seats.take().is_some());
        drop(first);
    }

    #[test]
    fn a_refusal_lowers_the_ceiling_and_quiet_raises_it() {
        let start = Instant::now();
        let mut count = Count { most: 32, ceiling: 32, lowered_at: None, open: 20, established: 20 };
        count.refused(start);
        assert!(!count.take(), "the server bears 20");
        count.established(start + CALM / 2);
        assert_eq!(count.ceiling, 20);
        count.established(start + CALM);
        assert_eq!(count.ceiling, 21);
        count.open = 0;
        count.refused(start);
        assert_eq!(count.ceiling, 1, "never none");
        let mut down = Count { most: 32, ceiling: 32, lowered_at: None, open: 3, established: 0 };
        down.refused(start);
        assert_eq!(down.ceiling, 32, "a server that is down is not one that bears less");
    }
}
