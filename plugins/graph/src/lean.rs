//! Answers without what no caller reads: the text of a message, and all but the first of thousands of recipients.
//!
//! A value of JSON needs about ten times the memory of its text, and the answer to a move has the whole message.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::record::RECIPIENTS;

/// Properties that no part of a batch is asked for.
const UNREAD: [&str; 8] = [
    "body",
    "uniqueBody",
    "bodyPreview",
    "bccRecipients",
    "ccRecipients",
    "replyTo",
    "internetMessageHeaders",
    "conversationIndex",
];
const TO: &str = "toRecipients";

/// A value without these.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lean(pub(crate) Value);

impl<'de> Deserialize<'de> for Lean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Reader { most: usize::MAX }.deserialize(deserializer).map(Self)
    }
}

/// Reads one value; of a list, the first elements.
#[derive(Clone, Copy)]
struct Reader {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < self.most {
            let Some(one) = all.next_element_seed(Self { most: usize::MAX })? else { return Ok(Value::Array(kept)) };
            kept.push(one);
        }
        while all.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(kept))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(name) = all.next_key::<String>()? {
            if UNREAD.contains(&name.as_str()) {
                all.next_value::<IgnoredAny>()?;
                continue;
            }
            let most = if name == TO { RECIPIENTS } else { usize::MAX };
            let value = all.next_value_seed(Self { most })?;
            kept.insert(name, value);
        }
        Ok(Value::Object(kept))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_read_is_not_kept() {
        let to: Vec<Value> =
            (0..5_000).map(|at| json!({ "emailAddress": { "address": format!("a{at}@x") } })).collect();
        let mail = json!({ "id": "A", "toRecipients": to, "body": { "content": "x" }, "isRead": true, "n": [1, -2, 0.5, null] });
        let text = json!({ "value": [mail] }).to_string();
        let Lean(lean) = serde_json::from_str(&text).unwrap();
        let kept = json!({ "id": "A", "toRecipients": to[..RECIPIENTS], "isRead": true, "n": [1, -2, 0.5, null] });
        assert_eq!(lean, json!({ "value": [kept] }));
    }
}
