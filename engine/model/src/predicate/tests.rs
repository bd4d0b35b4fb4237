//! Each condition with a message that meets it and one that does not, and the queries to stores.

use proptest::prelude::*;

use super::*;
use crate::comparison::contains;
use crate::feature_condition::AuthenticationResult;
use crate::location::Location;
use crate::plan::tests::message;

#[test]
fn all_must_hold_and_one_of_a_list_is_enough() {
    let wanted = Predicate::all([
        Condition::From(vec!["Billing@Evil.example".into()]),
        Condition::SubjectContains(vec!["invoice".into(), "rechnung".into()]),
        Condition::LatestLocation(vec![LocationKind::Inbox, LocationKind::Junk]),
    ]);
    let mut mail = message(1);
    mail.from_address = "billing@evil.example".into();
    mail.subject = "Your INVOICE is late".into();
    assert!(wanted.matches(&mail));
    mail.subject = "Ihre RECHNUNG für März".into();
    assert!(wanted.matches(&mail));
    mail.location.kind = LocationKind::SentItems;
    assert!(!wanted.matches(&mail));
}

#[test]
fn case_is_that_of_unicode_everywhere() {
    let mut mail = message(1);
    mail.from_address = "ÄNN@x.test".into();
    mail.to = vec!["Ödön@x.test".into()];
    mail.mailbox = "ÜTE@x.test".into();
    for condition in [
        Condition::From(vec!["änn@x.test".into()]),
        Condition::To(vec!["öDÖN@X.test".into()]),
        Condition::Mailbox(vec!["üte@x.test".into()]),
        Condition::Not(Box::new(Predicate::all([Condition::Mailbox(vec!["ute@x.test".into()])]))),
    ] {
        assert!(Predicate::all([condition.clone()]).matches(&mail), "{condition:?}");
    }
}

#[test]
fn what_not_reads_is_fetched_but_not_pushed() {
    let query = Predicate::all([Condition::Not(Box::new(Predicate::all([
        Condition::HeaderContains("List-Id".into(), "news".into()),
        Condition::AttachmentName(vec![".exe".into()]),
    ])))])
    .push_down();
    assert_eq!(query.want_headers, ["list-id"]);
    assert!(query.want_attachments && query.header_contains.is_empty() && query.attachment_name.is_empty());
}

#[test]
fn both_spellings_of_an_international_domain_are_one() {
    for given in ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"] {
        for has in ["eve@bücher.example", "eve@xn--bcher-kva.example", "eve@XN--bcher-kva.example"] {
            let mut mail = message(1);
            mail.from_address = has.into();
            mail.to = vec![has.into()];
            for condition in [
                Condition::FromDomain(vec![given.into()]),
                Condition::From(vec![format!("Eve@{given}")]),
                Condition::To(vec![format!("eve@{given}")]),
            ] {
                let wanted = Predicate::all([condition]);
                assert!(wanted.matches(&mail), "{wanted:?} {has}");
            }
        }
    }
    let pushed = Predicate::all([Condition::FromDomain(vec!["bücher.example".into()])]).push_down();
    assert_eq!(pushed.from_domain, ["bücher.example", "xn--bcher-kva.example"]);
    let plain = Predicate::all([Condition::From(vec!["Eve@evil.example".into()])]).push_down();
    assert_eq!(plain.from_address, ["eve@evil.example"]);
}

proptest! {
    #[test]
    fn contains_agrees_with_the_obvious_way(text in "\\PC{0,20}| {0,2}[a-zA-Z \t]{0,20}", part in "[a-z ß]{0,3}") {
        let part = normalise(&part);
        prop_assert_eq!(contains(&text, &part), !part.is_empty() && normalise(&text).contains(&part));
    }

    #[test]
    fn what_is_shown_is_found(subject in any::<String>()) {
        let mut mail = message(1);
        mail.subject.clone_from(&subject);
        let found = Predicate::all([Condition::SubjectContains(vec![subject.clone()])]).matches(&mail);
        prop_assert_eq!(found, !normalise(&subject).is_empty());
    }
}

#[test]
fn any_sender_that_a_client_could_show() {
    let mut mail = message(1);
    mail.from_address = "ceo@corp.example".into();
    mail.also_from = vec!["eve@evil.example".into()];
    for condition in
        [Condition::From(vec!["EVE@evil.example".into()]), Condition::FromDomain(vec!["evil.example".into()])]
    {
        assert!(Predicate::all([condition]).matches(&mail));
    }
    assert!(!Predicate::all([Condition::FromDomain(vec![String::new()])]).matches(&mail));
}

fn texts(any: &[&str]) -> Vec<String> {
    any.iter().map(ToString::to_string).collect()
}

/// A message that meets every condition of [`met`] and none of [`not_met`].
fn mail() -> Message {
    let mut mail = message(1);
    mail.original_location = Some(Location::new(LocationKind::Junk, "Junk"));
    mail.also_from = texts(&["ceo@corp.example"]);
    mail.to = texts(&["ann@corp.example", "ben@corp.example"]);
    mail.subject = "Your Invoice".into();
    mail.received_at = Timestamp(50);
    mail.flags = texts(&["\\Seen", "$Phishing"]);
    mail.attachments = texts(&["logo.png", "Invoice.EXE"]);
    mail.headers = vec![("x-spam".into(), "no".into()), ("list-id".into(), "Daily News".into())];
    mail
}

fn met() -> Vec<Condition> {
    vec![
        Condition::From(texts(&["nobody@x.example", "CEO@corp.example"])),
        Condition::FromDomain(texts(&["x.example", "Evil.example"])),
        Condition::SubjectContains(texts(&["lottery", "your  INVOICE"])),
        Condition::To(texts(&["nobody@x.example", "Ben@corp.example"])),
        Condition::MessageId(texts(&["<2@evil.example>", " <1@evil.example> "])),
        Condition::ReceivedAfter(Timestamp(50)),
        Condition::ReceivedBefore(Timestamp(51)),
        Condition::HeaderContains("List-Id".into(), "news".into()),
        Condition::AttachmentName(texts(&[".com", ".exe"])),
        Condition::LatestLocation(vec![LocationKind::Junk, LocationKind::Inbox]),
        Condition::OriginalLocation(vec![LocationKind::Inbox, LocationKind::Junk]),
        Condition::Folder(texts(&["Junk", "INBOX"])),
        Condition::Mailbox(texts(&["ben@corp.example", "ANN@corp.example"])),
        Condition::LargerThan(999),
        Condition::SmallerThan(1_001),
        Condition::Flag(texts(&["\\Flagged", "$phishing"])),
        Condition::Not(Box::new(Predicate::all([Condition::LargerThan(1), Condition::SmallerThan(1)]))),
        Condition::Any(vec![
            Predicate::all([Condition::SmallerThan(1)]),
            Predicate::all([Condition::LargerThan(1), Condition::SmallerThan(2_000)]),
        ]),
    ]
}

fn not_met() -> Vec<Condition> {
    vec![
        Condition::From(texts(&["evil.example", "eve@evil.example.org"])),
        Condition::FromDomain(texts(&["example", "eve@evil.example"])),
        Condition::SubjectContains(texts(&["your invoices", "lottery"])),
        Condition::To(texts(&["eve@evil.example"])),
        Condition::MessageId(texts(&["<1@EVIL.example>", "1@evil.example"])),
        Condition::ReceivedAfter(Timestamp(51)),
        Condition::ReceivedBefore(Timestamp(50)),
        Condition::HeaderContains("List-Id".into(), "nope".into()),
        Condition::HeaderContains("x-spam".into(), "news".into()),
        Condition::HeaderContains("x-other".into(), "news".into()),
        Condition::AttachmentName(texts(&[".com"])),
        Condition::LatestLocation(vec![LocationKind::Junk]),
        Condition::OriginalLocation(vec![LocationKind::Inbox, LocationKind::Unknown]),
        Condition::Folder(texts(&["inbox", "INBOX/x"])),
        Condition::Mailbox(texts(&["corp.example", "ben@corp.example"])),
        Condition::LargerThan(1_000),
        Condition::SmallerThan(1_000),
        Condition::Flag(texts(&["Seen"])),
        Condition::Not(Box::new(Predicate::all([Condition::LargerThan(1)]))),
        Condition::Any(vec![Predicate::all([Condition::LargerThan(1), Condition::SmallerThan(1)])]),
        Condition::Any(vec![]),
    ]
}

#[test]
fn each_condition_is_met_by_what_it_says_and_by_nothing_else() {
    for condition in met() {
        let wanted = Predicate::all([condition]);
        assert!(wanted.matches(&mail()), "{wanted:?}");
    }
    for condition in not_met() {
        let wanted = Predicate::all([condition.clone()]);
        assert!(!wanted.matches(&mail()), "{wanted:?}");
        let all = Predicate::all(met()).and(&wanted);
        assert!(Predicate::all(met()).matches(&mail()) && !all.matches(&mail()), "{wanted:?}");
    }
    assert!(Predicate::default().matches(&mail()));
    let mut unknown = mail();
    unknown.original_location = None;
    assert!(Predicate::all([Condition::OriginalLocation(vec![LocationKind::Unknown])]).matches(&unknown));
}

#[test]
fn a_predicate_knows_which_texts_it_reads() {
    let all = ["from", "subject", "to", "attachments", "header list-id", "header x", "list-id"];
    let read = |condition: Condition| {
        let wanted = Predicate::all([condition]);
        all.into_iter().filter(|text| wanted.reads(text)).collect::<Vec<_>>()
    };
    let header = || Condition::HeaderContains("List-Id".into(), "news".into());
    let subject = || Condition::SubjectContains(texts(&["x"]));
    assert_eq!(read(Condition::From(texts(&["a@x"]))), ["from"]);
    assert_eq!(read(Condition::FromDomain(texts(&["x"]))), ["from"]);
    assert_eq!(read(subject()), ["subject"]);
    assert_eq!(read(Condition::To(texts(&["a@x"]))), ["to"]);
    assert_eq!(read(Condition::AttachmentName(texts(&["x"]))), ["attachments"]);
    assert_eq!(read(header()), ["header list-id"]);
    let matches = |text| Condition::Matches(text, "x".parse().into_iter().collect());
    assert_eq!(read(matches(MatchedText::Subject)), ["subject"]);
    assert_eq!(read(matches(MatchedText::Header("List-Id".into()))), ["header list-id"]);
    assert_eq!(read(Condition::Not(Box::new(Predicate::all([header()])))), ["header list-id"]);
    let either = vec![Predicate::all([subject()]), Predicate::all([header()])];
    assert_eq!(read(Condition::Any(either)), ["subject", "header list-id"]);
    assert_eq!(read(Condition::LargerThan(1)), [""; 0]);
}

#[test]
fn a_store_is_asked_for_what_it_can_search() {
    let query = Predicate::all(met()).push_down();
    let expected = Query {
        from_address: texts(&["nobody@x.example", "ceo@corp.example"]),
        from_domain: texts(&["x.example", "evil.example"]),
        subject_contains: texts(&["lottery", "your invoice"]),
        to_address: texts(&["nobody@x.example", "ben@corp.example"]),
        message_id: texts(&["<2@evil.example>", "<1@evil.example>"]),
        received_after: Some(Timestamp(50)),
        received_before: Some(Timestamp(51)),
        header_contains: vec![("list-id".into(), "news".into())],
        attachment_name: texts(&[".com", ".exe"]),
        locations: vec![LocationKind::Junk, LocationKind::Inbox],
        folders: vec![],
        want_headers: texts(&["list-id"]),
        want_attachments: true,
    };
    assert_eq!(query, expected);
}

#[test]
fn of_what_stands_twice_a_store_is_asked_once_and_for_the_narrower_time() {
    let header = |name: &str| Condition::HeaderContains(name.into(), "x".into());
    let query = Predicate::all([
        Condition::ReceivedAfter(Timestamp(1)),
        Condition::ReceivedAfter(Timestamp(3)),
        Condition::ReceivedAfter(Timestamp(2)),
        Condition::ReceivedBefore(Timestamp(9)),
        Condition::ReceivedBefore(Timestamp(7)),
        Condition::ReceivedBefore(Timestamp(8)),
        Condition::SubjectContains(texts(&["a"])),
        Condition::SubjectContains(texts(&["b"])),
        header("a"),
        header("b"),
        header("a"),
    ])
    .push_down();
    assert_eq!((query.received_after, query.received_before), (Some(Timestamp(3)), Some(Timestamp(7))));
    assert_eq!((query.subject_contains, query.want_headers), (texts(&["a"]), texts(&["a", "b"])));
    assert_eq!(query.header_contains, [("a".to_owned(), "x".to_owned())]);
}

#[test]
fn of_locations_and_folders_a_store_is_asked_for_one() {
    let query = Predicate::all([Condition::Folder(texts(&["A"])), Condition::Folder(texts(&["B"]))]).push_down();
    assert_eq!((query.locations, query.folders), (vec![], texts(&["A"])));
    let both = Predicate::all([Condition::Folder(texts(&["A"])), Condition::LatestLocation(vec![LocationKind::Inbox])]);
    let query = both.push_down();
    assert_eq!((query.locations, query.folders), (vec![LocationKind::Inbox], vec![]));
    let mut pushed = Query { folders: texts(&["A"]), ..Query::default() };
    Condition::LatestLocation(vec![LocationKind::Inbox]).push_into(&mut pushed);
    assert_eq!(pushed.locations, []);
}

#[test]
fn cheap_tests_come_first_and_what_was_said_stays_as_it_was() {
    let given = vec![
        Condition::Any(vec![]),
        Condition::SubjectContains(texts(&["A"])),
        Condition::To(texts(&["A@x"])),
        Condition::From(texts(&["A@x"])),
        Condition::LargerThan(1),
    ];
    let wanted = Predicate::all(given.clone());
    assert_eq!(wanted.said(), given.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(wanted.conditions()[1], Condition::From(texts(&["a@x"])));
    assert_eq!(wanted.conditions().len(), 5);
}

mod features {
    use super::*;
    use crate::feature_condition::FeatureCondition as On;
    use crate::features::{AskedTexts, Attachment, Authentication, Features, Hyperlink, LinkKind};

    fn features() -> Features {
        Features {
            envelope_from: "bounce@mailer.example".into(),
            reply_to: vec!["collect@evil.example".into()],
            delivered_to: vec!["ann@corp.example".into()],
            sender_ip: "192.0.2.7".parse().ok(),
            authentication: Some(Authentication { spf: "pass".into(), dkim: String::new(), dmarc: "fail".into() }),
            links: vec![Hyperlink {
                kind: LinkKind::Web,
                host: "login.evil.example".into(),
                address: String::new(),
                path_hash: 7,
                shown_host: String::new(),
                is_rewritten: false,
            }],
            attachments: vec![Attachment {
                names: vec!["a.pdf".into()],
                media_type: "application/pdf".into(),
                size: 3,
                sha256: "ab".repeat(32),
                depth: 0,
            }],
            found: AskedTexts { body_contains: vec!["overdue".into()], urls: vec!["https://x.example/a".into()] },
            ..Features::default()
        }
    }

    fn texts(any: &[&str]) -> Vec<String> {
        any.iter().map(ToString::to_string).collect()
    }

    /// Each condition with a value that the message above meets, and one that it does not.
    fn pairs() -> Vec<(On, On)> {
        let both = |make: fn(Vec<String>) -> On, one: &str, other: &str| (make(texts(&[one])), make(texts(&[other])));
        let network = |text: &str| On::SenderIp(crate::domain::parse_network(text).into_iter().collect());
        let hosts_match = |text: &str| On::UrlHostMatches(text.parse().into_iter().collect());
        let auth = |text: &str| On::Authentication(text.parse().into_iter().collect());
        vec![
            both(On::EnvelopeFrom, "Bounce@mailer.example", "mailer.example"),
            both(On::ReplyTo, "collect@EVIL.example", "evil@evil.example"),
            both(On::DeliveredTo, "ann@corp.example", "ben@corp.example"),
            (network("192.0.2.0/24"), network("198.51.100.0/24")),
            both(On::UrlHost, "*.evil.example", "evil.example"),
            both(On::UrlHost, "login.evil.example", "*.login.evil.example"),
            (hosts_match(r"^login\.[a-z]+\.example$"), hosts_match(r"^[a-z]+\.example$")),
            both(On::Url, "https://x.example/a", "https://x.example/b"),
            both(On::AttachmentSha256, &"AB".repeat(32), &"cd".repeat(32)),
            both(On::AttachmentType, "application/*", "image/*"),
            both(On::AttachmentType, "application/pdf", "application/zip"),
            (On::HasAttachment(true), On::HasAttachment(false)),
            both(On::BodyContains, "Overdue", "paid"),
            (auth("dmarc=fail"), auth("dmarc=pass")),
            (auth("dkim=none"), auth("spf=fail")),
        ]
    }

    #[test]
    fn each_condition_holds_fails_and_is_undecided_without_an_examination() {
        let unexamined = message(1);
        let mut examined = message(1);
        examined.features = Some(Box::new(features()));
        for (holds, fails) in pairs() {
            let one = |on: &On| Predicate::all([Condition::Feature(on.clone())]);
            assert_eq!(one(&holds).decide(&examined), Some(true), "{holds:?}");
            assert_eq!(one(&fails).decide(&examined), Some(false), "{fails:?}");
            assert_eq!(one(&holds).decide(&unexamined), None, "{holds:?}");
            let not = Predicate::all([Condition::Not(Box::new(one(&fails)))]);
            assert_eq!(not.decide(&unexamined), None, "what is not known is not excluded: {fails:?}");
            assert!(not.asked_texts().is_some() && !not.matches(&unexamined));
        }
    }

    #[test]
    fn what_is_cut_can_hold_and_cannot_fail() {
        let mut part = message(1);
        part.features = Some(Box::new(Features { cut: texts(&["body", "links", "attachments"]), ..features() }));
        for (holds, fails) in pairs() {
            let one = |on: On| Predicate::all([Condition::Feature(on)]).decide(&part);
            let is_of_body = fails.reads().iter().any(|text| part.is_cut(text));
            assert_eq!(one(holds), Some(true));
            // Of a message that is cut, one attachment is known: it has one, however it goes on.
            let expected = if matches!(fails, On::HasAttachment(_)) || !is_of_body { Some(false) } else { None };
            assert_eq!(one(fails.clone()), expected, "{fails:?}");
        }
        part.features = Some(Box::new(Features { cut: texts(&["attachments"]), ..Features::default() }));
        let without = Predicate::all([Condition::Feature(On::HasAttachment(false))]);
        assert_eq!(without.decide(&part), None);
    }

    #[test]
    fn cheap_conditions_decide_before_an_examination() {
        let feature = || Condition::Feature(On::BodyContains(texts(&["x"])));
        let small = || Condition::SmallerThan(1);
        let large = || Condition::LargerThan(1);
        let any =
            |one: Condition, other: Condition| Condition::Any(vec![Predicate::all([one]), Predicate::all([other])]);
        for (conditions, expected) in [
            (vec![feature(), small()], Some(false)),
            (vec![feature(), large()], None),
            (vec![any(feature(), large())], Some(true)),
            (vec![any(feature(), small())], None),
            (vec![Condition::Not(Box::new(Predicate::all([feature(), small()])))], Some(true)),
        ] {
            assert_eq!(Predicate::all(conditions.clone()).decide(&message(1)), expected, "{conditions:?}");
        }
        let asked = Predicate::all([any(feature(), Condition::Feature(On::Url(texts(&["https://x.example/"]))))]);
        let asked = asked.asked_texts().unwrap();
        assert_eq!((asked.body_contains, asked.urls), (texts(&["x"]), texts(&["https://x.example/"])));
        assert!(Predicate::all([large()]).asked_texts().is_none());
    }

    #[test]
    fn no_trusted_server_decides_nothing_about_authentication() {
        let mut examined = message(1);
        examined.features = Some(Box::new(Features { authentication: None, ..features() }));
        let wanted = Predicate::all([Condition::Feature(On::Authentication("spf=none".parse().into_iter().collect()))]);
        assert_eq!(wanted.decide(&examined), None);
        for wrong in ["dmarc", "dmarc=", "arc=pass", ""] {
            assert!(wrong.parse::<AuthenticationResult>().is_err(), "{wrong}");
        }
    }
}

#[test]
fn each_text_is_matched_by_a_regular_expression_and_a_cut_one_is_undecided() {
    let mut mail = message(1);
    mail.subject = "Invoice 4711".into();
    mail.from_address = "eve7@evil.example".into();
    mail.from_name = "The B\u{200b}oss".into();
    mail.to = vec!["ann@corp.example".into(), "ben@m\u{fc}ller.example".into()];
    mail.attachments = vec!["a.pdf.exe".into()];
    mail.headers = vec![("x-mailer".into(), "Bulk 3.1".into())];
    let header = || MatchedText::Header("X-Mailer".into());
    for (text, holds, fails, name) in [
        (MatchedText::Subject, r"^invoice \d{4}$", r"^invoice \d{3}$", "subject"),
        (MatchedText::From, r"^[a-z]+\d@", r"^\d", "from"),
        (MatchedText::FromName, r"\bboss\b", r"^boss", "from-name"),
        (MatchedText::To, r"@xn--mller-kva\.", r"^cy", "to"),
        (MatchedText::AttachmentName, r"\.pdf\.\w+$", r"\.pdf$", "attachments"),
        (header(), r"bulk \d", r"^\d", "header x-mailer"),
    ] {
        let one = |pattern: &str| {
            Predicate::all([Condition::Matches(text.clone(), vec!["never".parse().unwrap(), pattern.parse().unwrap()])])
        };
        let mut cut = mail.clone();
        cut.cut = vec![name.into()];
        assert_eq!((one(holds).decide(&mail), one(fails).decide(&mail)), (Some(true), Some(false)), "{name}");
        let is_list = matches!(text, MatchedText::From | MatchedText::To | MatchedText::AttachmentName);
        assert_eq!(one(holds).decide(&cut), is_list.then_some(true), "{name}: the end of a text is not known");
        assert_eq!(one(fails).decide(&cut), None, "{name}");
        let query = one(holds).push_down();
        assert_eq!(query.want_attachments, name == "attachments");
        assert_eq!(query.want_headers.is_empty(), name != "header x-mailer");
    }
}

#[test]
fn sub_domains_are_named_by_a_star_and_are_not_pushed_down() {
    let mut mail = message(1);
    let wanted = Predicate::all([Condition::FromDomain(vec!["*.Evil.example".into()])]);
    for (from, expected) in [
        ("a@mail.evil.example", true),
        ("a@x.mail.EVIL.example", true),
        ("a@evil.example", false),
        ("a@notevil.example", false),
        ("a@.evil.example", false),
        ("a@mail.evil.example.org", false),
    ] {
        mail.from_address = from.into();
        assert_eq!(wanted.matches(&mail), expected, "{from}");
    }
    assert!(wanted.push_down().from_domain.is_empty());
}

#[test]
fn a_text_that_is_cut_excludes_nothing() {
    let mut mail = message(1);
    mail.cut = vec!["subject".into(), "header x-spam".into()];
    let subject = |part: &str| Predicate::all([Condition::SubjectContains(vec![part.into()])]);
    assert_eq!(subject("hello").decide(&mail), Some(true), "what is known is enough");
    assert_eq!(subject("invoice").decide(&mail), None);
    let not = Predicate::all([Condition::Not(Box::new(subject("invoice")))]);
    assert_eq!(not.decide(&mail), None, "the missing part may have it");
    let header = Predicate::all([Condition::HeaderContains("X-Spam".into(), "yes".into())]);
    assert_eq!(header.decide(&mail), None);
    mail.cut.clear();
    assert_eq!((subject("invoice").decide(&mail), not.decide(&mail)), (Some(false), Some(true)));
}
