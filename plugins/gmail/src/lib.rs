//! The Gmail connector: the Gmail API for messages, the directory of the Admin SDK for mailboxes.
//!
//! Google counts units per user and minute, and a message costs 20 of them, so a search is a list first. The index of a
//! list with a search lags behind: it only narrows, and only for what is old enough to be in it. What a message is and
//! where it is, only the message itself says. It keeps its id when it moves: its place is its labels.
//!
//! Trusted: an id names one message for good; labels that the API shows are in force. Not trusted: success without a
//! word about the message, the search for parts of texts, a Message-ID, and anything a sender wrote.

mod act;
mod api;
mod change;
mod client;
mod connector;
mod cursor;
mod directory;
mod fields;
mod giving_up;
mod labels;
mod locate;
mod locator;
mod narrow;
mod old;
mod place;
mod raw;
mod read;
mod readiness;
mod refusal;
mod search;
mod states;

pub use connector::Gmail;

clawback_connector_sdk::export!(Gmail::new(clawback_connector_sdk::host::Granted));
