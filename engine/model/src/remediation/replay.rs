//! The replay of a remediation's events: the only way from the recorded events to its state.

use super::{IllegalTransition, Remediation};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::id::RemediationId;

/// A replay of events, oldest first.
#[derive(Debug)]
pub struct Replay {
    id: RemediationId,
    state: Option<Remediation>,
}

/// Why an event cannot be replayed. The replay stays in its earlier state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It comes before the submission, which is the first event of every remediation.
    #[error("the event {event} comes before the submission")]
    NotSubmitted {
        /// The event.
        event: &'static str,
    },
    /// It is not allowed in the status that the events before it lead to.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
}

impl Remediation {
    /// Begins a replay of the events of this remediation.
    pub const fn replay(id: RemediationId) -> Replay {
        Replay { id, state: None }
    }
}

impl Replay {
    /// Replays the next event, recorded at this time. Returns the remediation after it.
    pub fn add(&mut self, event: &Event, at: Timestamp) -> Result<&Remediation, ReplayError> {
        let next = match (&self.state, event) {
            (None, Event::Submitted { request }) => Remediation::submitted(self.id.clone(), request.clone(), at),
            (None, other) => return Err(ReplayError::NotSubmitted { event: other.kind() }),
            (Some(known), event) => known.apply(event, at)?,
        };
        Ok(self.state.insert(next))
    }

    /// Returns the remediation after the last event; `None` without events.
    pub fn end(self) -> Option<Remediation> {
        self.state
    }
}
