//! Work that is due at a time: schedules fire, and sweeps look.

mod looks;
mod looks_again;
mod schedules;
mod sweeps;
mod timers;

pub use schedules::{submission as scheduled, sync_schedules};
pub use timers::Timers;
