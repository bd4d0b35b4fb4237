//! What a watcher may see while work goes on: numbers only, so that a progress bar can never show hostile text.

use std::sync::Arc;

use clawback_model::Status;

/// One thing to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Seen {
    Searching {
        mailboxes: u64,
        found: u64,
    },
    Status(Status),
    /// `done` of all `submitted` have an outcome.
    BatchStarted {
        number: u32,
        done: u64,
        submitted: u64,
    },
    /// So many outcomes more.
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

/// An observer that looks away.
pub fn silent() -> Observer {
    Arc::new(|_| {})
}
