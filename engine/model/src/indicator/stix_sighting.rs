//! Sightings as a bundle of STIX 2.1.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::kind::IndicatorKind;
use super::sighting::IndicatorSighting;
use super::value::Indicator;
use crate::clock::Timestamp;
use crate::sha256::Digest;

/// The most that STIX lets a sighting count.
const MOST: u64 = 999_999_999;

/// Returns a bundle with a sighting of each indicator. `ids` are the IDs of indicators in the file that they came from; an
/// indicator without one is part of the bundle. `made` is the time of the remediation, `scope` its ID: the same
/// remediation gives the same IDs.
///
/// A count of 0 says that an indicator was looked for and not seen. So only a search that saw all mail says it.
pub fn stix_sightings(
    sightings: &[IndicatorSighting],
    ids: &BTreeMap<Indicator, String>,
    is_complete: bool,
    scope: &str,
    made: Timestamp,
) -> Value {
    let mut objects = Vec::new();
    for IndicatorSighting { indicator, messages, seen, .. } in
        sightings.iter().filter(|one| is_complete || one.messages > 0)
    {
        let named = format!("{}:{}", indicator.kind, indicator.value);
        let of = ids.get(indicator).cloned().unwrap_or_else(|| {
            let id = identifier("indicator", &named);
            objects.push(json!({
                "type": "indicator", "spec_version": "2.1", "id": id, "created": time(made), "modified": time(made),
                "pattern": pattern(indicator), "pattern_type": "stix", "valid_from": time(made),
            }));
            id
        });
        let mut sighting = json!({
            "type": "sighting", "spec_version": "2.1", "id": identifier("sighting", &format!("{scope}:{named}")),
            "created": time(made), "modified": time(made), "sighting_of_ref": of, "count": messages.min(&MOST),
        });
        if let Some((first, last)) = seen {
            sighting["first_seen"] = time(*first).into();
            sighting["last_seen"] = time(*last).into();
        }
        objects.push(sighting);
    }
    json!({ "type": "bundle", "id": identifier("bundle", scope), "objects": objects })
}

/// Returns the pattern of an indicator.
fn pattern(indicator: &Indicator) -> String {
    let path = match indicator.kind {
        IndicatorKind::Sender => "email-addr:value",
        IndicatorKind::Domain => "domain-name:value",
        IndicatorKind::Url => "url:value",
        IndicatorKind::Sha256 => "file:hashes.'SHA-256'",
    };
    format!("[{path} = '{}']", indicator.value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Returns an ID that is a function of a name: a UUID of version 8 (RFC 9562, section 5.8).
fn identifier(kind: &str, name: &str) -> String {
    let digest = Digest::of(format!("clawback:{kind}:{name}").as_bytes()).to_string();
    let variant = ["8", "9", "a", "b"][usize::from(digest.as_bytes()[16] % 4)];
    format!(
        "{kind}--{}-{}-8{}-{variant}{}-{}",
        &digest[..8],
        &digest[8..12],
        &digest[13..16],
        &digest[17..20],
        &digest[20..32]
    )
}

/// STIX writes times with milliseconds.
fn time(at: Timestamp) -> String {
    at.to_string().replace('Z', ".000Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(kind: IndicatorKind, value: &str, messages: u64) -> IndicatorSighting {
        let seen = (messages > 0).then_some((Timestamp(0), Timestamp(2_000_000)));
        IndicatorSighting { indicator: Indicator { kind, value: value.into() }, messages, mailboxes: messages, seen }
    }

    #[test]
    fn a_sighting_refers_to_the_indicator_of_its_file_or_to_one_in_the_bundle() {
        let all =
            [seen(IndicatorKind::Sender, "o'eve@evil.example", 2), seen(IndicatorKind::Domain, "evil.example", 0)];
        let ids = BTreeMap::from([(all[1].indicator.clone(), "indicator--known".to_owned())]);
        let bundle = stix_sightings(&all, &ids, true, "RM-1", Timestamp(0));
        let objects = bundle["objects"].as_array().unwrap();
        let kinds: Vec<_> = objects.iter().map(|one| one["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["indicator", "sighting", "sighting"]);
        assert_eq!(objects[0]["pattern"], r"[email-addr:value = 'o\'eve@evil.example']");
        assert_eq!(objects[1]["sighting_of_ref"], objects[0]["id"]);
        assert_eq!((&objects[1]["count"], &objects[1]["last_seen"]), (&2.into(), &"1970-01-01T00:00:02.000Z".into()));
        assert_eq!((&objects[2]["sighting_of_ref"], &objects[2]["count"]), (&"indicator--known".into(), &0.into()));
        assert!(objects[2].get("first_seen").is_none());
        assert_eq!(bundle, stix_sightings(&all, &ids, true, "RM-1", Timestamp(0)), "the same IDs again");
    }

    #[test]
    fn what_was_not_looked_at_is_never_said_to_be_unseen() {
        let all = [seen(IndicatorKind::Domain, "evil.example", 0)];
        let bundle = stix_sightings(&all, &BTreeMap::new(), false, "RM-1", Timestamp(0));
        assert_eq!(bundle["objects"], json!([]));
    }

    #[test]
    fn an_id_is_a_uuid() {
        let id = identifier("sighting", "x");
        let parts: Vec<_> = id.strip_prefix("sighting--").unwrap().split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
    }
}
