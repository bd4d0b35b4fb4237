//! Which message is in which cluster of one root.

use super::*;
use crate::features::{Attachment, Authentication, Features, Hyperlink, LinkKind};
use crate::likeness::{Band, Root};
use crate::message::Message;
use crate::plan::tests::message;
use crate::sketch::Sketch;

fn web(host: &str, path_hash: u64) -> Hyperlink {
    let (host, address) = (host.to_owned(), String::new());
    Hyperlink { kind: LinkKind::Web, host, address, path_hash, shown_host: String::new(), is_rewritten: false }
}

fn file(media_type: &str, sha256: &str) -> Attachment {
    Attachment { names: vec![], media_type: media_type.into(), size: 9_000, sha256: sha256.into(), depth: 0 }
}

/// A phishing message that imitates `bank.example`.
fn phish() -> Features {
    Features {
        message_id: "<1@evil.example>".into(),
        subject: "Your account is locked".into(),
        from_address: "eve@evil.example".into(),
        sender_ip: Some("192.0.2.7".parse().unwrap()),
        dkim_domains: vec!["evil.example".into()],
        links: vec![web("login.evil.example", 7), web("bank.example", 1), web("bank.example", 0), web("t.co", 5)],
        attachments: vec![file("application/pdf", "aa"), file("image/png", "bb")],
        reply_to: vec!["pay@elsewhere.example".into()],
        html_hash: 42,
        sketch: Sketch::new((0..60).collect(), 60),
        ..Features::default()
    }
}

/// A message that shares nothing with it.
fn stranger() -> Features {
    Features {
        subject: "Lunch on Monday".into(),
        from_address: "ann@corp.example".into(),
        sketch: Sketch::new((1000..1060).collect(), 60),
        ..Features::default()
    }
}

/// The genuine message that it imitates.
fn genuine() -> Features {
    Features {
        from_address: "info@bank.example".into(),
        dkim_domains: vec!["bank.example".into()],
        authentication: Some(Authentication { dmarc: "pass".into(), ..Authentication::default() }),
        links: vec![web("bank.example", 1)],
        sketch: phish().sketch,
        ..stranger()
    }
}

fn examined(features: Features) -> Message {
    Message {
        subject: features.subject.clone(),
        from_address: features.from_address.clone(),
        features: Some(Box::new(features)),
        ..message(1)
    }
}

fn clusters() -> Clusters {
    Clusters::of(Root::of(&phish()), &ClusterBy::ALL)
}

use ClusterBy as By;

#[test]
fn the_root_is_in_all_of_its_clusters() {
    assert_eq!(clusters().with(&examined(phish())), Some(By::ALL.to_vec()));
    assert_eq!(clusters().not_made(), []);
}

#[test]
fn a_message_is_in_the_clusters_of_what_it_shares() {
    let cases: Vec<(Features, &[By])> = vec![
        (stranger(), &[]),
        (
            Features { subject: phish().subject, from_address: "x@evil.example".into(), ..stranger() },
            &[By::SubjectSenderDomain],
        ),
        (
            Features { subject: "RE: your  account is LOCKED".into(), sender_ip: phish().sender_ip, ..stranger() },
            &[By::SubjectSenderIp],
        ),
        (Features { subject: phish().subject, dkim_domains: phish().dkim_domains, ..stranger() }, &[By::DkimSubject]),
        (Features { links: vec![web("login.evil.example", 7)], ..stranger() }, &[By::Url]),
        (Features { links: vec![web("login.evil.example", 8)], ..stranger() }, &[]),
        (Features { attachments: vec![file("application/pdf", "aa")], ..stranger() }, &[By::File]),
        (Features { attachments: vec![file("image/png", "bb")], ..stranger() }, &[]),
        (Features { reply_to: phish().reply_to, ..stranger() }, &[By::ReplyTo]),
        (Features { sketch: phish().sketch, sender_ip: phish().sender_ip, ..stranger() }, &[By::BodySenderIp]),
        // A text alone joins nobody, and neither does a text with its HTML.
        (Features { sketch: phish().sketch, html_hash: 42, links: vec![web("else.example", 0)], ..stranger() }, &[]),
        // The sender that the root claims to be, which links elsewhere.
        (
            Features {
                sketch: phish().sketch,
                from_address: "a@evil.example".into(),
                links: vec![web("else.example", 0)],
                ..stranger()
            },
            &[],
        ),
        (
            Features { sketch: phish().sketch, from_address: "a@evil.example".into(), ..stranger() },
            &[By::BodySenderDomain],
        ),
        (
            Features { sketch: Sketch::new((0..36).collect(), 36), html_hash: 42, links: phish().links, ..stranger() },
            &[By::Url, By::HtmlStructure],
        ),
        (Features { html_hash: 42, ..stranger() }, &[]),
        // Links that strangers share join nobody, and neither do home pages.
        (Features { links: vec![web("bank.example", 0)], ..stranger() }, &[]),
        (Features { links: vec![web("t.co", 5)], ..stranger() }, &[]),
    ];
    for (features, expected) in cases {
        assert_eq!(clusters().with(&examined(features.clone())).as_deref(), Some(expected), "{features:?}");
    }
}

#[test]
fn what_the_root_imitates_is_in_no_cluster() {
    assert_eq!(clusters().with(&examined(genuine())), Some(vec![]));
    assert_eq!(clusters().nearly(&examined(genuine())), Some(Band::GenuineLookAlike));
    // Without a trusted server, a link to the sender's own domain still joins nobody.
    let unproved = Features { authentication: None, dkim_domains: vec![], ..genuine() };
    assert_eq!(clusters().with(&examined(unproved)), Some(vec![]));
    let sends_the_file = Features { attachments: phish().attachments, sketch: stranger().sketch, ..genuine() };
    assert_eq!(clusters().with(&examined(sends_the_file)), Some(vec![By::File]));
}

#[test]
fn what_is_not_known_is_undecided() {
    assert_eq!(clusters().with(&message(1)), None);
    assert_eq!(clusters().with(&examined(Features { key_id: 1, ..phish() })), None, "of another key");
    let cut = Features { cut: vec!["attachments".into()], ..stranger() };
    assert_eq!(clusters().with(&examined(cut.clone())), None);
    let without_files = Clusters::of(Root::of(&Features { attachments: vec![], ..phish() }), &By::ALL);
    assert_eq!(without_files.with(&examined(cut)), Some(vec![]), "no cluster reads attachments");
}

#[test]
fn a_trait_that_strangers_share_makes_no_cluster() {
    let shared = Features {
        subject: "Hello".into(),
        from_address: "eve@gmail.com".into(),
        sender_ip: None,
        dkim_domains: vec!["gmail.com".into()],
        links: vec![web("t.co", 5)],
        attachments: vec![file("image/png", "bb")],
        reply_to: vec![],
        html_hash: 0,
        sketch: Sketch::new((0..19).collect(), 19),
        ..phish()
    };
    let clusters = Clusters::of(Root::of(&shared), &By::ALL);
    assert_eq!(clusters.made(), []);
    assert_eq!(clusters.not_made().len(), By::ALL.len());
    let one = Clusters::of(Root::of(&phish()), &[By::Url]);
    assert_eq!(one.made(), [Cluster { by: By::Url, value: "bank.example, login.evil.example".into() }]);
}

#[test]
fn a_cluster_counts_its_messages() {
    let clusters = clusters();
    let mut count = ClusterCount::of(&clusters.made()[0]);
    let mut mail = examined(phish());
    mail.flags = vec!["\\Seen".into(), "\\answered".into()];
    count.add(&mail, false);
    count.add(&examined(phish()), true);
    assert_eq!((count.messages, count.alone, count.read, count.answered), (2, 1, 1, 1));
    assert_eq!(count.first_at, Some(mail.received_at));
    assert_eq!(count.locations, [(mail.location.kind, 2)]);
    assert_eq!(
        count.in_words(),
        "body (60 pairs of words): 2 messages, 1 in no other cluster, 1 read, 1 answered; 2 in inbox"
    );
}
