//! Cases: messages with what a playbook or a script must make of them. They come in as text; whoever runs them reads the files.

mod diff;
mod mail;
mod playbook;
mod pseudonym;
mod record;
mod script;

pub use diff::difference;
pub use playbook::PlaybookCase;
pub use record::{Recorded, Recording};
pub use script::ScriptCase;

/// The time of a case that names none.
const NOW: &str = "2026-11-23T12:00:00Z";

/// Why a case fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// It cannot be run: the case, the playbook or the script is wrong.
    #[error("{0}")]
    Broken(String),
    /// Something else came of it.
    #[error("{}", difference(.expected, .found))]
    Differs {
        /// What the case says.
        expected: String,
        /// What came of it.
        found: String,
    },
}

/// Fails where the two are not the same but for blanks around them.
fn compare(expected: &str, found: String) -> Result<(), CaseError> {
    if expected.trim() == found.trim() {
        return Ok(());
    }
    Err(CaseError::Differs { expected: expected.to_owned(), found })
}
