//! The events of every outcome, checked against the requirements of the class, and one of each kind as a snapshot.

use serde_json::Value;

use super::*;
use crate::action::ActionSource;
use crate::example::{HOSTILE, events, fold, messages, request};
use crate::handling::AlertHandling;
use crate::outcome::Reason;

/// The attributes that version 1.6.0 requires of the class, and the values that it lists.
const SCHEMA: &str = include_str!("remediation_activity.json");

/// Checks an event against [`SCHEMA`]: required attributes, their types, listed values, and that no attribute is
/// unknown.
fn check(event: &OcsfEvent) -> Value {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let event = serde_json::to_value(event).unwrap();
    conforms(&schema, &event, "event");
    assert_eq!(event["type_uid"], event["class_uid"].as_u64().unwrap() * 100 + event["activity_id"].as_u64().unwrap());
    event
}

fn conforms(schema: &Value, value: &Value, place: &str) {
    let right = match schema["type"].as_str().unwrap() {
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    assert!(right, "{place}: {value}");
    if let Some(listed) = schema["enum"].as_array() {
        assert!(listed.contains(value), "{place}: {value} of {listed:?}");
    }
    for required in schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()) {
        assert!(value.get(required).is_some(), "{place} lacks {required}");
    }
    for item in value.as_array().into_iter().flatten() {
        conforms(&schema["items"], item, place);
    }
    let Some(known) = schema["properties"].as_object() else { return };
    for (name, value) in value.as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        conforms(known.get(name).unwrap_or_else(|| panic!("{place} is not of the class")), value, &place);
    }
}

#[test]
fn every_outcome_has_its_status() {
    let remediation = fold(&events(Action::SoftDelete));
    let statuses: Vec<_> = messages()
        .iter()
        .map(|(target, outcome)| {
            let event = check(&OcsfEvent::of_message(&remediation, target, outcome));
            format!("{}: {} {}", outcome.kind, event["status_id"], event["status"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        statuses,
        [
            "succeeded: 1 Success",
            "already-in-destination: 1 Success",
            "not-found: 3 Does Not Exist",
            "moved-since: 2 Failure",
            "not-remediable: 5 Unsupported",
            "failed: 6 Error",
            "cancelled: 99 Cancelled"
        ]
    );
}

#[test]
fn every_end_has_its_status_and_nothing_else_has() {
    let ended = fold(&events(Action::SoftDelete));
    for status in Status::ALL {
        let event = OcsfEvent::of_end(&Remediation { status, ..ended.clone() }, None);
        assert_eq!(event.is_some(), status.is_final(), "{status}");
        if let Some(event) = event {
            check(&event);
        }
    }
    assert_eq!(OcsfEvent::of_end(&ended, None).unwrap().status_id, 4);
}

/// The attributes of the class Incident Finding that are used, with the values that version 1.6.0 lists.
const FINDING: &str = r#"{ "type": "object", "required": ["status_id"], "properties": {
    "status_id": { "type": "integer", "enum": [0, 1, 2, 3, 4, 5, 99] }, "status": { "type": "string" },
    "assignee": { "type": "object", "properties": { "name": { "type": "string" } } },
    "verdict_id": { "type": "integer", "enum": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99] }, "verdict": { "type": "string" },
    "comment": { "type": "string" },
    "tickets": { "type": "array", "items": { "type": "object", "properties": {
        "src_url": { "type": "string" }, "uid": { "type": "string" } } } } } }"#;

#[test]
fn the_end_has_what_people_recorded_of_the_alert() {
    let ended = fold(&events(Action::SoftDelete));
    let schema: Value = serde_json::from_str(FINDING).unwrap();
    let finding = |alert: AlertHandling, incident: Option<&str>| {
        let incident = incident.map(|incident| incident.parse().unwrap());
        let event = check(
            &OcsfEvent::of_end(&Remediation { alert: Box::new(alert), incident, ..ended.clone() }, None).unwrap(),
        );
        let finding = event["unmapped"]["incident_finding"].clone();
        conforms(&schema, &finding, "incident_finding");
        (finding, event["unmapped"]["determination"].clone())
    };
    let (new, exactly) = finding(AlertHandling::default(), None);
    assert_eq!((new, exactly), (serde_json::json!({ "status_id": 1, "status": "New" }), Value::Null));
    for (determination, verdict) in [
        (Determination::Phishing, "2 True Positive"),
        (Determination::SecurityTesting, "6 Test"),
        (Determination::ConfirmedActivity, "5 Benign"),
        (Determination::NotMalicious, "1 False Positive"),
        (Determination::NotEnoughData, "7 Insufficient Data"),
    ] {
        let alert = AlertHandling {
            state: AlertState::Resolved,
            owner: Some("ann".to_owned()),
            classification: Some(determination.classification()),
            determination: Some(determination),
            comment: Some(HOSTILE.to_owned()),
        };
        let (found, exactly) = finding(alert, Some("https://tickets.example/1"));
        assert_eq!(format!("{} {}", found["verdict_id"], found["verdict"].as_str().unwrap()), verdict);
        assert_eq!((&found["status_id"], &found["assignee"]["name"]), (&4.into(), &"ann".into()));
        assert_eq!((&found["comment"], exactly), (&HOSTILE.into(), determination.as_str().into()));
        assert_eq!(found["tickets"][0]["src_url"], "https://tickets.example/1");
    }
    let (numbered, _) = finding(AlertHandling::default(), Some("INC-1"));
    assert_eq!(numbered["tickets"], serde_json::json!([{ "uid": "INC-1" }]));
}

#[test]
fn every_action_is_of_a_tactic() {
    for action in Action::ALL {
        let remediation = fold(&events(action));
        let event = check(&OcsfEvent::of_end(&remediation, None).unwrap());
        let back = matches!(action, Action::MoveToInbox | Action::Restore);
        assert_eq!(event["activity_name"], if back { "Restore" } else { "Evict" });
        let technique = &event["countermeasures"][0]["d3f_technique"]["uid"];
        assert_eq!(technique, if back { "D3-RE" } else { "D3-ER" });
    }
}

#[test]
fn hostile_text_stays_data() {
    let remediation = fold(&events(Action::SoftDelete));
    let failed = messages().into_iter().find(|(_, outcome)| outcome.reason == Reason::StoreRefused).unwrap();
    let event = OcsfEvent::of_message(&remediation, &failed.0, &failed.1);
    for shown in [&event.message, &event.remediation.desc, event.status_detail.as_ref().unwrap()] {
        assert!(!shown.chars().any(crate::text::is_deceptive), "{shown:?}");
    }
    let text = crate::text::ascii_where_deceptive(&serde_json::to_string(&event).unwrap());
    assert!(!text.chars().any(crate::text::is_deceptive), "{text}");
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["unmapped"]["email"]["subject"], HOSTILE);
}

#[test]
fn an_event_of_a_message_and_of_the_end() {
    let remediation = fold(&events(Action::SoftDelete));
    let (target, outcome) = &messages()[0];
    let mut target = target.clone();
    target.subject = "Your invoice".into();
    let message = OcsfEvent::of_message(&remediation, &target, outcome);
    let end = OcsfEvent::of_end(&remediation, None).unwrap();
    let shown = [message, end].map(|event| serde_json::to_string_pretty(&event).unwrap());
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn who_asked_is_told() {
    let request = request(Action::HardDelete, ActionSource::Air);
    let remediation = Remediation::submitted(crate::id::RemediationId::from_random(1), request, Timestamp(0));
    let (target, outcome) = &messages()[1];
    let event = OcsfEvent::of_message(&remediation, target, outcome);
    assert_eq!((event.unmapped.action_source, event.unmapped.requested_by.as_str()), ("air", "ann"));
}
