//! The contract of a mail store as a suite of rules, for the connectors here and for those of others.
//!
//! The suite acts on the seeded messages only, and leaves them where it found them, except the last, which it deletes
//! permanently. It does not act at all on a store that does not find them, or no others.

mod acting;
mod reading;
mod rule;
mod seed;
mod suite;

pub use reading::search;
pub use seed::{InvalidSeed, Seed};
pub use suite::{Verdict, run};
