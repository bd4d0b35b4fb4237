//! A search for a value that is shown finds the message: no server's own parsing of a header hides it.

use clawback_connector_sdk::{matching::everything, types::Query};

use crate::server::Mailbox;

/// Senders as attackers and broken programs write them.
const SENDERS: &[&[u8]] = &[
    b"ceo@own.example <x0@evil.example>",
    b"\"ceo@own.example\" <x1@evil.example>",
    b"CEO <x2@evil.example",
    b"CEO <<x3@evil.example>>",
    b"=?utf-8?Q?CEO_=3Cx4=40evil.example=3E?=",
    b"=?utf-8?B?Q0VPIDx4NUBldmlsLmV4YW1wbGU+?=",
    b"\"open quote <x6@evil.example>",
    b"x7 @ evil.example (a comment)",
    b"Name ,_<x8@evil.example>",
    b"a@good.example, x9@evil.example",
    b"group: x10@evil.example;",
    b"\"x11\"@evil.example",
    b"=?x-unknown-99?Q?CEO?= <x12@evil.example>",
    b"caf\xe9 <x13@evil.example>",
    b"x14@evil.example.",
    b"CEO\r\n <x15@evil.example>",
    b"\"a\\\"b\" <X16@Evil.Example>",
    b"=?x-unknown-99?Q?x17=40evil.example?=",
];

/// Subjects that servers decode less than, or differently from, mail programs.
const SUBJECTS: &[&[u8]] = &[
    b"=?x-unknown-99?Q?secret_invoice_overdue?=",
    b"Hello =?x-unknown-99?Q?hidden?= world",
    b"=?utf-8*de?Q?Gr=C3=BC=C3=9Fe_Bonus?=",
    b"=?UTF-8?B?WmFobHVuZ3NlcmlubmVyw!!?= letzte Mahnung",
    b"=?utf-7?Q?Pr+APw-fung_Konto?=",
    b"=?utf-8?B?UmVjaG51bmdzcHLD?= =?utf-8?B?vGZ1bmc=?=",
    b"=?utf-8?Q?Best=C3?=\r\n =?utf-8?Q?=A4tigung?=",
    b"caf\xe9 Rechnung",
    b"\xd1\xf7\xb8\xf2 \xea \xee\xef\xeb\xe0\xf2\xe5",
    "two\u{a0}words".as_bytes(),
    b"two  blanks",
    b"two\ttabs",
    b"folded\r\n\t\tline",
    "Gru\u{308}ße".as_bytes(),
    "Grüße NFC".as_bytes(),
    "in\u{200b}vo\u{ad}ice".as_bytes(),
    "ｉｎｖｏｉｃｅ wide".as_bytes(),
    b"=?utf-8?Q?has space in it?=",
    b"abc=?utf-8?Q?def?=ghi",
    b"=?utf-8?Q?ab=FFcd?=",
    b"\x1b$B@A5a=q\x1b(B",
    b"100% \"quoted\" \\ {5} ${x} a,b *",
    b"=?iso-8859-1?Q?R=E9glement?= =?utf-8?B?w7xi?=",
];

fn append(mailbox: &Mailbox, number: usize, from: &[u8], subject: &[u8]) {
    let id = format!("\r\nMessage-ID: <{number}@evil.example>\r\n\r\nbody\r\n");
    let raw = [b"From: ", from, b"\r\nSubject: ", subject, id.as_bytes()].concat();
    mailbox.append("INBOX", "", &raw);
}

#[test]
fn senders() {
    let mailbox = Mailbox::new();
    for (number, from) in SENDERS.iter().enumerate() {
        append(&mailbox, number, from, b"s");
    }
    let all = mailbox.search(&everything());
    assert_eq!(all.len(), SENDERS.len());
    let mut shown = 0;
    for message in &all {
        let addresses = std::iter::once(&message.from_address).chain(&message.also_from);
        for address in addresses.filter(|address| address.contains('@')) {
            shown += 1;
            let query = Query { from_address: vec![address.clone()], ..everything() };
            let found = mailbox.search(&query);
            assert!(found.iter().any(|one| one.ref_ == message.ref_), "{address}: {}", message.ref_.message_id);
            let domain = address.rsplit('@').next().unwrap_or_default();
            let found = mailbox.search(&Query { from_domain: vec![domain.into()], ..everything() });
            assert!(found.iter().any(|one| one.ref_ == message.ref_), "{domain}: {}", message.ref_.message_id);
        }
    }
    assert!(shown > SENDERS.len() / 2, "{shown}");
}

/// Once with so few messages that they are read whole, once with so many that their subjects are read first.
#[test]
fn subjects() {
    for others in [0, 150] {
        let mailbox = Mailbox::new();
        for (number, subject) in SUBJECTS.iter().enumerate() {
            append(&mailbox, number, b"a@evil.example", subject);
        }
        for number in 0..others {
            mailbox.phish(["INBOX", "Work"][number as usize % 2], number);
        }
        let all = mailbox.search(&everything());
        let by = |text: &str| mailbox.search(&Query { subject_contains: vec![text.into()], ..everything() });
        for message in all.iter().filter(|message| !message.subject.starts_with("Parcel")) {
            let words: Vec<&str> = message.subject.split_whitespace().collect();
            for text in [
                message.subject.clone(),
                message.subject.to_uppercase(),
                words.join(" "),
                words[words.len() - 1].into(),
            ] {
                let found = by(&text);
                assert!(found.iter().any(|one| one.ref_ == message.ref_), "{text}: {}", message.ref_.message_id);
                assert!(found.len() <= SUBJECTS.len());
            }
        }
        assert_eq!(by("parcel 1").len(), if others == 0 { 0 } else { 61 });
    }
}

#[test]
fn a_look_at_many_subjects_is_one_round_trip_more() {
    let mailbox = Mailbox::new();
    (0..120).for_each(|number| mailbox.phish("INBOX", number));
    let query = Query { subject_contains: vec!["Parcel 119".into()], ..everything() };
    assert_eq!(mailbox.search(&query).len(), 1);
    assert_eq!(*mailbox.host.flights.borrow(), 4);
    // With another condition that leaves few messages, this is not needed.
    let query = Query { message_id: vec!["<119@evil.example>".into()], ..query };
    assert_eq!(mailbox.search(&query).len(), 1);
    assert_eq!(*mailbox.host.flights.borrow(), 3);
}
