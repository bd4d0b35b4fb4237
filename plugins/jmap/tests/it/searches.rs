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

const MULTIPART: &str = "From: a@b\nContent-Type: multipart/mixed; boundary=z";

fn attach(server: &Server, id: &str, name: &str) {
    let raw = format!(
        "From: a@b\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n--z\r\nContent-Type: image/png; name={name}\r\n\r\n\
         x\r\n--z--\r\n"
    );
    let mut mails = server.mails.borrow_mut();
    mails.iter_mut().find(|mail| mail.id == id).unwrap().raw = raw.into_bytes();
}

fn bad() -> Query {
    Query { attachment_name: vec!["bad".into()], ..everything() }
}

#[test]
fn a_download_that_is_not_there_is_no_message_without_attachments() {
    let server = Server::new();
    server.put("a", &["fi"], &[], MULTIPART);
    attach(&server, "a", "bad.exe");
    let reference = server.all()[0].ref_.clone();
    // The session that is kept names another address.
    *server.downloads.borrow_mut() = "/elsewhere".into();
    assert_eq!(ids(&server, &bad()), ["a"]);
    server.longest_download.set(30);
    let page = Jmap::new(&server).search("ann@x", &bad(), None, 10).unwrap();
    assert_eq!((page.messages.len(), page.messages[0].cut.as_slice()), (1, ["attachments".to_owned()].as_slice()));
    let cut = Jmap::new(&server).fetch_raw("ann@x", &reference, 1_000);
    assert!(matches!(cut, Err(Error::Transient(_))), "{cut:?}");
    assert_eq!(Jmap::new(&server).fetch_raw("ann@x", &reference, 20).unwrap().len(), 20);
    // The API has the message, and the server of downloads has not.
    server.has_no_downloads.set(true);
    let page = Jmap::new(&server).search("ann@x", &bad(), None, 10).unwrap();
    assert_eq!((page.messages.len(), page.gaps.len(), page.gaps[0].item.as_str()), (0, 1, "a"));
    let missing = Jmap::new(&server).fetch_raw("ann@x", &reference, 1_000);
    assert!(matches!(missing, Err(Error::Permanent(_))), "{missing:?}");
}

#[test]
fn a_page_of_attachments_ends_in_time_and_the_next_goes_on() {
    let server = Server::new();
    for number in 0..60 {
        let id = format!("m{number}");
        server.put(&id, &["fi"], &[], MULTIPART);
        attach(&server, &id, if number == 59 { "bad.exe" } else { "good.png" });
    }
    server.tick.set(1_000_000);
    let (mut pages, mut found, mut cursor) = (0, 0, None);
    loop {
        let before = server.requests.borrow().len();
        let page = Jmap::new(&server).search("ann@x", &bad(), cursor.as_deref(), 100).unwrap();
        assert!(server.requests.borrow().len() - before < 30, "a call ends after 20 seconds");
        pages += 1;
        found += page.messages.len();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((found, pages > 2), (1, true));
    assert_eq!(server.most_at_once.get(), 4);
}

#[test]
fn fields_that_the_server_does_not_return_are_not_missing() {
    for (is_lower, has_no_fields) in [(true, false), (false, true)] {
        let server = Server::new();
        server.put("a", &["fi"], &[], "From: a@b\nSubject: Parcel");
        server.put("b", &["fi"], &[], "From: a@b\nSubject: Lunch");
        server.is_lower.set(is_lower);
        server.has_no_fields.set(has_no_fields);
        let query = Query { subject_contains: vec!["parcel".into()], ..everything() };
        assert_eq!(ids(&server, &query), ["a"]);
    }
}

#[test]
fn a_message_in_a_folder_that_is_made_meanwhile_is_found() {
    let server = Server::new();
    server.put("a", &["new"], &[], "From: a@b\nSubject: Parcel");
    server.late_folders.borrow_mut().push(("new".into(), "New".into(), None, None));
    let query = Query { subject_contains: vec!["parcel".into()], ..everything() };
    let found = server.search(&query);
    assert_eq!((found.len(), found[0].location.path.as_str()), (1, "New"));
    server.put("b", &["never"], &[], "From: a@b\nSubject: Parcel");
    let page = Jmap::new(&server).search("ann@x", &query, None, 10).unwrap();
    assert_eq!((page.messages.len(), page.gaps.len(), page.gaps[0].item.as_str()), (1, 1, "b"));
}

#[test]
fn a_message_that_is_left_out_is_a_gap() {
    let server = Server::new();
    server.put("a", &["fi"], &[], "From: a@b\nSubject: Parcel");
    server.omitted.borrow_mut().push("a".into());
    let page = Jmap::new(&server).search("ann@x", &everything(), None, 10).unwrap();
    assert_eq!((page.messages.len(), page.gaps.len()), (0, 1));
}

#[test]
fn a_hit_whose_header_is_too_large_is_a_gap() {
    let server = Server::new();
    for number in 0..6 {
        server.put(&format!("m{number}"), &["fi"], &[], "From: a@b\nSubject: Parcel");
    }
    server.put("huge", &["fi"], &[], &format!("From: a@b\nSubject: Parcel\nX-Long: {}", "y".repeat(9_000)));
    server.put("last", &["fi"], &[], "From: a@b\nSubject: Parcel");
    server.largest_answer.set(6_000);
    let query = Query { subject_contains: vec!["parcel".into()], ..everything() };
    let page = Jmap::new(&server).search("ann@x", &query, None, 100).unwrap();
    assert_eq!((page.messages.len(), page.gaps.len(), page.gaps[0].item.as_str()), (7, 1, "huge"));
}

#[test]
fn an_answer_beyond_the_memory_of_a_call_is_read_in_parts() {
    let server = Server::new();
    let header = format!("From: a@b\nSubject: Parcel{}", format!("\nX: {}", "y".repeat(996)).repeat(700));
    for number in 0..14 {
        server.put(&format!("m{number}"), &["fi"], &[], &header);
    }
    let query = Query { subject_contains: vec!["parcel".into()], ..everything() };
    assert_eq!((ids(&server, &query).len(), ids(&server, &everything()).len()), (14, 14));
    let largest = server.largest_sent.get();
    assert!(largest > 8 << 20, "the server sends as much as it is asked for: {largest}");
}
