//! The proof that the history is what was written: every link of the chain, and then everything that the chain vouches for.
//! The cached state of a remediation must be the fold of its events, its plan must have the digest that was approved, every
//! batch must have the outcomes that its event counted. The first thing that does not fit is named.
//!
//! What the chain alone cannot show is a tail that was cut off, or a history that was written anew from its beginning: whoever
//! noted the head or a checkpoint elsewhere passes it in.

mod beside;
pub(crate) mod columns;
pub(crate) mod found;
pub(crate) mod head;
mod log;
pub(crate) mod plan_proof;
mod records;
mod schedules;
mod schema;
mod site;
mod story;
mod targets;
pub(crate) mod verified;
mod waiting;
mod walk;
