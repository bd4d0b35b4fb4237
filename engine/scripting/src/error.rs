//! Errors of scripts: a script error at compile time, a fault at run time.

use rhai::{EvalAltResult, ParseError, Position};

/// A script or an expression that cannot be used, with the position of the mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}:{column}: {message}")]
pub struct ScriptError {
    /// The name of the script, or the text of the expression.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The mistake.
    pub message: String,
    /// A hint on how to correct it.
    pub hint: Option<String>,
}

impl ScriptError {
    pub(crate) fn at(name: &str, position: Position, message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            line: position.line().unwrap_or(1),
            column: position.position().unwrap_or(1).max(1),
            message: message.into(),
            hint,
        }
    }

    pub(crate) fn of_parse(name: &str, error: &ParseError) -> Self {
        let message = error.err_type().to_string();
        let hint = hint_for(&message);
        Self::at(name, error.position(), lower_first(&message), hint)
    }
}

fn hint_for(message: &str) -> Option<String> {
    let hint = if message.contains("'eval'") {
        "scripts cannot run text as code; write the condition out"
    } else if message.contains("'import'") || message.contains("'export'") {
        "scripts cannot import others; put shared values into [lists] of the configuration"
    } else if message.contains("Undefined variable") || message.contains("Variable not found") {
        "known are `message`, `inputs`, `now` and the lists of the configuration"
    } else if message.contains("too complex") || message.contains("maximum") {
        "split the expression; nesting is bounded"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

pub(crate) fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if letters.clone().next().is_some_and(|second| !second.is_uppercase()) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// A script that failed on one message. The message is not acted on: a fault is an outcome of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {text}")]
pub struct ScriptFault {
    /// The line, from 1; 0 if unknown.
    pub line: usize,
    /// The column in characters, from 1; 0 if unknown.
    pub column: usize,
    /// The failure.
    pub text: String,
}

/// The longest text of a fault. It is written to logs and the history, and a script may put a whole subject into it.
const LONGEST_FAULT: usize = 300;

impl ScriptFault {
    pub(crate) fn of(error: &EvalAltResult) -> Self {
        let inner = error.unwrap_inner();
        let position = match inner.position() {
            Position::NONE => error.position(),
            found => found,
        };
        let mut bare = inner.to_string();
        if let Some(at) = bare.rfind(" (line ") {
            bare.truncate(at);
        }
        let bare = bare.strip_prefix("Runtime error: ").unwrap_or(&bare);
        Self {
            line: position.line().unwrap_or(0),
            column: position.position().unwrap_or(0),
            text: lower_first(&clawback_model::visible_line(bare, LONGEST_FAULT)),
        }
    }

    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { line: 0, column: 0, text: text.into() }
    }
}
