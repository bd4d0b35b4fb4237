//! Expressions of playbooks, in `${...}` and in `when:`.
//!
//! An expression is checked by evaluating it on a sample of every variable, with `&&` and `||` evaluating both sides:
//! an unknown variable, a wrong operand and a wrong result are then errors at load. `if` and blocks are not part of the
//! language, so that no part remains unchecked.

use std::collections::BTreeMap;
use std::fmt;

use rhai::{AST, Dynamic, Map, Position, Scope};

use crate::engine;
use crate::error::{ScriptError, ScriptFault};
use crate::filter::check_uses;
use crate::scan;
use crate::value::{Type, Value};

/// The values of variables, by dotted name: `now`, `inputs.sender`, `plan.count`.
pub type Vars = BTreeMap<String, Value>;

/// A checked expression.
pub struct Expression {
    text: String,
    ast: AST,
    result: Option<Type>,
    inputs: Vec<String>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expression").field("text", &self.text).field("result", &self.result).finish_non_exhaustive()
    }
}

/// The longest expression, in bytes.
const LONGEST: usize = 4_096;

impl Expression {
    /// Checks the text against the variables that it may use.
    pub fn compile(text: &str, variables: &[(String, Type)]) -> Result<Self, ScriptError> {
        let start = Position::new(1, 1);
        if text.len() > LONGEST {
            return Err(ScriptError::at(text, start, format!("an expression has at most {LONGEST} bytes"), None));
        }
        let samples: Vars = variables.iter().map(|(name, kind)| (name.clone(), kind.sample())).collect();
        let mut scope = scope(&samples);
        let strict = engine::strict();
        let (eager, uses) = scan::watch(true, || strict.compile_expression_with_scope(&scope, text));
        let eager = eager.map_err(|error| hinted(ScriptError::of_parse(text, &error), variables))?;
        check_uses(text, &uses).map_err(|error| with_operator(error).0)?;
        engine::begin();
        let sample = strict.eval_ast_with_scope::<Dynamic>(&mut scope, &eager).map_err(|error| {
            let fault = ScriptFault::of(&error);
            let at = |number: usize| u16::try_from(number.max(1)).unwrap_or(u16::MAX);
            hinted(ScriptError::at(text, Position::new(at(fault.line), at(fault.column)), fault.text, None), variables)
        })?;
        let kind = sample.type_name();
        let Some(sample) = Value::from_dynamic(sample) else {
            let message = format!("the expression gives a {kind}, which no key of a playbook takes");
            return Err(ScriptError::at(text, start, message, None));
        };
        let ast =
            strict.compile_expression_with_scope(&scope, text).map_err(|error| ScriptError::of_parse(text, &error))?;
        let inputs = uses.inputs.into_iter().map(|(name, _)| name).collect();
        Ok(Self { text: text.to_owned(), ast, result: sample.kind(), inputs })
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the type of the result; `None` for an empty list.
    pub fn result(&self) -> Option<&Type> {
        self.result.as_ref()
    }

    /// Returns the inputs that it reads.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Returns the value for these variables.
    pub fn eval(&self, vars: &Vars) -> Result<Value, ScriptFault> {
        let mut scope = scope(vars);
        engine::begin();
        let value = engine::strict()
            .eval_ast_with_scope::<Dynamic>(&mut scope, &self.ast)
            .map_err(|error| ScriptFault::of(&error))?;
        let kind = value.type_name();
        Value::from_dynamic(value).ok_or_else(|| ScriptFault::plain(format!("the expression gave a {kind}")))
    }
}

/// Makes `inputs.sender` a member of the map `inputs`.
fn scope(vars: &Vars) -> Scope<'static> {
    let mut scope = Scope::new();
    let mut maps: BTreeMap<&str, Map> = BTreeMap::new();
    for (name, value) in vars {
        match name.split_once('.') {
            None => _ = scope.push_dynamic(name.clone(), value.to_dynamic()),
            Some((root, member)) => {
                maps.entry(root).or_default().insert(member.into(), value.to_dynamic());
            }
        }
    }
    for (root, map) in maps {
        scope.push(root.to_owned(), map);
    }
    scope
}

/// Adds the correct name to the error about a wrong one.
fn hinted(error: ScriptError, variables: &[(String, Type)]) -> ScriptError {
    let (mut error, found) = with_operator(error);
    if found {
        return error;
    }
    let lower = error.message.to_lowercase();
    if lower.contains("variable") || lower.contains("property") {
        let wrong = error.message.rsplit([':', '\'', ' ']).find(|word| !word.trim().is_empty()).unwrap_or("").trim();
        let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
        let near = variables
            .iter()
            .map(|(name, _)| (strsim::levenshtein(&last(name), wrong).min(strsim::levenshtein(name, wrong)), name))
            .min();
        let known = variables.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        error.hint = Some(match near {
            Some((distance, name)) if distance <= 2 => format!("did you mean `{name}`?"),
            _ if known.is_empty() => "no variables are known here".to_owned(),
            _ => format!("known here are {known}"),
        });
    }
    error
}

/// Adds the operator to the error if a word of another language is used for it; returns whether one is.
fn with_operator(mut error: ScriptError) -> (ScriptError, bool) {
    let operator = operator_at(&error);
    error.hint = operator.map(|operator| format!("write `{operator}`")).or(error.hint);
    (error, operator.is_some())
}

/// Returns the operator for the word at the mistake, or before it: `and`, `or` and `not` are words of other languages.
fn operator_at(error: &ScriptError) -> Option<&'static str> {
    let line = error.name.lines().nth(error.line.saturating_sub(1))?;
    let at: String = line.chars().skip(error.column.saturating_sub(1)).collect();
    let before: String = line.chars().take(error.column.saturating_sub(1)).collect();
    let word = |text: &str| match text.to_lowercase().as_str() {
        "and" => Some("&&"),
        "or" => Some("||"),
        "not" => Some("!"),
        _ => None,
    };
    let here = at.split(|letter: char| !letter.is_alphanumeric()).next().and_then(word);
    here.or_else(|| before.split_whitespace().next_back().and_then(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_of_other_languages_are_hinted_at() {
        for (text, operator) in
            [("1 > 2 and 2 > 1", "write `&&`"), ("1 > 2 or 2 > 1", "write `||`"), ("not (1 > 2)", "write `!`")]
        {
            let error = Expression::compile(text, &[]).unwrap_err();
            assert_eq!(error.hint.as_deref(), Some(operator), "{text}: {error}");
        }
    }
}
