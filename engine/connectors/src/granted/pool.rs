//! The pool of idle connections, by mailbox.
//!
//! A plan visits the mailboxes 1 to N, and the action then visits 1 to N again. With room for fewer than N, a pool that
//! evicts the least recently used connection would evict each one just before its second use. So a full pool keeps its
//! connections and rejects new ones; time-outs free places. An idle connection counts as a seat of
//! `limits.connections`, and is closed, oldest first, when a call needs one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::io::AsyncReadExt as _;

use crate::granted::login::Session;
use crate::granted::seats::Seats;

/// The pool of one store.
pub(crate) struct Pool {
    most: usize,
    keep: Duration,
    idle: Mutex<Idle>,
    /// All connections of the store, idle or not.
    pub(crate) seats: Arc<Seats>,
}

#[derive(Default)]
struct Idle {
    count: usize,
    by_mailbox: HashMap<Arc<str>, Vec<(Instant, Session)>>,
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
            let (since, mut session) = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                let taken = idle.by_mailbox.get_mut(mailbox)?.pop();
                let Some(taken) = taken else {
                    idle.by_mailbox.remove(mailbox);
                    return None;
                };
                idle.count -= 1;
                taken
            };
            if since.elapsed() < self.keep && is_alive(&mut session) {
                return Some(session);
            }
        }
    }

    /// Keeps an idle connection, if there is room.
    pub(crate) fn put(&self, mailbox: Arc<str>, session: Session) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.count < self.most {
            idle.count += 1;
            idle.by_mailbox.entry(mailbox).or_default().push((Instant::now(), session));
            drop(idle);
            // A call that waits for a seat can use this one's.
            self.seats.freed.notify_waiters();
        }
    }

    /// Closes the connection that was idle longest; returns whether there was one.
    pub(crate) fn close_oldest(&self) -> bool {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = idle
            .by_mailbox
            .iter()
            .filter_map(|(mailbox, sessions)| sessions.first().map(|(since, _)| (*since, Arc::clone(mailbox))));
        let Some((_, mailbox)) = oldest.min() else { return false };
        let Some(sessions) = idle.by_mailbox.get_mut(&mailbox) else { return false };
        let closed = sessions.remove(0);
        if sessions.is_empty() {
            idle.by_mailbox.remove(&mailbox);
        }
        idle.count -= 1;
        drop(idle);
        drop(closed);
        true
    }

    fn close_older(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.by_mailbox.retain(|_, sessions| {
            sessions.retain(|(since, _)| since.elapsed() < self.keep);
            !sessions.is_empty()
        });
        idle.count = idle.by_mailbox.values().map(Vec::len).sum();
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
    async fn the_first_ones_stay() {
        let pool = Pool::new(2, Duration::from_mins(1), Seats::new(9));
        let mut ends = Vec::new();
        for mailbox in ["a", "b", "c"] {
            let (near, far) = session();
            ends.push(far);
            pool.put(mailbox.into(), near);
        }
        assert!(pool.take("a").is_some() && pool.take("b").is_some() && pool.take("c").is_none());
        assert!(pool.take("a").is_none(), "each is given away once");
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
        assert_eq!(pool.idle.lock().unwrap().count, 0);
    }
}
