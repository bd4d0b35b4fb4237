//! Events of MISP: attributes, also those of objects, that are marked for detection (`to_ids`).

use serde_json::Value;

use super::file::{IndicatorFile, InvalidIndicatorFile, Reading};
use super::list::typed;

/// Reads one event, or the events of a response, into the file.
pub(super) fn read(json: &Value, reading: Reading, file: &mut IndicatorFile) -> Result<(), InvalidIndicatorFile> {
    let listed = json.get("response").unwrap_or(json);
    let events: Vec<&Value> = match listed.as_array() {
        Some(several) => several.iter().filter_map(|one| one.get("Event")).collect(),
        None => listed.get("Event").into_iter().collect(),
    };
    if events.is_empty() {
        return Err(InvalidIndicatorFile::NotMisp);
    }
    for event in events {
        for attribute in list(event, "Attribute") {
            read_attribute(attribute, reading, file);
        }
        for attribute in list(event, "Object").iter().flat_map(|object| list(object, "Attribute")) {
            read_attribute(attribute, reading, file);
        }
    }
    Ok(())
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

fn read_attribute(attribute: &Value, reading: Reading, file: &mut IndicatorFile) {
    let text = |name: &str| attribute[name].as_str().unwrap_or_default();
    let place = match (text("uuid"), text("id")) {
        ("", "") => "an attribute without ID".to_owned(),
        ("", id) | (id, _) => format!("attribute {id}"),
    };
    if is_true(&attribute["deleted"]) {
        file.skip(&place, "it is deleted");
    } else if !is_true(&attribute["to_ids"]) {
        file.skip(&place, "it is not marked for detection (to_ids)");
    } else {
        typed(&place, text("type"), text("value"), reading, file);
    }
}

/// MISP writes a boolean as such, as a number or as a text.
fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || value.as_i64() == Some(1) || matches!(value.as_str(), Some("1" | "true"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn only_attributes_for_detection_are_indicators_and_the_others_are_listed() {
        let event = json!({ "response": [{ "Event": {
            "Attribute": [
                { "uuid": "u1", "type": "email-src", "value": "eve@evil.example", "to_ids": true },
                { "uuid": "u2", "type": "domain", "value": "known.example", "to_ids": false },
                { "id": "3", "type": "email-dst", "value": "ann@corp.example", "to_ids": "1" },
                { "uuid": "u4", "type": "domain", "value": "old.example", "to_ids": true, "deleted": true },
                { "uuid": "u5", "type": "hostname", "value": 7, "to_ids": true },
            ],
            "Object": [{ "name": "file", "Attribute": [
                { "uuid": "u6", "type": "sha256", "value": "ab".repeat(32), "to_ids": 1 },
            ]}],
        }}]});
        let mut file = IndicatorFile::default();
        read(&event, Reading { allow_common: false, now: Timestamp(0) }, &mut file).unwrap();
        let found: Vec<_> = file.found.iter().map(|one| one.indicator.value.as_str()).collect();
        assert_eq!(found, ["eve@evil.example", &"ab".repeat(32)]);
        let skipped: Vec<_> = file.skipped.iter().map(|one| format!("{}: {}", one.place, one.reason)).collect();
        assert_eq!(
            skipped,
            [
                "attribute u2: it is not marked for detection (to_ids)",
                "attribute 3: type `email-dst` is not looked for in mail",
                "attribute u4: it is deleted",
                "attribute u5: ``: it is empty",
            ]
        );
    }
}
