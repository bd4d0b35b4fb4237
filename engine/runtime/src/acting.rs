//! Acting: batches, their lanes, the calls of a lane with their outcomes, and the verification after the last batch.

mod act;
pub(crate) mod batch;
mod calendar;
mod lane_worker;
mod reconcile;
mod recorder;
mod verification;

pub(crate) use lane_worker::LaneWorker;
pub(crate) use verification::verify;
