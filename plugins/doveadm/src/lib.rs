//! The connector for Dovecot's own API (`doveadm` over HTTP), for those who run the server: no login to any mailbox.
//!
//! One request has several commands, which the server runs one after the other, each to its end. The cost is counted in
//! requests: one for a search without hits, one or two more for its hits, two for an action.
//!
//! Trusted: the GUID of a folder and a UID name one message at a time, the GUID of a message stays with it wherever it
//! goes (sdbox, mdbox and Maildir keep it in a move and in a copy), and what a later command of the same request finds.
//! Not trusted: an answer without error, a Message-ID, and anything a sender wrote.
//!
//! The user is a parameter of each command, and a wildcard in it names several users. So the manifest holds every
//! command to the mailbox of the call, and names the commands and their parameters.

mod act;
mod api;
mod command;
mod connector;
mod cursor;
mod find;
mod flags;
mod folder;
mod judge;
mod keys;
mod locate;
mod locator;
mod names;
mod proof;
mod raw;
mod readiness;
mod restore;
mod row;
mod search;
mod special;
mod text;

pub use connector::Doveadm;

clawback_connector_sdk::export!(Doveadm::new(clawback_connector_sdk::host::Granted));
