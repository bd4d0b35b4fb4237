//! The limits of a mail store, over all nodes. [`Gated`] is a store whose every call first takes a [`Permit`]: a seat
//! and, if the store has a rate, a token. Seats and tokens are rows of the history; a node holds its share of them
//! while it makes calls.
//!
//! A future that waits for a permit holds nothing and makes no database query; tasks of the gate do that ([`keeper`]).
//! Dropping it while it waits therefore leaves nothing behind. A stop is checked after the wait and before the call,
//! and wakes every future that waits.

mod call_limiter;
mod gated;
mod keeper;
mod permit;
mod state;

pub use gated::Gated;
