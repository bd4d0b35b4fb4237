//! Errors of cases.

use super::diff::difference;

/// The error of a case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// The case cannot be run: the case, the playbook or the script is invalid.
    #[error("{0}")]
    Broken(String),
    /// The result differs from the expected one.
    #[error("{}", difference(.expected, .found))]
    Differs {
        /// The expected result.
        expected: String,
        /// The actual result.
        found: String,
    },
}

/// Fails if the two differ other than by white space around them.
pub(super) fn compare(expected: &str, found: String) -> Result<(), CaseError> {
    if expected.trim() == found.trim() {
        return Ok(());
    }
    Err(CaseError::Differs { expected: expected.to_owned(), found })
}
