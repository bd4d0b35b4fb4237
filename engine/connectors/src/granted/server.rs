//! The mail server of one store: its address, its login, and its idle connections.

use std::sync::Arc;
use std::time::Duration;

use crate::granted::dial::Target;
use crate::granted::failure::StreamFailure;
use crate::granted::login::{self, Known, Session};
use crate::granted::pool::Pool;
use crate::granted::sasl::{Auth, IdentityError};
use crate::granted::seats::Seat;
use crate::granted::token::failure::TokenError;
use crate::throttle::Throttle;

/// Milliseconds between logins that a server refuses because of open connections: it needs a moment to notice that one
/// was closed.
const PAUSES: [u64; 9] = [25, 50, 100, 200, 400, 800, 800, 800, 800];

/// A granted mail server.
pub(crate) struct MailServer {
    pub(crate) target: Target,
    pub(crate) auth: Auth,
    pub(crate) io_timeout: Duration,
    pub(crate) pool: Arc<Pool>,
    pub(crate) known: Known,
}

impl MailServer {
    /// Returns a session that is logged in for `mailbox`, and whether it comes from the pool. A call that already has a
    /// connection (`may_wait` is false) does not wait for another: two such calls could deadlock.
    pub(crate) async fn open(
        &self,
        mailbox: &str,
        fresh_only: bool,
        may_wait: bool,
    ) -> Result<(Session, bool), StreamFailure> {
        if !fresh_only && let Some(session) = self.pool.take(mailbox) {
            return Ok((session, true));
        }
        let mut identity = self.auth.identity(mailbox).await.map_err(failure)?;
        let mut is_renewed = false;
        let mut pauses = PAUSES.into_iter();
        loop {
            let seat = self.seat(may_wait).await?;
            match login::log_in(&self.target, &identity, self.io_timeout, &self.known).await {
                Ok(session) => return Ok((Session { seat: Some(seat.establish()), ..session }, false)),
                Err(failure @ StreamFailure::Unauthorized(_)) => {
                    drop(seat);
                    if is_renewed {
                        self.auth.give_up(mailbox, &identity).await;
                        return Err(failure);
                    }
                    match self.auth.renewed(mailbox, &identity).await.map_err(self::failure)? {
                        Some(another) => (identity, is_renewed) = (another, true),
                        None => return Err(failure),
                    }
                }
                Err(failure) => {
                    drop(seat);
                    if !failure.may_be_too_many() {
                        return Err(failure);
                    }
                    let (others, pause) = (self.pool.seats.others(), pauses.next());
                    let (true, Some(pause)) = (others.open > 0, pause) else {
                        return Err(failure.with_others(others.established));
                    };
                    tracing::debug!(others.open, "A login was refused while other connections are open.");
                    self.pool.seats.refused();
                    while self.pool.close_oldest() {}
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
            }
        }
    }

    /// Returns a seat among the connections of the store; closes idle connections for it, oldest first.
    async fn seat(&self, may_wait: bool) -> Result<Seat, StreamFailure> {
        let seats = &self.pool.seats;
        loop {
            let freed = seats.freed.notified();
            if let Some(seat) = seats.take() {
                return Ok(seat);
            }
            if self.pool.close_oldest() {
                continue;
            }
            if !may_wait {
                let why = "all connections of `limits.connections` are in use".to_owned();
                return Err(StreamFailure::Throttled(Throttle { why, after: None }));
            }
            freed.await;
        }
    }
}

/// Maps the reason why there is no identity.
fn failure(error: IdentityError) -> StreamFailure {
    match error {
        IdentityError::Token(TokenError::NoAccount(why)) => StreamFailure::NoAccount(why),
        IdentityError::Token(TokenError::Throttled { why, after }) => StreamFailure::Throttled(Throttle { why, after }),
        IdentityError::Token(TokenError::Transient(why)) => StreamFailure::Closed(why),
        error => StreamFailure::Unauthorized(error.to_string()),
    }
}
