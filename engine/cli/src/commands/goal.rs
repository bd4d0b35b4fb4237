//! The state of a remediation that a command waits for.

use std::time::Duration;

use crate::args::Leave;

/// Time in which a worker is expected to carry out a pause or a cancel.
pub(super) const MOMENT: Duration = Duration::from_secs(5);
/// The note on a remediation that was paused or cancelled while a worker works on it.
pub(super) const WILL_STOP: &str = "a worker is on it and will stop before its next call";

/// The state that a command waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// It has a plan.
    Planned,
    /// It waits for a person or has ended.
    Settled(Leave),
    /// A pause or a cancel is carried out, within a moment. Neither moves a message; a cancel looks for what an open batch did.
    Obeyed,
}
