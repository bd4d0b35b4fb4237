//! The host's grants as traits: [`Granted`] is the real implementation, tests have their own.

use std::time::Duration;

use crate::bindings::clawback::mail_store::{clock, folder as wit_folder, http, log, mail_stream, memo, settings};
pub use crate::bindings::clawback::mail_store::{
    folder::{Entry, EntryKind, FolderError},
    http::{HttpError, Request, Response},
    log::Level,
    mail_stream::StreamError,
    memo::Scope,
};

/// Settings, log lines and the clock, which every connector has.
pub trait Host {
    /// Returns a non-secret setting of this store, as the operator wrote it.
    fn setting(&self, key: &str) -> Option<String>;
    /// Writes a line to the node's log. Never message content, because attackers write that.
    fn log(&self, level: Level, text: &str);
    /// Returns the time in microseconds since 1970-01-01 UTC.
    fn now(&self) -> i64;
    /// Waits. The time counts towards the call's time-out.
    fn sleep(&self, time: Duration);
}

/// Sends requests to granted endpoints; the methods are those of the interface `http`.
pub trait Http {
    /// Returns the response, with any status.
    fn send(&self, request: &Request) -> Result<Response, HttpError>;
    /// Returns the responses in the order of the requests, several of which run concurrently.
    fn send_many(&self, requests: &[Request]) -> Vec<Result<Response, HttpError>>;
    /// Returns the response with at most `most` bytes of its body.
    fn send_prefix(&self, request: &Request, most: u64) -> Result<Response, HttpError>;
}

/// Keeps values between calls; the methods are those of the interface `memo`. A call may find none.
pub trait Memo {
    /// Returns the value that was put under this key.
    fn get(&self, scope: Scope, key: &str) -> Option<Vec<u8>>;
    /// Keeps a value, at most an hour. Returns whether it was kept.
    fn put(&self, scope: Scope, key: &str, value: &[u8], time: Duration) -> bool;
}

/// Opens authenticated connections to the store's server.
pub trait MailServer {
    /// The stream that it opens.
    type Stream: MailStream;
    /// Returns a connection that is logged in for `mailbox`.
    fn open(&self, mailbox: &str) -> Result<Self::Stream, StreamError>;
}

/// One authenticated byte stream. Dropping it without [`release`](MailStream::release) closes the connection.
pub trait MailStream {
    /// Returns the capabilities that the server sent after login.
    fn capabilities(&self) -> Vec<String>;
    /// Returns at least one byte, at most `most`.
    fn read(&mut self, most: u32) -> Result<Vec<u8>, StreamError>;
    /// Writes all bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError>;
    /// Releases an idle connection: the host may keep it for the next call.
    fn release(&mut self);
}

/// One granted directory; the methods are those of the interface `folder`.
pub trait Folder {
    /// Returns the entries of one directory.
    fn list(&self, path: &str) -> Result<Vec<Entry>, FolderError>;
    /// Returns the first `most` entries whose names come after this text, in the order of their names; fewer at the end of
    /// the directory.
    fn list_after(&self, path: &str, after: &str, most: u32) -> Result<Vec<Entry>, FolderError>;
    /// Returns the entries whose names begin with one of these texts, in the order of their names.
    fn list_named(&self, path: &str, starts: &[String]) -> Result<Vec<Entry>, FolderError>;
    /// Returns the first `most` bytes of each file.
    fn read_heads(&self, paths: &[String], most: u32) -> Result<Vec<Result<Vec<u8>, FolderError>>, FolderError>;
    /// Returns part of one file.
    fn read(&self, path: &str, offset: u64, most: u32) -> Result<Vec<u8>, FolderError>;
    /// Returns one entry.
    fn stat(&self, path: &str) -> Result<Entry, FolderError>;
    /// Renames a file; never replaces one.
    fn rename(&self, from: &str, to: &str) -> Result<(), FolderError>;
    /// Creates one directory; its parent exists.
    fn create_dir(&self, path: &str) -> Result<(), FolderError>;
    /// Removes one file.
    fn remove_file(&self, path: &str) -> Result<(), FolderError>;
    /// Returns whether names can be added to this directory and removed from it.
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

    fn sleep(&self, time: Duration) {
        clock::sleep(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    }
}

impl Http for Granted {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        http::send(request)
    }

    fn send_many(&self, requests: &[Request]) -> Vec<Result<Response, HttpError>> {
        http::send_many(requests)
    }

    fn send_prefix(&self, request: &Request, most: u64) -> Result<Response, HttpError> {
        http::send_prefix(request, most)
    }
}

impl Memo for Granted {
    fn get(&self, scope: Scope, key: &str) -> Option<Vec<u8>> {
        memo::get(scope, key)
    }

    fn put(&self, scope: Scope, key: &str, value: &[u8], time: Duration) -> bool {
        memo::put(scope, key, value, u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
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

    fn list_after(&self, path: &str, after: &str, most: u32) -> Result<Vec<Entry>, FolderError> {
        wit_folder::list_after(path, after, most)
    }

    fn list_named(&self, path: &str, starts: &[String]) -> Result<Vec<Entry>, FolderError> {
        wit_folder::list_named(path, starts)
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

/// Sends panic messages to the log before the trap, which on this target has no text. Called by the glue.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| log::emit(Level::Error, &panic.to_string())));
}
