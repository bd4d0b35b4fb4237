//! A connection of a call: the byte stream of a logged-in session.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::granted::failure::StreamFailure;
use crate::granted::login::Session;
use crate::granted::pool::Pool;

/// An open connection of one call.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct Connection {
    session: Option<Session>,
    mailbox: Arc<str>,
    /// It is from the pool, and nothing was read from it yet.
    unproven: bool,
    /// It failed and must not be kept.
    broken: bool,
}

impl Connection {
    pub(crate) fn new(session: Session, mailbox: Arc<str>, is_pooled: bool) -> Self {
        Self { session: Some(session), mailbox, unproven: is_pooled, broken: false }
    }

    /// Returns the capabilities that the server announced.
    pub(crate) fn capabilities(&self) -> Vec<String> {
        self.session.as_ref().map(|session| session.capabilities.clone()).unwrap_or_default()
    }

    /// Ends it. The session is kept for the next call if it contains no unread data of this one.
    pub(crate) fn release(&mut self, pool: &Pool) {
        if let Some(session) = self.session.take()
            && session.unread.is_empty()
            && !self.broken
        {
            pool.put(Arc::clone(&self.mailbox), session);
        }
    }

    /// Returns at least one byte, and as much as has arrived, so that a guest reads many TLS records with one call.
    pub(crate) async fn read(&mut self, most: usize, io_timeout: Duration) -> Result<Vec<u8>, StreamFailure> {
        let Some(session) = &mut self.session else { return Err(released()) };
        if !session.unread.is_empty() {
            let rest = session.unread.split_off(most.min(session.unread.len()));
            return Ok(std::mem::replace(&mut session.unread, rest));
        }
        let mut bytes = Vec::with_capacity(most.min(32 << 10));
        let first = timeout(io_timeout, (&mut session.stream).take(most as u64).read_buf(&mut bytes)).await;
        match first {
            Err(_) => return self.fail(StreamFailure::TimedOut),
            Ok(Err(error)) => return self.fail(StreamFailure::Closed(error.to_string())),
            Ok(Ok(0)) => return self.fail(StreamFailure::Closed("the server closed the connection".into())),
            Ok(Ok(_)) => self.unproven = false,
        }
        while bytes.len() < most {
            let room = (most - bytes.len()) as u64;
            bytes.reserve(16 << 10);
            match (&mut session.stream).take(room).read_buf(&mut bytes).now_or_never() {
                Some(Ok(more)) if more > 0 => {}
                // Not there yet; or an end or error, which the next read encounters again.
                _ => break,
            }
        }
        Ok(bytes)
    }

    pub(crate) async fn write(&mut self, bytes: &[u8], io_timeout: Duration) -> Result<(), StreamFailure> {
        let Some(session) = &mut self.session else { return Err(released()) };
        let write = async {
            session.stream.write_all(bytes).await?;
            session.stream.flush().await
        };
        match timeout(io_timeout, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => self.fail(StreamFailure::Closed(error.to_string())),
            Err(_) => self.fail(StreamFailure::TimedOut),
        }
    }

    fn fail<R>(&mut self, failure: StreamFailure) -> Result<R, StreamFailure> {
        self.broken = true;
        Err(failure)
    }

    /// Returns whether this result means that a pooled connection was closed unnoticed.
    pub(crate) fn is_stale<R>(&self, result: &Result<R, StreamFailure>) -> bool {
        self.unproven && matches!(result, Err(StreamFailure::Closed(_)))
    }
}

fn released() -> StreamFailure {
    StreamFailure::Closed("this connection was released".into())
}
