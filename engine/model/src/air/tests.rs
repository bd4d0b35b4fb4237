//! Each status maps to a name of the reference product, and records stay strings of JSON whatever a subject contains.

use serde_json::Value;

use super::*;
use crate::action::Action;
use crate::classification::{Classification, Determination};
use crate::example::{HOSTILE, NOON, events, fold, messages};
use crate::handling::{AlertHandling, AlertState};
use crate::id::{AlertId, InvestigationId};
use crate::stop_reason::StopReason;

fn investigation(remediation: &Remediation, kind: InvestigationKind) -> Investigation {
    Investigation {
        id: InvestigationId::from_random(2),
        kind,
        alert_id: AlertId::from_random(3),
        remediation_id: remediation.id.clone(),
        entity: "from = eve@evil.example".to_owned(),
        created_at: NOON,
    }
}

fn url() -> PublicUrl {
    PublicUrl::try_from("https://clawback.example".to_owned()).unwrap()
}

#[test]
fn every_status_has_the_references_names() {
    let remediation = fold(&events(Action::SoftDelete));
    let room = StopReason::InProgress { limit: 50, running: 50 };
    let mut table = Vec::new();
    for (status, stop) in Status::ALL.map(|status| (status, None)).into_iter().chain([(Status::Approved, Some(room))]) {
        let remediation = Remediation { status, stop, ..remediation.clone() };
        let found = InvestigationStatus::of(&remediation);
        let result = result(status).unwrap_or("-");
        let names = [found.title(), super::status(found), action_status(&remediation), result];
        table.push(format!("{status}: {}", names.join(" / ")));
    }
    assert_eq!(
        table,
        [
            "queued: Starting / Investigation Started / Pending / -",
            "planning: Running / Running / Pending / -",
            "pending-approval: Pending Action / Pending Action / Pending / -",
            "approved: Running / Running / Running / -",
            "in-progress: Running / Running / Running / -",
            "paused: Pending Action / Pending Action / Pending / -",
            "completed: Remediated / Remediated / Completed / Succeeded",
            "partially-completed: Partially Remediated / Partially Remediated / Completed / PartiallySucceeded",
            "failed: Failed / Failed / Failed / Failed",
            "rejected: Terminated by User / Terminated By User / Failed / Failed",
            "expired: Terminated by System / Terminated by System / Failed / Failed",
            "cancelled: Terminated by User / Terminated By User / Failed / Failed",
            "nothing-to-do: No Threats Found / No threats found / Completed / Succeeded",
            "approved: Queued by Throttling / Queued by Throttling / Waiting on resource / -",
        ]
    );
    for status in InvestigationStatus::ALL {
        assert_eq!(status.as_str(), status.title().to_lowercase().replace(' ', "-"));
    }
}

#[test]
fn a_record_is_written_at_each_change() {
    let events = events(Action::SoftDelete);
    let remediation = fold(&events);
    let changes = changes(&remediation.id, events).unwrap();
    let investigation = investigation(&remediation, InvestigationKind::Admin);
    let records: Vec<_> = changes.iter().map(|then| AirRecord::of_change(then, &investigation, Some(&url()))).collect();
    let statuses: Vec<_> = records.iter().map(|record| record.status).collect();
    let expected = ["Investigation Started", "Running", "Pending Action", "Running", "Partially Remediated"];
    assert_eq!(statuses, expected);
    let mut ids: Vec<_> = records.iter().map(|record| &record.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), records.len());
    assert_eq!(changes.last(), Some(&remediation), "the last change is its end");
    let actions: Vec<Value> = records.iter().map(|record| serde_json::from_str(&record.actions[0]).unwrap()).collect();
    assert_eq!(actions[2]["ApprovedBy"], Value::Null);
    assert_eq!(actions[4]["ApprovedBy"], "ben");
    assert_eq!(actions[4]["ActionStatus"], "Completed");
    assert!(actions[3]["EndTimeUtc"].is_null() && actions[4]["EndTimeUtc"].is_string());
}

#[test]
fn a_record_of_messages() {
    let remediation = fold(&events(Action::SoftDelete));
    let messages: Vec<_> = messages().into_iter().map(|(target, outcome)| (target, Some(outcome))).collect();
    let investigation = investigation(&remediation, InvestigationKind::Air);
    let record = AirRecord::of_messages(&remediation, &investigation, Some(&url()), &messages);
    assert!(!record.data.chars().any(crate::text::is_deceptive) && !record.actions[0].contains('\n'));
    let data: Value = serde_json::from_str(&record.data).unwrap();
    let entities = data["Entities"].as_array().unwrap();
    assert_eq!((&entities[0]["Type"], &entities[1]["Type"]), (&"MailCluster".into(), &"mail-message".into()));
    assert_eq!(entities[0]["NetworkMessageIds"].as_array().unwrap().len(), messages.len());
    assert_eq!(entities[1]["Subject"], HOSTILE, "it is the same text once it is read");
    let guid = entities[1]["NetworkMessageId"].as_str().unwrap();
    assert_eq!((guid.len(), &guid[14..15]), (36, "8"));
    let mut value = serde_json::to_value(&record).unwrap();
    value["Data"] = data;
    value["Actions"][0] = serde_json::from_str(&record.actions[0]).unwrap();
    insta::assert_snapshot!(ascii_where_deceptive(&serde_json::to_string_pretty(&value).unwrap()));
}

#[test]
fn who_asked_decides_the_type() {
    let remediation = fold(&events(Action::SoftDelete));
    for (kind, expected) in [(InvestigationKind::Air, 64), (InvestigationKind::Admin, 89)] {
        let record = AirRecord::of_change(&remediation, &investigation(&remediation, kind), None);
        assert_eq!((record.record_type, record.deeplink_url.as_str()), (expected, ""));
        assert_eq!(record.result_status, Some("PartiallySucceeded"));
    }
}

#[test]
fn only_a_person_whose_yes_counted_has_approved() {
    let approved_by = |remediation: &Remediation| {
        let record = AirRecord::of_change(remediation, &investigation(remediation, InvestigationKind::Admin), None);
        serde_json::from_str::<Value>(&record.actions[0]).unwrap()["ApprovedBy"].clone()
    };
    let ended = fold(&events(Action::SoftDelete));
    assert_eq!(approved_by(&ended), "ben");
    let by_rule = Remediation { approval: None, decided_by: Some("automation".into()), ..ended.clone() };
    assert_eq!(approved_by(&by_rule), Value::Null);
    // One of two voters approved, then the other rejected.
    let rejected = Remediation { approved_at: None, decided_by: Some("eve".into()), ..ended };
    assert_eq!(approved_by(&rejected), Value::Null);
}

#[test]
fn a_record_has_what_people_recorded_of_the_alert() {
    let mut events = events(Action::SoftDelete);
    let before = changes(&fold(&events).id, events.clone()).unwrap();
    let handling = AlertHandling {
        state: AlertState::Resolved,
        owner: Some("ann".to_owned()),
        classification: Some(Classification::Informational),
        determination: Some(Determination::SecurityTesting),
        comment: Some(HOSTILE.to_owned()),
    };
    events.push((Event::AlertHandled(handling), NOON));
    events.push((Event::IncidentLinked { incident: Some("INC-1".parse().unwrap()) }, NOON));
    let remediation = fold(&events);
    let changes = changes(&remediation.id, events).unwrap();
    assert_eq!((changes.len(), changes.last()), (before.len(), Some(&remediation)));
    let investigation = investigation(&remediation, InvestigationKind::Admin);
    let data = |then: &Remediation| {
        let record = AirRecord::of_change(then, &investigation, None);
        assert!(!record.data.chars().any(crate::text::is_deceptive), "{}", record.data);
        (record.id, serde_json::from_str::<Value>(&record.data).unwrap())
    };
    let (id, handled) = data(&changes[changes.len() - 1]);
    assert_eq!(id, data(&before[before.len() - 1]).0, "a record keeps its identifier");
    let alert = serde_json::json!([{
        "AlertId": remediation.request.alert_id, "Status": "Resolved", "AssignedTo": "ann",
        "Classification": "InformationalExpectedActivity", "Determination": "SecurityTesting", "Comments": HOSTILE,
    }]);
    assert_eq!((&handled["Alerts"], &handled["Incident"]), (&alert, &"INC-1".into()));
    let (_, first) = data(&changes[0]);
    assert_eq!((&first["Alerts"][0]["Status"], first.get("Incident")), (&"New".into(), None));
    let names: std::collections::BTreeSet<_> = Determination::ALL.into_iter().map(determination).collect();
    assert_eq!(names.len(), Determination::ALL.len());
}
