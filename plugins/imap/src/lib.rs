//! The IMAP connector.
//!
//! The host provides an authenticated stream; everything after login is in here, without any other I/O. The cost is
//! counted in round trips, so commands are sent in flights: three for a search, three to act on one folder's messages,
//! one to verify their destination. Commands whose results depend on each other never share a flight.
//!
//! Trusted: UIDVALIDITY and UID identify a message; `COPYUID` and a UID that is gone afterwards prove a move; a UID
//! that is gone afterwards proves a delete. Not trusted: `OK`, a Message-ID, a folder without an answer, and anything a
//! sender wrote.

mod act;
mod ask;
mod attachment;
mod command;
mod connector;
mod copies;
mod cursor;
mod examine;
mod fetch;
mod find;
mod flags;
mod folder;
mod halves;
mod line;
mod locate;
mod locator;
mod mover;
mod names;
mod numbers;
mod proof;
mod raw;
mod read;
mod readiness;
mod refusal;
mod restore;
mod scan;
mod search;
mod search_keys;
mod session;
mod uids;
mod views;

pub use connector::Imap;

clawback_connector_sdk::export!(Imap::new(clawback_connector_sdk::host::Granted));
