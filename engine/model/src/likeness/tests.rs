//! Each rule of likeness, as tables, and what holds for every pair of messages.

use std::collections::BTreeSet;
use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::sketch::Sketch;

pub(super) fn names(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|&one| one.to_owned()).collect()
}

/// Returns the sketch of a text with these word pairs.
pub(super) fn numbered(pairs: Range<u64>) -> Sketch {
    let hashes: Vec<u64> = pairs.collect();
    let count = u32::try_from(hashes.len()).unwrap();
    Sketch::new(hashes, count)
}

/// Returns a root with these word pairs: `eve@evil.example` links to `evil.example` and to the bank that it imitates.
pub(super) fn root(pairs: Range<u64>) -> Root {
    root_of(pairs, from("eve@evil.example"), web(&["evil.example", "bank.example"]))
}

fn root_of(pairs: Range<u64>, identity: Identity, calls: Calls) -> Root {
    Root::new(numbered(pairs), identity, calls, "<1@evil.example>", "Your account")
}

/// Returns a sender that nobody proved.
fn from(address: &str) -> Identity {
    let domain = address.split('@').nth(1).unwrap_or_default().to_owned();
    Identity { address: address.to_owned(), domain, ..Identity::default() }
}

/// Returns a sender that is proved, with a signature of its domain.
fn proved(address: &str) -> Identity {
    let from = from(address);
    Identity { dkim: names(&[&from.domain]), is_authenticated: true, ..from }
}

fn web(domains: &[&str]) -> Calls {
    Calls { web: names(domains), ..Calls::default() }
}

fn is_like(root: &Root, sketch: &Sketch, identity: &Identity, calls: &Calls) -> (Band, Vec<LikenessReason>) {
    let commons = ["counted.example", "+1555"].into_iter().collect();
    let likeness = Likeness::of(root, sketch, identity, calls, &commons);
    assert_eq!(likeness.containment, root.sketch().containment(sketch));
    (likeness.band, likeness.reasons)
}

use Band::{Copy, Different, GenuineLookAlike, LookAtIt};
use LikenessReason as Why;

#[test]
fn a_copy_has_the_text_and_a_second_key() {
    let root = root(0..100);
    let (stranger, nothing) = (from("x@other.example"), Calls::default());
    let calls = web(&["evil.example", "bank.example", "more.example"]);
    for (found, calls, expected, reasons) in [
        (100, &calls, Copy, &[Why::TextContained, Why::SameCalls][..]),
        (70, &calls, Copy, &[Why::TextContained, Why::SameCalls]),
        (69, &calls, LookAtIt, &[Why::TextPartlyContained, Why::SameCalls]),
        (50, &calls, LookAtIt, &[Why::TextPartlyContained, Why::SameCalls]),
        (49, &calls, Different, &[Why::TextNotContained]),
        (100, &nothing, LookAtIt, &[Why::TextContained, Why::OtherSenderAndCalls]),
        (69, &nothing, Different, &[Why::TextPartlyContained, Why::OtherSenderAndCalls]),
    ] {
        let sketch = numbered(100 - found..200 - found);
        assert_eq!(is_like(&root, &sketch, &stranger, calls), (expected, reasons.to_vec()), "{found}");
    }
    assert_eq!(is_like(&root, &Sketch::new(vec![], 9), &stranger, &calls), (Different, vec![Why::NothingCompared]));
    assert!(Copy.is_sure() && [LookAtIt, GenuineLookAlike, Different].iter().all(|band| !band.is_sure()));
}

#[test]
fn a_short_root_has_no_sure_copy() {
    let (stranger, calls) = (from("x@other.example"), web(&["evil.example", "bank.example"]));
    for (pairs, calls, expected, reasons) in [
        (20, &calls, Copy, &[Why::TextContained, Why::SameCalls][..]),
        (19, &calls, LookAtIt, &[Why::TextContained, Why::RootTooShort, Why::SameCalls]),
        (19, &Calls::default(), Different, &[Why::TextContained, Why::RootTooShort, Why::OtherSenderAndCalls]),
    ] {
        let likeness = is_like(&root(0..pairs), &numbered(0..100), &stranger, calls);
        assert_eq!(likeness, (expected, reasons.to_vec()), "{pairs}");
    }
}

#[test]
fn a_message_that_is_much_longer_has_too_few_pairs_to_compare() {
    let root = root(0..100);
    let (stranger, calls) = (from("x@other.example"), web(&["evil.example", "bank.example"]));
    for (compared, calls, expected, reasons) in [
        (20, &calls, Copy, &[Why::TextContained, Why::SameCalls][..]),
        (19, &calls, LookAtIt, &[Why::TextContained, Why::FewPairsCompared, Why::SameCalls]),
        (8, &Calls::default(), LookAtIt, &[Why::TextContained, Why::FewPairsCompared, Why::OtherSenderAndCalls]),
        (7, &Calls::default(), Different, &[Why::TextContained, Why::FewPairsCompared, Why::OtherSenderAndCalls]),
    ] {
        let long = Sketch::new((0..compared).collect(), 5000);
        assert_eq!(is_like(&root, &long, &stranger, calls), (expected, reasons.to_vec()), "{compared}");
    }
}

#[test]
fn a_sender_is_a_key_only_if_nobody_else_has_it() {
    let with = |identity: Identity, reply_to: &[&str], envelope: &str| Identity {
        reply_to: names(reply_to),
        envelope: envelope.to_owned(),
        ..identity
    };
    let is = |root: Identity, other: Identity| {
        is_like(&root_of(0..100, root, Calls::default()), &numbered(0..100), &other, &Calls::default())
    };
    for (one, other, key) in [
        (proved("a@evil.example"), proved("b@evil.example"), Some(Why::SameSender)),
        (proved("eve@gmail.com"), proved("eve@gmail.com"), Some(Why::SameSender)),
        (proved("eve@gmail.com"), proved("bob@gmail.com"), None),
        (proved("a@counted.example"), proved("b@counted.example"), None),
        // Anybody can write the domain, and the root can write that of the bank.
        (from("a@bank.example"), from("a@bank.example"), None),
        (from("a@bank.example"), proved("a@bank.example"), None),
        (proved("a@evil.example"), from("a@evil.example"), None),
        (Identity::default(), Identity::default(), None),
        (with(from("a@x.example"), &["eve@gmail.com"], ""), from("b@y.example"), None),
        (
            with(from("a@x.example"), &["eve@gmail.com"], ""),
            with(from("b@y.example"), &["eve@gmail.com"], ""),
            Some(Why::SameReplyTo),
        ),
        (
            with(from("eve1@gmail.com"), &["eve@gmail.com"], ""),
            with(from("eve2@gmail.com"), &["eve@gmail.com"], ""),
            Some(Why::SameReplyTo),
        ),
        // The genuine message has its own Reply-To, and the root names it.
        (
            with(from("a@evil.example"), &["help@mail.bank.example"], ""),
            with(from("a@bank.example"), &["help@mail.bank.example"], ""),
            None,
        ),
        (
            with(from("a@x.example"), &[], "evil.example"),
            with(from("b@y.example"), &[], "evil.example"),
            Some(Why::SameEnvelope),
        ),
        (with(from("a@x.example"), &[], "sendgrid.net"), with(from("b@y.example"), &[], "sendgrid.net"), None),
        (with(from("a@x.example"), &[], "bank.example"), with(from("b@bank.example"), &[], "bank.example"), None),
        (
            with(from("a@x.example"), &[], "service.example"),
            with(proved("b@bank.example"), &[], "service.example"),
            None,
        ),
    ] {
        let expected = match key {
            Some(key) => (Copy, vec![Why::TextContained, key]),
            None => (LookAtIt, vec![Why::TextContained, Why::OtherSenderAndCalls]),
        };
        assert_eq!(is(one.clone(), other.clone()), expected, "{one:?} {other:?}");
    }
}

#[test]
fn calls_are_a_key_only_if_all_are_there_and_one_is_uncommon() {
    let calls =
        |web: &[&str], mail: &[&str], phone: &[&str]| Calls { web: names(web), mail: names(mail), phone: names(phone) };
    let imitated = from("a@bank.example");
    let stranger = from("a@other.example");
    for (root, other, sender, is_key) in [
        (calls(&["evil.example"], &[], &[]), calls(&["evil.example"], &[], &[]), &stranger, true),
        (calls(&["evil.example"], &[], &[]), calls(&["evil2.example"], &[], &[]), &stranger, false),
        (calls(&["evil.example", "bank.example"], &[], &[]), calls(&["bank.example"], &[], &[]), &stranger, false),
        (calls(&["t.co"], &[], &[]), calls(&["t.co"], &[], &[]), &stranger, false),
        (calls(&["counted.example"], &[], &[]), calls(&["counted.example"], &[], &[]), &stranger, false),
        (calls(&["t.co", "evil.example"], &[], &[]), calls(&["t.co", "evil.example"], &[], &[]), &stranger, true),
        // A common host can be the attack, so the rest is no key without it.
        (calls(&["t.co", "cdn.example"], &[], &[]), calls(&["cdn.example"], &[], &[]), &stranger, false),
        (calls(&["bank.example"], &[], &[]), calls(&["bank.example"], &[], &[]), &imitated, false),
        (calls(&[], &["eve@gmail.com"], &[]), calls(&[], &["eve@gmail.com"], &[]), &stranger, true),
        (calls(&[], &["a@gmail.com"], &[]), calls(&[], &["b@gmail.com"], &[]), &stranger, false),
        (calls(&[], &["help@bank.example"], &[]), calls(&[], &["help@bank.example"], &[]), &imitated, false),
        (calls(&[], &[], &["555"]), calls(&[], &[], &["555"]), &stranger, true),
        (calls(&[], &[], &["+1555"]), calls(&[], &[], &["+1555"]), &stranger, false),
        (calls(&["bank.example"], &[], &["555"]), calls(&["bank.example"], &[], &["555"]), &imitated, false),
        (Calls::default(), Calls::default(), &stranger, false),
    ] {
        let made = root_of(0..100, from("eve@evil.example"), root.clone());
        let (band, reasons) = is_like(&made, &numbered(0..100), sender, &other);
        let expected = if is_key { (Copy, Why::SameCalls) } else { (LookAtIt, Why::OtherSenderAndCalls) };
        assert_eq!((band, reasons[1]), expected, "{root:?} {other:?}");
    }
}

#[test]
fn a_genuine_look_alike_is_never_a_copy() {
    let root = root(0..100);
    let bank = proved("service@bank.example");
    let genuine = (GenuineLookAlike, vec![Why::TextContained, Why::GenuineSender, Why::ImitatedByRoot]);
    let of = |identity: &Identity, calls: &Calls| is_like(&root, &numbered(0..100), identity, calls);
    assert_eq!(of(&bank, &web(&["bank.example"])), genuine);
    assert_eq!(of(&bank, &web(&["bank.example", "facebook.com"])), genuine, "a common link");
    let help = Calls { mail: names(&["help@mail.bank.example"]), phone: names(&["555"]), ..web(&["bank.example"]) };
    assert_eq!(of(&bank, &help), genuine);
    let spoofed = root_of(0..100, from("service@bank.example"), web(&["evil.example"]));
    assert_eq!(is_like(&spoofed, &numbered(0..100), &bank, &web(&["bank.example"])), genuine, "named as the sender");
    let other = of(&proved("a@other.example"), &web(&["other.example"]));
    assert_eq!(other, (GenuineLookAlike, vec![Why::TextContained, Why::GenuineSender]), "not named by the root");
    for (identity, calls) in [
        (from("service@bank.example"), web(&["bank.example"])),
        (Identity { is_authenticated: false, ..bank.clone() }, web(&["bank.example"])),
        (Identity { dkim: names(&["service.example"]), ..bank.clone() }, web(&["bank.example"])),
        (bank.clone(), web(&["bank.example", "other.example"])),
        (bank.clone(), web(&["facebook.com"])),
        (bank.clone(), Calls { mail: names(&["eve@gmail.com"]), ..web(&["bank.example"]) }),
        (bank.clone(), Calls::default()),
        (proved("eve@gmail.com"), web(&["gmail.com"])),
    ] {
        let expected = (LookAtIt, vec![Why::TextContained, Why::OtherSenderAndCalls]);
        assert_eq!(of(&identity, &calls), expected, "{identity:?} {calls:?}");
    }
    assert_eq!(is_like(&root, &numbered(31..131), &bank, &web(&["bank.example"])).0, Different, "too little text");
}

#[test]
fn a_sender_of_the_root_is_no_other_organisation() {
    let own = root_of(0..100, proved("a@evil.example"), web(&["evil.example"]));
    let again = is_like(&own, &numbered(0..100), &proved("b@evil.example"), &web(&["evil.example"]));
    assert_eq!(again, (Copy, vec![Why::TextContained, Why::SameSender]));
    let common = root_of(0..100, proved("a@counted.example"), web(&["counted.example"]));
    let again = is_like(&common, &numbered(0..100), &proved("b@counted.example"), &web(&["counted.example"]));
    assert_eq!(again, (LookAtIt, vec![Why::TextContained, Why::OtherSenderAndCalls]), "a common domain");
    // The same Reply-To address as the root outweighs the links.
    let reply = |from: Identity| Identity { reply_to: names(&["eve@gmail.com"]), ..from };
    let root = root_of(0..100, reply(from("a@bank.example")), web(&["bank.example"]));
    let other = is_like(&root, &numbered(0..100), &reply(proved("a@x.example")), &web(&["x.example"]));
    assert_eq!(other, (Copy, vec![Why::TextContained, Why::SameReplyTo]));
}

#[test]
fn a_phone_number_of_the_bank_does_not_make_its_message_a_copy() {
    let calls = Calls { phone: names(&["555"]), ..Calls::default() };
    let root = root_of(0..100, from("eve@evil.example"), calls.clone());
    let genuine = Calls { web: names(&["bank.example"]), ..calls };
    let (band, _) = is_like(&root, &numbered(0..100), &proved("a@bank.example"), &genuine);
    assert_eq!(band, GenuineLookAlike);
}

#[test]
fn boilerplate_joins_nothing() {
    let root = root(0..100);
    let (stranger, calls) = (from("x@other.example"), web(&["evil.example", "bank.example"]));
    let footer_and_more = numbered(0..75);
    assert_eq!(is_like(&root, &footer_and_more, &stranger, &calls).0, Copy);
    let mut boilerplate = Boilerplate::of(&root);
    for domain in ["a.example", "b.example", "c.example"] {
        boilerplate.count(domain, &numbered(0..45));
    }
    let own = root.without(&boilerplate);
    assert_eq!(own.sketch().pairs(), 55);
    assert_eq!(is_like(&own, &footer_and_more, &stranger, &calls).0, LookAtIt, "30 of 55");
    assert_eq!(is_like(&own, &numbered(0..60), &stranger, &calls).0, Different, "15 of 55");
}

#[test]
fn common_calls_are_no_keys_of_a_cluster() {
    let calls = Calls { mail: names(&["eve@gmail.com"]), phone: names(&["1"]), web: names(&["t.co", "evil.example"]) };
    let commons = ["1"].into_iter().collect();
    assert_eq!(calls.keys(&commons).collect::<Vec<_>>(), ["evil.example", "eve@gmail.com"]);
}

fn any_identity() -> impl Strategy<Value = Identity> {
    let domain = prop::sample::select(vec!["evil.example", "bank.example", "gmail.com", ""]);
    (domain.clone(), domain.clone(), domain, any::<bool>(), any::<bool>()).prop_map(
        |(from, envelope, reply, is_signed, is_authenticated)| Identity {
            address: format!("a@{from}"),
            domain: from.to_owned(),
            envelope: envelope.to_owned(),
            reply_to: names(&[&format!("a@{reply}")]),
            dkim: if is_signed { names(&[from]) } else { BTreeSet::new() },
            is_authenticated,
        },
    )
}

fn any_calls() -> impl Strategy<Value = Calls> {
    let some = |all: Vec<&'static str>| prop::sample::subsequence(all.clone(), 0..=all.len());
    (
        some(vec!["evil.example", "bank.example", "t.co"]),
        some(vec!["a@evil.example", "a@bank.example", "a@gmail.com"]),
        some(vec!["1", "2"]),
    )
        .prop_map(|(web, mail, phone)| Calls { web: names(&web), mail: names(&mail), phone: names(&phone) })
}

proptest! {
    #[test]
    fn a_sure_copy_has_enough_text_and_a_key(
        pairs in 0..300_u64, at in 0..300_u64, length in 0..300_u64,
        one in any_identity(), other in any_identity(), mine in any_calls(), its in any_calls(),
    ) {
        let root = root_of(0..pairs, one.clone(), mine.clone());
        let commons = Commons::default();
        let likeness = Likeness::of(&root, &numbered(at..at + length), &other, &its, &commons);
        if likeness.band.is_sure() {
            let seen = likeness.containment.unwrap();
            prop_assert!(seen.share() >= CONTAINED && seen.compared >= LEAST_PAIRS);
            prop_assert!(mine.keys(&commons).any(|key| its.keys(&commons).any(|its| its == key))
                || one.reply_to == other.reply_to
                || one.envelope == other.envelope
                || one.domain == other.domain);
        }
        prop_assert_eq!(likeness.containment.is_none(), likeness.reasons == [Why::NothingCompared]);
    }

    /// The bank's own message, proved or not, is not taken, however much of it a root from elsewhere copies.
    #[test]
    fn the_message_that_a_root_imitates_is_not_taken(
        evil in any_identity(), more in any_calls(), is_proved in any::<bool>(),
    ) {
        let bank = Identity {
            envelope: "bank.example".into(),
            reply_to: names(&["a@bank.example"]),
            is_authenticated: is_proved,
            ..proved("a@bank.example")
        };
        let its = Calls { mail: names(&["a@bank.example"]), ..web(&["bank.example"]) };
        prop_assume!(!evil.is_authenticated_as("bank.example"));
        let root = root_of(0..100, evil, more);
        let likeness = Likeness::of(&root, &numbered(0..100), &bank, &its, &Commons::default());
        prop_assert!(!likeness.band.is_sure(), "{likeness:?}");
    }
}
