//! Answers that no server of Microsoft gives.

use clawback_connector_sdk::Connector as _;
use clawback_connector_sdk::matching::everything;
use clawback_connector_sdk::types::Error;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::script::{ANN, folders, graph, mail};

#[test]
fn texts_of_the_server_are_in_no_error() {
    for status in [400, 401, 403, 404, 409, 500, 502] {
        let error = json!({ "error": { "code": "Bad\u{1b}[0m eyJtoken", "message": "secret subject eyJ0b2tlbg" } });
        let connector = graph(move |_, _, _| (status, None, error.clone()));
        let refused = connector.search(ANN, &everything(), None, 10).unwrap_err();
        let text = format!("{refused:?}");
        assert!(!text.contains("secret") && !text.contains("\\u{1b}"), "{text}");
    }
}

#[test]
fn ids_of_another_form_are_gaps() {
    for id in ["../../ben@acme.test", "a/b", "", "a?b", "a b"] {
        let connector = graph(move |_, path, _| {
            let value = json!({ "value": [mail(id, "I"), mail("A", "I")] });
            folders(path).unwrap_or((200, None, value))
        });
        let page = connector.search(ANN, &everything(), None, 10).unwrap();
        assert_eq!((page.messages.len(), page.gaps.len()), (1, 1), "{id}");
    }
}

#[test]
fn listings_that_never_end_do_not_either() {
    let link = "https://graph.example/v1.0/users/ann@acme.test/messages?$skip=1";
    let connector = graph(move |_, _, _| (200, None, json!({ "value": [], "@odata.nextLink": link })));
    let page = connector.search(ANN, &everything(), None, 10).unwrap();
    assert!(page.messages.is_empty() && page.next.is_some(), "the page ends, and the search goes on later");
    let tree = "https://graph.example/v1.0/users/ann@acme.test/mailFolders/delta?$skiptoken=1";
    let connector = graph(move |_, path, _| match folders(path) {
        Some(_) if path.contains("/delta") => (200, None, json!({ "value": [], "@odata.nextLink": tree })),
        Some(answer) => answer,
        None => (200, None, json!({ "value": [mail("A", "I")] })),
    });
    assert!(matches!(connector.search(ANN, &everything(), None, 10), Err(Error::Permanent(_))));
}

#[test]
fn messages_with_many_recipients_are_read_few_at_a_time() {
    const COUNT: usize = 40;
    let connector = graph(move |_, path, _| {
        if let Some(answer) = folders(path) {
            return answer;
        }
        let from = path.split("ge%202026-11-23T10%3A00%3A").nth(1).map_or(0, |rest| rest[..2].parse().unwrap());
        let top: usize = path.split("$top=").nth(1).unwrap().parse().unwrap();
        let end = COUNT.min(from + top);
        let one = |number| {
            let mut one = mail(&format!("A{number}"), "I");
            one["receivedDateTime"] = json!(format!("2026-11-23T10:00:{number:02}Z"));
            one["ccRecipients"] = json!([{ "emailAddress": { "address": "x".repeat(400_000) } }]);
            one
        };
        let next = "https://graph.example/v1.0/users/ann@acme.test/messages?$skip=1";
        let next = (end < COUNT).then_some(next);
        (200, None, json!({ "value": (from..end).map(one).collect::<Vec<_>>(), "@odata.nextLink": next }))
    });
    let page = connector.search(ANN, &everything(), None, 1_000).unwrap();
    assert_eq!((page.messages.len(), page.next), (COUNT, None));
}

#[test]
fn what_is_no_listing_is_an_error_and_no_empty_page() {
    for body in [Value::Null, json!({}), json!([]), json!({ "value": 1 }), json!({ "value": [1] }), json!("x")] {
        let connector = graph(move |_, _, _| (200, None, body.clone()));
        assert!(matches!(connector.search(ANN, &everything(), None, 10), Err(Error::Permanent(_))));
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~\r\n\u{e4}\u{200b}]{0,30}".prop_map(Value::from),
    ];
    let names = "id|value|subject|from|emailAddress|address|name|flag|categories|receivedDateTime|responses|error|code";
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names, inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_answer_stops_it(body in value(), status in 100_u16..600) {
        let message = json!({ "value": [body.clone()] });
        let connector = graph(move |_, path, _| match folders(path) {
            Some(_) if status % 3 == 0 => (status, None, body.clone()),
            Some(answer) => answer,
            None => (200, None, message.clone()),
        });
        let _ = connector.search(ANN, &everything(), None, 10);
        let _ = connector.check(ANN);
        let _ = connector.mailboxes(None, 10);
    }
}
