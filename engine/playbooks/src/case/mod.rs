//! Cases: messages with what a playbook or a script must make of them. They come in as text; whoever runs them reads the files.

mod diff;
mod error;
mod mail;
mod playbook;
mod pseudonym;
mod record;
mod script;

pub use diff::difference;
pub use error::CaseError;
pub use playbook::PlaybookCase;
pub use record::{Recorded, Recording};
pub use script::ScriptCase;
