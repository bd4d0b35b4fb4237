//! The records of remediations and the queries on them: each event is a transition, written with everything that
//! follows from it.

pub(crate) mod batches;
pub(crate) mod budgets;
pub(crate) mod capacity;
pub(crate) mod event_list;
pub(crate) mod evidence;
pub(crate) mod halts;
pub(crate) mod locking;
pub(crate) mod log;
pub(crate) mod message_rows;
pub(crate) mod messages;
pub(crate) mod plans;
pub(crate) mod remediations;
pub(crate) mod reports;
pub(crate) mod retention;
pub(crate) mod shares;
pub(crate) mod sweep_rows;
pub(crate) mod texts;
pub(crate) mod transitions;
