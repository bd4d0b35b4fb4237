//! The connector on a server in memory, which is as strict as the RFCs and fails on demand. The tests of the host run it
//! on a real one.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

mod acts;
mod faults;
mod searches;
mod server;
