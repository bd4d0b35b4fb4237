//! The Maildir connector.
//!
//! A mailbox is a directory in the granted one; its Maildir is that directory, or the one below it that the setting
//! `maildir` names. Sub-folders are Maildir++ (`.Archive.2026` is `Archive/2026`) or, as with Dovecot's `LAYOUT=fs`,
//! nested directories. A message is identified by the unique part of its file name, which flag changes and moves keep;
//! a move is one rename, with the flags in the name.
//!
//! What cannot be read is a gap of the search and affects only itself: links, folders and files without rights, files
//! that are compressed or encrypted.
//!
//! Never changed: `tmp`, Dovecot's index files, `maildirfolder`. The server detects renames at its next scan, as
//! Maildir intends.

mod act;
mod connector;
mod examine;
mod find;
mod gaps;
mod head;
mod layout;
mod name;
mod ready;
mod search;
mod tree;

pub use connector::Maildir;

clawback_connector_sdk::export!(Maildir::new(clawback_connector_sdk::host::Granted));
