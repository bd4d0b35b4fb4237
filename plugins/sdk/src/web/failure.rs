//! Answers that are too large to be read at once, apart from other errors.

use crate::types::Error;

/// Why a request has no answer.
#[derive(Debug)]
pub enum Failure {
    /// The answer is larger than a call can hold: fewer records fit.
    TooLarge,
    /// Any other error.
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TooLarge => Self::Permanent("the server's answer is too large".into()),
            Failure::Error(error) => error,
        }
    }
}
