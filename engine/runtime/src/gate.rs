//! The limits of a mail store, over all nodes: [`Gated`] is a store whose every call first takes a [`Permit`]: a seat and,
//! where the store has a rate, a token. Seats and tokens are rows of the history; a node holds its share of them while it
//! makes calls.
//!
//! Whoever waits for a permit holds nothing, and asks the database nothing: a task of the gate does both
//! ([`keeper`]). A future that is dropped while it waits therefore leaves nothing behind. A stop is asked about after the
//! wait and before the call, and wakes whoever waits.

mod call_limiter;
mod gated;
mod keeper;
mod permit;
mod state;

pub use gated::Gated;
