//! Failures of connections to a mail server.

use crate::throttle::Throttle;

/// Why a stream failed. It has more cases than the contract; the host keeps what the contract cannot express.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamFailure {
    Denied(String),
    Unauthorized(String),
    Closed(String),
    /// Refused, reset or closed before the response to the login, which is how some servers react to too many
    /// connections. The contract's `closed`.
    Dropped(String),
    /// The server reported too many connections. The contract's `closed`.
    Throttled(Throttle),
    /// The server's identity was not verified. The contract's `denied`.
    Untrusted(String),
    TimedOut,
    /// The token server knows no account of the mailbox. The contract's `unauthorized`.
    NoAccount(String),
}

impl StreamFailure {
    /// Returns whether too many open connections may be the cause. A server that gives a time to wait means another
    /// limit.
    pub(crate) fn may_be_too_many(&self) -> bool {
        matches!(self, Self::Dropped(_) | Self::Throttled(Throttle { after: None, .. }))
    }

    /// Interprets the failure, given the number of other connections to the same server.
    pub(crate) fn with_others(self, others: usize) -> Self {
        match self {
            Self::Dropped(why) if others > 0 => {
                let why = format!("{why}, while {others} other connections are open");
                Self::Throttled(Throttle { why, after: None })
            }
            other => other,
        }
    }
}
