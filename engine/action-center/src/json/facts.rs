//! The facts of a plan under the names that JSON uses everywhere: the history hashes them under names with hyphens, and
//! what is hashed never changes.

use clawback_model::{PlanFacts, Timestamp};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
use serde_json::Value;

/// For `#[serde(with)]`.
pub fn serialize<S: Serializer>(facts: &Option<PlanFacts>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(facts) = facts else { return serializer.serialize_none() };
    let value = serde_json::to_value(facts).map_err(S::Error::custom)?;
    renamed(value, &|key| key.replace('-', "_")).serialize(serializer)
}

/// For `#[serde(with)]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PlanFacts>, D::Error> {
    let Some(value) = Option::<Value>::deserialize(deserializer)? else { return Ok(None) };
    serde_json::from_value(renamed(value, &|key| key.replace('_', "-"))).map(Some).map_err(D::Error::custom)
}

/// Renames every key; each is the name of a field, as facts have no maps.
fn renamed(value: Value, name: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (name(&key), renamed(time(&key, value), name))).collect()
        }
        Value::Array(items) => items.into_iter().map(|item| renamed(item, name)).collect(),
        other => other,
    }
}

/// Changes a time between a number, as it is hashed, and a text.
fn time(key: &str, value: Value) -> Value {
    match &value {
        Value::Number(number) if key.ends_with("-at") => {
            number.as_i64().map_or(value.clone(), |micros| Timestamp(micros).to_string().into())
        }
        Value::String(text) if key.ends_with("_at") => Timestamp::parse(text).map_or(value.clone(), |at| at.0.into()),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Holder {
        #[serde(with = "super")]
        facts: Option<PlanFacts>,
    }

    #[test]
    fn names_have_underscores_and_come_back() {
        let mut facts = PlanFacts { searched: Some(7), searched_in_part: 1, ..PlanFacts::default() };
        facts.unsearched("ann-lee@corp.example", "no such-thing".to_owned());
        let shown = serde_json::to_value(Holder { facts: Some(facts.clone()) }).unwrap();
        assert_eq!(shown["facts"]["unsearched_sample"][0][0], "ann-lee@corp.example");
        let keys: Vec<&String> = shown["facts"].as_object().unwrap().keys().collect();
        assert!(keys.iter().all(|key| !key.contains('-')), "{keys:?}");
        assert_eq!(serde_json::from_value::<Holder>(shown).unwrap().facts, Some(facts));
        assert_eq!(serde_json::to_value(Holder { facts: None }).unwrap()["facts"], Value::Null);
    }
}
