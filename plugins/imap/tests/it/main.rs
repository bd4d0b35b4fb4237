//! The IMAP connector with a real Dovecot, and with scripted servers for behaviour that no real one can be made to
//! show.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod act;
mod dovecot;
mod examine;
mod hostile;
mod odd;
mod proofs;
mod proxy;
mod readiness;
mod scripted;
mod search;
mod server;
mod shown;
mod traps;
mod views;
