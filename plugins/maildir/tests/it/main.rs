//! The Maildir connector on real directories.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod act;
mod disk;
mod gaps;
mod search;
