//! What the host grants, as traits: [`Granted`] is the real thing, tests bring their own.

use crate::bindings::clawback::mail_store::{clock, folder as wit_folder, log, mail_stream, settings};
pub use crate::bindings::clawback::mail_store::{
    folder::{Entry, EntryKind, FolderError},
    log::Level,
    mail_stream::StreamError,
};

/// Settings and log lines, which every connector has.
pub trait Host {
    /// A non-secret setting of this store, as the operator wrote it.
    fn setting(&self, key: &str) -> Option<String>;
    /// A line in the node's log. Never message content: attackers write that.
    fn log(&self, level: Level, text: &str);
    /// Microseconds since 1970 UTC.
    fn now(&self) -> i64;
}

/// Opens authenticated connections to the store's server.
pub trait MailServer {
    /// The stream that it opens.
    type Stream: MailStream;
    /// A connection that is logged in for `mailbox`.
    fn open(&self, mailbox: &str) -> Result<Self::Stream, StreamError>;
}

/// One authenticated byte stream. Dropping it without [`release`](MailStream::release) closes the connection.
pub trait MailStream {
    /// What the server said after login.
    fn capabilities(&self) -> Vec<String>;
    /// At least one byte, at most `most`.
    fn read(&mut self, most: u32) -> Result<Vec<u8>, StreamError>;
    /// All of it.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError>;
    /// The protocol is at rest: the host may keep the connection for the next call.
    fn release(&mut self);
}

/// One granted directory; the methods are those of the interface `folder`.
pub trait Folder {
    /// The entries of one directory.
    fn list(&self, path: &str) -> Result<Vec<Entry>, FolderError>;
    /// The first `most` bytes of each file.
    fn read_heads(&self, paths: &[String], most: u32) -> Result<Vec<Result<Vec<u8>, FolderError>>, FolderError>;
    /// Part of one file.
    fn read(&self, path: &str, offset: u64, most: u32) -> Result<Vec<u8>, FolderError>;
    /// One entry.
    fn stat(&self, path: &str) -> Result<Entry, FolderError>;
    /// Never replaces.
    fn rename(&self, from: &str, to: &str) -> Result<(), FolderError>;
    /// One directory; its parent exists.
    fn create_dir(&self, path: &str) -> Result<(), FolderError>;
    /// One file.
    fn remove_file(&self, path: &str) -> Result<(), FolderError>;
    /// Whether names can be added to this directory and taken from it.
    fn is_writable(&self, path: &str) -> Result<bool, FolderError>;
}

/// The host's own grants, through the imports. Only usable inside a component.
#[derive(Debug, Clone, Copy, Default)]
pub struct Granted;

impl Host for Granted {
    fn setting(&self, key: &str) -> Option<String> {
        settings::get(key)
    }

    fn log(&self, level: Level, text: &str) {
        log::emit(level, text);
    }

    fn now(&self) -> i64 {
        clock::now()
    }
}

impl MailServer for Granted {
    type Stream = mail_stream::Connection;

    fn open(&self, mailbox: &str) -> Result<Self::Stream, StreamError> {
        mail_stream::Connection::open(mailbox)
    }
}

impl MailStream for mail_stream::Connection {
    fn capabilities(&self) -> Vec<String> {
        mail_stream::Connection::capabilities(self)
    }

    fn read(&mut self, most: u32) -> Result<Vec<u8>, StreamError> {
        mail_stream::Connection::read(self, most)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        mail_stream::Connection::write(self, bytes)
    }

    fn release(&mut self) {
        mail_stream::Connection::release(self);
    }
}

impl Folder for Granted {
    fn list(&self, path: &str) -> Result<Vec<Entry>, FolderError> {
        wit_folder::list(path)
    }

    fn read_heads(&self, paths: &[String], most: u32) -> Result<Vec<Result<Vec<u8>, FolderError>>, FolderError> {
        wit_folder::read_heads(paths, most)
    }

    fn read(&self, path: &str, offset: u64, most: u32) -> Result<Vec<u8>, FolderError> {
        wit_folder::read(path, offset, most)
    }

    fn stat(&self, path: &str) -> Result<Entry, FolderError> {
        wit_folder::stat(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FolderError> {
        wit_folder::rename(from, to)
    }

    fn create_dir(&self, path: &str) -> Result<(), FolderError> {
        wit_folder::create_dir(path)
    }

    fn remove_file(&self, path: &str) -> Result<(), FolderError> {
        wit_folder::remove_file(path)
    }

    fn is_writable(&self, path: &str) -> Result<bool, FolderError> {
        wit_folder::is_writable(path)
    }
}

/// Sends panic messages to the log before the trap, which on this target carries no text. The glue calls it.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| log::emit(Level::Error, &panic.to_string())));
}
