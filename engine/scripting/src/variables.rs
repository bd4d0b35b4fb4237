//! The `script:` step: a script that sets variables for later expressions.

use std::collections::BTreeMap;
use std::fmt;

use clawback_model::Digest;
use rhai::{AST, CallFnOptions, Dynamic, Map, Position, Scope};

use crate::engine;
use crate::error::{ScriptError, ScriptFault};
use crate::filter::{Context, check_uses};
use crate::lists::Lists;
use crate::scan;
use crate::value::{Type, Value};

/// A compiled script with `fn variables()`, which returns a map.
pub struct VariableScript {
    name: String,
    ast: AST,
    lists: Lists,
    sets: BTreeMap<String, Type>,
    source: String,
    digest: Digest,
}

impl fmt::Debug for VariableScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VariableScript").field("name", &self.name).field("sets", &self.sets).finish_non_exhaustive()
    }
}

impl VariableScript {
    /// Compiles the source; the map that `variables()` returns must contain the names in `sets`, with these types.
    pub fn compile(name: &str, source: &str, lists: &Lists, sets: BTreeMap<String, Type>) -> Result<Self, ScriptError> {
        if source.len() > engine::SOURCE {
            let message = format!("the script has {} bytes, and {} are allowed", source.len(), engine::SOURCE);
            return Err(ScriptError::at(name, Position::new(1, 1), message, None));
        }
        let scope = scope(lists, &Context::default());
        let (compiled, uses) = scan::watch(false, || engine::strict().compile_with_scope(&scope, source));
        let ast = compiled.map_err(|error| ScriptError::of_parse(name, &error))?;
        check_uses(name, &uses)?;
        if !ast.iter_functions().any(|known| known.name == "variables" && known.params.is_empty()) {
            let hint = "a script step is `fn variables() { #{ name: value } }`";
            let at = Position::new(1, 1);
            return Err(ScriptError::at(
                name,
                at,
                "there is no function `variables` without arguments",
                Some(hint.into()),
            ));
        }
        let digest = Digest::of(source.as_bytes());
        Ok(Self { name: name.to_owned(), ast, lists: lists.clone(), sets, source: source.to_owned(), digest })
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its source text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the sha256 of its source text.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the variables that it sets, with their types.
    pub fn sets(&self) -> &BTreeMap<String, Type> {
        &self.sets
    }

    /// Runs the script.
    pub fn run(&self, context: &Context) -> Result<BTreeMap<String, Value>, ScriptFault> {
        let mut scope = scope(&self.lists, context);
        engine::begin();
        let options = CallFnOptions::new().eval_ast(false);
        let mut map = engine::strict()
            .call_fn_with_options::<Map>(options, &mut scope, &self.ast, "variables", ())
            .map_err(|error| ScriptFault::of(&error))?;
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

/// Returns what a script sees in addition to its arguments: lists, inputs and the time.
pub(crate) fn scope(lists: &Lists, context: &Context) -> Scope<'static> {
    let mut scope = Scope::new();
    for (list, set) in lists.iter() {
        scope.push_constant(list.to_owned(), set.clone());
    }
    let inputs: Map = context.inputs.iter().map(|(name, value)| (name.into(), value.to_dynamic())).collect();
    scope.push("inputs", Dynamic::from(inputs)).push("now", context.now);
    scope
}
