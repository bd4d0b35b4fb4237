//! The connector for Microsoft 365, by Microsoft Graph v1.0.
//!
//! The host adds the token and holds every request to the mailbox of the call. The cost is counted in requests: a search
//! without hits is one, an act on up to twenty messages is two.
//!
//! Every request, and every part of a batch, asks for immutable ids, so a locator stays when a message moves. Trusted:
//! an immutable id names one message of its mailbox; the answer 201 to a move names the folder where the message is; a
//! message whose id is not found any more is gone. Not trusted: 204, a Message-ID, the order of answers, links to other
//! servers or mailboxes, and anything a sender wrote.

mod act;
mod address;
mod attachment;
mod client;
mod confirm;
mod connector;
mod cursor;
mod examine;
mod filter;
mod find;
mod flags;
mod folders;
mod lean;
mod link;
mod locate;
mod places;
mod raw;
mod readiness;
mod record;
mod refusal;
mod restore;
mod scope;
mod search;
mod tree;
mod users;
mod wire;

pub use connector::Graph;

clawback_connector_sdk::export!(Graph::new(clawback_connector_sdk::host::Granted));
