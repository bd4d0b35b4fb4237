//! The error for a word that is not in a vocabulary.

/// A word that is not in the vocabulary.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown {noun} `{given}`; known are {known}")]
pub struct UnknownWord {
    noun: &'static str,
    given: String,
    known: String,
}

impl UnknownWord {
    /// Creates the error, which lists the valid words.
    pub fn new<const N: usize>(noun: &'static str, given: &str, known: [&str; N]) -> Self {
        Self { noun, given: given.chars().take(60).collect(), known: known.join(", ") }
    }
}
