//! The mail server of one store: its address, how to log in, and the connections at rest.

use std::sync::Arc;
use std::time::Duration;

use crate::dial::Target;
use crate::login::{self, Session};
use crate::pool::Pool;
use crate::sasl::Auth;
use crate::stream::StreamFailure;

/// A granted mail server.
pub(crate) struct MailServer {
    pub(crate) target: Target,
    pub(crate) auth: Auth,
    pub(crate) io_timeout: Duration,
    pub(crate) pool: Arc<Pool>,
}

impl MailServer {
    /// A session that is logged in for `mailbox`, and whether it comes from the pool.
    pub(crate) async fn open(&self, mailbox: &str, fresh_only: bool) -> Result<(Session, bool), StreamFailure> {
        if !fresh_only && let Some(session) = self.pool.take(mailbox) {
            return Ok((session, true));
        }
        let identity = self.auth.identity(mailbox).map_err(|error| StreamFailure::Unauthorized(error.to_string()))?;
        let session = login::log_in(&self.target, &identity, self.io_timeout).await?;
        Ok((session, false))
    }
}
