//! An invalid item affects only itself: the rest of the page is returned, and a gap names the item.

use clawback_connector_sdk::{
    Connector as _,
    matching::everything,
    types::{LocationKind, MessagePage, Query},
};

use crate::{
    scripted::Scripted,
    server::{Mailbox, from_evil, location},
};

const INBOX: (&str, &[&str]) = (" LIST \"\" \"*\"", &["* LIST () \"/\" INBOX\r\nTAG OK\r\n"]);
const OPENED: (&str, &[&str]) = (" EXAMINE ", &["* 3 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\nTAG OK ok\r\n"]);
const DATE: &str = "INTERNALDATE \"17-Jul-2024 02:44:25 -0700\"";

/// Returns a line for one message, with these items before its header.
fn line(uid: u32, items: &str, header: &str) -> String {
    format!(
        "* {uid} FETCH (UID {uid} {items} RFC822.SIZE 7 BODY[HEADER.FIELDS (SUBJECT)] {{{}}}\r\n{header})\r\n",
        header.len()
    )
}

fn page(script: &[(&str, &[&str])], query: &Query) -> MessagePage {
    let server = Scripted::new("IMAP4rev1", &[script, &[INBOX, OPENED]].concat());
    server.connector().search("a@b", query, None, 100).unwrap()
}

fn gaps(page: &MessagePage) -> Vec<(&str, &str)> {
    page.gaps.iter().map(|gap| (gap.folder.as_str(), gap.item.as_str())).collect()
}

fn subjects(page: &MessagePage) -> Vec<&str> {
    page.messages.iter().map(|message| message.subject.as_str()).collect()
}

#[test]
fn odd_lines_of_messages() {
    let answer = [
        line(1, &format!("FLAGS (\\Seen) {DATE}"), "Subject: one\r\n\r\n"),
        line(2, &format!("FLAGS (OIB-Seen-[Gmail]/Important grün) {DATE}"), "Subject: two\r\n\r\n"),
        line(3, "FLAGS () INTERNALDATE \"00-Jan-0000 00:00:00 +0000\"", "Subject: three\r\n\r\n"),
        line(4, &format!("FLAGS () {DATE}"), "Subject: fo\0ur\r\n\r\n"),
        "TAG OK\r\n".into(),
    ]
    .concat();
    let script: &[(&str, &[&str])] = &[("UID SEARCH", &["* SEARCH 1 2 3 4\r\nTAG OK\r\n"]), ("UID FETCH", &[&answer])];
    let all = page(script, &everything());
    assert_eq!((subjects(&all), gaps(&all)), (vec!["one", "two", "three", "four"], vec![]));
    assert_eq!(all.messages[1].flags, ["OIB-Seen-[Gmail]/Important", "grün"]);
    // Whether a message without a date is in a range is unknown.
    let some = page(script, &Query { received_after: Some(0), ..everything() });
    assert_eq!((subjects(&some), gaps(&some)), (vec!["one", "two", "four"], vec![("INBOX", "UID 3")]));
}

#[test]
fn a_line_that_cannot_be_read_is_asked_for_alone() {
    let good = line(1, DATE, "Subject: one\r\n\r\n");
    let bad = "* 2 FETCH (UID 2 FLAGS NIL INTERNALDATE (\r\n";
    let alone = format!("{}TAG OK\r\n", line(2, DATE, "Subject: two\r\n\r\n"));
    let together = format!("{good}{bad}TAG OK\r\n");
    let script = |alone: &str| {
        let script: &[(&str, &[&str])] = &[
            ("UID SEARCH", &["* SEARCH 1 2 3\r\nTAG OK\r\n"]),
            ("UID FETCH 1:3 ", &[&together]),
            ("UID FETCH 2 ", &[alone]),
        ];
        page(script, &everything())
    };
    // Message 3 is gone: that is not a gap.
    let read = script(&alone);
    assert_eq!((subjects(&read), gaps(&read)), (vec!["one", "two"], vec![]));
    for failed in [format!("{bad}TAG OK\r\n"), "TAG NO [SERVERBUG] see the log\r\n".into()] {
        let read = script(&failed);
        assert_eq!((subjects(&read), gaps(&read)), (vec!["one"], vec![("INBOX", "UID 2")]));
    }
}

#[test]
fn a_refused_fetch_is_tried_one_by_one() {
    let one = format!("{}TAG OK\r\n", line(1, DATE, "Subject: one\r\n\r\n"));
    let script: &[(&str, &[&str])] = &[
        ("UID SEARCH", &["* SEARCH 1 2\r\nTAG OK\r\n"]),
        ("UID FETCH 1:2 ", &["TAG NO cannot read a file\r\n"]),
        ("UID FETCH 1 ", &[&one]),
        ("UID FETCH 2 ", &["TAG NO cannot read a file\r\n"]),
    ];
    let read = page(script, &everything());
    assert_eq!((subjects(&read), gaps(&read)), (vec!["one"], vec![("INBOX", "UID 2")]));
}

#[test]
fn odd_lines_of_folders() {
    let there = format!("{}TAG OK\r\n", line(1, DATE, "Subject: one\r\n\r\n"));
    let list = "* LIST () \"/\" INBOX\r\n* LIST () \"/\" Da\tOggetto x\r\n* LIST () \"/\" \"Entwürfe\"\r\n\
                * LIST nonsense\r\nTAG OK\r\n";
    let script: &[(&str, &[&str])] =
        &[(" LIST \"\" \"*\"", &[list]), ("UID SEARCH", &["* SEARCH 1\r\nTAG OK\r\n"]), ("UID FETCH", &[&there])];
    let read = page(script, &everything());
    let mut paths: Vec<&str> = read.messages.iter().map(|message| message.location.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["Da\tOggetto x", "Entwürfe", "INBOX"]);
    assert_eq!(gaps(&read), [("", "")]);
}

#[test]
fn a_folder_that_no_plan_can_name_costs_only_itself() {
    let listed = "* LIST () \"/\" INBOX\r\n* LIST () \"/\" Line&AAo-break\r\nTAG OK\r\n";
    let answer = [line(1, &format!("FLAGS () {DATE}"), "Subject: one\r\n\r\n"), "TAG OK\r\n".into()].concat();
    let script: &[(&str, &[&str])] =
        &[(" LIST \"\" \"*\"", &[listed]), ("UID SEARCH", &["* SEARCH 1\r\nTAG OK\r\n"]), ("UID FETCH", &[&answer])];
    let found = page(script, &everything());
    assert_eq!((subjects(&found), gaps(&found)), (vec!["one"], vec![("Line\nbreak", "")]));
}

#[test]
fn new_folders_of_a_server_with_a_prefix_stand_behind_it() {
    let namespace = "* NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"\" \".\"))\r\nTAG OK\r\n";
    let list = "* LIST () \".\" INBOX\r\n* LIST () \".\" INBOX.Trash\r\n* LIST () \".\" INBOX.Werbung\r\n\
                * LIST () \".\" user.boss\r\n* LIST () \".\" public\r\n* LIST () \".\" INBOX.Backup\r\nTAG OK\r\n";
    let script: &[(&str, &[&str])] = &[("NAMESPACE", &[namespace]), (" LIST \"\" \"*\"", &[list]), OPENED];
    let server = Scripted::new("IMAP4rev1 NAMESPACE UIDPLUS MOVE", script)
        .with_setting("junk-folder", "Werbung")
        .with_setting("ignore-folders", "Backup");
    let query = Query { folders: vec!["public".into(), "INBOX.Backup".into()], ..everything() };
    let read = server.connector().search("a@b", &query, None, 10).unwrap();
    assert_eq!(gaps(&read), [("public", ""), ("INBOX.Backup", "")]);
    let _ = server.connector().search("a@b", &everything(), None, 10).unwrap();
    let opened: Vec<String> = server.seen.borrow().iter().filter(|line| line.contains("EXAMINE")).cloned().collect();
    let opened: Vec<&str> = opened.iter().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(opened, ["INBOX.Trash", "INBOX.Werbung", "INBOX"]);
    let ready = server.connector().check("a@b").unwrap();
    let made: Vec<Option<&str>> = ready.iter().map(|one| one.creates.as_deref()).collect();
    let (recoverable, quarantine) = (Some("INBOX.Recoverable Items"), Some("INBOX.Quarantine"));
    assert_eq!(made, [None, None, None, recoverable, None, quarantine, None]);
    assert!(ready.iter().all(|one| one.obstacle.is_none()));
    assert_eq!(ready[5].visible.as_deref(), quarantine);
}

#[test]
fn folders_that_show_others_are_not_searched_twice() {
    let namespace = "* NAMESPACE ((\"\" \"/\")(\"Virtual/\" \"/\")(\"Alias/\" \"/\")) NIL NIL\r\nTAG OK\r\n";
    let names = ["INBOX", "Work", "Virtual/All", "Virtual/Own", "Alias/Work", "Alias/INBOX"];
    let list = names.map(|name| format!("* LIST () \"/\" {name}\r\n")).concat() + "TAG OK\r\n";
    let status = |validity: u32| format!("* STATUS x (MESSAGES 2 UIDNEXT 8 UIDVALIDITY {validity})\r\nTAG OK\r\n");
    let (work, inbox, other) = (status(3), status(4), status(5));
    let script: &[(&str, &[&str])] = &[
        ("NAMESPACE", &[namespace]),
        (" LIST \"\" \"*\"", &[&list]),
        ("STATUS \"Alias/Work\"", &[&work]),
        ("STATUS \"Work\"", &[&work]),
        ("STATUS \"Alias/INBOX\"", &[&other]),
        ("STATUS \"INBOX\"", &[&inbox]),
        // In the order of names: Alias/INBOX, Alias/Work, Virtual/All, Virtual/Own.
        (
            "X-MAILBOX",
            &[
                "TAG BAD no such item\r\n",
                "TAG OK\r\n",
                "* 1 FETCH (UID 1 X-MAILBOX INBOX)\r\nTAG OK\r\n",
                "* 1 FETCH (UID 1 X-MAILBOX \"Virtual/Own\")\r\nTAG OK\r\n",
            ],
        ),
        OPENED,
    ];
    let server = Scripted::new("IMAP4rev1 NAMESPACE", script);
    let _ = server.connector().search("a@b", &everything(), None, 10).unwrap();
    let seen = server.seen.borrow().clone();
    let searched = |name: &str| {
        let open = format!("EXAMINE \"{name}\"");
        seen.windows(2).any(|pair| pair[0].ends_with(&open) && pair[1].contains("UID SEARCH"))
    };
    let found: Vec<bool> = names.iter().map(|name| searched(name)).collect();
    assert_eq!(found, [true, true, false, true, false, true], "{seen:?}");
}

#[test]
fn headers_that_are_too_long_end_a_page_early_and_lose_nothing() {
    let mailbox = Mailbox::new();
    let to = (0..3_300).map(|number| format!("user{number:04}.name@dept.example")).collect::<Vec<_>>().join(",\r\n ");
    for number in 0..30 {
        let raw = format!(
            "From: a@evil.example\r\nTo: {to}\r\nSubject: big {number}\r\nMessage-ID: <{number}@x>\r\n\r\nb\r\n"
        );
        mailbox.append("INBOX", "", raw.as_bytes());
    }
    // The requested fields come after one that is cut.
    let huge = format!(
        "To: {}\r\nCc: c@acme.test\r\nFrom: a@evil.example\r\nSubject: huge\r\n\r\n",
        "x@y,\r\n ".repeat(200_000) + "last@acme.test"
    );
    mailbox.append("INBOX", "", huge.as_bytes());
    let found = mailbox.search(&from_evil());
    assert_eq!(found.len(), 31);
    let last = found.iter().find(|message| message.subject == "huge").unwrap();
    assert_eq!(last.cut, ["to"]);
    // A condition on truncated text cannot be checked here. The connector names the text, and the host decides.
    let to = Query { to_address: vec!["last@acme.test".into()], ..from_evil() };
    assert_eq!(mailbox.search(&to).iter().map(|message| message.subject.as_str()).collect::<Vec<_>>(), ["huge"]);
    // The message is found again by what its fingerprint covers.
    let located = mailbox.connector().locate(&mailbox.name, std::slice::from_ref(&last.ref_)).unwrap();
    assert_eq!(located[0].sightings[0].location, location(LocationKind::Inbox, "INBOX"));
}

#[test]
fn a_long_folder_is_searched_part_by_part() {
    let mailbox = Mailbox::new();
    for number in 0..40 {
        if number % 2 == 0 {
            mailbox.append("INBOX", "", b"From: friend@good.example\r\nSubject: x\r\n\r\n");
        }
        mailbox.phish("INBOX", number);
    }
    let (mut cursor, mut subjects, mut cursors) = (None, Vec::new(), Vec::new());
    loop {
        let page = mailbox.connector().search(&mailbox.name, &from_evil(), cursor.as_deref(), 7).unwrap();
        subjects.extend(page.messages.into_iter().map(|message| message.subject));
        cursor = page.next;
        match &cursor {
            Some(cursor) => cursors.push(cursor.clone()),
            None => break,
        }
    }
    assert_eq!(subjects, (0..40).map(|number| format!("Parcel {number}")).collect::<Vec<_>>());
    // UIDs 1 to 60, of which every third is another's mail: a page ends at each seventh hit.
    let borders: Vec<&str> = cursors.iter().map(|cursor| cursor.splitn(3, ':').nth(2).unwrap()).collect();
    assert_eq!(borders[0], "11:a.b.a.b:INBOX");
    assert_eq!(borders[4], "53::INBOX");
    // A cursor stays valid even if a message at its border is gone.
    mailbox.owner(&["SELECT INBOX", "UID STORE 21 +FLAGS (\\Deleted)", "EXPUNGE"]);
    let page = mailbox.connector().search(&mailbox.name, &from_evil(), Some(&cursors[0]), 7).unwrap();
    assert_eq!((page.messages.len(), page.next), (6, Some(cursors[1].clone())));
}

/// Cyrus compares the last of several fields with a search key, so addresses are read from the messages themselves.
#[test]
fn where_a_server_compares_only_the_last_field_the_first_sender_is_found() {
    let mail = |uid: u32| {
        let first = if uid == 70 { "From: Parcels <noreply@evil.example>\r\n" } else { "" };
        line(uid, &format!("FLAGS () {DATE}"), &format!("{first}From: friend@good.example\r\nSubject: {uid}\r\n\r\n"))
    };
    let all = (1..=150).map(mail).collect::<String>() + "TAG OK\r\n";
    let hit = mail(70) + "TAG OK\r\n";
    let script: &[(&str, &[&str])] = &[
        ("HEADER \"From\"", &["* SEARCH\r\nTAG OK\r\n"]),
        ("UID FETCH 1:150 ", &[&all]),
        ("UID FETCH 70 ", &[&hit]),
        INBOX,
        OPENED,
    ];
    let many = (1..=150).map(|uid: u32| uid.to_string()).collect::<Vec<_>>().join(" ");
    let many = format!("* SEARCH {many}\r\nTAG OK\r\n");
    // Few messages are read whole; of many, this one field is read first.
    for (found, looks) in [("* SEARCH 70\r\nTAG OK\r\n", 1), (many.as_str(), 2)] {
        let search: &[(&str, &[&str])] = &[("UID SEARCH ALL", &[found])];
        let server = Scripted::new("IMAP4rev1 X-REPLICATION", &[search, script].concat());
        let page = server.connector().search("a@b", &from_evil(), None, 100).unwrap();
        assert_eq!((subjects(&page), gaps(&page)), (vec!["70"], vec![]));
        let fetches = server.seen.borrow().iter().filter(|line| line.contains("UID FETCH")).count();
        assert_eq!(fetches, looks);
    }
}
