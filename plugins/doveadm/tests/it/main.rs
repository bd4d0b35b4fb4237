//! The connector on a server whose answers a test decides: what a real one answers rarely or never.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

mod answers;
mod server;
