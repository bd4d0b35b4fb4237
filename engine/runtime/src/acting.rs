//! Acting: batches, the lanes of each, the calls of a lane and their outcomes, and the look at it all afterwards.

mod act;
pub(crate) mod batch;
mod crew;
mod recorder;
mod settle;
mod verification;

pub(crate) use crew::Crew;
pub(crate) use verification::verify;
