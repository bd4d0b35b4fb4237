//! A search finds what the index does not know yet, and one message hides no other.

use std::time::Duration;

use clawback_connector_gmail::Gmail;
use clawback_connector_sdk::{
    Connector as _,
    host::HttpError,
    matching::everything,
    types::{Error, LocationKind, MessagePage, Query},
};

use crate::{
    scripted::NOW,
    server::{Server, answer, set},
};

const HOUR: i64 = 3_600_000_000;

fn from(address: &str) -> Query {
    Query { from_address: vec![address.into()], ..everything() }
}

/// All pages, and how many.
fn all(server: &Server, query: &Query, most: u32) -> (MessagePage, usize) {
    let mut whole = MessagePage { messages: Vec::new(), next: None, gaps: Vec::new() };
    let mut pages = 0;
    loop {
        let page = Gmail::new(server).search("a@x", query, whole.next.as_deref(), most).unwrap();
        whole.messages.extend(page.messages);
        whole.gaps.extend(page.gaps);
        whole.next = page.next;
        pages += 1;
        assert!(pages < 200, "it ends");
        if whole.next.is_none() {
            return (whole, pages);
        }
    }
}

fn found(server: &Server, query: &Query, most: u32) -> String {
    let (page, _) = all(server, query, most);
    assert!(page.gaps.is_empty(), "{:?}", page.gaps);
    page.messages.iter().map(|message| message.ref_.locator.as_str()).collect::<Vec<_>>().join(" ")
}

/// Old messages, then some that the index does not know, then some that it knows.
fn mailbox() -> Server {
    let server = Server::new();
    for number in 1..=20 {
        let from = if number % 5 == 0 { "evil@p" } else { "good@p" };
        let minutes = if number <= 10 { 6_000 - i64::from(number) } else { 40 - i64::from(number) };
        server.deliver(number, from, minutes, number <= 10 || number > 17);
    }
    server
}

#[test]
fn the_newest_messages_are_found_without_the_index() {
    for most in [1, 2, 3, 200] {
        let server = mailbox();
        assert_eq!(found(&server, &from("evil@p"), most), "20 15 10 5", "in pages of {most}");
        let id = Query { message_id: vec!["<16@x>".into()], ..everything() };
        assert_eq!(found(&server, &id, most), "16");
        let recent = Query { received_after: Some(NOW - HOUR / 2), ..everything() };
        assert_eq!(found(&server, &recent, most), "20 19 18 17 16 15 14 13 12 11 10".trim_end_matches(" 10"));
        let day = Query { received_after: Some(NOW - 24 * HOUR), ..from("evil@p") };
        assert_eq!(found(&server, &day, most), "20 15");
        let week =
            Query { received_after: Some(NOW - 168 * HOUR), subject_contains: vec!["mail".into()], ..everything() };
        assert_eq!(found(&server, &week, most).split(' ').count(), 20, "each once");
        let inbox = Query { locations: vec![LocationKind::Inbox], ..from("evil@p") };
        assert_eq!(found(&server, &inbox, most), "20 15 10 5");
    }
}

#[test]
fn a_message_that_was_moved_since_it_was_indexed_is_found_in_its_new_place() {
    let server = mailbox();
    server.with(15, |mail| {
        mail.labels = set(&["SPAM"]);
        mail.indexed = Some(set(&["INBOX"]));
    });
    // Received long ago.
    server.with(5, |mail| mail.labels = set(&["SPAM"]));
    let junk = Query { locations: vec![LocationKind::Junk], ..from("evil@p") };
    assert_eq!(found(&server, &junk, 10), "15 5");
    let junk = Query { locations: vec![LocationKind::Junk], received_after: Some(NOW - 99 * HOUR), ..everything() };
    assert_eq!(found(&server, &junk, 10), "15");
    let junk = Query { received_after: Some(NOW - 168 * HOUR), received_before: Some(NOW - HOUR), ..junk };
    assert_eq!(found(&server, &junk, 10), "5");
}

#[test]
fn a_list_of_the_index_is_enough_for_a_time_that_is_over() {
    let server = Server::new();
    (0..100).for_each(|number| server.deliver(number, "good@p", 5_000 - i64::from(number), true));
    let over = Query { received_before: Some(NOW - 2 * HOUR), ..from("evil@p") };
    assert_eq!(found(&server, &over, 200), "");
    assert_eq!(server.units.take(), 5);
    // Otherwise: the newest, which of them are old, and the index. The second is known for an hour.
    for units in [15, 10] {
        assert_eq!(found(&server, &from("evil@p"), 200), "");
        assert_eq!(server.units.take(), units);
    }
    // A new message is read once more than by a script.
    server.deliver(100, "good@p", 1, false);
    assert_eq!(found(&server, &from("evil@p"), 200), "");
    assert_eq!(server.units.take(), 15 + 20 + 1);
}

#[test]
fn without_the_index_everything_is_read() {
    let mut server = mailbox();
    server.settings.insert("search".into(), "no".into());
    server.with(5, |mail| mail.indexed = None);
    assert_eq!(found(&server, &from("evil@p"), 200), "20 15 10 5");
    assert!(server.asked.borrow().iter().all(|request| !request.contains("q=")));
}

#[test]
fn a_hidden_label_that_another_node_created_is_searched() {
    let server = mailbox();
    let gmail = Gmail::new(&server);
    gmail.check("a@x").unwrap();
    server.labels.borrow_mut().insert("Label_q".into(), "Clawback/Quarantine".into());
    server.with(20, |mail| mail.labels = set(&["Label_q"]));
    let quarantine = Query { locations: vec![LocationKind::Quarantine], ..everything() };
    assert_eq!(found(&server, &quarantine, 10), "20");
    // Deleted and created again.
    let moved = server.labels.borrow_mut().remove("Label_q").unwrap();
    server.labels.borrow_mut().insert("Label_r".into(), moved);
    server.with(20, |mail| mail.labels = set(&["Label_r"]));
    assert_eq!(found(&server, &quarantine, 10), "20");
}

#[test]
fn long_headers_are_held_a_few_at_a_time() {
    let server = Server::new();
    (0..20).for_each(|number| server.deliver(number, "a@b", 5_000 - i64::from(number), true));
    let mut raws = 0;
    // Every message is doubtful, so the message itself is read before more fields are.
    (0..20).for_each(|number| server.with(number, |mail| mail.headers[0].1 = "a@b, c@d".into()));
    assert_eq!(all(&server, &everything(), 200).0.messages.len(), 20);
    let mut held = 0;
    for request in server.asked.borrow().iter().filter(|request| request.contains("/messages/")) {
        if request.contains("format=raw") {
            raws += 1;
        } else {
            held += 1;
        }
        assert!(held - raws <= 4, "more fields are held than are sent at once");
    }
}

#[test]
fn a_failure_ends_the_page_before_the_message_and_is_no_gap() {
    let server = mailbox();
    server.set_hook(|request| request.path.contains("/messages/15?").then(|| Err(HttpError::Failed("reset".into()))));
    let page = Gmail::new(&server).search("a@x", &everything(), None, 200).unwrap();
    assert!(page.gaps.is_empty() && page.messages.len() == 5, "{:?}", page.gaps);
    let next = page.next;
    let refused = Gmail::new(&server).search("a@x", &everything(), next.as_deref(), 200).unwrap_err();
    assert_eq!(refused, Error::Transient("reset".into()), "nothing is throttled");
    *server.hook.borrow_mut() = None;
    let page = Gmail::new(&server).search("a@x", &everything(), next.as_deref(), 200).unwrap();
    assert!(page.gaps.is_empty() && page.messages.len() == 15);
}

#[test]
fn a_message_that_can_never_be_read_becomes_a_gap_and_hides_no_other() {
    let server = mailbox();
    server.set_hook(|request| request.path.contains("/messages/20?").then(|| Ok(answer(500, ""))));
    for _ in 0..2 {
        assert!(matches!(Gmail::new(&server).search("a@x", &everything(), None, 200), Err(Error::Transient(_))));
    }
    let (page, _) = all(&server, &everything(), 200);
    assert_eq!((page.messages.len(), page.gaps.len()), (19, 1));
    let server = mailbox();
    let strange = r#"{"id":"17","payload":null}"#;
    server.set_hook(move |request| request.path.contains("/messages/17?").then(|| Ok(answer(200, strange))));
    let (page, _) = all(&server, &everything(), 200);
    assert_eq!((page.messages.len(), page.gaps.len()), (19, 1));
}

#[test]
fn a_page_ends_in_time() {
    let server = Server::new();
    (0..100).for_each(|number| server.deliver(number, "good@p", 5_000 - i64::from(number), true));
    server.takes.set(Duration::from_secs(1));
    let (page, pages) = all(&server, &everything(), 200);
    assert!(page.messages.len() == 100 && pages > 3, "{pages}");
}

#[test]
fn a_field_that_cannot_be_asked_for_by_name_is_read_from_the_message() {
    let server = Server::new();
    server.deliver(1, "a@b", 5_000, true);
    let name = "x".repeat(120);
    server.with(1, |mail| mail.raw = format!("{name}: yes\r\n{}", mail.raw));
    let query = Query { header_contains: vec![(name, "YES".into())], ..everything() };
    assert_eq!(found(&server, &query, 10), "1");
}

#[test]
fn a_sender_that_google_does_not_list_is_read_from_the_message() {
    let server = Server::new();
    server.deliver(1, "evil@p", 5, false);
    server.with(1, |mail| {
        mail.headers.remove(0);
        mail.raw = mail.raw.replacen("From:", "From :", 1);
    });
    assert_eq!(found(&server, &from("evil@p"), 10), "1");
}

#[test]
fn a_message_of_text_alone_is_not_read_for_its_attachments() {
    let server = Server::new();
    server.deliver(1, "a@b", 5_000, true);
    server.with(1, |mail| mail.headers[3].1 = "text/plain; name=bill.txt".into());
    let query = Query { attachment_name: vec!["bill".into()], ..everything() };
    assert_eq!(found(&server, &query, 10), "1");
    assert!(!server.asked.borrow().iter().any(|request| request.contains("format=raw")));
}

#[test]
fn an_answer_of_another_form_is_no_empty_list() {
    let server = mailbox();
    server.set_hook(|_| Some(Ok(answer(200, "{}"))));
    let gmail = Gmail::new(&server);
    assert!(matches!(gmail.mailboxes(Some("x"), 10), Err(Error::Permanent(_))));
    assert!(matches!(gmail.check("a@x"), Err(Error::Permanent(_))));
}
