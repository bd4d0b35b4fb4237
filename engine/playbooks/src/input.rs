//! Inputs: declared with a type, given as text at submit, checked before anything runs.

use std::collections::BTreeMap;

use clawback_model::normal::normalise;
use clawback_model::{Inputs, visible_line};
use clawback_scripting::{Type, Value, parse_duration};

use crate::diagnostic::Report;
use crate::value::{check_action, check_address, check_domain, check_location};
use crate::yaml::Node;

/// One declared input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name, used as `inputs.name`.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// Whether it must be given.
    pub required: bool,
    /// The value if none is given.
    pub default: Option<Value>,
    /// A description for people.
    pub description: String,
}

/// Parses `text`, `address`, ..., `list of address`.
pub(crate) fn parse_type(text: &str) -> Option<Type> {
    Some(match text.trim() {
        "text" => Type::Text,
        "address" => Type::Address,
        "domain" => Type::Domain,
        "location" => Type::Location,
        "action" => Type::Action,
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

/// Parses one value of a type that is not a list. A text is not changed.
fn parse_value(kind: &Type, text: &str) -> Result<Value, String> {
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
        Type::Action => check_action(trimmed).map(|()| Value::Text(trimmed.to_owned())),
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
        Type::List(_) => Err("a list in a list".to_owned()),
    }
}

/// Parses the values of an input: exactly one, or any number for a list. A value is never split into several.
fn parse_values(kind: &Type, values: &[String]) -> Result<Value, String> {
    let Type::List(item) = kind else {
        return match values {
            [value] => {
                // A text may be empty unless it is searched for; then the condition refuses it.
                if value.trim().is_empty() && *kind != Type::Text {
                    return Err(format!("the value is empty; it is {}", kind.one()));
                }
                parse_value(kind, value)
            }
            several => Err(format!("{} values are given, and it takes one; it is {}", several.len(), kind.one())),
        };
    };
    if values.is_empty() {
        return Err("the list is empty".to_owned());
    }
    let read = |value: &String| {
        if is_blank(value) {
            return Err(format!("the value is empty: nothing in it can be seen; it is {}", item.one()));
        }
        parse_value(item, value).map_err(|why| {
            let hint = if value.contains(',') { "; give each value by itself, not between commas" } else { "" };
            format!("{why}{hint}")
        })
    };
    values.iter().map(read).collect::<Result<_, _>>().map(Value::List)
}

/// Returns whether a text consists only of blanks and invisible characters.
pub(crate) fn is_blank(text: &str) -> bool {
    normalise(text).is_empty()
}

/// Returns the inputs as a request stores them: a list as the text of a JSON array, anything else as its value.
pub(crate) fn to_stored(declared: &[Input], given: &Inputs) -> BTreeMap<String, String> {
    let stored = |(name, values): (&str, &[String])| {
        let is_list =
            declared.iter().any(|input| input.name == name && matches!(input.kind, Type::List(_))) || values.len() != 1;
        let text = match values {
            [value] if !is_list => value.clone(),
            several => serde_json::json!(several).to_string(),
        };
        (name.to_owned(), text)
    };
    given.iter().map(stored).collect()
}

/// Parses what [`to_stored`] wrote, or what older versions did: the values of a list separated by commas.
pub(crate) fn from_stored(declared: &[Input], stored: &BTreeMap<String, String>) -> Inputs {
    let mut given = Inputs::default();
    for (name, text) in stored {
        let is_list = declared.iter().any(|input| input.name == *name && matches!(input.kind, Type::List(_)));
        let values = match serde_json::from_str::<Vec<String>>(text) {
            Ok(values) if is_list => values,
            _ if is_list => text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            _ => vec![text.clone()],
        };
        for value in values {
            given.push(name, value);
        }
    }
    given
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
            let texts: Vec<_> = node.items().iter().filter_map(Node::text).map(str::to_owned).collect();
            match parse_values(&kind, &texts) {
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

/// Checks the given values against the declarations: returns the values by name, or every mistake.
pub(crate) fn bind(declared: &[Input], given: &Inputs) -> Result<BTreeMap<String, Value>, Vec<String>> {
    let mut values = BTreeMap::new();
    let mut wrong = Vec::new();
    for input in declared {
        match given.get(&input.name) {
            Some(given) => match parse_values(&input.kind, given) {
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
    for (name, _) in given.iter().filter(|(name, _)| !declared.iter().any(|input| input.name == *name)) {
        let known = declared.iter().map(|input| input.name.as_str());
        let hint = match crate::diagnostic::nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", known.collect::<Vec<_>>().join(", ")),
        };
        wrong.push(format!("the playbook has no input `{}`; {hint}", visible_line(name, 60)));
    }
    if wrong.is_empty() { Ok(values) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &str, kind: &str) -> Input {
        let kind = parse_type(kind).unwrap();
        Input { name: name.into(), kind, required: false, default: None, description: String::new() }
    }

    fn texts(values: &[&str]) -> Value {
        Value::List(values.iter().map(|text| Value::Text((*text).into())).collect())
    }

    #[test]
    fn a_comma_is_a_comma() {
        let inputs = [declared("subject", "list of text"), declared("from", "list of address")];
        let bound = bind(&inputs, &[("subject", "Dear customer, your account")].into()).unwrap();
        assert_eq!(bound["subject"], texts(&["Dear customer, your account"]));
        let bound = bind(&inputs, &[("subject", "A"), ("subject", "B, C")].into()).unwrap();
        assert_eq!(bound["subject"], texts(&["A", "B, C"]));
        let wrong = bind(&inputs, &[("from", "a@x.example,b@x.example")].into()).unwrap_err();
        assert!(wrong.first().is_some_and(|why| why.contains("by itself, not between commas")), "{wrong:?}");
    }

    #[test]
    fn what_nobody_sees_is_empty() {
        let inputs = [declared("subject", "list of text"), declared("age", "duration")];
        for empty in ["", "  ", "\u{200b}\u{ad}", "\u{3164}\t"] {
            let wrong = bind(&inputs, &[("subject", empty)].into()).unwrap_err();
            assert!(wrong.first().is_some_and(|why| why.contains("`subject`: the value is empty")), "{wrong:?}");
        }
        assert!(bind(&inputs, &[("age", " ")].into()).is_err());
        assert!(bind(&inputs, &[("age", "1d"), ("age", "2d")].into()).unwrap_err().concat().contains("takes one"));
        let none: Inputs = serde_json::from_str(r#"{"subject":[]}"#).unwrap();
        assert!(bind(&inputs, &none).unwrap_err().concat().contains("the list is empty"));
    }

    #[test]
    fn a_request_keeps_each_value_whole() {
        let inputs = [declared("subject", "list of text"), declared("note", "text")];
        let given: Inputs =
            [("subject", "[\"a\", \"b\"]"), ("subject", "c, \"d\"\n"), ("note", "[\"x\"]"), ("other", "1")].into();
        let stored = to_stored(&inputs, &given);
        assert_eq!(stored["note"], "[\"x\"]");
        assert_eq!(from_stored(&inputs, &stored), given);
        let one: Inputs = [("subject", "a, b")].into();
        let again = from_stored(&inputs, &to_stored(&inputs, &one));
        assert_eq!(again.get("subject").unwrap(), ["a, b"]);
        let old = BTreeMap::from([("subject".to_owned(), "a, b".to_owned()), ("note".to_owned(), "c, d".to_owned())]);
        let read = from_stored(&inputs, &old);
        assert_eq!(read.get("subject").unwrap(), ["a", "b"]);
        assert_eq!(read.get("note").unwrap(), ["c, d"]);
    }
}
