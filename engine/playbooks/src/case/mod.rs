//! Cases: messages with the expected result of a playbook or a script. Cases are given as text; the caller reads the
//! files.

mod content;
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
