//! Acting: batches, the lanes of each, the calls of a lane and their outcomes, and the look at it all afterwards.

mod act;
pub(crate) mod batch;
mod lane_worker;
mod reconcile;
mod recorder;
mod verification;

pub(crate) use lane_worker::LaneWorker;
pub(crate) use verification::verify;
