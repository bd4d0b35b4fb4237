//! A search by what is shown of a message finds it: a thousand hostile headers on three kinds of store; and headers
//! that are too large to be read at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use clawback_connectors::{Examined, MailStore};
use clawback_model::{Condition, FeatureRequest, Message, Predicate, Query, Status};
use clawback_tests::access::Access;
use clawback_tests::contract;
use clawback_tests::cyrus::{Cyrus, Namespace};
use clawback_tests::dovecot::{self, Dovecot};
use clawback_tests::hostile_headers::{Hostile, messages};

use super::{SENDER, World, host, raw};

/// Messages with hostile headers.
const MANY: usize = 1_000;
/// Values of one search.
const TOGETHER: usize = 25;

/// The Message-IDs of the messages that a search by `condition` of `values` finds.
async fn found(
    store: &dyn MailStore,
    mailbox: &Arc<str>,
    condition: fn(Vec<String>) -> Condition,
    values: &[(&str, String)],
) -> BTreeSet<String> {
    let all = Predicate::all([condition(values.iter().map(|(_, value)| value.clone()).collect())]);
    let hits = contract::search(store, mailbox, &all.push_down(), 500).await;
    let by_id: BTreeMap<&str, &Message> =
        hits.iter().map(|message| (message.reference.message_id.as_str(), message)).collect();
    let is_found = |(id, value): &&(&str, String)| {
        let own = Predicate::all([condition(vec![value.clone()])]);
        by_id.get(id).is_some_and(|message| own.matches(message))
    };
    values.iter().filter(is_found).map(|(id, _)| (*id).to_owned()).collect()
}

/// Checks that every message is shown with a sender and a subject, and that a search by each of these finds it.
async fn shown_is_found(store: &dyn MailStore, mailbox: &Arc<str>, written: &[Hostile]) {
    let shown = contract::search(store, mailbox, &Query::default(), 500).await;
    assert_eq!(shown.len(), written.len(), "every message is shown");
    let raw: BTreeMap<&str, &Hostile> = written.iter().map(|one| (one.message_id.as_str(), one)).collect();
    let mut missed = Vec::new();
    for together in shown.chunks(TOGETHER) {
        let id = |message: &Message| message.reference.message_id.clone();
        let ids: Vec<String> = together.iter().map(id).collect();
        let values = |of: fn(&Message) -> &str| -> Vec<(&str, String)> {
            ids.iter().map(String::as_str).zip(together.iter().map(|message| of(message).to_owned())).collect()
        };
        let senders = values(|message| &message.from_address);
        let subjects = values(|message| &message.subject);
        for (what, condition, values) in [
            ("sender", Condition::From as fn(Vec<String>) -> Condition, senders),
            ("subject", Condition::SubjectContains, subjects),
        ] {
            let found = found(store, mailbox, condition, &values).await;
            for (id, value) in values.into_iter().filter(|(id, value)| value.is_empty() || !found.contains(*id)) {
                let header = String::from_utf8_lossy(&raw[id].raw).chars().take(160).collect::<String>();
                missed.push(format!("{what} {value:?} of {header:?}"));
            }
        }
    }
    // An examination reads the same header, however hostile it is.
    let references: Vec<_> = shown.iter().map(|message| message.reference.clone()).collect();
    let request = FeatureRequest { most: 1 << 20, ..FeatureRequest::default() };
    let examined = store.examine(mailbox, &references, &request).await.unwrap();
    for (message, examined) in shown.iter().zip(examined) {
        let Examined::Features(features) = examined else { panic!("{examined:?} of {message:?}") };
        let both = (&features.from_address, &features.subject, &features.message_id);
        assert_eq!(both, (&message.from_address, &message.subject, &message.reference.message_id));
    }
    assert!(
        missed.is_empty(),
        "{} of {} are missed:\n{}",
        missed.len(),
        2 * shown.len(),
        missed[..missed.len().min(40)].join("\n")
    );
}

fn into_maildir(inbox: &Path, mails: impl IntoIterator<Item = Vec<u8>>) {
    let owner = dovecot::Owner::of_servers().unwrap();
    let chown = |path: &Path| std::os::unix::fs::chown(path, Some(owner.uid), Some(owner.gid)).unwrap();
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(inbox.join(part)).unwrap();
        chown(&inbox.join(part));
    }
    chown(inbox);
    for (number, raw) in mails.into_iter().enumerate() {
        let path = inbox.join(format!("cur/{}.M{number}P1.host:2,S", 1_790_000_000 + number));
        std::fs::write(&path, raw).unwrap();
        chown(&path);
    }
}

fn mails() -> Vec<Hostile> {
    messages(20_261_123, MANY)
}

#[tokio::test]
async fn what_dovecot_shows_is_found() {
    let server = Dovecot::start(&dovecot::Options { users: 1, ..Default::default() });
    let mails = mails();
    // The server creates the folder above.
    drop(server.access().session(&dovecot::user(1)).messages("INBOX"));
    into_maildir(&server.maildir(&dovecot::user(1)), mails.iter().map(|mail| mail.raw.clone()));
    let world = World::new(server.access()).await;
    shown_is_found(&*world.store, &dovecot::user(1).as_str().into(), &mails).await;
}

#[tokio::test]
async fn what_cyrus_shows_is_found() {
    let server = Cyrus::start(1, Namespace::Beside);
    let mails = mails();
    let access: Access = server.access();
    let mailbox = access.mailboxes[0].clone();
    let raw: Vec<&[u8]> = mails.iter().map(|mail| mail.raw.as_slice()).collect();
    access.session(&mailbox).append_all("INBOX", &raw, 1_790_000_000);
    let world = World::new(access).await;
    shown_is_found(&*world.store, &mailbox.as_str().into(), &mails).await;
}

#[tokio::test]
async fn what_a_maildir_shows_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mails = mails();
    into_maildir(&folder.path().join("u1@acme.test"), mails.iter().map(|mail| mail.raw.clone()));
    let text = format!("connector = \"maildir\"\ndirectory = {:?}", folder.path());
    let store = host().load("files", &toml::from_str(&text).unwrap()).await.unwrap();
    shown_is_found(&*store, &"u1@acme.test".into(), &mails).await;
}

/// 200 mails with subjects of 100 kB and 600 with subjects of 40 kB.
fn large(to: usize) -> Vec<Vec<u8>> {
    let (count, size) = [(200, 100_000), (600, 40_000)][to];
    // Folded, since lines are limited.
    let line = format!("{}\r\n ", "wide ".repeat(190));
    let subject = line.repeat(size / line.len());
    (0..count)
        .map(|number| raw(SENDER, &format!("{number} {subject}end"), Some(&format!("{number}@evil.example"))))
        .collect()
}

async fn all_large_go(world: &World) {
    let done = world.act("soft-delete").await;
    let told = world.told(&done).await;
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 800), "{told}");
    assert_eq!(done.progress.verified, Some((800, 0)), "{told}");
}

#[tokio::test]
async fn large_headers_hide_nothing_from_the_imap_connector() {
    let server = Dovecot::start(&dovecot::Options { users: 2, ..Default::default() });
    for number in 0..2 {
        let user = dovecot::user(number + 1);
        drop(server.access().session(&user).messages("INBOX"));
        into_maildir(&server.maildir(&user), large(number));
    }
    let world = World::new(server.access()).await;
    all_large_go(&world).await;
    for mailbox in &world.access.mailboxes {
        assert_eq!(world.access.session(mailbox).messages("INBOX").len(), 0, "{mailbox}");
    }
}

#[tokio::test]
async fn large_headers_hide_nothing_from_the_maildir_connector() {
    let folder = tempfile::tempdir().unwrap();
    let inboxes = [0, 1].map(|number| folder.path().join(format!("u{number}@acme.test")));
    for (number, inbox) in inboxes.iter().enumerate() {
        into_maildir(inbox, large(number));
    }
    let world = World::of_maildirs(folder.path()).await;
    all_large_go(&world).await;
    for inbox in inboxes {
        let left = std::fs::read_dir(inbox.join("cur")).unwrap().count();
        assert_eq!(left, 0, "{}", inbox.display());
    }
}
