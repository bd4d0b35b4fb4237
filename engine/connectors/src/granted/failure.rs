//! Why a connection to a mail server failed.

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
    /// Whether the cause may be that too many connections are open. A server that says how long to wait means another limit.
    pub(crate) fn may_be_too_many(&self) -> bool {
        matches!(self, Self::Dropped(_) | Self::Throttled(Throttle { after: None, .. }))
    }

    /// What it means, given the number of other connections that the same server keeps.
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
