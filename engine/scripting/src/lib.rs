//! Rhai scripts over messages: compiled once, run under limits, with a message as input and a verdict or a value as
//! result.
//!
//! **Invariant:** the only crate that uses rhai. Scripts get values, never handles: nothing here does I/O, and a fault
//! is a value with line and column, never a panic.

mod body;
mod current;
mod domain;
mod engine;
mod error;
mod expression;
mod feature_getters;
mod filter;
mod function;
mod getters;
mod homoglyph;
mod judgement;
mod lists;
mod registry;
mod rehearsal;
mod scan;
mod subject;
mod table;
mod value;
mod variables;
mod verdict;
mod words;

pub use clawback_model::{parse_duration, show_duration};
pub use domain::domain_of;
pub use error::{ScriptError, ScriptFault};
pub use expression::{Expression, Vars};
pub use filter::{Context, FilterScript, Session};
pub use judgement::VerdictScript;
pub use lists::{InvalidListName, Lists, SECOPS_MAILBOXES, TextSet};
pub use registry::{Entry, EntryKind};
pub use table::function_table;
pub use value::{Type, Value};
pub use variables::VariableScript;
pub use verdict::Verdict;
