//! What an observer sees while work is under way: numbers only, so that a progress bar can never show hostile text.

use std::sync::Arc;

use clawback_model::Status;

/// A step of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Seen {
    Searching {
        mailboxes: u64,
        found: u64,
    },
    Status(Status),
    /// `done` of all `submitted` targets have an outcome.
    BatchStarted {
        number: u32,
        done: u64,
        submitted: u64,
    },
    /// The number of further outcomes.
    Recorded {
        outcomes: u64,
    },
    Throttled,
    Verifying {
        done: u64,
        all: u64,
    },
}

/// Called from worker tasks; must be quick.
pub type Observer = Arc<dyn Fn(Seen) + Send + Sync>;

/// An observer that does nothing.
pub fn silent() -> Observer {
    Arc::new(|_| {})
}
