//! The Maildir connector.
//!
//! A mailbox is a directory of the granted one; its Maildir is that directory, or the one beneath it that the setting
//! `maildir` names. Sub-folders are Maildir++ (`.Archive.2026` is `Archive/2026`). A message is known by the unique
//! part of its file name, which flag changes and moves keep; moving is one rename, with the flags in the name.
//!
//! Never touched: `tmp`, Dovecot's index files, `maildirfolder`. The server sees renames at its next look, as Maildir
//! was made for.

mod act;
mod connector;
mod find;
mod name;
mod search;
mod tree;

pub use connector::Maildir;

clawback_connector_sdk::export!(Maildir::new(clawback_connector_sdk::host::Granted));
