//! The IMAP connector.
//!
//! The host hands over an authenticated stream; everything after login is in here, without any I/O of its own. Cost
//! is counted in round trips, so commands go out in flights: three for a search, two to act on one folder's messages, one
//! to see that they are where they were moved to.
//!
//! What it trusts: UIDVALIDITY and UID name a message, `COPYUID` proves a move, a UID that is gone after `UID EXPUNGE`
//! proves a delete. What it does not: `OK`, a Message-ID, a folder that fell silent, and anything a sender wrote.

mod act;
mod ask;
mod attachment;
mod command;
mod connector;
mod cursor;
mod fetch;
mod find;
mod flags;
mod folder;
mod keys;
mod line;
mod locate;
mod locator;
mod mover;
mod names;
mod raw;
mod read;
mod readiness;
mod refusal;
mod scan;
mod search;
mod session;
mod uids;
mod views;

pub use connector::Imap;

clawback_connector_sdk::export!(Imap::new(clawback_connector_sdk::host::Granted));
