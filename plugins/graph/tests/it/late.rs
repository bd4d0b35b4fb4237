//! Answers that are late, large, or missing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use clawback_connector_sdk::Connector as _;
use clawback_connector_sdk::examiner::{Examined, Request};
use clawback_connector_sdk::matching::everything;
use clawback_connector_sdk::types::{Action, Effect, Error, Former, Query};
use serde_json::{Value, json};

use crate::script::{ANN, Answer, below, folders, graph, mail, missing, slow_graph, targets};

fn list(value: &[Value]) -> Answer {
    (200, None, json!({ "value": value }))
}

/// The id in the path of a message, and what follows.
fn message(path: &str) -> Option<(&str, &str)> {
    let rest = below(path)?.strip_prefix("/messages/")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

#[test]
fn a_twin_is_not_deleted_in_place_of_a_message() {
    let connector = graph(|_, path, _| match message(path) {
        Some(("A", "")) => missing(),
        Some((_, "permanentDelete")) => panic!("nobody chose the twin"),
        _ => folders(path).unwrap_or_else(|| {
            let mut twin = mail("A", "I");
            twin["id"] = json!("B");
            list(&[twin])
        }),
    });
    let outcomes = connector.apply(ANN, Action::HardDelete, &targets(&["A"])).unwrap();
    assert!(matches!(&outcomes[0].effect, Effect::Failed(why) if why.contains("another")), "{outcomes:?}");
}

/// A move that a gateway did not wait for: it is seen at this question, if ever.
fn late(seen_at: usize) -> impl Fn(&str, &str, &Value) -> Answer {
    let asked = Cell::new(None);
    move |_, path, _| match message(path) {
        Some(("A", "move")) => {
            asked.set(Some(0));
            (504, None, json!({}))
        }
        Some((id, "move")) => (201, None, mail(id, "J")),
        Some(("A", "")) => {
            asked.set(asked.get().map(|count| count + 1));
            (200, None, mail("A", if asked.get().is_some_and(|count| count >= seen_at) { "J" } else { "I" }))
        }
        Some((id, "")) => (200, None, mail(id, "I")),
        _ => folders(path).unwrap_or_else(|| list(&[])),
    }
}

#[test]
fn a_move_that_ends_late_has_its_receipt() {
    let connector = graph(late(3));
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &targets(&["A", "B"])).unwrap();
    assert!(outcomes.iter().all(|one| matches!(one.effect, Effect::Succeeded(_))), "{outcomes:?}");
    let connector = graph(late(100));
    let ended = connector.apply(ANN, Action::MoveToJunk, &targets(&["A", "B"]));
    assert!(matches!(ended, Err(Error::Transient(_))), "it may still move, so no outcome is final: {ended:?}");
}

#[test]
fn a_question_without_an_answer_comes_again() {
    let tries = Cell::new(0);
    let connector = graph(move |_, path, _| match message(path) {
        Some((id, "move")) => (201, None, mail(id, "J")),
        Some((id, "")) => {
            tries.set(tries.get() + 1);
            match (id, tries.get()) {
                ("A", 1..4) => (500, None, json!({})),
                ("B", 1..4) => (504, None, json!({})),
                _ => (200, None, mail(id, "I")),
            }
        }
        _ => folders(path).unwrap_or_else(|| list(&[])),
    });
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &targets(&["A", "B", "C"])).unwrap();
    assert!(outcomes.iter().all(|one| matches!(one.effect, Effect::Succeeded(_))), "{outcomes:?}");
    let connector = graph(|_, path, _| match message(path) {
        Some((id, "")) => (if id == "A" { 500 } else { 504 }, None, json!({})),
        _ => folders(path).unwrap_or_else(|| list(&[])),
    });
    let ended = connector.apply(ANN, Action::MoveToJunk, &targets(&["A", "B"]));
    assert!(matches!(ended, Err(Error::Transient(_))), "nothing was done: {ended:?}");
}

#[test]
fn a_soft_delete_whose_id_is_gone_is_looked_for_in_the_folder() {
    let is_done = Cell::new(false);
    let connector = graph(move |_, path, _| match message(path) {
        Some(("A", "move")) => {
            is_done.set(true);
            (504, None, json!({}))
        }
        Some(("A", "")) if is_done.get() => missing(),
        Some(("A", "")) => (200, None, mail("A", "I")),
        _ => match below(path) {
            Some("/mailFolders/recoverableitemsdeletions") => {
                (200, None, crate::script::folder("D", "Deletions", "RR"))
            }
            Some("/mailFolders/D/messages") => {
                let mut moved = mail("A", "D");
                moved["id"] = json!("A2");
                list(&[moved])
            }
            _ => folders(path).unwrap_or_else(|| list(&[])),
        },
    });
    let outcomes = connector.apply(ANN, Action::SoftDelete, &targets(&["A"])).unwrap();
    let is_found = |effect: &Effect| matches!(effect, Effect::Succeeded(receipt) if receipt.now.as_ref().is_some_and(|now| now.locator == "A2"));
    assert!(is_found(&outcomes[0].effect), "{outcomes:?}");
}

#[test]
fn many_recipients_hold_no_act_off() {
    let large = |id: &str, place: &str| {
        let mut large = mail(id, place);
        large["toRecipients"] = json!([{ "emailAddress": { "address": "x".repeat(1 << 20) } }]);
        large
    };
    let connector = graph(move |_, path, _| match message(path) {
        Some((id, "move")) => (201, None, mail(id, "J")),
        Some((id, "")) => (200, None, large(id, "I")),
        _ => folders(path).unwrap_or_else(|| list(&[])),
    });
    let ids: Vec<String> = (0..14).map(|number| format!("A{number}")).collect();
    let mut targets = targets(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    for (target, id) in targets.iter_mut().zip(ids) {
        // The fingerprint is of the message with these recipients.
        let finder = graph(move |_, path, _| folders(path).unwrap_or_else(|| list(&[large(&id, "I")])));
        target.ref_ = finder.search(ANN, &everything(), None, 10).unwrap().messages.remove(0).ref_;
    }
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &targets).unwrap();
    assert!(outcomes.iter().all(|one| matches!(one.effect, Effect::Succeeded(_))), "{outcomes:?}");
}

#[test]
fn throttled_parts_of_an_answer_that_is_too_large_come_again() {
    let tries = Cell::new(0);
    let places: RefCell<Vec<String>> = RefCell::default();
    let connector = graph(move |_, path, _| match message(path) {
        Some(("B", "move")) if tries.replace(tries.get() + 1) == 0 => (429, Some(1), json!({})),
        Some((id, "move")) => {
            places.borrow_mut().push(id.to_owned());
            let mut answer = mail(id, "J");
            answer["body"] = json!({ "content": "x".repeat(13 << 20) });
            (201, None, if id == "A" { answer } else { mail(id, "J") })
        }
        Some((id, "")) => {
            let is_moved = places.borrow().iter().any(|moved| moved == id);
            (200, None, mail(id, if is_moved { "J" } else { "I" }))
        }
        _ => folders(path).unwrap_or_else(|| list(&[])),
    });
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &targets(&["A", "B"])).unwrap();
    assert!(outcomes.iter().all(|one| matches!(one.effect, Effect::Succeeded(_))), "{outcomes:?}");
}

#[test]
fn a_search_of_many_ids_goes_on_where_it_was() {
    let query = Query { message_id: (0..3_000).map(|number| format!("<{number}@x>")).collect(), ..everything() };
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    let connector = slow_graph(1_000_000, move |_, path, _| {
        counted.set(counted.get() + 1);
        folders(path).unwrap_or_else(|| list(&[]))
    });
    let (mut cursor, mut calls) = (None, 0);
    loop {
        let before = count.get();
        let page = connector.search(ANN, &query, cursor.as_deref(), 100).unwrap();
        assert!(count.get() - before <= 25, "the call ends in time");
        calls += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(count.get() == 300 && calls > 10, "{} requests in {calls} calls", count.get());
}

#[test]
fn a_slow_page_of_drafts_ends_within_it() {
    let connector = slow_graph(1_000_000, |_, path, _| match message(path) {
        Some((_, "$value")) => (200, None, json!("X-A: 1")),
        _ => folders(path).unwrap_or_else(|| {
            let one = |number| {
                let mut one = mail(&format!("A{number}"), "I");
                one["receivedDateTime"] = json!(format!("2026-11-23T10:{:02}:{:02}Z", number / 60, number % 60));
                one
            };
            let from = path
                .split("ge%202026-11-23T10%3A")
                .nth(1)
                .map_or(0, |rest| rest[..2].parse::<usize>().unwrap() * 60 + rest[5..7].parse::<usize>().unwrap());
            list(&(from..250).map(one).collect::<Vec<_>>())
        }),
    });
    let query = Query { header_contains: vec![("x-b".into(), "1".into())], ..everything() };
    let (mut cursor, mut calls) = (None, 0);
    loop {
        let page = connector.search(ANN, &query, cursor.as_deref(), 1_000).unwrap();
        calls += 1;
        assert!(calls < 50, "it goes on");
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(calls > 5, "250 messages of a second each are no one call: {calls}");
}

#[test]
fn slow_drafts_of_one_second_are_read_once() {
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    let connector = slow_graph(1_500_000, move |_, path, _| match message(path) {
        Some((_, "$value")) => {
            counted.set(counted.get() + 1);
            (200, None, json!("X-A: 1"))
        }
        _ => folders(path).unwrap_or_else(|| {
            let one = |number| {
                let mut one = mail(&format!("A{number}"), "I");
                one["receivedDateTime"] = json!("2026-11-23T10:00:00Z");
                one
            };
            list(&(0..100).map(one).collect::<Vec<_>>())
        }),
    });
    let query = Query { header_contains: vec![("x-b".into(), "1".into())], ..everything() };
    let (mut cursor, mut calls) = (None, 0);
    loop {
        cursor = connector.search(ANN, &query, cursor.as_deref(), 1_000).unwrap().next;
        calls += 1;
        assert!(calls < 50, "it goes on");
        if cursor.is_none() {
            break;
        }
    }
    assert!(calls > 2 && count.get() == 100, "{} in {calls} calls", count.get());
}

#[test]
fn messages_are_examined_several_at_once() {
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    let connector = graph(move |_, path, _| match message(path) {
        Some(("A3", "$value") | ("A5", "")) => missing(),
        Some((_, "$value")) => {
            counted.set(counted.get() + 1);
            (200, None, json!("Subject: x"))
        }
        Some((id, "")) => (200, None, mail(id, "I")),
        _ => folders(path).unwrap_or_else(|| list(&[])),
    });
    let ids: Vec<String> = (0..9).map(|number| format!("A{number}")).collect();
    let refs: Vec<_> =
        targets(&ids.iter().map(String::as_str).collect::<Vec<_>>()).into_iter().map(|one| one.ref_).collect();
    let request = Request {
        key: (1, 2),
        most: 1_000,
        authentication_servers: Vec::new(),
        own_relays: Vec::new(),
        body_contains: Vec::new(),
        urls: Vec::new(),
        extra: Vec::new(),
    };
    let examined = connector.examine(ANN, &refs, &request).unwrap();
    for (at, one) in examined.iter().enumerate() {
        assert_eq!(matches!(one, Examined::NotFound), [3, 5].contains(&at), "{at}");
    }
    assert_eq!(count.get(), 7);
}

#[test]
fn a_missing_message_is_missing_however_little_of_it_is_wanted() {
    let connector = graph(|_, path, _| match message(path) {
        Some((_, "$value")) => missing(),
        Some((id, "")) => (200, None, mail(id, "I")),
        _ => folders(path).unwrap_or_else(|| list(&[])),
    });
    let fetched = connector.fetch_raw(ANN, &targets(&["A"])[0].ref_, 16);
    assert!(matches!(fetched, Err(Error::NotFound(_))), "{fetched:?}");
}

#[test]
fn a_category_that_a_move_lost_is_set_again() {
    let patched = Rc::new(RefCell::new(Value::Null));
    let set = patched.clone();
    let connector = graph(move |method, path, body| match message(path) {
        Some((_, "move")) => (201, None, mail("A", "I")),
        Some(("A", "")) => {
            let mut one = mail("A", "J");
            one["categories"] = json!(["Red"]);
            if method == "PATCH" {
                *set.borrow_mut() = body.clone();
            }
            (200, None, one)
        }
        _ => folders(path).unwrap_or_else(|| list(&[])),
    });
    let mut target = targets(&["A"]).remove(0);
    let location = std::mem::replace(
        &mut target.location,
        clawback_connector_sdk::types::Location {
            kind: clawback_connector_sdk::types::LocationKind::Junk,
            path: String::new(),
        },
    );
    target.former = Some(Former { location, flags: vec!["category:Red".into()] });
    let outcomes = connector.apply(ANN, Action::Restore, &[target]).unwrap();
    assert!(matches!(outcomes[0].effect, Effect::Succeeded(_)), "{outcomes:?}");
    assert_eq!(*patched.borrow(), json!({ "categories": ["Red"] }));
}

#[test]
fn a_token_that_parts_refuse_is_renewed() {
    let is_old = Cell::new(true);
    let connector = graph(move |_, path, _| {
        match message(path) {
            // The host sees the answer, and sends the next request with another token.
            Some(_) if is_old.replace(false) => {
                (401, None, json!({ "error": { "code": "InvalidAuthenticationToken" } }))
            }
            Some((id, "move")) => (201, None, mail(id, "J")),
            Some((id, "")) => (200, None, mail(id, "I")),
            _ => folders(path).unwrap_or_else(|| list(&[])),
        }
    });
    let outcomes = connector.apply(ANN, Action::MoveToJunk, &targets(&["A"])).unwrap();
    assert!(matches!(outcomes[0].effect, Effect::Succeeded(_)), "{outcomes:?}");
}
