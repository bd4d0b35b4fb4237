//! The Gmail connector with a host that answers from a script.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod acting;
mod patience;
mod scripted;
mod searching;
mod server;
