//! The results of searches.

use clawback_connector_sdk::{
    Connector as _,
    matching::everything,
    types::{Error, LocationKind, Query},
};

use crate::server::{Mailbox, from_evil, location, phish};

#[test]
fn finds_in_every_folder_and_tells_what_they_are() {
    let mailbox = Mailbox::new();
    for (number, folder) in ["INBOX", "Junk", "Trash", "Archive", "Archive/2026", "Entw&APw-rfe"].iter().enumerate() {
        mailbox.phish(folder, u32::try_from(number).unwrap());
    }
    mailbox.append("INBOX", "", b"From: friend@good.example\r\nSubject: Fwd: Parcel 0 from evil.example\r\n\r\nhi\r\n");
    let mut found = mailbox.search(&from_evil());
    found.sort_by(|one, other| one.subject.cmp(&other.subject));
    let places: Vec<_> = found.iter().map(|message| message.location.clone()).collect();
    assert_eq!(
        places,
        [
            location(LocationKind::Inbox, "INBOX"),
            location(LocationKind::Junk, "Junk"),
            location(LocationKind::DeletedItems, "Trash"),
            location(LocationKind::Archive, "Archive"),
            location(LocationKind::Folder, "Archive/2026"),
            location(LocationKind::Folder, "Entwürfe"),
        ]
    );
    let first = &found[0];
    assert_eq!(first.ref_.message_id, "<0@evil.example>");
    assert_eq!((first.from_address.as_str(), first.from_name.as_str()), ("noreply@evil.example", "Parcels"));
    assert_eq!(first.to, ["you@acme.test"]);
    assert_eq!(first.received_at, 1_721_277_000_000_000);
    assert_eq!(first.size, phish(0).len() as u64);
    assert_eq!(*mailbox.host.released.borrow(), 1);
}

#[test]
fn the_connection_of_a_mailbox_without_hits_is_not_kept() {
    let mailbox = Mailbox::new();
    mailbox.append("INBOX", "", b"From: friend@good.example\r\nSubject: lunch\r\n\r\nhi\r\n");
    assert_eq!(mailbox.search(&from_evil()), []);
    assert_eq!(*mailbox.host.released.borrow(), 0);
}

#[test]
fn a_search_is_three_round_trips() {
    let mailbox = Mailbox::new();
    for folder in ["INBOX", "Archive", "Junk", "Work", "Play"] {
        mailbox.phish(folder, 1);
    }
    assert_eq!(mailbox.search(&from_evil()).len(), 5);
    assert_eq!(*mailbox.host.flights.borrow(), 3);
}

#[test]
fn the_same_without_the_extensions() {
    let bare = ["ESEARCH", "SPECIAL-USE", "LIST-EXTENDED", "NAMESPACE", "LITERAL+"];
    let mailbox = Mailbox::new().without(&bare);
    mailbox.phish("INBOX", 1);
    mailbox.phish("Junk", 2);
    mailbox.append("INBOX", "", "From: x@evil.example\r\nSubject: =?utf-8?Q?M=C3=BCller?= zahlt\r\n\r\n".as_bytes());
    assert_eq!(mailbox.search(&from_evil()).len(), 3);
    let query = Query { subject_contains: vec!["mÜller".into()], ..everything() };
    assert_eq!(mailbox.search(&query).len(), 1);
}

#[test]
fn every_condition_narrows_as_the_contract_says() {
    let mailbox = Mailbox::new();
    mailbox.append(
        "INBOX",
        "\\Seen",
        b"From: \"B, C\" <boss@sub.evil.example>\r\nTo: a@acme.test, b@acme.test\r\nCc: c@acme.test\r\n\
          Subject: =?iso-8859-1?Q?R=E9glement?=\r\n =?utf-8?B?IGVuIHJldGFyZA==?=\r\nMessage-ID: <x@y>\r\n\
          X-Mailer: Evil\r\n\tMailer 2\r\n\r\nbody\r\n",
    );
    let count = |query: Query| mailbox.search(&query).len();
    let list = |text: &str| vec![text.to_owned()];
    assert_eq!(count(Query { from_address: list("BOSS@sub.evil.example"), ..everything() }), 1);
    assert_eq!(count(Query { from_domain: list("evil.example"), ..everything() }), 0);
    assert_eq!(count(Query { subject_contains: list("glement en ret"), ..everything() }), 1);
    assert_eq!(count(Query { subject_contains: list("règlement"), ..everything() }), 0);
    assert_eq!(count(Query { to_address: list("c@acme.test"), ..everything() }), 1);
    assert_eq!(count(Query { to_address: list("acme.test"), ..everything() }), 0);
    assert_eq!(count(Query { message_id: list("<x@y>"), ..everything() }), 1);
    assert_eq!(count(Query { message_id: list("<x@"), ..everything() }), 0);
    let header = |value: &str| Query { header_contains: vec![("x-mailer".into(), value.into())], ..everything() };
    assert_eq!((count(header("evil mailer")), count(header("good"))), (1, 0));
    // 17-Jul-2024 23:30 -0500 is the 18th in UTC.
    let (at, second) = (1_721_277_000_000_000, 1_000_000);
    let range = |after, before| Query { received_after: after, received_before: before, ..everything() };
    assert_eq!(count(range(Some(at), Some(at + second))), 1);
    assert_eq!(count(range(Some(at + second), None)), 0);
    assert_eq!(count(range(None, Some(at))), 0);
    let wanted = Query { want_headers: list("X-Mailer"), ..everything() };
    assert_eq!(mailbox.search(&wanted)[0].headers, [("x-mailer".to_owned(), "Evil Mailer 2".to_owned())]);
}

#[test]
fn attachment_names_come_from_the_structure() {
    let mailbox = Mailbox::new();
    let mail = |name: &str| {
        format!(
            "From: a@evil.example\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
             --x\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x\r\nContent-Type: application/pdf\r\n\
             Content-Disposition: attachment; {name}\r\n\r\nA\r\n--x--\r\n"
        )
    };
    mailbox.append("INBOX", "", mail("filename=\"invoice.PDF.exe\"").as_bytes());
    mailbox.append("INBOX", "", mail("filename*=utf-8''%C3%A4rger.zip").as_bytes());
    mailbox.append("INBOX", "", mail("x=y").as_bytes());
    let query = Query { attachment_name: vec!["pdf.EXE".into(), "ärger".into()], ..everything() };
    let names: Vec<_> = mailbox.search(&query).into_iter().map(|message| message.attachments).collect();
    assert_eq!(names, [["invoice.PDF.exe"], ["ärger.zip"]]);
    // The three of a search, and one for the names missing in the structures.
    assert_eq!(*mailbox.host.flights.borrow(), 4);
}

#[test]
fn attachment_names_that_the_structure_hides() {
    let mailbox = Mailbox::new();
    let mail = |parts: &[&str]| {
        let parts = ["Content-Type: text/plain\r\n\r\nhello", &parts.join("\r\n--bb\r\n")].join("\r\n--bb\r\n");
        format!(
            "From: eve@evil.example\r\nSubject: att\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=bb\r\n\r\n\
             --bb\r\n{parts}\r\n--bb--\r\n"
        )
    };
    let blanks = "Content-Disposition: attachment; filename=My Invoice March.exe\r\n\
                  Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nQUFB";
    let unquoted = "Content-Type: application/octet-stream; name=Bill April.exe\r\n\r\nA";
    let attached = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n\
                    RnJvbTogYUBiCk1JTUUtVmVyc2lvbjogMS4wCkNvbnRlbnQtVHlwZTogYXBwbGljYXRpb24vbXN3\r\n\
                    b3JkOyBuYW1lPSJkZWVwLWI2NC5kb2NtIgoKeAo=\r\n";
    let line = "QUFB".repeat(19) + "\r\n";
    let large = format!(
        "Content-Type: application/pdf; name=large.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        line.repeat(4_000)
    );
    mailbox.append("INBOX", "", mail(&[blanks]).as_bytes());
    mailbox.append("Archive", "", mail(&[attached]).as_bytes());
    // Names after a large body are found without fetching the body.
    mailbox.append("INBOX", "", mail(&[&large, unquoted, &large, attached]).as_bytes());
    let single = "From: eve@evil.example\r\nMIME-Version: 1.0\r\n\
                  Content-Type: application/octet-stream; name=Lone File.exe\r\n\r\nA\r\n";
    mailbox.append("INBOX", "", single.as_bytes());
    for (name, count) in [
        ("my invoice march.exe", 1),
        ("deep-b64.docm", 2),
        ("Bill April.exe", 1),
        ("Lone File.exe", 1),
        ("large.pdf", 1),
        ("other.exe", 0),
    ] {
        let query = Query { attachment_name: vec![name.into()], ..everything() };
        assert_eq!(mailbox.search(&query).len(), count, "{name}");
        assert_eq!(*mailbox.host.flights.borrow(), 4, "{name}");
    }
}

#[test]
fn hidden_folders_are_searched_when_asked_only() {
    let mailbox = Mailbox::new().with_setting("quarantine-folder", "Held");
    mailbox.phish("Recoverable Items", 1);
    mailbox.phish("Held", 2);
    assert_eq!(mailbox.search(&from_evil()).len(), 0);
    let in_kind = |kind| Query { locations: vec![kind], ..from_evil() };
    assert_eq!(mailbox.search(&in_kind(LocationKind::Quarantine))[0].subject, "Parcel 2");
    assert_eq!(mailbox.search(&in_kind(LocationKind::RecoverableItems))[0].subject, "Parcel 1");
    let by_path = Query { folders: vec!["Held".into()], ..from_evil() };
    assert_eq!(mailbox.search(&by_path).len(), 1);
}

#[test]
fn pages_are_of_the_size_asked_and_miss_nothing() {
    let mailbox = Mailbox::new();
    for number in 0..23 {
        mailbox.phish(["INBOX", "Archive", "Work"][number as usize % 3], number);
    }
    let (mut cursor, mut found, mut sizes) = (None, Vec::new(), Vec::new());
    loop {
        let page = mailbox.connector().search(&mailbox.name, &from_evil(), cursor.as_deref(), 5).unwrap();
        sizes.push(page.messages.len());
        found.extend(page.messages.into_iter().map(|message| message.subject));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [5, 5, 5, 5, 3]);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 23);
}

#[test]
fn a_user_without_rights_is_denied_and_never_empty() {
    let mailbox = Mailbox { name: "nobody@acme.test".into(), ..Mailbox::new() };
    assert!(matches!(mailbox.try_search(&everything()), Err(Error::Denied(_))));
}

#[test]
fn broken_headers_are_found_and_read() {
    let mailbox = Mailbox::new();
    mailbox.append(
        "INBOX",
        "",
        b"From: caf\xe9 <x@evil.example>\r\nSubject: \xff\xfe raw\r\nno header\r\n\r\nbody\r\n",
    );
    mailbox.append("INBOX", "", b"Subject: none of it\r\n\r\n");
    let found = mailbox.search(&everything());
    assert_eq!(found.len(), 2);
    assert_eq!(mailbox.search(&from_evil()).len(), 1);
    let raw = mailbox.connector().fetch_raw(&mailbox.name, &found[1].ref_, 15).unwrap();
    assert_eq!(raw, b"Subject: none o");
}
