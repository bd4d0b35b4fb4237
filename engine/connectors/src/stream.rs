//! The import `mail-stream`: a logged-in byte stream as a resource. The guest never sees host, name or credential.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use wasmtime::component::Resource;

use crate::bindings::clawback::mail_store::mail_stream::{self, StreamError};
use crate::guest::{Grants, Guest};
use crate::login::Session;
use crate::throttle::Throttle;

/// Why a stream failed; more cases than the contract has. The host remembers what the contract cannot say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamFailure {
    Denied(String),
    Unauthorized(String),
    Closed(String),
    /// Refused, reset or closed before the login was answered. It is all that some servers say when there are too many
    /// connections. The contract's `closed`.
    Dropped(String),
    /// The server has too many of us. The contract's `closed`.
    Throttled(Throttle),
    /// The server did not prove who it is. The contract's `denied`.
    Untrusted(String),
    TimedOut,
}

impl StreamFailure {
    /// Whether fewer connections could be the cure. A server that says how long to wait means something else.
    pub(crate) fn may_be_a_crowd(&self) -> bool {
        matches!(self, Self::Dropped(_) | Self::Throttled(Throttle { after: None, .. }))
    }

    /// What it means, given the number of other connections that the same server keeps.
    pub(crate) fn in_a_crowd_of(self, others: usize) -> Self {
        match self {
            Self::Dropped(why) if others > 0 => {
                let why = format!("{why}, while {others} other connections are open");
                Self::Throttled(Throttle { why, after: None })
            }
            other => other,
        }
    }
}

/// One open connection of one call.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct Connection {
    session: Option<Session>,
    mailbox: Arc<str>,
    /// From the pool, and nothing was read from it yet.
    unproven: bool,
    /// It failed; it is not to be kept.
    broken: bool,
}

impl mail_stream::Host for Guest {}

impl mail_stream::HostConnection for Guest {
    async fn open(&mut self, mailbox: String) -> wasmtime::Result<Result<Resource<Connection>, StreamError>> {
        let opened = self.open_connection(&mailbox).await;
        match opened {
            Ok(connection) => {
                self.connections += 1;
                Ok(Ok(self.table.push(connection)?))
            }
            Err(failure) => Ok(Err(self.told(failure))),
        }
    }

    async fn capabilities(&mut self, connection: Resource<Connection>) -> wasmtime::Result<Vec<String>> {
        let connection = self.table.get(&connection)?;
        Ok(connection.session.as_ref().map(|session| session.capabilities.clone()).unwrap_or_default())
    }

    async fn read(
        &mut self,
        connection: Resource<Connection>,
        most: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, StreamError>> {
        let most = most.clamp(1, self.grants.limits.read_bytes) as usize;
        let patience = io_timeout(&self.grants);
        let connection = self.table.get_mut(&connection)?;
        let read = connection.read(most, patience).await;
        let stale = connection.is_stale(&read);
        self.trouble.stale |= stale;
        Ok(read.map_err(|failure| self.told(failure)))
    }

    async fn write(
        &mut self,
        connection: Resource<Connection>,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), StreamError>> {
        let patience = io_timeout(&self.grants);
        let connection = self.table.get_mut(&connection)?;
        let written = connection.write(&bytes, patience).await;
        let stale = connection.is_stale(&written);
        self.trouble.stale |= stale;
        Ok(written.map_err(|failure| self.told(failure)))
    }

    async fn release(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        let connection = self.table.get_mut(&connection)?;
        if let Some(session) = connection.session.take()
            && session.unread.is_empty()
            && !connection.broken
            && let Some(server) = &self.grants.server
        {
            server.pool.put(Arc::clone(&connection.mailbox), session);
        }
        Ok(())
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        self.connections = self.connections.saturating_sub(1);
        Ok(())
    }
}

impl Guest {
    async fn open_connection(&mut self, mailbox: &str) -> Result<Connection, StreamFailure> {
        let grants = Arc::clone(&self.grants);
        let Some(server) = &grants.server else {
            return Err(StreamFailure::Denied("this store was granted no mail server".into()));
        };
        let Some(own) = self.mailbox.clone().filter(|own| **own == *mailbox) else {
            return Err(StreamFailure::Denied("only the mailbox of the call may be opened".into()));
        };
        if self.connections >= grants.limits.connections {
            return Err(StreamFailure::Denied(format!(
                "at most {} connections in one call",
                grants.limits.connections
            )));
        }
        let (session, unproven) = server.open(mailbox, self.trouble.fresh_only, self.connections == 0).await?;
        Ok(Connection { session: Some(session), mailbox: own, unproven, broken: false })
    }

    fn told(&mut self, failure: StreamFailure) -> StreamError {
        match failure {
            StreamFailure::Denied(why) => StreamError::Denied(why),
            StreamFailure::Unauthorized(why) => StreamError::Unauthorized(why),
            StreamFailure::Closed(why) | StreamFailure::Dropped(why) => StreamError::Closed(why),
            StreamFailure::Throttled(throttle) => {
                let why = throttle.why.clone();
                self.trouble.throttle = Some(throttle);
                StreamError::Closed(why)
            }
            StreamFailure::Untrusted(why) => {
                self.trouble.untrusted = Some(why.clone());
                StreamError::Denied(why)
            }
            StreamFailure::TimedOut => StreamError::TimedOut,
        }
    }
}

fn io_timeout(grants: &Grants) -> Duration {
    grants.server.as_ref().map_or(Duration::from_secs(30), |server| server.io_timeout)
}

impl Connection {
    /// What is there, at least one byte: as much as has arrived, so that a guest asks once for many TLS records.
    async fn read(&mut self, most: usize, patience: Duration) -> Result<Vec<u8>, StreamFailure> {
        let Some(session) = &mut self.session else { return Err(released()) };
        if !session.unread.is_empty() {
            let rest = session.unread.split_off(most.min(session.unread.len()));
            return Ok(std::mem::replace(&mut session.unread, rest));
        }
        let mut bytes = Vec::with_capacity(most.min(32 << 10));
        let first = timeout(patience, (&mut session.stream).take(most as u64).read_buf(&mut bytes)).await;
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
                // Not there yet; or an end or error, which the next read meets again.
                _ => break,
            }
        }
        Ok(bytes)
    }

    async fn write(&mut self, bytes: &[u8], patience: Duration) -> Result<(), StreamFailure> {
        let Some(session) = &mut self.session else { return Err(released()) };
        let write = async {
            session.stream.write_all(bytes).await?;
            session.stream.flush().await
        };
        match timeout(patience, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => self.fail(StreamFailure::Closed(error.to_string())),
            Err(_) => self.fail(StreamFailure::TimedOut),
        }
    }

    fn fail<R>(&mut self, failure: StreamFailure) -> Result<R, StreamFailure> {
        self.broken = true;
        Err(failure)
    }

    fn is_stale<R>(&self, result: &Result<R, StreamFailure>) -> bool {
        self.unproven && matches!(result, Err(StreamFailure::Closed(_)))
    }
}

fn released() -> StreamFailure {
    StreamFailure::Closed("this connection was released".into())
}
