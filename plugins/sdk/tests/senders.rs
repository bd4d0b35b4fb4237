//! The sender of a message, in the forms of real and hostile mail.

use clawback_connector_sdk::{
    header::{Stored, describe},
    matching::{everything, matches},
    types::{Location, LocationKind, Message, Query},
};
use proptest::prelude::*;

/// The fields, the address to show, the name to show, all other senders.
type Form = (&'static [u8], &'static str, &'static str, &'static [&'static str]);

const FORMS: &[Form] = &[
    // As in the standard.
    (b"From: eve@evil.example", "eve@evil.example", "", &[]),
    (b"From: <eve@evil.example>", "eve@evil.example", "", &[]),
    (b"From: Eve <Eve@Evil.Example>", "eve@evil.example", "Eve", &[]),
    (b"From: \"Eve, of Evil\" <eve@evil.example>", "eve@evil.example", "Eve, of Evil", &[]),
    (b"From: \"Eve \\\"E\\\" X\" <eve@evil.example>", "eve@evil.example", "Eve \"E\" X", &[]),
    (b"From: =?utf-8?Q?J=C3=B6rg?= <j@evil.example>", "j@evil.example", "J\u{f6}rg", &[]),
    (b"From: \"=?utf-8?Q?J=C3=B6rg?=\" <j@evil.example>", "j@evil.example", "J\u{f6}rg", &[]),
    (b"From: eve@evil.example (Eve)", "eve@evil.example", "Eve", &[]),
    (b"From: Eve (CEO) <eve@evil.example>", "eve@evil.example", "Eve", &[]),
    (b"From: Eve\r\n <eve@evil.example>", "eve@evil.example", "Eve", &[]),
    (b"from:Eve<eve@evil.example>", "eve@evil.example", "Eve", &[]),
    (
        b"From: <@relay.example,@b.example:eve@evil.example>",
        "eve@evil.example",
        "",
        &["@relay.example,@b.example:eve@evil.example"],
    ),
    (b"From: \"john doe\"@evil.example", "\"john doe\"@evil.example", "", &[]),
    (b"From: Eve <\"a>b\"@evil.example>", "\"a>b\"@evil.example", "Eve", &[]),
    (b"From: eve@[192.0.2.1]", "eve@[192.0.2.1]", "", &[]),
    (b"From: Eve <eve@[IPv6:2001:db8::1]>", "eve@[ipv6:2001:db8::1]", "Eve", &[]),
    (b"From: j\xc3\xb6rg@evil.example", "j\u{f6}rg@evil.example", "", &[]),
    // Several.
    (
        b"From: Payroll <payroll@acme.test>, <mallory@evil.example>",
        "payroll@acme.test",
        "Payroll",
        &["mallory@evil.example"],
    ),
    (b"From: a@acme.test, b@evil.example, c@evil.example", "a@acme.test", "", &["b@evil.example", "c@evil.example"]),
    (b"From: Boss <boss@acme.test>\r\nFrom: Eve <eve@evil.example>", "boss@acme.test", "Boss", &["eve@evil.example"]),
    (b"From: nobody\r\nFrom: Eve <eve@evil.example>", "eve@evil.example", "Eve", &[]),
    (b"From: Team: a7@evil.example, b7@evil.example;", "a7@evil.example", "", &["b7@evil.example"]),
    (b"From: Team: Ann <a7@evil.example>;, c@evil.example", "a7@evil.example", "Ann", &["c@evil.example"]),
    (b"From: ceo@acme.test: eve@evil.example;", "eve@evil.example", "", &["ceo@acme.test"]),
    (b"From: undisclosed:;", "", "", &[]),
    (b"From: a@acme.test; b@evil.example", "a@acme.test", "", &["b@evil.example"]),
    (b"From: a@acme.test b@evil.example", "b@evil.example", "", &["a@acme.test"]),
    (b"From: Eve <a@acme.test> <eve@evil.example>", "eve@evil.example", "Eve", &["a@acme.test"]),
    // A name that is an address.
    (b"From: ceo@acme.test <x2@evil.example>", "x2@evil.example", "ceo@acme.test", &["ceo@acme.test"]),
    (b"From: \"ceo@acme.test\" <x1@evil.example>", "x1@evil.example", "ceo@acme.test", &[]),
    (b"From: =?utf-8?Q?ceo=40acme.test?= <x1@evil.example>", "x1@evil.example", "ceo@acme.test", &[]),
    (b"From: \"ceo@acme.test via X\" <x1@evil.example>", "x1@evil.example", "ceo@acme.test via X", &[]),
    (b"From: \"Boss <ceo@acme.test>\" <x1@evil.example>", "x1@evil.example", "Boss <ceo@acme.test>", &[]),
    (b"From: <ceo@acme.test> <x1@evil.example>", "x1@evil.example", "", &["ceo@acme.test"]),
    (b"From: <x1@evil.example> ceo@acme.test", "x1@evil.example", "ceo@acme.test", &["ceo@acme.test"]),
    (b"From: Eve @ Evil <x1@evil.example>", "x1@evil.example", "Eve @ Evil", &[]),
    // Commas in wrong places.
    (b"From: Account team ,_<no-reply@evil.example>", "no-reply@evil.example", "Account team, _", &[]),
    (b"From: Voucher, <service@evil.example>", "service@evil.example", "Voucher", &[]),
    (b"From: \"Approved !\", <info@ml.evil.example>", "info@ml.evil.example", "Approved !", &[]),
    (b"From: Doe, John <j@evil.example>", "j@evil.example", "Doe, John", &[]),
    (b"From: Gift, <a@evil2.example.>, Gift,\r\n\t<a@evil2.example>", "a@evil2.example", "Gift", &["a@evil2.example."]),
    (b"From: , , <eve@evil.example>,", "eve@evil.example", "", &[]),
    // Unbalanced brackets, quotes and dots.
    (b"From: \"Eve\" <x14@evil.example", "x14@evil.example", "Eve", &[]),
    (b"From: Eve <<x15@evil.example>>", "x15@evil.example", "Eve", &[]),
    (b"From: Eve <x15@evil.example>>", "x15@evil.example", "Eve", &[]),
    (b"From: \"Eve <x16@evil.example>", "x16@evil.example", "Eve", &[]),
    (b"From: Eve\" <x16@evil.example>", "x16@evil.example", "Eve", &[]),
    (b"From: \"a\" \"Eve <x@evil.example>", "x@evil.example", "a Eve", &[]),
    (
        b"From: \"Eve <x@evil.example>, \"Bob\" <b@acme.test>",
        "b@acme.test",
        "Eve <x@evil.example>, Bob",
        &["x@evil.example"],
    ),
    (b"From: (Eve <x@evil.example>", "x@evil.example", "Eve", &[]),
    (b"From: Eve x13@evil.example", "x13@evil.example", "Eve", &[]),
    (b"From: Eve x13@evil.example>", "x13@evil.example", "Eve", &[]),
    (b"From: 'eve@evil.example'", "eve@evil.example", "", &["'eve@evil.example'"]),
    (b"From: eve@evil.example.", "eve@evil.example", "", &[]),
    (b"From: <eve@evil.example.>", "eve@evil.example", "", &["eve@evil.example."]),
    (b"From: eve@evil.example;", "eve@evil.example", "", &[]),
    (b"From: < eve@evil.example >", "eve@evil.example", "", &[]),
    (b"From: Eve <eve @ evil.example>", "eve@evil.example", "Eve", &[]),
    (b"From: eve @ evil.example", "eve@evil.example", "", &[]),
    (b"From: <mailto:eve@evil.example>", "eve@evil.example", "", &["mailto:eve@evil.example"]),
    (b"From: mailto:eve@evil.example", "eve@evil.example", "", &[]),
    (b"From: Eve <eve(comment)@evil.example>", "eve@evil.example", "Eve", &["eve(comment)@evil.example"]),
    ("From: Eve <eve@evil。example>".as_bytes(), "eve@evil。example", "Eve", &["eve@evil.example"]),
    ("From: eve@ｅｖｉｌ．example".as_bytes(), "eve@ｅｖｉｌ．example", "", &["eve@evil.example"]),
    (b"From: Eve <>", "", "Eve", &[]),
    (b"From: <> eve@evil.example", "eve@evil.example", "", &[]),
    (b"From: Eve <eve>, x@evil.example", "x@evil.example", "", &["eve"]),
    (b"From: [eve@evil.example]", "eve@evil.example", "", &[]),
    (b"From: eve@evil.example@]", "eve@evil.example", "", &[]),
    (b"From: [@.eve@evil.example].]", "eve@evil.example", "", &[]),
    // Only a quoted, commented or encoded address.
    (b"From: \"eve@evil.example\"", "eve@evil.example", "", &[]),
    (b"From: (eve@evil.example)", "eve@evil.example", "", &[]),
    (b"From: \"Eve\" (eve@evil.example)", "eve@evil.example", "Eve", &[]),
    (b"From: =?utf-8?Q?Boss_=3Cx4=40evil.example=3E?=", "x4@evil.example", "Boss", &[]),
    (b"From: =?utf-8?B?Qm9zcyA8eDRAZXZp?= =?utf-8?B?bC5leGFtcGxlPg==?=", "x4@evil.example", "Boss", &[]),
    (b"From: \"=?utf-8?Q?Boss_=3Cx4=40evil.example=3E?=\"", "x4@evil.example", "Boss", &[]),
    (b"From: Boss <=?utf-8?Q?x4=40evil.example?=>", "x4@evil.example", "Boss", &[]),
    (b"From: =?utf-8?Q?x4?=@evil.example", "x4@evil.example", "", &[]),
    (b"From: x4@=?utf-8?Q?evil.example?=", "x4@evil.example", "", &[]),
    (b"From: =?utf-8?Q?Boss_=3C?=x4@evil.example>", "x4@evil.example", "", &[]),
    (b"From: =?utf-8?Q?Boss <x4@evil.example>?=", "x4@evil.example", "Boss", &[]),
    // Input that may stop a decoder.
    (
        b"From: =?utf-8?b?Y2VvQGFjbWUudGVzdA==?==?utf-8?Q?=00?=@evil.example",
        "ceo@acme.test@evil.example",
        "",
        &["acme.test@evil.example", "ceo@acme.test", "ceo@acme.test\0@evil.example"],
    ),
    (b"From: ev\xe2\x80\x8be@evil.example", "eve@evil.example", "", &["ev\u{200b}e@evil.example"]),
    // Raw bytes, padding, case of the name.
    (b"From: J\xf6rg <j@evil.example>", "j@evil.example", "J\u{f6}rg", &[]),
    (
        b"From: \xd3\xca\xcf\xe4\xcd\xa8\xd6\xaa <j@evil.example>",
        "j@evil.example",
        "\u{90ae}\u{7bb1}\u{901a}\u{77e5}",
        &[],
    ),
    (b"From \t : eve@evil.example", "eve@evil.example", "", &[]),
    (b"FROM:                                    \t eve@evil.example   \t", "eve@evil.example", "", &[]),
    (b"From:\r\n \r\n\t\r\n eve@evil.example", "eve@evil.example", "", &[]),
    (b"X: y\r\nnot a field\r\nFrom: eve@evil.example", "eve@evil.example", "", &[]),
    // No address at all.
    (b"From: MAILER-DAEMON", "", "MAILER-DAEMON", &[]),
    (b"From: <root>", "root", "", &[]),
    (b"From: @", "", "@", &[]),
    (b"From:", "", "", &[]),
    (b"Subject: none", "", "", &[]),
];

fn message(header: &[u8], query: &Query) -> Message {
    let stored = Stored {
        locator: "1".into(),
        location: Location { kind: LocationKind::Inbox, path: "INBOX".into() },
        received_at: 0,
        size: 1,
        flags: Vec::new(),
    };
    describe(stored, header, query)
}

fn is_found(header: &[u8], change: impl Fn(&mut Query)) -> bool {
    let mut query = everything();
    change(&mut query);
    matches(&query, &message(header, &query), header)
}

#[test]
fn who_is_shown_and_who_is_a_sender() {
    let mut wrong = Vec::new();
    for (field, address, name, others) in FORMS {
        let header = [field, &b"\r\nTo: you@acme.test\r\n\r\n"[..]].concat();
        let found = message(&header, &everything());
        let mut also: Vec<&str> = found.also_from.iter().map(String::as_str).collect();
        also.sort_unstable();
        let mut others = others.to_vec();
        others.sort_unstable();
        if (found.from_address.as_str(), found.from_name.as_str()) != (address, name) || also != others {
            wrong.push(format!(
                "{}\n   right: {address:?} {name:?} {others:?}\n   seen:  {:?} {:?} {also:?}",
                String::from_utf8_lossy(field),
                found.from_address,
                found.from_name,
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), FORMS.len(), wrong.join("\n"));
}

#[test]
fn every_sender_finds_the_message_and_a_quoted_name_does_not() {
    for (field, address, _, others) in FORMS {
        let header = [field, &b"\r\n\r\n"[..]].concat();
        for one in others.iter().chain([address]).filter(|one| !one.is_empty()) {
            assert!(is_found(&header, |query| query.from_address = vec![one.to_uppercase()]), "{one}");
            if let Some((_, domain)) = one.rsplit_once('@') {
                assert!(is_found(&header, |query| query.from_domain = vec![domain.to_owned()]), "{domain}");
            }
        }
    }
    let quoted = b"From: \"ceo@acme.test\" <x1@evil.example>\r\n\r\n";
    assert!(!is_found(quoted, |query| query.from_address = vec!["ceo@acme.test".into()]));
    assert!(!is_found(quoted, |query| query.from_domain = vec!["acme.test".into()]));
}

#[test]
fn thousands_of_senders_are_cut_and_yet_found() {
    let all: Vec<String> = (0..5_000).map(|number| format!("user{number}@evil.example")).collect();
    let header = format!("From: {}\r\n\r\n", all.join(",\r\n "));
    let found = message(header.as_bytes(), &everything());
    assert_eq!((found.from_address.as_str(), found.also_from.len()), ("user0@evil.example", 200));
    assert_eq!(found.cut, ["from"]);
    assert!(is_found(header.as_bytes(), |query| query.from_address = vec!["user4999@evil.example".into()]));
    assert!(!is_found(header.as_bytes(), |query| query.from_address = vec!["user5000@evil.example".into()]));
}

#[test]
fn long_texts_are_cut_named_and_judged_whole() {
    let subject = format!("{}needle", "lorem ipsum ".repeat(9_000));
    let to: Vec<String> = (0..40_000).map(|number| format!("u{number}@dept.example")).collect();
    let header = format!(
        "From: {} <{}@evil.example>\r\nSubject: {subject}\r\nTo: {}\r\nX-Long: {subject}\r\n\r\n",
        "n".repeat(5_000),
        "l".repeat(5_000),
        to.join(", "),
    );
    let header = header.as_bytes();
    let query = Query { want_headers: vec!["x-long".into()], ..everything() };
    let found = message(header, &query);
    assert_eq!(found.cut, ["subject", "from", "from-name", "to", "header x-long"]);
    let bytes = clawback_connector_sdk::page::bytes(&found);
    assert!(bytes < 200_000, "{bytes}");
    assert!(found.from_address.ends_with("l@evil.example"));
    for part in [found.subject.clone(), "ipsum needle".into()] {
        assert!(is_found(header, |query| query.subject_contains = vec![part.clone()]));
    }
    assert!(!is_found(header, |query| query.subject_contains = vec!["ipsum noodle".into()]));
    assert!(is_found(header, |query| query.to_address = vec!["u39999@dept.example".into()]));
    assert!(!is_found(header, |query| query.to_address = vec!["u40000@dept.example".into()]));
    assert!(is_found(header, |query| query.header_contains = vec![("x-long".into(), "NEEDLE".into())]));
    assert!(is_found(header, |query| query.from_domain = vec!["evil.example".into()]));
}

#[test]
fn a_field_that_is_too_long_to_be_read_is_left_to_the_host() {
    let header = format!("From: a@b.example\r\nSubject: {}\r\n\r\n", "x ".repeat(2 << 20));
    assert!(message(header.as_bytes(), &everything()).cut.contains(&"subject".to_owned()));
    assert!(is_found(header.as_bytes(), |query| query.subject_contains = vec!["anything".into()]));
}

#[test]
fn hostile_lengths_take_no_time() {
    for piece in [
        "<", ">", "\"", "(", "((", ")", "<\"", "\"<", "@", "@ ", "a@b <", "=?", "=?u?Q?", "=?u?Q?a ", "\\", ",", "[",
        "@[", ":", "a@", "\"@", "(a@b",
    ] {
        let header = [b"From: ".as_slice(), piece.repeat((1 << 17) / piece.len()).as_bytes(), b"\r\n\r\n"].concat();
        let began = std::time::Instant::now();
        assert!(is_found(&header, |_| ()));
        // Linear work takes a fraction of a second, even on a busy machine; quadratic work takes minutes.
        assert!(began.elapsed().as_secs() < 30, "{piece}");
    }
}

/// Pieces that break fields.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a@b.example",
        "ceo@own.example",
        "Eve",
        "<",
        ">",
        "\"",
        "(",
        ")",
        ",",
        ";",
        ":",
        "@",
        ".",
        " ",
        "\\",
        "\t",
        "\r\n ",
        "[",
        "]",
        "=?utf-8?Q?a=40c.example?=",
        "=?utf-8?B?PGFAYj4=?=",
        "=?utf-8?Q?=C3?=",
        "é",
        "\u{200b}",
        "'",
        "mailto:",
        "=?",
        "?=",
        "\0",
        "İ",
        "Σ",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_is_found(pieces in prop::collection::vec(piece(), 0..14)) {
        let text = pieces.concat();
        let header = format!("From: {text}\r\nSubject: {text}\r\nX-A: {text}\r\n\r\n");
        let header = header.as_bytes();
        let query = Query { want_headers: vec!["x-a".into()], ..everything() };
        let found = message(header, &query);
        if !found.from_address.is_empty() {
            prop_assert!(is_found(header, |query| query.from_address = vec![found.from_address.clone()]));
        }
        for one in &found.also_from {
            prop_assert!(is_found(header, |query| query.from_address = vec![one.clone()]));
        }
        prop_assert!(is_found(header, |query| query.subject_contains = vec![found.subject.clone()]));
        let (_, shown) = &found.headers[0];
        prop_assert!(is_found(header, |query| query.header_contains = vec![("x-a".into(), shown.clone())]));
        // If anything looks like an address, one is shown.
        if ["a@b.example", "ceo@own.example"].iter().any(|one| pieces.contains(one)) {
            prop_assert!(found.from_address.contains('@'), "{:?}", text);
        }
    }

    #[test]
    fn no_bytes_stop_it(value in prop::collection::vec(any::<u8>(), 0..120)) {
        message(&[b"From: ".as_slice(), &value].concat(), &everything());
    }
}
