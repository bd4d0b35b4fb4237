//! Searches: never fewer messages than match.

use clawback_connector_jmap::Jmap;
use clawback_connector_sdk::{
    Connector as _,
    matching::everything,
    types::{Error, LocationKind, Query},
};

use crate::server::{NOON, Server};

fn ids(server: &Server, query: &Query) -> Vec<String> {
    server.search(query).into_iter().map(|message| message.ref_.locator).collect()
}

#[test]
fn senders_that_a_server_does_not_see() {
    let server = Server::new();
    server.put("plain", &["fi"], &[], "From: Boss <boss@evil.example>\nSubject: a\nMessage-ID: <1@x>");
    server.put("first", &["fi"], &[], "From: boss@evil.example\nFrom: other@acme.test\nSubject: b\nMessage-ID: <2@x>");
    server.put("last", &["fi"], &[], "From: other@acme.test\nFrom: boss@evil.example\nSubject: c\nMessage-ID: <3@x>");
    server.put("fold", &["fi"], &[], "From: boss (x)\n <boss@\n evil.example>\nSubject: d\nMessage-ID: <4@x>");
    server.put("bytes", &["fi"], &[], "From: \u{fffd}\u{fffd} <x@y>\nSubject: e\nMessage-ID: <5@x>");
    server.put(
        "other",
        &["fi"],
        &[],
        "From: \"boss@evil.example\" <friend@good.example>\nSubject: f\nMessage-ID: <6@x>",
    );
    let query = Query { from_address: vec!["boss@evil.example".into()], ..everything() };
    let found = server.search(&query);
    let ids: Vec<&str> = found.iter().map(|message| message.ref_.locator.as_str()).collect();
    assert_eq!(ids, ["plain", "first", "last", "fold", "bytes"]);
    assert_eq!(found[4].cut, ["from"], "a condition on it cannot be decided");
    let by_id = Query { message_id: vec!["<2@x>".into()], ..everything() };
    assert_eq!(self::ids(&server, &by_id), ["first"]);
}

#[test]
fn folders_and_the_most_visible_place() {
    let server = Server::new();
    server.put("both", &["ft", "FP"], &["$seen"], "From: a@b\nSubject: x");
    server.put("junk", &["fj"], &[], "From: a@b\nSubject: x");
    server.folders.borrow_mut().push(("fq".into(), "Quarantine".into(), None, None));
    server.put("hidden", &["fq"], &[], "From: a@b\nSubject: x");
    server.put("shown", &["fq", "fi"], &[], "From: a@b\nSubject: x");
    let found = server.all();
    let places: Vec<_> = found.iter().map(|one| (one.ref_.locator.as_str(), one.location.path.as_str())).collect();
    assert_eq!(places, [("both", "Projects"), ("junk", "Junk"), ("shown", "Inbox")]);
    assert_eq!(found[0].flags, ["\\Seen", "label:ft"]);
    let trash = Query { locations: vec![LocationKind::DeletedItems], ..everything() };
    let found = server.search(&trash);
    assert_eq!((found.len(), found[0].location.kind), (1, LocationKind::DeletedItems), "as the query asks");
    let hidden = Query { locations: vec![LocationKind::Quarantine], folders: vec!["Junk".into()], ..everything() };
    assert_eq!(ids(&server, &hidden), ["junk", "hidden", "shown"]);
    let nowhere = Query { folders: vec!["Nowhere".into()], ..everything() };
    assert!(ids(&server, &nowhere).is_empty());
}

#[test]
fn pages_go_on_where_a_message_was() {
    let server = Server::new();
    for number in 0..20 {
        server.put(&format!("m{number}"), &["fi"], &[], &format!("From: a@b\nSubject: x {number}"));
    }
    let page = |cursor: Option<&str>| Jmap::new(&server).search("ann@x", &everything(), cursor, 5).unwrap();
    let first = page(None);
    assert_eq!(first.messages.len(), 5);
    // The owner deletes the message after which the next page begins.
    server.mails.borrow_mut().retain(|mail| mail.id != "m4");
    let (mut seen, mut cursor) = (first.messages, first.next);
    while let Some(text) = cursor {
        let next = page(Some(&text));
        seen.extend(next.messages);
        cursor = next.next;
    }
    let mut ids: Vec<&str> = seen.iter().map(|message| message.ref_.locator.as_str()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 20, "{ids:?}");
    let wrong = Jmap::new(&server).search("ann@x", &everything(), Some("x"), 5);
    assert!(matches!(wrong, Err(Error::Permanent(_))));
}

#[test]
fn small_limits_and_large_answers() {
    for (calls, objects, answer) in [(1, 3, usize::MAX), (2, 3, usize::MAX), (3, 500, 2_500), (16, 4, usize::MAX)] {
        let server = Server::new();
        server.calls.set(calls);
        server.objects.set(objects);
        server.largest_answer.set(answer);
        for number in 0..12 {
            let header = format!("From: a@b\nSubject: x {number}\nX-Long: {}", "y".repeat(100));
            server.put(&format!("m{number}"), &["fi"], &[], &header);
        }
        for query in [everything(), Query { subject_contains: vec!["x".into()], ..everything() }] {
            assert_eq!(server.search(&query).len(), 12, "{calls} {objects} {answer}");
        }
    }
}

#[test]
fn a_header_that_is_too_large_is_a_gap() {
    let server = Server::new();
    server.put("huge", &["fi"], &[], &format!("From: a@b\nSubject: x\nX-Long: {}", "y".repeat(5_000)));
    server.put("small", &["fi"], &[], "From: a@b\nSubject: x");
    server.largest_answer.set(3_000);
    let page = Jmap::new(&server).search("ann@x", &everything(), None, 10).unwrap();
    let ids: Vec<_> = page.messages.iter().map(|message| message.ref_.locator.as_str()).collect();
    assert_eq!((ids, page.gaps.len()), (vec!["small"], 1));
    assert_eq!(page.gaps[0].item, "huge");
}

#[test]
fn times_and_attachments() {
    let server = Server::new();
    for number in 0..5 {
        server.put(&format!("m{number}"), &["fi"], &[], &format!("From: a@b\nSubject: x {number}"));
    }
    let time = |seconds: i64| Some((NOON - seconds) * 1_000_000);
    let query = Query { received_after: time(3), received_before: time(1), ..everything() };
    assert_eq!(ids(&server, &query), ["m2", "m3"]);
    let exact = Query { received_after: time(3).map(|time| time + 1), ..everything() };
    assert_eq!(ids(&server, &exact), ["m0", "m1", "m2"]);
    server.put("a", &["fi"], &[], "From: a@b\nContent-Type: multipart/mixed; boundary=z");
    let raw = b"Content-Type: multipart/mixed; boundary=z\r\n\r\n--z\r\nContent-Type: image/png; name=bad.exe\r\n\r\nx\r\n--z--\r\n";
    server.mails.borrow_mut()[5].raw = raw.to_vec();
    let query = Query { attachment_name: vec!["BAD".into()], ..everything() };
    let found = server.search(&query);
    assert_eq!((found.len(), found[0].attachments.as_slice()), (1, ["bad.exe".to_owned()].as_slice()));
}
