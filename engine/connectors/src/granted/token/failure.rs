//! Why there is no credential, by what the scheduler does about it.

use std::time::Duration;

/// Why a request has no credential. Every text names the endpoint or key, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// The token server has no such account: this concerns one mailbox only.
    #[error("{0}")]
    NoAccount(String),
    /// It will not succeed without a change.
    #[error("{0}")]
    Denied(String),
    /// The token server asks to wait.
    #[error("{why}")]
    Throttled { why: String, after: Option<Duration> },
    /// It may succeed later.
    #[error("{0}")]
    Transient(String),
}

impl TokenError {
    /// Returns whether a token that is still valid may be used in spite of it.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Transient(_))
    }
}
