//! The Maildir connector.
//!
//! A mailbox is a directory of the granted one; its Maildir is that directory, or the one beneath it that the setting
//! `maildir` names. Sub-folders are Maildir++ (`.Archive.2026` is `Archive/2026`) or, as with Dovecot's `LAYOUT=fs`,
//! directories within directories. A message is known by the unique part of its file name, which flag changes and moves
//! keep; moving is one rename, with the flags in the name.
//!
//! What cannot be looked at is a gap of the search and costs only itself: links, folders and files without rights, files
//! that are compressed or encrypted.
//!
//! Never touched: `tmp`, Dovecot's index files, `maildirfolder`. The server sees renames at its next look, as Maildir
//! was made for.

mod act;
mod connector;
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
