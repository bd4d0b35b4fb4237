//! Tokens that the server refuses: in parts of a batch, and for claims that they lack.

use clawback_connectors::{ActionTarget, CallError};
use clawback_model::{Action, Query};
use clawback_tests::graph::Options;
use serde_json::json;

use super::{ANN, BEN, MONDAY, is_success, mail, search, start};

#[tokio::test]
async fn parts_that_were_refused_for_their_token_come_again_with_another() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    for number in 0..25 {
        graph.deliver(ANN, "inbox", mail(number, "Your parcel").as_bytes(), MONDAY);
    }
    let found = search(&*store, ANN, &Query::default(), 100).await;
    let aims: Vec<ActionTarget> = found
        .iter()
        .map(|one| ActionTarget { reference: one.reference.clone(), location: one.location.clone(), former: None })
        .collect();
    let (some, others) = aims.split_at(5);
    graph.counts();
    let effects = store.apply(ANN, Action::MoveToJunk, some).await.unwrap();
    assert!(effects.iter().all(is_success), "{effects:?}");
    let usual = graph.counts();
    graph.refuse_in_parts();
    let effects = store.apply(ANN, Action::MoveToJunk, &others[..5]).await.unwrap();
    assert!(effects.iter().all(is_success), "{effects:?}");
    let refused = graph.counts();
    assert_eq!((graph.tokens(), refused.batches, refused.requests), (2, usual.batches + 1, usual.requests + 1));

    // A second refusal within a minute can have another reason, so it costs no token.
    graph.refuse_in_parts();
    let error = store.apply(ANN, Action::MoveToJunk, &others[5..10]).await.unwrap_err();
    assert!(matches!(error, CallError::Denied { .. }) && !error.to_string().contains("eyJ"), "{error}");
    assert_eq!(graph.tokens(), 2);
    let junk = graph.kept(ANN).iter().filter(|one| one.folder.starts_with("Junk")).count();
    assert_eq!(junk, 10, "nothing else was done");
    graph.check();
}

#[tokio::test]
async fn a_token_is_requested_again_with_the_claims_that_the_server_demands() {
    let (graph, store, _folder) = start(Options::default(), &[ANN, BEN]).await;
    for mailbox in [ANN, BEN] {
        graph.deliver(mailbox, "inbox", mail(1, "Your parcel").as_bytes(), MONDAY);
    }
    assert_eq!(search(&*store, ANN, &Query::default(), 10).await.len(), 1);
    graph.demand_claims(json!({ "access_token": { "nbf": { "essential": true, "value": "1795428000" } } }));
    for mailbox in [ANN, BEN] {
        assert_eq!(search(&*store, mailbox, &Query::default(), 10).await.len(), 1);
    }
    assert_eq!(graph.tokens(), 2, "one more, for all mailboxes");
    graph.check();
}

#[tokio::test]
async fn claims_that_no_token_has_are_demanded_once() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    assert!(search(&*store, ANN, &Query::default(), 10).await.is_empty());
    graph.demand_claims(json!({ "access_token": { "acrs": { "essential": true, "value": "c1" } } }));
    graph.ignore_claims();
    for _ in 0..3 {
        let refused = store.search(&ANN.into(), &Query::default(), None, 10).await.unwrap_err();
        let CallError::Denied { detail, .. } = &refused else { panic!("{refused}") };
        assert!(detail.contains("Conditional Access") && !detail.contains("eyJ"), "{refused}");
    }
    assert_eq!(graph.tokens(), 2, "a new token that is refused is not replaced at once");
}
