//! The connector against scripted answers: what a well-behaved server does not answer.

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

mod batches;
mod hostile;
mod late;
mod places;
mod script;
