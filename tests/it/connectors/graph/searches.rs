//! What a search finds is what the host's own comparison finds in all messages.

use clawback_model::{Condition, Location, LocationKind, Message, Predicate, Query, Timestamp};
use clawback_tests::graph::{Graph, Options};
use clawback_tests::mail::Random;

use super::{ANN, MONDAY, mail, search, start};

const SENDERS: [&str; 6] = [
    "Parcels <parcels@bulk.example>",
    "\"O'Brien\" <o'brien@Evil.Example>",
    "=?utf-8?Q?J=C3=B6rg?= <BOSS@acme.test>",
    "<ann@acme.test>",
    "a@x.evil.example",
    "Two <first@evil.example>, <second@evil.example>",
];
const SUBJECTS: [&str; 7] = [
    "Your parcel waits",
    "=?utf-8?B?WW91ciBwYXJjZWwgd2FpdHM=?= 2",
    "Your par\u{200b}cel wa\u{ad}its",
    "\u{ff39}our\u{a0}PARCEL  waits",
    "Fwd: it's (a) 'quote' and 100%",
    "\u{dc}berf\u{e4}llige Rechnung",
    "",
];
const FOLDERS: [&str; 8] =
    ["inbox", "junkemail", "deleteditems", "sentitems", "archive", "Projects/a", "inbox", "recoverableitemsdeletions"];

/// Many messages, some of the same second, from hostile senders.
fn fill(graph: &Graph, random: &mut Random, count: usize) {
    for number in 0..count {
        let from = *random.pick(&SENDERS);
        let sender = if from.starts_with("Two") { "Sender: third@evil.example\r\n" } else { "" };
        let id = match number % 5 {
            0 => format!("Message-ID: <Case-{}@x>\r\n", number % 10),
            1 => String::new(),
            _ => format!("Message-ID: <o'{number}@x>\r\n"),
        };
        let attached = if random.below(4) == 0 {
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\n\
             Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: application/zip; name=deep.zip\r\n\r\nx\r\n--b\r\n\
             Content-Type: application/pdf; name=Invoice.pdf\r\n\r\nx\r\n--b--\r\n"
        } else {
            "\r\nhello\r\n"
        };
        let raw = format!(
            "From: {from}\r\n{sender}To: Ann <ANN@acme.test>, list@acme.test\r\nCc: c{}@acme.test\r\nSubject: {}\r\n{id}\
             Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nX-Mailer: M{} =?utf-8?Q?=C3=A4?=\r\n{attached}",
            number % 7,
            *random.pick::<&str>(&SUBJECTS),
            number % 3,
        );
        let at = MONDAY + i64::try_from(random.below(40)).unwrap() * 500_000;
        graph.deliver(ANN, random.pick::<&str>(&FOLDERS), raw.as_bytes(), at);
    }
}

/// One to three conditions, drawn at random.
fn conditions(random: &mut Random) -> Vec<Condition> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let second = |random: &mut Random| Timestamp(MONDAY + i64::try_from(random.below(20_000_000)).unwrap());
    let senders: [&[&str]; 5] = [
        &["O'BRIEN@evil.example"],
        &["boss@acme.test", "parcels@bulk.example"],
        &["first@evil.example"],
        &["third@evil.example", "first@evil.example"],
        &["J\u{f6}rg@x"],
    ];
    let mut conditions = Vec::new();
    for _ in 0..=random.below(2) {
        conditions.push(match random.below(9) {
            0 => Condition::From(owned(random.pick::<&[&str]>(&senders))),
            1 => Condition::FromDomain(owned(&[*random.pick::<&str>(&["evil.example", "*.evil.example"])])),
            2 => {
                let parts = ["your parcel waits", "it's (a) 'quote'", "\u{fc}berf\u{e4}llige"];
                Condition::SubjectContains(owned(&[*random.pick::<&str>(&parts)]))
            }
            3 => Condition::To(owned(&[*random.pick::<&str>(&["c3@acme.test", "ann@ACME.test"])])),
            4 => {
                let id =
                    |n: u64| if n.is_multiple_of(2) { format!("<Case-{}@x>", n % 10) } else { format!("<o'{n}@x>") };
                Condition::MessageId((0..*random.pick(&[1, 30])).map(id).collect())
            }
            5 => Condition::ReceivedAfter(second(random)),
            6 => Condition::ReceivedBefore(second(random)),
            7 => Condition::HeaderContains("x-mailer".into(), (*random.pick::<&str>(&["m1 \u{e4}", "M2"])).to_owned()),
            _ => Condition::AttachmentName(owned(&[*random.pick::<&str>(&["invoice", "DEEP"])])),
        });
    }
    conditions
}

fn names(messages: &[Message]) -> Vec<String> {
    let mut names: Vec<String> = messages.iter().map(|message| message.reference.locator.clone()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_search_finds_what_the_hosts_own_comparison_finds() {
    let (graph, store, _folder) = start(Options { short_pages: true, ..Options::default() }, &[ANN]).await;
    let mut random = Random::new(7);
    fill(&graph, &mut random, 150);
    let places = [LocationKind::Inbox, LocationKind::Junk, LocationKind::RecoverableItems, LocationKind::Folder];
    let everything = Query {
        locations: LocationKind::ALL.to_vec(),
        want_headers: vec!["x-mailer".into()],
        want_attachments: true,
        ..Query::default()
    };
    let all = search(&*store, ANN, &everything, 1_000).await;
    assert_eq!(all.len(), 150, "all messages, those of hidden folders too");
    let mut found_any = 0;
    for round in 0..60 {
        let predicate = Predicate::all(conditions(&mut random));
        let mut query = predicate.push_down();
        if round % 3 == 0 {
            query.locations = places[..=round % 4].to_vec();
        }
        let is_placed = |message: &&Message| {
            let kind = message.location.kind;
            if query.locations.is_empty() {
                kind != LocationKind::RecoverableItems
            } else {
                query.locations.contains(&kind)
            }
        };
        let wanted: Vec<Message> =
            all.iter().filter(is_placed).filter(|message| predicate.matches(message)).cloned().collect();
        let most = [1_000, 3][usize::from(round % 10 == 0)];
        let mut found = search(&*store, ANN, &query, most).await;
        found.retain(|message| predicate.matches(message));
        let (found, wanted) = (names(&found), names(&wanted));
        assert!(found == wanted, "round {round}: {found:?} for {wanted:?}, {:?}", predicate.conditions());
        found_any += usize::from(!found.is_empty());
    }
    assert!(found_any > 20, "the queries find something");
    graph.check();
}

#[tokio::test]
async fn a_message_that_moves_between_pages_hides_no_other() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    let ids: Vec<String> = (0..1_500)
        .map(|number| {
            // Many in one second.
            let at = MONDAY + i64::try_from(number / 1_200).unwrap() * 1_000_000;
            graph.deliver(ANN, "inbox", mail(number, "Your parcel").as_bytes(), at)
        })
        .collect();
    let (mut found, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = store.search(&ANN.into(), &Query::default(), cursor, 200).await.unwrap();
        found.extend(page.items.into_iter().map(|message| message.reference.locator));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        if pages < 2 {
            // The owner deletes what was seen: with counted links, as many others would be skipped.
            for id in &found[pages * 200..pages * 200 + 50] {
                graph.remove(ANN, id);
            }
        }
        pages += 1;
        assert!(pages < 100, "the search does not end: {cursor:?}");
    }
    let missing = ids.iter().filter(|id| !found.contains(id)).count();
    assert_eq!(missing, 0, "of {} in {pages} pages", ids.len());
}

#[tokio::test]
async fn a_mailbox_without_hits_costs_one_request() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    graph.deliver(ANN, "inbox", mail(1, "hello").as_bytes(), MONDAY);
    let nothing = Query { from_address: vec!["evil@evil.example".into()], ..Query::default() };
    assert!(search(&*store, ANN, &nothing, 1_000).await.is_empty());
    assert_eq!(graph.counts().units, 1);
    let one = Query { from_address: vec!["PARCELS@bulk.example".into()], ..Query::default() };
    assert_eq!(search(&*store, ANN, &one, 1_000).await.len(), 1);
    let counts = graph.counts();
    assert_eq!(counts.requests, 2, "one for the message, one batch for the folders: {counts:?}");
    assert_eq!(search(&*store, ANN, &one, 1_000).await.len(), 1);
    assert_eq!(graph.counts().requests, 1, "the folders are remembered");
}

#[tokio::test]
async fn folders_of_any_name_are_found() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    for number in 0..40 {
        graph.deliver(ANN, &format!("Projects/{number}"), mail(number, "Your parcel").as_bytes(), MONDAY);
    }
    graph.rename_folder(ANN, "Projects/7", "a/b\\c's");
    graph.rename_folder(ANN, "Projects/8", "line\nbreak");
    let page = store.search(&ANN.into(), &Query::default(), None, 1_000).await.unwrap();
    assert_eq!((page.items.len(), page.gaps.len()), (39, 1), "{:?}", page.gaps);
    assert!(page.gaps[0].reason.contains("line break"));
    let path = "Projects/a\\/b\\\\c's";
    let odd = page.items.iter().find(|message| message.reference.message_id == "<7@bulk.example>").unwrap();
    assert_eq!(odd.location, Location::new(LocationKind::Folder, path));
    let only = Query { folders: vec![path.to_owned()], ..Query::default() };
    assert_eq!(search(&*store, ANN, &only, 1_000).await.len(), 1);
    graph.check();
}
