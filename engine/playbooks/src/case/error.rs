//! Why a case fails.

use super::diff::difference;

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
pub(super) fn compare(expected: &str, found: String) -> Result<(), CaseError> {
    if expected.trim() == found.trim() {
        return Ok(());
    }
    Err(CaseError::Differs { expected: expected.to_owned(), found })
}
