//! The JSON Schema of the language, from the same table as the check, so that editors report what the loader reports.

use serde_json::{Map, Value, json};

use crate::language::{CONDITIONS, PLAYBOOK};
use crate::shape::{Key, Shape};

/// Returns the schema as it is committed in `workflows/playbook.schema.json`.
pub fn schema() -> String {
    let mut root = map(PLAYBOOK);
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("A Clawback playbook"));
    root.insert(
        "$defs".to_owned(),
        json!({ "conditions": map(CONDITIONS), "expression": { "type": "string", "pattern": "\\$\\{" } }),
    );
    let mut text = serde_json::to_string_pretty(&root).unwrap_or_default();
    text.push('\n');
    text
}

fn map(keys: &[Key]) -> Map<String, Value> {
    let property = |key: &Key| {
        let mut shape = shape(key.shape);
        if let Value::Object(object) = &mut shape {
            object.insert("description".to_owned(), json!(key.about));
        }
        (key.name.to_owned(), shape)
    };
    let required: Vec<_> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let properties: Map<String, Value> = keys.iter().map(property).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("additionalProperties".to_owned(), json!(false));
    object.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

fn shape(of: Shape) -> Value {
    match of {
        Shape::Text => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Expression => json!({ "type": ["string", "boolean"] }),
        Shape::Form(form) => json!({ "type": "string", "title": form.noun, "examples": [form.hint] }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Ratio => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Value(inner) => json!({ "anyOf": [shape(*inner), { "$ref": "#/$defs/expression" }] }),
        Shape::Values(inner) => {
            let one = shape(Shape::Value(inner));
            json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
        }
        Shape::OneOrMore(inner) => {
            let one = shape(*inner);
            json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
        }
        Shape::List(inner) => json!({ "type": "array", "items": shape(*inner) }),
        Shape::Map([]) => json!({ "type": ["object", "null"], "maxProperties": 0 }),
        Shape::Map(keys) => Value::Object(map(keys)),
        Shape::MapOf(inner) => json!({ "type": "object", "additionalProperties": shape(*inner) }),
        Shape::OneOf(keys) => {
            let mut object = map(keys);
            object.insert("minProperties".to_owned(), json!(1));
            object.insert("maxProperties".to_owned(), json!(1));
            Value::Object(object)
        }
        Shape::Keys(_) => json!({ "$ref": "#/$defs/conditions" }),
        Shape::Anything => json!({}),
    }
}

/// Returns every key of the language, for the test of its documentation.
pub fn keys() -> Vec<&'static str> {
    fn walk(of: Shape, names: &mut Vec<&'static str>) {
        match of {
            Shape::Map(keys) | Shape::OneOf(keys) => {
                for key in keys {
                    names.push(key.name);
                    walk(key.shape, names);
                }
            }
            Shape::MapOf(inner) | Shape::List(inner) | Shape::OneOrMore(inner) => walk(*inner, names),
            _ => {}
        }
    }
    let mut names: Vec<_> = CONDITIONS.iter().map(|key| key.name).collect();
    walk(Shape::Map(PLAYBOOK), &mut names);
    names.sort_unstable();
    names.dedup();
    names
}
