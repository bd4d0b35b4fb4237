//! Values that contain `${...}`.

use std::ops::Range;

use clawback_scripting::{Expression, ScriptFault, Type, Value, Vars};

use crate::diagnostic::Report;
use crate::yaml::Node;

/// Alternating text and expressions.
#[derive(Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Expression(Expression),
}

/// The variables that an expression may use at one place of a playbook.
pub(crate) type Variables = Vec<(String, Type)>;

impl Template {
    /// Reads the text of a node. A value that is exactly one `${...}` keeps its type, which must be `wanted` or, with
    /// `several`, a list of it; with text around it, the result is text.
    pub(crate) fn read(
        node: &Node,
        wanted: &Type,
        several: bool,
        variables: &Variables,
        report: &Report,
    ) -> Option<Self> {
        let text = node.text()?;
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if start > 0 {
                parts.push(Part::Text(rest[..start].to_owned()));
            }
            let inside = &rest[start + 2..];
            let Some(end) = end_of(inside) else {
                report
                    .error("expression", node.span.clone(), "a `${` has no `}`", "unfinished")
                    .help("close it, or put the whole value in quotes");
                return None;
            };
            parts.push(Part::Expression(compile(&inside[..end], node, variables, report)?));
            rest = &inside[end + 1..];
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        let template = Self(parts);
        template.check(node, wanted, several, report).then_some(template)
    }

    fn check(&self, node: &Node, wanted: &Type, several: bool, report: &Report) -> bool {
        let wanted = wanted.plain();
        let complain = |found: &Type| {
            let list = if several { format!(" or a list of {wanted}") } else { String::new() };
            report.error(
                "expression",
                node.span.clone(),
                format!("this gives {}, and {}{list} belongs here", found.one(), wanted.one()),
                found.one(),
            );
            false
        };
        match self.0.as_slice() {
            [Part::Expression(alone)] => match alone.result() {
                Some(found) if *found == wanted => true,
                Some(Type::List(item)) if several && **item == wanted => true,
                None if several => true,
                Some(found) => complain(found),
                None => complain(&Type::List(Box::new(Type::Text))),
            },
            [Part::Text(_)] => true,
            parts => {
                parts.iter().all(|part| match part {
                    Part::Expression(inner) if matches!(inner.result(), Some(Type::List(_)) | None) => {
                        report.error("expression", node.span.clone(), "a list cannot be inside a text", "a list here");
                        false
                    }
                    _ => true,
                }) && (wanted == Type::Text || complain(&Type::Text))
            }
        }
    }

    /// Returns the text, if it contains no expression.
    pub(crate) fn literal(&self) -> Option<&str> {
        if let [Part::Text(text)] = self.0.as_slice() { Some(text) } else { None }
    }

    /// Returns whether it reads an input that was not given and has no default.
    pub(crate) fn lacks_input(&self, vars: &Vars) -> bool {
        self.0.iter().any(|part| match part {
            Part::Text(_) => false,
            Part::Expression(inner) => {
                inner.inputs().iter().any(|input| !vars.contains_key(&format!("inputs.{input}")))
            }
        })
    }

    /// Returns the value for these variables.
    pub(crate) fn eval(&self, vars: &Vars) -> Result<Value, ScriptFault> {
        match self.0.as_slice() {
            [Part::Expression(alone)] => alone.eval(vars),
            parts => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(plain) => text.push_str(plain),
                        Part::Expression(inner) => text.push_str(&inner.eval(vars)?.to_string()),
                    }
                }
                Ok(Value::Text(text))
            }
        }
    }
}

/// Compiles the text of an expression; a mistake is shown inside the node if the node contains the text literally.
pub(crate) fn compile(text: &str, node: &Node, variables: &Variables, report: &Report) -> Option<Expression> {
    match Expression::compile(text, variables) {
        Ok(expression) => Some(expression),
        Err(error) => {
            let span = inside(text, node, error.line, error.column, report);
            let reported = report.error("expression", span, error.message, "here");
            if let Some(hint) = error.hint {
                reported.help(hint);
            }
            None
        }
    }
}

/// Compiles an expression that is true or false, such as a `when:`.
pub(crate) fn condition(body: &Node, key: &str, variables: &Variables, report: &Report) -> Option<Expression> {
    let node = body.get(key)?;
    let text = node.text()?;
    let bare = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let expression = compile(bare, node, variables, report)?;
    match expression.result() {
        Some(Type::Boolean) => Some(expression),
        found => {
            let found = found.map_or_else(|| "a list".to_owned(), Type::one);
            report.error(
                "expression",
                node.span.clone(),
                format!("`{key}` must be true or false, and this gives {found}"),
                found,
            );
            None
        }
    }
}

fn inside(text: &str, node: &Node, line: usize, column: usize, report: &Report) -> Range<usize> {
    let source = report.text().get(node.span.clone()).unwrap_or_default();
    match source.find(text) {
        Some(at) if line == 1 => {
            let within = crate::diagnostic::offset(text, line, column);
            let start = node.span.start + at + within;
            let rest = &text[within.min(text.len())..];
            let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len()).max(1);
            start..(start + word).min(node.span.end)
        }
        _ => node.span.clone(),
    }
}

/// Returns the `}` that closes an expression: not one inside a text or a map.
fn end_of(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '`') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}') => depth -= 1,
            _ => {}
        }
    }
    None
}
