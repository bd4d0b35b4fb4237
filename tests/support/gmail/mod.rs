//! A Gmail of our own: the Gmail API, the directory of the Admin SDK and Google's token server, on loopback, as strict as
//! their documentation. It keeps messages as they were delivered; a test reads its state directly, never by HTTP.
//!
//! The emulators that can be installed lack what the connector depends on: arbitrary header fields with decoded values,
//! `{a b}` in searches, quota and scopes.

mod directory;
mod faults;
mod header;
mod labels;
mod mailbox;
mod messages;
mod query;
mod refusal;
mod routes;
mod state;
mod tokens;

pub use faults::Faults;
pub use mailbox::Mail;
pub use state::{Gmail, Seen};

/// The scope that reads and changes mail, but removes none for good.
pub const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";
/// The scope that also removes mail for good.
pub const FULL: &str = "https://mail.google.com/";
/// The scope that lists users.
pub const DIRECTORY: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";
/// The only administrator.
pub const ADMIN: &str = "admin@acme.test";

/// The address of a user.
pub fn user(number: usize) -> String {
    format!("user{number:04}@acme.test")
}

/// The time by the clock that the host under test has, in milliseconds since 1970.
pub fn now() -> i64 {
    tokens::now().timestamp_millis()
}
