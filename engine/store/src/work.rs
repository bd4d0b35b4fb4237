//! Work: what is due, what may start, who holds it, and its outcomes.

pub(crate) mod abuse_mailboxes;
pub(crate) mod admission;
pub(crate) mod claims;
pub(crate) mod lanes;
mod leases;
pub(crate) mod looks_again;
pub(crate) mod nodes;
pub(crate) mod outcomes;
pub(crate) mod queue;
pub(crate) mod schedules;
pub(crate) mod seats;
pub(crate) mod sweeps;
