//! Work that is due at a time: schedules fire, sweeps look, and reports are read.

mod abuse_mailbox;
mod kept;
mod looks;
mod looks_again;
mod report_mails;
mod schedules;
mod sweeps;
mod timers;

pub use schedules::{submission as scheduled, sync_schedules};
pub use timers::Timers;
