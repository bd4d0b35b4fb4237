//! Folders with odd names, hidden folders, and folders that show the mail of others.

use clawback_tests::dovecot::Plugin;

use super::*;

/// Names that a query or a mask could read as something else.
const ODD: [&str; 12] = [
    "a b",
    "a \"quoted\" one",
    "x*y",
    "x%y",
    "( OR all )",
    "&-",
    "\u{e4}\u{f6}/\u{65e5}\u{672c}",
    "it's {8}",
    "\\Seen",
    "mailbox",
    "back\\slash",
    "dots.and.more/deep/er",
];

#[tokio::test]
async fn odd_names_are_searched_moved_from_and_restored_to() {
    for format in [Format::Sdbox, Format::Mdbox] {
        let server = start(1, format);
        let user = dovecot::user(1);
        for (number, name) in ODD.iter().enumerate() {
            server.doveadm(&["mailbox", "create", "-u", &user, name]);
            server.doveadm(&["mailbox", "create", "-u", &user, &format!("{name}-other")]);
            deliver(&server, 1, name, raw(number, "Parcel").as_bytes(), &["\\Seen"]);
            deliver(&server, 1, &format!("{name}-other"), raw(number, "Lunch").as_bytes(), &[]);
        }
        let store = open(&server).await;
        let before = snapshot(&server, 1);
        let seen = found(&*store, 1, "Parcel").await;
        let mut paths: Vec<&str> = seen.iter().map(|message| message.location.path.as_str()).collect();
        paths.sort_unstable();
        let mut odd = ODD.to_vec();
        odd.sort_unstable();
        assert_eq!(paths, odd);
        for name in ODD {
            let query = Query { folders: vec![name.to_owned()], ..Query::default() };
            let here = contract::search(&*store, &named(1), &query, 10).await;
            assert_eq!(here.len(), 1, "{name}: {here:?}");
        }
        let done = receipts(&store.apply(&named(1), Action::SoftDelete, &aims(&seen)).await.unwrap());
        assert_eq!(subjects(&server, 1, "Recoverable Items").len(), ODD.len());
        // The folders are gone, too: they are made again.
        for name in ODD {
            server.doveadm(&["mailbox", "delete", "-u", &user, name]);
        }
        receipts(&store.apply(&named(1), Action::Restore, &back(&done)).await.unwrap());
        let after = snapshot(&server, 1);
        assert!(before == after, "{}", difference(&before, &after));
    }
}

#[tokio::test]
async fn hidden_folders_are_searched_when_the_query_names_them() {
    let server = start(1, Format::Maildir);
    for folder in ["INBOX", "Recoverable Items", "Quarantine", "Junk", "Work"] {
        session(&server, 1).create(folder);
        deliver(&server, 1, folder, raw(1, "Parcel").as_bytes(), &[]);
    }
    let store = open(&server).await;
    let kinds = async |query: Query| {
        let seen = contract::search(&*store, &named(1), &query, 10).await;
        let mut kinds: Vec<String> = seen.iter().map(|message| message.location.path.clone()).collect();
        kinds.sort_unstable();
        kinds
    };
    assert_eq!(kinds(Query::default()).await, ["INBOX", "Junk", "Work"]);
    let of = |locations: &[LocationKind]| Query { locations: locations.to_vec(), ..Query::default() };
    assert_eq!(kinds(of(&[LocationKind::RecoverableItems])).await, ["Recoverable Items"]);
    assert_eq!(kinds(of(&[LocationKind::Quarantine, LocationKind::Junk])).await, ["Junk", "Quarantine"]);
    assert_eq!(kinds(of(&[LocationKind::Folder])).await, ["Work"]);
    let by_path = Query { folders: vec!["Quarantine".into()], ..Query::default() };
    assert_eq!(kinds(by_path).await, ["Quarantine"]);
}

#[tokio::test]
async fn one_message_in_two_folders_is_two_targets() {
    let server = start(1, Format::Sdbox);
    deliver(&server, 1, "INBOX", raw(1, "Parcel").as_bytes(), &["\\Seen"]);
    let mut owner = session(&server, 1);
    owner.ok("SELECT INBOX");
    for _ in 0..2 {
        owner.ok("UID COPY 1 Archive");
    }
    let store = open(&server).await;
    let before = snapshot(&server, 1);
    let seen = found(&*store, 1, "Parcel").await;
    assert_eq!(seen.len(), 3, "they have one GUID: {seen:?}");
    let done = receipts(&store.apply(&named(1), Action::SoftDelete, &aims(&seen)).await.unwrap());
    assert_eq!(subjects(&server, 1, "Recoverable Items").len(), 3);
    let mut places: Vec<&str> = done.iter().map(|one| one.now.as_ref().unwrap().locator.as_str()).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 3);
    receipts(&store.apply(&named(1), Action::Restore, &back(&done)).await.unwrap());
    let after = snapshot(&server, 1);
    assert!(before == after, "{}", difference(&before, &after));
    // Of two equal ones, only the one that is named.
    let one = seen.iter().find(|message| message.location.kind == LocationKind::Inbox).unwrap();
    let one = store.locate(&named(1), std::slice::from_ref(&one.reference)).await.unwrap();
    let inbox = one[0].sightings.iter().find(|place| place.location.kind == LocationKind::Inbox).unwrap();
    let target = ActionTarget { reference: inbox.reference.clone(), location: inbox.location.clone(), former: None };
    receipts(&store.apply(&named(1), Action::HardDelete, &[target]).await.unwrap());
    assert_eq!((subjects(&server, 1, "INBOX").len(), subjects(&server, 1, "Archive").len()), (0, 2));
}

#[tokio::test]
async fn a_namespace_with_a_prefix_and_folders_of_a_virtual_one() {
    let prefix = Options { users: 1, has_api: true, prefix: Some("INBOX."), ..Options::default() };
    let virtual_ones = Options { users: 1, has_api: true, plugins: vec![Plugin::Virtual], ..Options::default() };
    for (options, settings, inner) in [(prefix, "settings = { prefix = \"INBOX.\" }", "INBOX."), (virtual_ones, "", "")]
    {
        let server = Dovecot::start(&options);
        let archive = format!("{inner}Archive");
        for folder in ["INBOX", &archive] {
            deliver(&server, 1, folder, raw(1, "Parcel").as_bytes(), &["\\Seen"]);
        }
        let store = load(&store(server.folder(), server.api(), settings)).await;
        let seen = found(&*store, 1, "Parcel").await;
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen.iter().any(|one| one.location.kind == LocationKind::Archive), "{seen:?}");
        let done = receipts(&store.apply(&named(1), Action::SoftDelete, &aims(&seen)).await.unwrap());
        assert_eq!(done[0].location.as_ref().unwrap().path, format!("{inner}Recoverable Items"));
        assert_eq!(subjects(&server, 1, &format!("{inner}Recoverable Items")).len(), 2);
        receipts(&store.apply(&named(1), Action::Restore, &back(&done)).await.unwrap());
        assert_eq!(subjects(&server, 1, &archive), ["Parcel 1"]);
    }
}

#[tokio::test]
async fn a_server_that_keeps_what_is_deleted_is_no_success() {
    let plugins = vec![Plugin::LazyExpunge("Kept")];
    let server = Dovecot::start(&Options { users: 1, has_api: true, plugins, ..Options::default() });
    deliver(&server, 1, "INBOX", raw(1, "Parcel").as_bytes(), &[]);
    let store = open(&server).await;
    let seen = found(&*store, 1, "Parcel").await;
    let effects = store.apply(&named(1), Action::HardDelete, &aims(&seen)).await.unwrap();
    assert!(matches!(&effects[0], Effect::Failed(why) if why.contains("`Kept`")), "{effects:?}");
}

#[tokio::test]
async fn large_folders_are_read_in_pages() {
    let server = start(1, Format::Mdbox);
    for folder in ["INBOX", "Archive", "Work"] {
        let mut owner = session(&server, 1);
        owner.create(folder);
        let all: Vec<String> = (0..70).map(|number| raw(number, "Parcel")).collect();
        owner.append_all(folder, &all.iter().map(String::as_bytes).collect::<Vec<_>>(), RECEIVED);
    }
    let store = open(&server).await;
    for (query, count) in [
        (Query::default(), 210),
        (Query { subject_contains: vec!["Parcel 7".into()], ..Query::default() }, 3),
        (Query { from_address: vec!["parcels@bulk.example".into()], ..Query::default() }, 210),
    ] {
        let (mut cursor, mut seen) = (None, Vec::new());
        loop {
            let page = store.search(&named(1), &query, cursor, 40).await.unwrap();
            assert!(page.items.len() <= 40 && page.gaps.is_empty());
            seen.extend(page.items.into_iter().map(|message| message.reference.locator));
            let Some(next) = page.next else { break };
            cursor = Some(next);
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((all, seen.len()), (count, count));
    }
}

#[tokio::test]
async fn hostile_senders_are_found_although_the_servers_search_misses_them() {
    let server = start(1, Format::Sdbox);
    let message = |header: &str| format!("{header}\r\n\r\nBody\r\n");
    for header in [
        "From: Boss <boss@evil.example>\r\nSubject: plain\r\nMessage-ID: <1@x>",
        "From: boss@evil.example\r\nFrom: other@acme.test\r\nSubject: first of two\r\nMessage-ID: <2@x>",
        "From: boss (c)\r\n <boss@evil.example>\r\nSubject: folded\r\n and\r\n\tfolded again\r\nMessage-ID: <3@x>",
        "From: =?x-unknown?Q?a?= <boss@evil.example>\r\nSubject: =?x-unknown?Q?INVOICE?= charset\r\nMessage-ID: <4@x>",
        "From: boss@evil.example\r\nSubject: one\r\nSubject: invoice two\r\nMessage-ID: <5@x>\r\nMessage-ID: <6@x>",
        "From: \"boss@evil.example\" <friend@good.example>\r\nSubject: friend\r\nMessage-ID: <7@x>",
    ] {
        deliver(&server, 1, "INBOX", message(header).as_bytes(), &[]);
    }
    let store = open(&server).await;
    let count = async |query: Query| contract::search(&*store, &named(1), &query, 2).await.len();
    assert_eq!(count(Query { from_address: vec!["boss@evil.example".into()], ..Query::default() }).await, 5);
    assert_eq!(count(Query { from_domain: vec!["evil.example".into()], ..Query::default() }).await, 5);
    assert_eq!(count(Query { message_id: vec!["<5@x>".into()], ..Query::default() }).await, 1);
    assert_eq!(count(Query { subject_contains: vec!["FIRST\u{200b} of".into()], ..Query::default() }).await, 1);
    assert_eq!(count(Query { subject_contains: vec!["folded and folded".into()], ..Query::default() }).await, 1);
}
