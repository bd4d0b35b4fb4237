//! Searches: never fewer messages than match, although Gmail's own search is one of words.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use clawback_connectors::{MailStore, SandboxLimits};
use clawback_model::{Condition, LocationKind, Message, Predicate, Query, Timestamp};
use clawback_tests::contract::search;
use clawback_tests::gmail::{now, user};
use clawback_tests::hostile_headers;

use super::{Site, config, host, mail};

/// One of each form.
const HOSTILE: usize = 32;

/// The Maildir connector on these messages.
async fn files(folder: &std::path::Path, raws: &[Vec<u8>]) -> Arc<dyn MailStore> {
    for sub in ["new", "cur", "tmp"] {
        fs::create_dir_all(folder.join(user(1)).join(sub)).unwrap();
    }
    for (number, raw) in raws.iter().enumerate() {
        let name = format!("{}/cur/17{number:08}.M{number}P1.host:2,S", user(1));
        fs::write(folder.join(name), raw).unwrap();
    }
    let text = format!("connector = \"maildir\"\ndirectory = \"{}\"", folder.display());
    host(SandboxLimits::default()).load("files", &config(&text)).await.unwrap()
}

fn ids(messages: &[Message]) -> BTreeSet<String> {
    messages.iter().map(|message| message.reference.message_id.clone()).collect()
}

#[tokio::test]
async fn the_same_messages_are_found_as_by_another_connector() {
    let site = Site::start(1).await;
    let odd = [
        // An attacker's address behind a display name that decodes to an address, a comma, a quote or a comment.
        "From: =?utf-8?Q?boss=40acme.test=2C?= <evil@phish.example>\r\nTo: a@acme.test\r\nSubject: one\r\n",
        "From: =?utf-8?Q?=22boss=40acme.test?= <evil@phish.example>\r\nTo: a@acme.test\r\nSubject: two\r\n",
        "From: =?utf-8?Q?=28?= <evil@phish.example>\r\nTo: a@acme.test\r\nSubject: three\r\n",
        "From: a@acme.test\r\nFrom: evil@phish.example\r\nTo: a@acme.test\r\nSubject: four\r\n",
        "From: \"B, Ann\" <ann@acme.test>\r\nTo: =?utf-8?Q?=28?= <hidden@acme.test>\r\nSubject: five\r\n",
        "From: ann@acme.test\r\nTo: a@acme.test\r\nCc: \"X\" <hidden@acme.test>, b@c\r\nSubject: Rechnungs\u{fc}bersicht\r\n",
        "From: ann@acme.test\r\nTo: a@acme.test\r\nSubject: =?utf-8?Q?Rechnungs=C3=BCbersicht?=\r\nX-Mailer: Zoom 5\r\n",
    ];
    let odd = odd.iter().enumerate().map(|(number, head)| {
        format!("{head}Message-ID: <odd-{number}@x>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\nText\r\n")
            .into_bytes()
    });
    let hostile = hostile_headers::messages(7, HOSTILE).into_iter().map(|hostile| hostile.raw);
    let raws: Vec<Vec<u8>> = odd.chain(hostile).chain((0..20).map(mail)).collect();
    for raw in &raws {
        site.gmail.deliver(&user(1), raw, &["INBOX"]);
    }
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &raws).await;
    let everything = search(&*files, &user(1).into(), &Query::default(), 1_000).await;
    assert_eq!(everything.len(), raws.len());
    assert_eq!(ids(&site.search(1, &Query::default()).await), ids(&everything));

    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let mut predicates = vec![
        Predicate::all([Condition::From(texts(&["evil@phish.example"]))]),
        Predicate::all([Condition::FromDomain(texts(&["PHISH.example"]))]),
        Predicate::all([Condition::To(texts(&["hidden@acme.test"]))]),
        Predicate::all([Condition::SubjectContains(texts(&["ngsÜber"]))]),
        Predicate::all([Condition::SubjectContains(texts(&["arcel 1", "three"]))]),
        Predicate::all([Condition::HeaderContains("x-mailer".into(), "zoom".into())]),
        Predicate::all([Condition::MessageId(texts(&["<3@bulk.example>", "<odd-2@x>"]))]),
    ];
    let by_hand = predicates.len();
    for message in everything.iter().filter(|message| message.reference.message_id.contains("hostile")) {
        predicates.push(Predicate::all([Condition::From(vec![message.from_address.clone()])]));
        let word = message.subject.split(' ').next_back().unwrap_or_default().to_owned();
        predicates.push(Predicate::all([Condition::SubjectContains(vec![word])]));
    }
    for (number, predicate) in predicates.iter().enumerate() {
        let query = predicate.push_down();
        let matching = |messages: Vec<Message>| {
            ids(&messages.into_iter().filter(|message| predicate.matches(message)).collect::<Vec<_>>())
        };
        let expected = matching(search(&*files, &user(1).into(), &query, 1_000).await);
        let found = matching(site.search(1, &query).await);
        assert_eq!(found, expected, "{query:?}");
        assert!(number >= by_hand || !found.is_empty(), "{query:?} finds something");
    }
}

#[tokio::test]
async fn a_forged_sender_is_found_and_shown() {
    let site = Site::start(1).await;
    for name in ["=?utf-8?Q?boss=40acme.test=2C?=", "=?utf-8?Q?=3Cboss=40acme.test=3E?=", "=?utf-8?B?Ig==?="] {
        let raw = format!("From: {name} <evil@phish.example>\r\nSubject: pay\r\nMessage-ID: <{name}@x>\r\n\r\n");
        site.gmail.deliver(&user(1), raw.as_bytes(), &["INBOX"]);
    }
    let query = Query { from_address: vec!["evil@phish.example".into()], ..Query::default() };
    let found = site.search(1, &query).await;
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|message| message.from_address == "evil@phish.example"), "{found:?}");
    let query = Query { from_address: vec!["boss@acme.test".into()], ..Query::default() };
    assert!(site.search(1, &query).await.is_empty());
}

#[tokio::test]
async fn places_are_labels() {
    let site = Site::start(1).await;
    for (number, labels) in
        [&["INBOX"][..], &["SPAM", "UNREAD"], &["TRASH"], &["SENT"], &[], &["IMPORTANT"]].into_iter().enumerate()
    {
        site.gmail.deliver(&user(1), &mail(number), labels);
    }
    let kinds = async |locations: &[LocationKind]| {
        let found = site.search(1, &Query { locations: locations.to_vec(), ..Query::default() }).await;
        let mut kinds: Vec<String> = found.iter().map(|message| format!("{:?}", message.location.kind)).collect();
        kinds.sort();
        kinds.join(" ")
    };
    assert_eq!(kinds(&[]).await, "Archive Archive DeletedItems Inbox Junk SentItems");
    assert_eq!(kinds(&[LocationKind::Junk]).await, "Junk");
    assert_eq!(kinds(&[LocationKind::Archive]).await, "Archive Archive");
    assert_eq!(kinds(&[LocationKind::DeletedItems, LocationKind::Inbox]).await, "DeletedItems Inbox");
    assert_eq!(kinds(&[LocationKind::RecoverableItems]).await, "");
    let named = Query { folders: vec!["Projects".into()], ..Query::default() };
    let page = site.store.search(&user(1).into(), &named, None, 10).await.unwrap();
    assert_eq!((page.items.len(), page.gaps.len()), (0, 1), "{:?}", page.gaps);
}

#[tokio::test]
async fn times_are_exact_and_pages_of_any_size_have_every_message_once() {
    let site = Site::start(1).await;
    for number in 0..23 {
        site.gmail.deliver(&user(1), &mail(number), &["INBOX"]);
    }
    let all = site.search(1, &Query::default()).await;
    let mut times: Vec<i64> = all.iter().map(|message| message.received_at.0).collect();
    times.sort_unstable();
    let query = Query {
        received_after: Some(Timestamp(times[3])),
        received_before: Some(Timestamp(times[9])),
        ..Query::default()
    };
    assert_eq!(site.search(1, &query).await.len(), 6);
    for most in [1, 4, 22, 23, 24] {
        let found = search(&*site.store, &user(1).into(), &Query::default(), most).await;
        assert_eq!((found.len(), ids(&found).len()), (23, 23), "in pages of {most}");
    }
}

#[tokio::test]
async fn a_message_that_is_not_in_the_index_yet_is_found_without_it() {
    let site = Site::with(1, clawback_tests::gmail::MODIFY, "search = \"no\"").await;
    let id = site.gmail.deliver(&user(1), &mail(1), &["INBOX"]);
    site.gmail.with(&user(1), |mailbox| mailbox.mails.get_mut(&id).unwrap().is_unindexed = true);
    let query = Query { message_id: vec!["<1@bulk.example>".into()], ..Query::default() };
    assert_eq!(site.search(1, &query).await.len(), 1);
}

#[tokio::test]
async fn a_new_message_is_found_before_it_is_in_the_index() {
    let site = Site::start(1).await;
    (0..3).for_each(|number| drop(site.gmail.deliver(&user(1), &mail(number), &["INBOX"])));
    let id = site.gmail.deliver(&user(1), &mail(3), &["INBOX"]);
    let now = now();
    site.gmail.with(&user(1), |mailbox| {
        let mail = mailbox.mails.get_mut(&id).unwrap();
        (mail.is_unindexed, mail.received) = (true, now);
    });
    let by_id = Query { message_id: vec!["<3@bulk.example>".into()], ..Query::default() };
    assert_eq!(site.search(1, &by_id).await.len(), 1);
    let by_sender = Query { from_address: vec!["parcels@bulk.example".into()], ..Query::default() };
    assert_eq!(site.search(1, &by_sender).await.len(), 4);
    let by_time = Query { received_after: Some(Timestamp((now - 60_000) * 1_000)), ..Query::default() };
    assert_eq!(site.search(1, &by_time).await.len(), 1);
}

#[tokio::test]
async fn attachments_by_name() {
    let site = Site::start(1).await;
    let raw = b"From: a@b\r\nSubject: x\r\nMessage-ID: <1@x>\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
        --x\r\nContent-Type: application/pdf; name=\"=?utf-8?Q?Rechnung=5F=C3=A4.pdf?=\"\r\n\r\nA\r\n--x--\r\n";
    site.gmail.deliver(&user(1), raw, &["INBOX"]);
    site.gmail.deliver(&user(1), &mail(2), &["INBOX"]);
    let query = Query { attachment_name: vec!["NUNG_\u{c4}".into()], ..Query::default() };
    let found = site.search(1, &query).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].attachments, ["Rechnung_\u{e4}.pdf"]);
}
