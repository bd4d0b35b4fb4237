//! Parts of batches with answers of their own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use clawback_connector_sdk::Connector as _;
use clawback_connector_sdk::types::{Action, Effect, Error};
use serde_json::{Value, json};

use crate::script::{ANN, Answer, folders, graph, mail, missing, targets};

/// The places of messages, and what is answered to a move of each.
fn mover(moves: impl Fn(&str, usize) -> (Answer, bool) + 'static) -> impl Fn(&str, &str, &Value) -> Answer {
    let places: Rc<RefCell<HashMap<String, &'static str>>> = Rc::default();
    let counts: RefCell<HashMap<String, usize>> = RefCell::default();
    move |method, path, _| {
        if let Some(answer) = folders(path) {
            return answer;
        }
        let rest = path.strip_prefix("/users/ann%40acme.test/messages").unwrap();
        let Some(rest) = rest.strip_prefix('/') else { return (200, None, json!({ "value": [] })) };
        let id = rest.split(['/', '?']).next().unwrap().to_owned();
        if method == "GET" {
            return match *places.borrow().get(&id).unwrap_or(&"I") {
                "" => missing(),
                place => (200, None, mail(&id, place)),
            };
        }
        let mut counts = counts.borrow_mut();
        let tried = counts.entry(id.clone()).or_default();
        *tried += 1;
        let (answer, is_done) = moves(&id, *tried);
        if is_done {
            places.borrow_mut().insert(id, if path.ends_with("permanentDelete") { "" } else { "J" });
        }
        answer
    }
}

fn moved(id: &str) -> (Answer, bool) {
    ((201, None, mail(id, "J")), true)
}

#[test]
fn only_throttled_parts_come_again_after_their_pause() {
    let connector = graph(mover(|id, tried| match (id, tried) {
        ("B" | "D", 1) => ((429, Some(2), json!({ "error": { "code": "ApplicationThrottled" } })), false),
        ("B", 2) => ((503, Some(1), json!({})), false),
        _ => moved(id),
    }));
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &targets(&["A", "B", "C", "D"])).unwrap();
    assert!(outcomes.iter().all(|one| matches!(one.effect, Effect::Succeeded(_))), "{outcomes:?}");
}

#[test]
fn patience_ends_with_an_error_of_the_call() {
    let connector = graph(mover(|id, _| match id {
        "B" => ((429, Some(5), json!({})), false),
        _ => moved(id),
    }));
    let refused = connector.apply(ANN, Action::MoveToJunk, &targets(&["A", "B"])).unwrap_err();
    assert_eq!(refused, Error::Throttled(Some(5_000)));
}

#[test]
fn an_unclear_answer_is_followed_by_a_question() {
    let connector = graph(mover(|id, _| match id {
        // Done, although the answer does not say so.
        "A" => ((504, None, json!({})), true),
        // No answer at all.
        "B" => ((0, None, json!({})), true),
        "C" => ((500, None, json!({})), false),
        // Said to be done, in another place.
        "D" => ((201, None, mail("D", "I")), false),
        "E" => (missing(), false),
        _ => moved(id),
    }));
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &targets(&["A", "B", "C", "D", "E", "F"])).unwrap();
    let is_done: Vec<bool> = outcomes.iter().map(|one| matches!(one.effect, Effect::Succeeded(_))).collect();
    assert_eq!(is_done, [true, true, false, false, false, true], "{outcomes:?}");
    assert!(outcomes[2..5].iter().all(|one| matches!(one.effect, Effect::Failed(_))), "{outcomes:?}");
}

#[test]
fn an_answer_that_is_too_large_is_followed_by_a_question() {
    let connector = graph(mover(|id, _| {
        let mut answer = mail(id, "J");
        answer["body"] = json!({ "contentType": "text", "content": "x".repeat(7 << 20) });
        ((201, None, answer), true)
    }));
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &targets(&["A", "B"])).unwrap();
    assert!(outcomes.iter().all(|one| matches!(one.effect, Effect::Succeeded(_))), "{outcomes:?}");
}

#[test]
fn no_content_is_no_proof_of_a_delete() {
    let connector = graph(mover(|id, _| ((204, None, Value::Null), id == "A")));
    let outcomes = connector.apply(ANN, Action::HardDelete, &targets(&["A", "B"])).unwrap();
    assert!(matches!(&outcomes[0].effect, Effect::Succeeded(receipt) if receipt.now.is_none()));
    assert!(matches!(outcomes[1].effect, Effect::Failed(_)), "{outcomes:?}");
}

#[test]
fn one_refused_message_fails_alone() {
    let connector = graph(mover(|id, _| match id {
        "B" => ((403, None, json!({ "error": { "code": "ErrorAccessDenied" } })), false),
        _ => moved(id),
    }));
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &targets(&["A", "B"])).unwrap();
    assert!(matches!(&outcomes[1].effect, Effect::Failed(why) if why.contains("ErrorAccessDenied")), "{outcomes:?}");
    assert!(matches!(outcomes[0].effect, Effect::Succeeded(_)));
    let refused = connector.apply(ANN, Action::MoveToJunk, &targets(&["B"])).unwrap_err();
    assert!(matches!(refused, Error::Denied(_)), "all were refused: {refused:?}");
}

#[test]
fn a_message_that_is_named_twice_moves_once() {
    let connector = graph(mover(|id, _| moved(id)));
    let one = targets(&["A"]).remove(0);
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &[one.clone(), one]).unwrap();
    assert!(matches!(outcomes[0].effect, Effect::Succeeded(_)) && matches!(outcomes[1].effect, Effect::Failed(_)));
}
