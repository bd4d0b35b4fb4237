//! The pool of idle connections.
//!
//! A plan visits the mailboxes 1 to N, and often calls twice or more for each: a search of several pages, an examination
//! of what was found. The action then visits 1 to N again. With room for fewer than N, a pool that closes the connection
//! that is idle longest would close each just before the action needs it, and one that rejects new connections would
//! make the second call of nearly every mailbox log in again. So a full pool keeps the older half of its connections
//! and replaces the newer half; time-outs free places. An idle connection counts as a seat of `limits.connections`, and
//! is closed, oldest first, when a call needs one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::io::AsyncReadExt as _;

use crate::granted::login::Session;
use crate::granted::seats::Seats;

/// The pool of one store.
pub(crate) struct Pool {
    most: usize,
    keep: Duration,
    /// The one that is idle longest is the first.
    idle: Mutex<VecDeque<Idle>>,
    /// All connections of the store, idle or not.
    pub(crate) seats: Arc<Seats>,
}

/// An idle connection.
struct Idle {
    since: Instant,
    mailbox: Arc<str>,
    session: Session,
}

impl Pool {
    /// Creates a pool that closes connections which were idle for `keep`, until it is dropped.
    pub(crate) fn new(most: usize, keep: Duration, seats: Arc<Seats>) -> Arc<Self> {
        let pool = Arc::new(Self { most, keep, idle: Mutex::default(), seats });
        if most > 0 && tokio::runtime::Handle::try_current().is_ok() {
            tokio::spawn(close_rested(Arc::downgrade(&pool), keep));
        }
        pool
    }

    /// Returns a connection that is still open, as far as this side can detect.
    pub(crate) fn take(&self, mailbox: &str) -> Option<Session> {
        loop {
            let mut taken = {
                let mut idle = self.idle();
                let at = idle.iter().rposition(|one| &*one.mailbox == mailbox)?;
                idle.remove(at)?
            };
            if taken.since.elapsed() < self.keep && is_alive(&mut taken.session) {
                return Some(taken.session);
            }
        }
    }

    /// Keeps an idle connection. If there is no room, the oldest of the newer half is closed for it.
    pub(crate) fn put(&self, mailbox: Arc<str>, session: Session) {
        if self.most == 0 {
            return;
        }
        let mut idle = self.idle();
        let closed = if idle.len() < self.most { None } else { idle.remove(self.most / 2) };
        idle.push_back(Idle { since: Instant::now(), mailbox, session });
        drop(idle);
        drop(closed);
        // A call that waits for a seat can use this one's.
        self.seats.freed.notify_waiters();
    }

    /// Closes the connection that was idle longest; returns whether there was one.
    pub(crate) fn close_oldest(&self) -> bool {
        let closed = self.idle().pop_front();
        closed.is_some()
    }

    fn close_older(&self) {
        self.idle().retain(|one| one.since.elapsed() < self.keep);
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn close_rested(pool: Weak<Pool>, keep: Duration) {
    let pause = (keep / 4).max(Duration::from_millis(50));
    loop {
        tokio::time::sleep(pause).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.close_older();
    }
}

/// Returns whether a connection has neither data nor an end. A server that sends data to an idle session says goodbye.
fn is_alive(session: &mut Session) -> bool {
    let mut byte = [0; 1];
    session.stream.read(&mut byte).now_or_never().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> (Session, tokio::io::DuplexStream) {
        let (near, far) = tokio::io::duplex(64);
        (Session { stream: Box::new(near), capabilities: Vec::new(), unread: Vec::new(), seat: None }, far)
    }

    #[tokio::test]
    async fn the_first_ones_and_the_latest_stay() {
        for (most, expected) in [(0, ""), (1, "e"), (2, "ae"), (3, "ade"), (4, "abde"), (5, "abcde"), (6, "abcde")] {
            let pool = Pool::new(most, Duration::from_mins(1), Seats::new(9));
            let mut ends = Vec::new();
            for mailbox in ["a", "b", "c", "d", "e"] {
                let (near, far) = session();
                ends.push(far);
                pool.put(mailbox.into(), near);
            }
            let kept: Vec<&str> =
                ["a", "b", "c", "d", "e"].into_iter().filter(|one| pool.take(one).is_some()).collect();
            assert_eq!(kept.concat(), expected, "room for {most}");
            assert!(pool.take("e").is_none(), "each is given away once");
        }
    }

    #[tokio::test]
    async fn the_dead_are_not_given_away() {
        let pool = Pool::new(9, Duration::from_mins(1), Seats::new(9));
        let (near, far) = session();
        pool.put("a".into(), near);
        drop(far);
        assert!(pool.take("a").is_none());
        let (near, mut far) = session();
        pool.put("a".into(), near);
        tokio::io::AsyncWriteExt::write_all(&mut far, b"* BYE idle\r\n").await.unwrap();
        assert!(pool.take("a").is_none());
    }

    #[tokio::test]
    async fn the_oldest_gives_way() {
        let seats = Seats::new(2);
        let pool = Pool::new(9, Duration::from_mins(1), Arc::clone(&seats));
        let mut ends = Vec::new();
        for mailbox in ["old", "new"] {
            let (mut near, far) = session();
            near.seat = Some(seats.take().unwrap().establish());
            ends.push(far);
            pool.put(mailbox.into(), near);
        }
        assert!(seats.take().is_none(), "connections at rest are connections");
        assert!(pool.close_oldest() && seats.take().is_some());
        assert!(pool.take("old").is_none() && pool.take("new").is_some());
        assert!(!pool.close_oldest(), "none is left");
    }

    #[tokio::test]
    async fn resting_ends() {
        let pool = Pool::new(9, Duration::ZERO, Seats::new(9));
        let (near, _far) = session();
        pool.put("a".into(), near);
        pool.close_older();
        assert!(pool.idle().is_empty());
    }
}
