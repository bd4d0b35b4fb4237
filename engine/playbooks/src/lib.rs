//! Playbooks: parses YAML into a checked playbook, and reports every mistake at once.
//!
//! **Invariant:** only a completely checked playbook runs. Pure: sources are given as text; neither clock nor file is
//! read.

mod bind;
mod case;
mod cluster;
mod condition;
mod diagnostic;
mod env;
mod input;
mod judge;
mod language;
mod load;
mod schema;
mod shape;
mod step;
mod template;
mod trigger;
mod value;
mod verdict;
mod yaml;

pub use bind::{BindError, Bound};
pub use case::{CaseError, PlaybookCase, Recorded, Recording, ScriptCase, difference};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use env::Env;
pub use input::Input;
pub use judge::{Judge, Judgement};
pub use load::Playbook;
pub use schema::{keys, schema};
pub use trigger::Triggers;
