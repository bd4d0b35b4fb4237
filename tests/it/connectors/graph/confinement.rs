//! A call for one mailbox reaches no other, whatever the server and what comes back from outside say.

use clawback_connectors::{ActionTarget, CallError};
use clawback_model::{Action, Effect, Location, LocationKind, MessageRef, Query};
use clawback_tests::graph::Options;

use super::{ANN, BEN, MONDAY, mail, start};

#[tokio::test]
async fn ids_and_cursors_from_outside_lead_nowhere_else() {
    let (graph, store, _folder) = start(Options::default(), &[ANN, BEN]).await;
    graph.deliver(ANN, "inbox", mail(1, "mine").as_bytes(), MONDAY);
    let other = graph.deliver(BEN, "inbox", mail(2, "another's").as_bytes(), MONDAY);
    let before = graph.kept(BEN);
    let locators = [
        other.clone(),
        format!("../../{BEN}/messages/{other}"),
        format!("..%2f..%2f{BEN}%2fmessages%2f{other}"),
        format!("x/../../../{BEN}/messages/{other}"),
        format!("{other}/../../../users/{BEN}/messages/{other}"),
        format!("{other}?$select=id#"),
        format!("{other}\\..\\{BEN}"),
        format!("https://graph.microsoft.com/v1.0/users/{BEN}/messages/{other}"),
        "..".to_owned(),
        ".".to_owned(),
        "$batch".to_owned(),
        "\"},{\"id\":\"9\",\"method\":\"GET\",\"url\":\"/users\"".to_owned(),
    ];
    let reference = |locator: &String| MessageRef {
        locator: locator.clone(),
        message_id: "<2@bulk.example>".into(),
        fingerprint: "00".repeat(20),
    };
    let references: Vec<MessageRef> = locators.iter().map(reference).collect();
    for located in store.locate(ANN, &references).await.unwrap() {
        assert!(located.sightings.is_empty(), "{located:?}");
    }
    let location = Location::new(LocationKind::Inbox, "Inbox");
    let aims: Vec<ActionTarget> = references
        .iter()
        .map(|one| ActionTarget { reference: one.clone(), location: location.clone(), former: None })
        .collect();
    for action in [Action::MoveToJunk, Action::HardDelete] {
        let effects = store.apply(ANN, action, &aims).await.unwrap();
        assert!(effects.iter().all(|effect| *effect == Effect::NotFound), "{effects:?}");
    }
    for one in &references {
        assert!(store.fetch_raw(ANN, one, 100).await.is_err(), "{}", one.locator);
    }
    for cursor in [
        format!(r#"{{"f":"../../{BEN}","c":0,"t":null,"s":[],"l":null,"n":0}}"#),
        format!(r#"{{"f":"","c":0,"t":null,"s":[],"l":"x=1#/../../{BEN}/messages","n":0}}"#),
        format!("https://graph.microsoft.com/v1.0/users/{BEN}/messages"),
        "{}".to_owned(),
    ] {
        let refused = store.search(&ANN.into(), &Query::default(), Some(cursor.clone()), 10).await;
        assert!(matches!(refused, Err(CallError::Permanent { .. })), "{cursor}: {refused:?}");
    }
    for mailbox in [format!("{ANN}/../{BEN}"), format!("{ANN}%2f..%2f{BEN}"), format!("{ANN}/messages?x={BEN}#")] {
        let refused = store.search(&mailbox.as_str().into(), &Query::default(), None, 10).await;
        assert!(refused.is_err(), "{mailbox}");
    }
    assert_eq!(graph.kept(BEN), before);
    assert!(!graph.reached().contains(&BEN.to_owned()), "{:?}", graph.reached());
}

#[tokio::test]
async fn a_link_to_another_server_or_mailbox_is_not_followed() {
    let (graph, store, _folder) = start(Options::default(), &[ANN, BEN]).await;
    for number in 0..150 {
        graph.deliver(ANN, "inbox", mail(number, "mine").as_bytes(), MONDAY);
    }
    let (origin, nothing) = (graph.url(), Query { subject_contains: vec!["nothing".into()], ..Query::default() });
    for elsewhere in [format!("{origin}/v1.0/users/{BEN}/messages?$skip=1#"), "https://evil.example".to_owned()] {
        graph.link_to_next(&elsewhere);
        let refused = store.search(&ANN.into(), &nothing, None, 100).await.map(drop);
        assert!(matches!(refused, Err(CallError::Permanent { .. })), "{refused:?}");
        assert!(!graph.reached().contains(&BEN.to_owned()));
    }
}
