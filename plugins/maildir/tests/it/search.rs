//! The results of searches.

use std::{collections::BTreeSet, fs};

use clawback_connector_sdk::{
    Connector as _,
    matching::everything,
    types::{Action, Effect, Error, LocationKind, MessagePage, Query},
};

use crate::disk::{Disk, MAILBOX, from_evil, location, target};

#[test]
fn finds_in_every_folder_and_tells_what_they_are() {
    let disk = Disk::new();
    for dir in [".Junk", ".Archive.2026", ".Entw&APw-rfe", ".Recoverable Items"] {
        disk.folder(dir);
    }
    disk.phish("new/1.a.b", 1);
    disk.phish("cur/2.a.b,S=10:2,FS", 2);
    disk.phish(".Junk/cur/3.a.b:2,", 3);
    disk.phish(".Archive.2026/cur/4.a.b;2,T", 4);
    disk.phish(".Entw&APw-rfe/cur/5.a.b:2,", 5);
    disk.phish(".Recoverable Items/cur/6.a.b:2,", 6);
    disk.phish("tmp/7.a.b", 7);
    disk.put("dovecot-uidlist", b"3 V1 N1");
    disk.put("cur/.hidden", b"From: x@evil.example\n\n");
    let mut found = disk.search(&from_evil());
    found.sort_by(|one, other| one.subject.cmp(&other.subject));
    let places: Vec<_> = found.iter().map(|message| message.location.clone()).collect();
    assert_eq!(
        places,
        [
            location(LocationKind::Inbox, "INBOX"),
            location(LocationKind::Inbox, "INBOX"),
            location(LocationKind::Junk, "Junk"),
            location(LocationKind::Folder, "Archive/2026"),
            location(LocationKind::Folder, "Entwürfe"),
        ]
    );
    assert_eq!(found[1].flags, ["\\Flagged", "\\Seen"]);
    assert_eq!(found[3].flags, ["\\Deleted"]);
    assert_eq!((found[0].received_at, found[0].from_name.as_str()), (1_721_277_000_000_000, "Parcels"));
    let hidden = Query { locations: vec![LocationKind::RecoverableItems], ..from_evil() };
    assert_eq!(disk.search(&hidden).len(), 1);
}

#[test]
fn pages_are_of_the_size_asked_and_miss_nothing() {
    let disk = Disk::new();
    disk.folder(".Work");
    for number in 0..23 {
        disk.phish(&format!("{}cur/{number}.a.b:2,", if number % 2 == 0 { "" } else { ".Work/" }), number);
    }
    let (mut cursor, mut found) = (None, Vec::new());
    loop {
        let page = disk.connector().search(MAILBOX, &from_evil(), cursor.as_deref(), 5).unwrap();
        assert!(page.messages.len() <= 5);
        found.extend(page.messages.into_iter().map(|message| message.subject));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 23);
}

#[test]
fn a_folder_of_any_size_is_read_in_parts() {
    const OLD: u32 = 55_000;
    let disk = Disk::new();
    disk.phish("cur/0.a:2,", 0);
    let root = disk.path(MAILBOX);
    for number in 1..OLD {
        fs::hard_link(root.join("cur/0.a:2,"), root.join(format!("cur/{number}.a:2,"))).unwrap();
    }
    for number in 0..200 {
        disk.phish(&format!("new/{}.b", number * 270), OLD + number);
    }
    let (mut cursor, mut found, mut seen, mut targets) = (None, 0, BTreeSet::new(), Vec::new());
    loop {
        let page = disk.connector().search(MAILBOX, &from_evil(), cursor.as_deref(), 100_000).unwrap();
        found += page.messages.len();
        targets.extend(page.messages.iter().filter(|message| message.subject == "Parcel 55007").map(target));
        seen.extend(page.messages.into_iter().map(|message| message.ref_.locator));
        cursor = page.next;
        let Some(last) = &cursor else { break };
        // The owner reads the message that the page ended with, and the next page does not have it again.
        let name = last.rsplit('/').next().unwrap();
        let read = format!("cur/{}:2,S", name.split(':').next().unwrap());
        let sub = if name.contains(':') { "cur" } else { "new" };
        fs::rename(root.join(sub).join(name), root.join(read)).unwrap();
    }
    assert_eq!((found, seen.len()), (55_200, 55_200));
    // Those of another time are listed, part by part, and not read.
    let query = Query { received_after: Some(i64::MAX), ..everything() };
    assert_eq!(
        disk.connector().search(MAILBOX, &query, None, 9).unwrap(),
        MessagePage { messages: Vec::new(), next: None, gaps: Vec::new() }
    );
    // Each is found by its name, and by its header under another name.
    let wanted: Vec<_> = targets.iter().map(|target| target.ref_.clone()).collect();
    assert_eq!(disk.connector().locate(MAILBOX, &wanted).unwrap()[0].sightings.len(), 1);
    targets[0].ref_.locator = "/elsewhere".into();
    assert!(matches!(disk.apply(Action::MoveToJunk, &targets)[0], Effect::Succeeded(_)));
}

#[test]
fn times_are_tested_before_anything_is_read() {
    let disk = Disk::new();
    disk.phish("cur/1.a.b:2,", 1);
    let query = Query { received_after: Some(1_721_277_000_000_001), ..everything() };
    assert!(disk.search(&query).is_empty());
    // The mailbox, its new and its cur.
    assert_eq!(*disk.calls.borrow(), 3);
}

#[test]
fn a_flag_that_changes_under_the_search_hides_nothing() {
    let disk = Disk::new();
    disk.phish("new/1.a.b", 1);
    *disk.before_heads.borrow_mut() = Some(Box::new(|root| {
        fs::rename(root.join("new/1.a.b"), root.join("cur/1.a.b:2,S")).unwrap();
    }));
    assert_eq!(disk.search(&from_evil()).len(), 1);
}

#[test]
fn long_headers_and_attachments_are_read() {
    let disk = Disk::new();
    let long = format!("X-Long: {}\nFrom: a@evil.example\nSubject: s\n", "x ".repeat(40_000));
    disk.put("cur/1.a:2,", format!("{long}Content-Type: application/zip; name=a.zip\n\nx\n").as_bytes());
    disk.phish("cur/2.a:2,", 2);
    assert_eq!(disk.search(&from_evil()).len(), 2);
    let query = Query { attachment_name: vec!["A.ZIP".into()], ..everything() };
    assert_eq!(disk.search(&query)[0].attachments, ["a.zip"]);
}

#[test]
fn mailboxes_are_directories() {
    let mut disk = Disk::new();
    fs::create_dir_all(disk.path("b@acme.test/Maildir/cur")).unwrap();
    fs::create_dir(disk.path(".cache")).unwrap();
    let first = disk.connector().mailboxes(None, 1).unwrap();
    assert_eq!(
        (first.mailboxes.as_slice(), first.next.as_deref()),
        (&["a@acme.test".to_owned()][..], Some("a@acme.test"))
    );
    let second = disk.connector().mailboxes(first.next.as_deref(), 1).unwrap();
    assert_eq!((second.mailboxes, second.next), (vec!["b@acme.test".to_owned()], None));
    let count = |disk: &Disk, mailbox: &str| disk.connector().search(mailbox, &everything(), None, 9).map(|_| ());
    assert!(matches!(count(&disk, "b@acme.test"), Err(Error::NotFound(_))));
    disk.settings.insert("maildir".into(), "Maildir".into());
    assert_eq!(count(&disk, "b@acme.test"), Ok(()));
    for name in ["..", "", "../a@acme.test", "a/b", "nobody"] {
        assert!(matches!(count(&disk, name), Err(Error::NotFound(_))), "{name}");
    }
}
