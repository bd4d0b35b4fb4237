//! Shapes: the allowed values in a playbook. The check of a file and the JSON Schema use the same description.

use crate::diagnostic::{Report, nearest};
use crate::yaml::{Kind, Node};

/// The allowed values of one place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Free text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number in this range, both ends included.
    Integer(u64, u64),
    /// Above 0, at most 1.
    Ratio,
    Boolean,
    /// A text of a certain form.
    Form(&'static Form),
    /// A boolean expression.
    Expression,
    /// One or several values, each of which may contain `${...}`.
    Values(&'static Shape),
    /// A value that may contain `${...}`.
    Value(&'static Shape),
    /// One value or a list.
    OneOrMore(&'static Shape),
    List(&'static Shape),
    /// A map with known keys.
    Map(&'static [Key]),
    /// A map whose keys the author chooses.
    MapOf(&'static Shape),
    /// A map with exactly one of these keys.
    OneOf(&'static [Key]),
    /// A map with the keys that a function returns, so that a map can contain its own keys again.
    Keys(fn() -> &'static [Key]),
    /// Any scalar or list, which is checked elsewhere.
    Anything,
}

/// A text of a certain form.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) noun: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) check: fn(&str) -> Result<(), String>,
}

/// One key of a map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
}

/// Returns an optional key.
pub(crate) const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, about, required: false, shape }
}

/// Returns a required key.
pub(crate) const fn must(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, about, required: true, shape }
}

/// Reports every difference between the node and the shape. `path` names the place in words.
pub(crate) fn check(node: &Node, shape: Shape, path: &str, report: &Report) {
    match shape {
        Shape::Anything => {}
        Shape::Map(keys) => {
            if let Some(entries) = map(node, path, report) {
                check_keys(node, entries, keys, path, report);
            }
        }
        Shape::Keys(keys) => {
            if let Some(entries) = map(node, path, report) {
                check_keys(node, entries, keys(), path, report);
            }
        }
        Shape::OneOf(keys) => check_one_of(node, keys, path, report),
        Shape::MapOf(inner) => {
            for (name, value) in map(node, path, report).unwrap_or_default() {
                check(value, *inner, &format!("{path}.{}", name.text().unwrap_or_default()), report);
            }
        }
        Shape::List(inner) => match &node.kind {
            Kind::List(items) => items.iter().for_each(|item| check(item, *inner, path, report)),
            _ => wrong_type(node, path, "a list", "write it with `- ` on lines of their own, or as [a, b]", report),
        },
        Shape::OneOrMore(inner) | Shape::Values(inner) => {
            if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
                report.error("empty-list", node.span.clone(), format!("`{path}` is an empty list"), "nothing here");
            }
            for item in node.items() {
                let is_value = matches!(shape, Shape::Values(_));
                if is_value && item.text().is_some_and(|text| text.contains("${")) {
                    continue;
                }
                check(item, *inner, path, report);
            }
        }
        Shape::Value(inner) => {
            if !node.text().is_some_and(|text| text.contains("${")) {
                check(node, *inner, path, report);
            }
        }
        leaf => check_leaf(node, leaf, path, report),
    }
}

fn check_leaf(node: &Node, shape: Shape, path: &str, report: &Report) {
    let text = node.text().filter(|_| !node.is_null());
    match shape {
        Shape::Integer(least, most) => match node.integer() {
            Some(number) if (least..=most).contains(&number) => {}
            Some(_) => {
                let range = format!("`{path}` must be between {least} and {most}");
                report.error("out-of-range", node.span.clone(), range, "out of range");
            }
            None => wrong_type(node, path, "a whole number", "write digits, without quotes", report),
        },
        Shape::Ratio => match node.number() {
            Some(number) if number > 0.0 && number <= 1.0 => {}
            Some(_) => {
                report
                    .error("out-of-range", node.span.clone(), format!("`{path}` is a share"), "out of range")
                    .help("a share is above 0 and at most 1: 0.05 is 5 %");
            }
            None => wrong_type(node, path, "a number", "a share is above 0 and at most 1: 0.05 is 5 %", report),
        },
        Shape::Boolean if node.boolean().is_none() => {
            wrong_type(node, path, "true or false", "write true or false, without quotes", report);
        }
        Shape::Word(words) => match text {
            Some(text) if words.contains(&text) => {}
            Some(text) => {
                let hint = nearest(text, words.iter().copied()).map_or_else(
                    || format!("known are {}", words.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("`{}` is no value of `{path}`", clawback_model::visible_line(text, 60));
                report.error("unknown-word", node.span.clone(), message, "unknown").help(hint);
            }
            None => wrong_type(node, path, "a word", &format!("known are {}", words.join(", ")), report),
        },
        Shape::Form(form) => match text {
            Some(text) => {
                if let Err(why) = (form.check)(text) {
                    let message = format!("`{}` is no {}: {why}", clawback_model::visible_line(text, 60), form.noun);
                    report.error("malformed", node.span.clone(), message, format!("no {}", form.noun)).help(form.hint);
                }
            }
            None => wrong_type(node, path, &format!("a {}", form.noun), form.hint, report),
        },
        Shape::Text | Shape::Expression if text.is_none() => {
            wrong_type(node, path, "a text", "put it in quotes", report);
        }
        _ => {}
    }
}

fn map<'a>(node: &'a Node, path: &str, report: &Report) -> Option<&'a [(Node, Node)]> {
    match &node.kind {
        Kind::Map(entries) => Some(entries),
        // `verify:` and `verify: {}` are equal.
        _ if node.is_null() => Some(&[]),
        _ => {
            wrong_type(node, path, "a map", "write `key: value` on lines of their own, or as { key: value }", report);
            None
        }
    }
}

fn check_keys(node: &Node, entries: &[(Node, Node)], keys: &[Key], path: &str, report: &Report) {
    for (name, value) in entries {
        let text = name.text().unwrap_or_default();
        match keys.iter().find(|known| known.name == text) {
            Some(known) => check(value, known.shape, known.name, report),
            None => unknown_key(name, keys, path, report),
        }
    }
    for missing in keys.iter().filter(|known| known.required && node.get(known.name).is_none()) {
        let message = format!("`{path}` lacks the key `{}`", missing.name);
        report
            .error("missing-key", node.span.clone(), message, "here")
            .help(format!("{}: {}", missing.name, missing.about));
    }
}

fn check_one_of(node: &Node, keys: &[Key], path: &str, report: &Report) {
    let Some(entries) = map(node, path, report) else { return };
    for (name, value) in entries {
        let text = name.text().unwrap_or_default();
        match keys.iter().find(|known| known.name == text) {
            Some(known) => check(value, known.shape, known.name, report),
            None => unknown_key(name, keys, path, report),
        }
    }
    if entries.len() != 1 {
        let message = format!("a step has one name and its keys beneath it, and this has {}", entries.len());
        let at = entries.get(1).map_or(node.span.clone(), |(second, _)| second.span.clone());
        report
            .error("step", at, message, "here")
            .help("begin each step with `- ` and put `when:` inside the step's own keys");
    }
}

fn unknown_key(name: &Node, keys: &[Key], path: &str, report: &Report) {
    let text = name.text().unwrap_or_default();
    let known = || keys.iter().map(|known| known.name);
    let hint = nearest(text, known()).map_or_else(
        || format!("known here are {}", known().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    let message = format!("`{}` is no key of `{path}`", clawback_model::visible_line(text, 60));
    report.error("unknown-key", name.span.clone(), message, "unknown key").help(hint);
}

fn wrong_type(node: &Node, path: &str, wanted: &str, hint: &str, report: &Report) {
    let message = format!("`{path}` must be {wanted}, and this is {}", node.noun());
    report.error("wrong-type", node.span.clone(), message, format!("not {wanted}")).help(hint);
}
