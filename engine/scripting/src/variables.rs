//! The `script:` step: a script that sets variables for later expressions.

use std::collections::BTreeMap;
use std::fmt;

use clawback_model::Digest;
use rhai::Map;

use crate::error::{ScriptError, ScriptFault};
use crate::filter::Context;
use crate::function::Function;
use crate::lists::Lists;
use crate::value::{Type, Value};

/// A compiled script with `fn variables()`, which returns a map.
pub struct VariableScript {
    function: Function,
    sets: BTreeMap<String, Type>,
}

impl fmt::Debug for VariableScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VariableScript")
            .field("name", &self.function.name)
            .field("sets", &self.sets)
            .finish_non_exhaustive()
    }
}

impl VariableScript {
    /// Compiles the source; the map that `variables()` returns must contain the names in `sets`, with these types.
    pub fn compile(name: &str, source: &str, lists: &Lists, sets: BTreeMap<String, Type>) -> Result<Self, ScriptError> {
        let hint = "a script step is `fn variables() { #{ name: value } }`";
        let missing = ("there is no function `variables` without arguments", hint);
        Ok(Self { function: Function::compile(name, source, lists, ("variables", 0), missing)?, sets })
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.function.name
    }

    /// Returns its source text.
    pub fn source(&self) -> &str {
        &self.function.source
    }

    /// Returns the sha256 of its source text.
    pub fn digest(&self) -> Digest {
        self.function.digest
    }

    /// Returns the variables that it sets, with their types.
    pub fn sets(&self) -> &BTreeMap<String, Type> {
        &self.sets
    }

    /// Runs the script.
    pub fn run(&self, context: &Context) -> Result<BTreeMap<String, Value>, ScriptFault> {
        let called = self.function.call::<Map>(context, ());
        let mut map = called.map_err(|error| ScriptFault::of(&error))?;
        let mut values = BTreeMap::new();
        for (name, kind) in &self.sets {
            let wrong = || ScriptFault::plain(format!("`variables` must set `{name}` to a {kind}"));
            let value = map.remove(name.as_str()).and_then(Value::from_dynamic).ok_or_else(wrong)?;
            let fits = match (value.kind(), kind) {
                (None, Type::List(_)) => true,
                (found, _) => found == Some(kind.plain()),
            };
            if !fits {
                return Err(wrong());
            }
            values.insert(name.clone(), value);
        }
        Ok(values)
    }
}
