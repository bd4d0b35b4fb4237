//! The time that a call may take.

use std::time::Duration;

use tokio::time::Instant;

/// How long a call waits for its turn, and when it ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Time {
    /// This long from its turn on. It waits as long for the turn.
    Each(Duration),
    /// Until then.
    Until {
        /// When it ends.
        end: Instant,
        /// How long it waits for its turn, at most.
        turn: Duration,
    },
}

/// When a call ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Time {
    /// How long a call waits for its turn.
    pub(super) fn for_the_turn(self) -> Duration {
        match self {
            Self::Each(time) => time,
            Self::Until { end, turn } => turn.min(Deadline(end).left()),
        }
    }

    /// When a call ends that has its turn now.
    pub(super) fn deadline(self) -> Deadline {
        match self {
            Self::Each(time) => Deadline(Instant::now() + time),
            Self::Until { end, .. } => Deadline(end),
        }
    }
}

impl Deadline {
    /// The time that is left.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// What it comes to; `None` if it takes longer.
    pub(super) async fn of<T>(self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout_at(self.0, work).await.ok()
    }

    /// The same deadline, this much earlier.
    pub(super) fn earlier(self, by: Duration) -> Self {
        Self(self.0.checked_sub(by).unwrap_or(self.0))
    }
}
