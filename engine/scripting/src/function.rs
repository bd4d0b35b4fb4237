//! A script that answers by one function, without state between calls.

use clawback_model::Digest;
use rhai::{AST, CallFnOptions, Dynamic, EvalAltResult, FuncArgs, Map, Position, Scope, Variant};

use crate::engine;
use crate::error::ScriptError;
use crate::filter::{Context, check_uses};
use crate::lists::Lists;
use crate::scan::{self, Uses};

/// A compiled script, and the function that is called.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) digest: Digest,
    pub(crate) uses: Uses,
    ast: AST,
    lists: Lists,
    called: &'static str,
}

impl Function {
    /// Compiles the source. It must define the function `called` with so many parameters; `missing` is the error and its
    /// hint if it does not.
    pub(crate) fn compile(
        name: &str,
        source: &str,
        lists: &Lists,
        (called, parameters): (&'static str, usize),
        missing: (&str, &str),
    ) -> Result<Self, ScriptError> {
        engine::check_size(name, source)?;
        let scope = scope(lists, &Context::default());
        let (compiled, uses) = scan::watch(false, || engine::strict().compile_with_scope(&scope, source));
        let ast = compiled.map_err(|error| ScriptError::of_parse(name, &error))?;
        check_uses(name, &uses)?;
        if !ast.iter_functions().any(|known| known.name == called && known.params.len() == parameters) {
            let (message, hint) = missing;
            return Err(ScriptError::at(name, Position::new(1, 1), message, Some(hint.to_owned())));
        }
        let (name, source, digest) = (name.to_owned(), source.to_owned(), Digest::of(source.as_bytes()));
        Ok(Self { name, source, digest, uses, ast, lists: lists.clone(), called })
    }

    /// Calls the function.
    pub(crate) fn call<T: Variant + Clone>(
        &self,
        context: &Context,
        arguments: impl FuncArgs,
    ) -> Result<T, Box<EvalAltResult>> {
        let mut scope = scope(&self.lists, context);
        engine::begin();
        let options = CallFnOptions::new().eval_ast(false);
        engine::strict().call_fn_with_options(options, &mut scope, &self.ast, self.called, arguments)
    }
}

/// Returns what a script sees in addition to its arguments: lists, inputs and the time.
fn scope(lists: &Lists, context: &Context) -> Scope<'static> {
    let mut scope = Scope::new();
    for (list, set) in lists.iter() {
        scope.push_constant(list.to_owned(), set.clone());
    }
    let inputs: Map = context.inputs.iter().map(|(name, value)| (name.into(), value.to_dynamic())).collect();
    scope.push("inputs", Dynamic::from(inputs)).push("now", context.now);
    scope
}
