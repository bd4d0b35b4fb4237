//! What can be wrong with a script: an error when it is compiled, a fault when it runs.

use rhai::{EvalAltResult, ParseError, Position};

/// A script or an expression that cannot be used, with the place of the mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}:{column}: {message}")]
pub struct ScriptError {
    /// Name of the script, or the text of the expression.
    pub name: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
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
        "scripts stand alone; shared values belong into [lists] of the configuration"
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

/// A script that failed on one message. The message stays out of the plan's reach: a fault is an outcome of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {text}")]
pub struct ScriptFault {
    /// Line, from 1; 0 if unknown.
    pub line: usize,
    /// Column in characters, from 1; 0 if unknown.
    pub column: usize,
    /// What happened.
    pub text: String,
}

/// Texts of faults end in logs and history: a script may put a whole subject into one.
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
