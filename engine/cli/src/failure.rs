//! How a command fails: a sentence, its causes, what to do next, and an exit code.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clawback_model::SavedSearchRefused;
use clawback_playbooks::Diagnostics;
use clawback_runtime::Error;
use clawback_store::StoreError;

/// Exit codes; documented in `engine/cli/docs/output.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// The request failed.
    Failed = 1,
    /// Misuse or configuration.
    Misuse = 2,
    /// Finished, and some messages failed.
    Partial = 3,
    /// Interrupted by Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// With an exit code that the caller decides.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// The user or the configuration is wrong.
    pub(crate) fn misuse(message: impl Into<String>) -> Self {
        Self { exit: Exit::Misuse, message: message.into(), hint: None }
    }

    /// The request was right and failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), hint: None }
    }

    /// What to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// As printed to standard error.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("error: {}", self.message);
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\n  hint: {hint}");
        }
        text
    }
}

/// The message and its causes, each once, made safe for a terminal: a cause may quote a server.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = clean(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = clean(&error.to_string());
        if !text.contains(&message) {
            let _ = write!(text, "\n  caused by: {message}");
        }
        cause = error.source();
    }
    text
}

/// Keeps line breaks, and makes every other deceptive character visible.
pub(crate) fn clean(text: &str) -> String {
    text.lines().map(clawback_model::visible).collect::<Vec<_>>().join("\n")
}

/// Mistakes in a playbook, as they are shown to a person.
pub(crate) fn diagnostics(found: &Diagnostics) -> String {
    found.render(std::io::stderr().is_terminal())
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let exit = match error {
            Error::Playbook(_)
            | Error::Inputs(_)
            | Error::Picks(_)
            | Error::Label { .. }
            | Error::AgentName(_)
            | Error::Refused(
                StoreError::Name(_)
                | StoreError::SavedSearch(
                    SavedSearchRefused::Length
                    | SavedSearchRefused::WhiteSpace(_)
                    | SavedSearchRefused::Invisible(_)
                    | SavedSearchRefused::ReadsAsId(_)
                    | SavedSearchRefused::NoCondition
                    | SavedSearchRefused::NotACondition(_)
                    | SavedSearchRefused::TooMany { .. },
                ),
            )
            | Error::NoOwner { .. }
            | Error::Owner { .. }
            | Error::UnknownOwner { .. }
            | Error::Determination(_)
            | Error::TokenDays { .. }
            | Error::UnknownPlaybook { .. }
            | Error::UnknownSchedule { .. }
            | Error::Schedule { .. }
            | Error::UnknownStore { .. }
            | Error::PlaybookPath { .. }
            | Error::Indicators(_)
            | Error::Reporter(_)
            | Error::NotForReports { .. }
            | Error::OutlookFile
            | Error::File { .. }
            | Error::NoEvidence
            | Error::Bucket { .. }
            | Error::Notifier { .. }
            | Error::Limit(_) => Exit::Misuse,
            _ => Exit::Failed,
        };
        if let Error::Playbook(found) = error {
            return Self { exit, message: format!("the playbook has mistakes\n{}", diagnostics(found)), hint: None };
        }
        Self { exit, message: chain(error), hint: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<clawback_store::StoreError> for Failure {
    fn from(error: clawback_store::StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<clawback_files::FileError> for Failure {
    fn from(error: clawback_files::FileError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}
