//! The import `mail-stream`: a logged-in byte stream as a resource. The guest never sees host, name or credential.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Resource;

use crate::granted::connection::Connection;
use crate::granted::failure::StreamFailure;
use crate::granted::grants::Grants;
use crate::imports::bindings::clawback::mail_store::mail_stream::{self, StreamError};
use crate::imports::guest::Guest;

impl mail_stream::Host for Guest {}

impl mail_stream::HostConnection for Guest {
    async fn open(&mut self, mailbox: String) -> wasmtime::Result<Result<Resource<Connection>, StreamError>> {
        let opened = self.open_connection(&mailbox).await;
        match opened {
            Ok(connection) => {
                self.connections += 1;
                Ok(Ok(self.table.push(connection)?))
            }
            Err(failure) => Ok(Err(self.map_failure(failure))),
        }
    }

    async fn capabilities(&mut self, connection: Resource<Connection>) -> wasmtime::Result<Vec<String>> {
        let connection = self.table.get(&connection)?;
        Ok(connection.capabilities())
    }

    async fn read(
        &mut self,
        connection: Resource<Connection>,
        most: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, StreamError>> {
        let most = most.clamp(1, self.grants.limits.read_bytes) as usize;
        let io_timeout = io_timeout(&self.grants);
        let connection = self.table.get_mut(&connection)?;
        let read = connection.read(most, io_timeout).await;
        let stale = connection.is_stale(&read);
        self.trouble.stale |= stale;
        Ok(read.map_err(|failure| self.map_failure(failure)))
    }

    async fn write(
        &mut self,
        connection: Resource<Connection>,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), StreamError>> {
        let io_timeout = io_timeout(&self.grants);
        let connection = self.table.get_mut(&connection)?;
        let written = connection.write(&bytes, io_timeout).await;
        let stale = connection.is_stale(&written);
        self.trouble.stale |= stale;
        Ok(written.map_err(|failure| self.map_failure(failure)))
    }

    async fn release(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        let connection = self.table.get_mut(&connection)?;
        if let Some(server) = &self.grants.server {
            connection.release(&server.pool);
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
        let (session, is_pooled) = server.open(mailbox, self.trouble.fresh_only, self.connections == 0).await?;
        Ok(Connection::new(session, own, is_pooled))
    }

    /// Returns the contract's error, and keeps what it cannot express.
    fn map_failure(&mut self, failure: StreamFailure) -> StreamError {
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
            StreamFailure::NoAccount(why) => {
                self.trouble.no_account = Some(why.clone());
                StreamError::Unauthorized(why)
            }
            StreamFailure::TimedOut => StreamError::TimedOut,
        }
    }
}

fn io_timeout(grants: &Grants) -> Duration {
    grants.server.as_ref().map_or(Duration::from_secs(30), |server| server.io_timeout)
}
