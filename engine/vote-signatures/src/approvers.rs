//! The keys of approvers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clawback_files::FileError;
use clawback_model::{Signed, Timestamp, VoteStatement};

use crate::line::{Key, Line};
use crate::passkey::Assertion;
use crate::ssh;

/// The keys of the principals who may sign votes.
#[derive(Debug, Clone, Default)]
pub struct Approvers {
    lines: Vec<Line>,
}

/// An invalid file of keys.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ApproversError {
    #[error("the keys of approvers: {0}")]
    Unreadable(#[source] FileError),
    #[error("the keys of approvers: {}: line {line}: {detail}", path.display())]
    Line { path: PathBuf, line: usize, detail: String },
}

/// An invalid signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SignatureError {
    #[error("{name} has no key of this kind among the approvers' keys that holds at {at}")]
    NoKey { name: String, at: Timestamp },
    #[error("the signature of {name} is not of this vote by one of their keys")]
    Wrong { name: String },
}

impl Approvers {
    /// Reads the file, which only its owner may write.
    pub fn read(path: &Path) -> Result<Self, ApproversError> {
        let text = clawback_files::read_policy(path).map_err(ApproversError::Unreadable)?;
        Self::parse(&text).map_err(|(line, detail)| ApproversError::Line { path: path.to_owned(), line, detail })
    }

    /// Parses a text; fails with the number of a line and the mistake in it.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut lines: Vec<Line> = Vec::new();
        for (number, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let line = Line::read(text).map_err(|detail| (number, detail.to_owned()))?;
            // Two votes by one key would be those of one person.
            if let Some(other) = lines.iter().find(|other| is_same(&other.key, &line.key) && other.name != line.name) {
                return Err((
                    number,
                    format!("{} has the same key as {}: a key is of one person", line.name, other.name),
                ));
            }
            lines.push(line);
        }
        Ok(Self { lines })
    }

    /// Returns the principals who have a valid key at this time.
    pub fn people(&self, at: Timestamp) -> BTreeSet<&str> {
        self.lines.iter().filter(|line| line.holds_at(at)).map(|line| line.name.as_str()).collect()
    }

    /// Returns host and ID of the passkeys of this person that are valid at this time.
    pub fn passkeys<'a>(&'a self, name: &'a str, at: Timestamp) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.of(name, at).filter_map(|key| match key {
            Key::Passkey(passkey) => Some((passkey.host.as_str(), passkey.credential.as_str())),
            Key::Ssh(_) => None,
        })
    }

    /// Checks that the statement is signed by a key of the voter that is valid at the time of the signature.
    pub fn check(&self, statement: &VoteStatement<'_>, signed: &Signed) -> Result<(), SignatureError> {
        let (name, at) = (statement.voter, statement.at);
        let text = statement.to_string();
        let mut is_any = false;
        for key in self.of(name, at) {
            let is_by = match (key, signed) {
                (Key::Ssh(key), Signed::Ssh { signature }) => {
                    ssh::read(signature).is_some_and(|signature| ssh::is_by(&signature, key, &text))
                }
                (Key::Passkey(key), Signed::Passkey { credential, authenticator_data, client_data, signature }) => {
                    let assertion = Assertion { authenticator_data, client_data, signature };
                    key.credential == *credential && key.made(&assertion, &text)
                }
                _ => continue,
            };
            if is_by {
                return Ok(());
            }
            is_any = true;
        }
        let name = name.to_owned();
        Err(if is_any { SignatureError::Wrong { name } } else { SignatureError::NoKey { name, at } })
    }

    fn of<'a>(&'a self, name: &'a str, at: Timestamp) -> impl Iterator<Item = &'a Key> {
        self.lines.iter().filter(move |line| line.name == name && line.holds_at(at)).map(|line| &line.key)
    }
}

fn is_same(one: &Key, other: &Key) -> bool {
    match (one, other) {
        (Key::Ssh(one), Key::Ssh(other)) => one.key_data() == other.key_data(),
        (one, other) => one == other,
    }
}
