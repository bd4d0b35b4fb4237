//! Inputs: declared with a type, given as text at submit, checked before anything runs.

use std::collections::BTreeMap;

use clawback_model::visible_line;
use clawback_scripting::{Type, Value, parse_duration};

use crate::diagnostic::Report;
use crate::language::{check_address, check_domain, check_location};
use crate::yaml::Node;

/// One declared input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name, seen as `inputs.name`.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// Must be given.
    pub required: bool,
    /// Value if none is given.
    pub default: Option<Value>,
    /// What it is for.
    pub description: String,
}

/// Reads `text`, `address`, ..., `list of address`.
pub(crate) fn parse_type(text: &str) -> Option<Type> {
    Some(match text.trim() {
        "text" => Type::Text,
        "address" => Type::Address,
        "domain" => Type::Domain,
        "location" => Type::Location,
        "integer" => Type::Integer,
        "boolean" => Type::Boolean,
        "duration" => Type::Duration,
        "timestamp" => Type::Timestamp,
        list => match parse_type(list.strip_prefix("list of ")?)? {
            Type::List(_) => return None,
            item => Type::List(Box::new(item)),
        },
    })
}

/// Reads a value of a type. Items of a list stand between commas.
pub(crate) fn parse_value(kind: &Type, text: &str) -> Result<Value, String> {
    let shown = || visible_line(text, 60);
    let trimmed = text.trim();
    match kind {
        Type::Text => Ok(Value::Text(text.to_owned())),
        Type::Address => check_address(trimmed)
            .map(|()| Value::Text(trimmed.to_owned()))
            .map_err(|why| format!("`{}` is no address: {why}", shown())),
        Type::Domain => check_domain(trimmed)
            .map(|()| Value::Text(trimmed.to_owned()))
            .map_err(|why| format!("`{}` is no domain: {why}", shown())),
        Type::Location => check_location(trimmed).map(|()| Value::Text(trimmed.to_owned())),
        Type::Integer => trimmed.parse().map(Value::Integer).map_err(|_| format!("`{}` is no whole number", shown())),
        Type::Boolean => {
            trimmed.parse().map(Value::Boolean).map_err(|_| format!("`{}` is neither true nor false", shown()))
        }
        Type::Duration => parse_duration(trimmed)
            .map(Value::Duration)
            .ok_or_else(|| format!("`{}` is no duration; write 15m, 48h or 7d", shown())),
        Type::Timestamp => clawback_model::Timestamp::parse(trimmed)
            .map(Value::Timestamp)
            .ok_or_else(|| format!("`{}` is no time; write 2026-11-23 or 2026-11-23T12:00:00Z", shown())),
        Type::List(item) => trimmed
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| parse_value(item, part))
            .collect::<Result<_, _>>()
            .map(Value::List),
    }
}

/// Reads the `inputs:` of a playbook.
pub(crate) fn read(node: Option<&Node>, report: &Report) -> Vec<Input> {
    let mut inputs = Vec::new();
    for (name, body) in node.map(Node::entries).unwrap_or_default() {
        let text = name.text().unwrap_or_default();
        let is_word = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_word {
            let message = format!("`{}` cannot name an input", visible_line(text, 60));
            report
                .error("input", name.span.clone(), message, "here")
                .help("lower-case letters, digits and _, a letter first: scripts see it as inputs.name");
            continue;
        }
        let Some(kind) = body.get("type").and_then(Node::text).and_then(parse_type) else { continue };
        let required = body.get("required").and_then(Node::boolean).unwrap_or(false);
        let default = body.get("default").filter(|node| !node.is_null());
        if let (true, Some(default)) = (required, default) {
            report
                .error(
                    "input",
                    default.span.clone(),
                    format!("the input `{text}` is required and has a default"),
                    "never used",
                )
                .help("leave out one of them");
        }
        let default = default.and_then(|node| {
            let texts: Vec<_> = node.items().iter().filter_map(Node::text).collect();
            match parse_value(&kind, &texts.join(",")) {
                Ok(value) => Some(value),
                Err(why) => {
                    report.error(
                        "input",
                        node.span.clone(),
                        format!("the default of `{text}` does not fit: {why}"),
                        format!("not of type {kind}"),
                    );
                    None
                }
            }
        });
        let description = body.get("description").and_then(Node::text).unwrap_or_default().to_owned();
        inputs.push(Input { name: text.to_owned(), kind, required, default, description });
    }
    inputs
}

/// Checks what was given against what is declared: values by name, or every mistake.
pub(crate) fn bind(
    declared: &[Input],
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, Vec<String>> {
    let mut values = BTreeMap::new();
    let mut wrong = Vec::new();
    for input in declared {
        match given.get(&input.name) {
            Some(text) if text.trim().is_empty() && input.kind != Type::Text => {
                wrong.push(format!("input `{}` is empty; it is {}", input.name, input.kind.one()));
            }
            Some(text) => match parse_value(&input.kind, text) {
                Ok(value) => _ = values.insert(input.name.clone(), value),
                Err(why) => wrong.push(format!("input `{}`: {why}", input.name)),
            },
            None if input.required => {
                wrong.push(format!("input `{}` is missing; it is {}", input.name, input.kind.one()));
            }
            None => {
                if let Some(default) = &input.default {
                    values.insert(input.name.clone(), default.clone());
                }
            }
        }
    }
    for name in given.keys().filter(|name| !declared.iter().any(|input| input.name == **name)) {
        let known = declared.iter().map(|input| input.name.as_str());
        let hint = match crate::diagnostic::nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", known.collect::<Vec<_>>().join(", ")),
        };
        wrong.push(format!("the playbook has no input `{}`; {hint}", visible_line(name, 60)));
    }
    if wrong.is_empty() { Ok(values) } else { Err(wrong) }
}
