//! The JMAP connector on a real Cyrus. What it reports is compared with what an IMAP client reads from the same server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use clawback_connectors::conformance::Seed;
use clawback_connectors::{CallError, MailStore, SandboxLimits};
use clawback_model::{Action, Effect, LocationKind, Message, Query};
use clawback_tests::contract::{self, aims, back, check_contract, receipts};
use clawback_tests::cyrus::Cyrus;
use clawback_tests::imap_client::{Snapshot, difference};
use clawback_tests::jmap_proxy::{JmapProxy, Manners};

use super::conformance::secret;
use super::{config, host};

/// When test messages were received.
const RECEIVED: i64 = 1_795_000_000;

fn seed(mailbox: &str) -> Seed {
    Seed::new(mailbox, "Your parcel waits", 5).unwrap()
}

/// A store of two mailboxes, each with a token of its own.
pub(super) fn by_tokens(server: &Cyrus, address: SocketAddr, rest: &str) -> String {
    format!(
        "connector = \"jmap\"\nmailboxes = [\"u0001\", \"u0002\"]\n[endpoints.api]\nurl = \"http://{address}\"\nallow-private-network = true\n\
         [endpoints.api.auth]\nkind = \"jwt\"\nkey-file = \"{}\"\n{rest}",
        server.token_key().display()
    )
}

/// A store whose administrator logs in with a password and reaches all mailboxes.
pub(super) fn by_password(server: &Cyrus, folder: &Path) -> String {
    let (user, password) = server.admin();
    let file = secret(folder, password);
    format!(
        "connector = \"jmap\"\n[endpoints.api]\nurl = \"http://{}\"\nallow-private-network = true\n\
         [endpoints.api.auth]\nkind = \"basic\"\n\
         user = {user:?}\npassword-file = {file:?}\n",
        server.http()
    )
}

pub(super) fn named(mailbox: &str) -> Arc<str> {
    mailbox.into()
}

pub(super) async fn load(text: &str) -> Arc<dyn MailStore> {
    host(SandboxLimits::default()).load("corp", &config(text)).await.unwrap()
}

pub(super) fn deliver(server: &Cyrus, mailbox: &str, folder: &str, raw: &str, flags: &[&str]) {
    server.access().session(mailbox).append(folder, raw.as_bytes(), flags, RECEIVED);
}

pub(super) fn snapshot(server: &Cyrus, mailbox: &str) -> Snapshot {
    server.access().session(mailbox).snapshot()
}

/// The subjects of a folder, as an IMAP client reads them.
fn subjects(server: &Cyrus, mailbox: &str, folder: &str) -> Vec<String> {
    let subject = |raw: &[u8]| {
        let text = String::from_utf8_lossy(raw).into_owned();
        text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned()
    };
    let mut session = server.access().session(mailbox);
    if !session.folders().iter().any(|known| known == folder) {
        return Vec::new();
    }
    let mut all: Vec<String> = session.messages(folder).iter().map(|message| subject(&message.raw)).collect();
    all.sort();
    all
}

pub(super) fn raw(number: usize, subject: &str) -> String {
    format!(
        "From: Parcels <parcels@bulk.example>\r\nTo: u0001\r\nSubject: {subject} {number}\r\n\
         Message-ID: <{number}-{}@bulk.example>\r\n\r\nBody {number}\r\n",
        subject.len()
    )
}

pub(super) async fn found(store: &dyn MailStore, mailbox: &str, subject: &str) -> Vec<Message> {
    let query = Query { subject_contains: vec![subject.to_owned()], ..Query::default() };
    contract::search(store, &named(mailbox), &query, 100).await
}

#[tokio::test]
async fn the_contract_with_a_token_for_each_mailbox() {
    let server = Cyrus::with_jmap(2);
    let seed = seed("u0001");
    for raw in seed.raw() {
        deliver(&server, "u0001", "INBOX", &raw, &["\\Seen"]);
    }
    let store = load(&by_tokens(&server, server.http(), "")).await;
    check_contract(&*store, &seed).await;
    let probe = clawback_connectors::check(&*store).await.unwrap();
    assert_eq!(probe.mailbox.as_deref(), Some("u0001"));
    assert_eq!(subjects(&server, "u0001", "INBOX").len(), 4, "an IMAP client sees what is left");
    assert!(subjects(&server, "u0002", "INBOX").is_empty());
}

#[tokio::test]
async fn the_contract_with_an_administrator() {
    let server = Cyrus::with_jmap(3);
    let seed = seed("u0002");
    for raw in seed.raw() {
        deliver(&server, "u0002", "INBOX", &raw, &[]);
    }
    let folder = tempfile::tempdir().unwrap();
    let store = load(&by_password(&server, folder.path())).await;
    check_contract(&*store, &seed).await;
    let page = store.mailboxes(None, 10).await.unwrap();
    let names: Vec<&str> = page.items.iter().map(|name| &**name).collect();
    assert_eq!(names, ["u0001", "u0002", "u0003"], "the administrator's own account has no mail");
}

#[tokio::test]
async fn a_token_of_a_mailbox_that_does_not_exist_is_not_found() {
    let server = Cyrus::with_jmap(1);
    let store = load(&by_tokens(&server, server.http(), "")).await;
    let answer = store.search(&named("u0002"), &Query::default(), None, 10).await.unwrap_err();
    assert!(matches!(answer, CallError::NotFound { .. }), "{answer}");
}

#[tokio::test]
async fn each_action_does_what_an_imap_client_sees_and_undo_takes_it_back() {
    let server = Cyrus::with_jmap(1);
    server.access().session("u0001").create("Projects/2026");
    for (number, folder) in ["INBOX", "INBOX", "Archive", "Projects/2026"].into_iter().enumerate() {
        let flags: &[&str] = if number == 0 { &[] } else { &["\\Seen", "\\Flagged", "$Forwarded", "work"] };
        deliver(&server, "u0001", folder, &raw(number, "Parcel"), flags);
        deliver(&server, "u0001", folder, &raw(number, "Lunch"), &["\\Answered"]);
    }
    let store = load(&by_tokens(&server, server.http(), "")).await;
    let before = snapshot(&server, "u0001");
    for (action, folder) in [
        (Action::MoveToJunk, "Junk"),
        (Action::MoveToDeletedItems, "Trash"),
        (Action::MoveToQuarantine, "Quarantine"),
        (Action::SoftDelete, "Recoverable Items"),
    ] {
        let targets = aims(&found(&*store, "u0001", "Parcel").await);
        assert_eq!(targets.len(), 4);
        let done = receipts(&store.apply(&named("u0001"), action, &targets).await.unwrap());
        assert_eq!(subjects(&server, "u0001", folder), ["Parcel 0", "Parcel 1", "Parcel 2", "Parcel 3"], "{action}");
        assert_eq!(subjects(&server, "u0001", "INBOX"), ["Lunch 0", "Lunch 1"], "{action}");
        let undone = store.apply(&named("u0001"), Action::Restore, &back(&done)).await.unwrap();
        receipts(&undone);
        let after = snapshot(&server, "u0001");
        assert!(before == after, "undo of {action}: {}", difference(&before, &after));
    }
    let targets = aims(&found(&*store, "u0001", "Parcel").await);
    receipts(&store.apply(&named("u0001"), Action::HardDelete, &targets).await.unwrap());
    let left: usize = snapshot(&server, "u0001").values().sum();
    assert_eq!(left, 4, "what was not named is there");
}

#[tokio::test]
async fn one_message_in_two_folders_comes_back_to_both() {
    let server = Cyrus::with_jmap(1);
    // The same bytes in two folders are one message of JMAP.
    let text = raw(1, "Parcel");
    for folder in ["INBOX", "Archive"] {
        deliver(&server, "u0001", folder, &text, &["\\Seen"]);
    }
    let store = load(&by_tokens(&server, server.http(), "")).await;
    let before = snapshot(&server, "u0001");
    let seen = found(&*store, "u0001", "Parcel").await;
    assert_eq!((seen.len(), seen[0].location.kind), (1, LocationKind::Inbox), "{seen:?}");
    assert_eq!(seen[0].flags.iter().filter(|flag| flag.starts_with("label:")).count(), 1, "{seen:?}");
    let done = receipts(&store.apply(&named("u0001"), Action::SoftDelete, &aims(&seen)).await.unwrap());
    assert_eq!(subjects(&server, "u0001", "Recoverable Items"), ["Parcel 1"]);
    assert!(subjects(&server, "u0001", "INBOX").is_empty() && subjects(&server, "u0001", "Archive").is_empty());
    // After a crash, the flags of the sighting are what an undo has.
    let located = store.locate(&named("u0001"), &[seen[0].reference.clone()]).await.unwrap();
    assert_eq!(located[0].sightings[0].flags, done[0].former.flags);
    receipts(&store.apply(&named("u0001"), Action::Restore, &back(&done)).await.unwrap());
    let after = snapshot(&server, "u0001");
    assert!(before == after, "{}", difference(&before, &after));
}

#[tokio::test]
async fn hostile_senders_are_found_although_the_servers_search_misses_them() {
    let server = Cyrus::with_jmap(1);
    let message = |header: &str| format!("{header}\r\n\r\nBody\r\n");
    for header in [
        "From: Boss <boss@evil.example>\r\nSubject: plain\r\nMessage-ID: <1@x>",
        "From: boss@evil.example\r\nFrom: other@acme.test\r\nSubject: first of two\r\nMessage-ID: <2@x>",
        "From: boss (c)\r\n <boss@evil.example>\r\nSubject: folded\r\nMessage-ID: <3@x>",
        "From: =?x-unknown?Q?a?= <boss@evil.example>\r\nSubject: unknown charset\r\nMessage-ID: <4@x>",
        "From: boss@evil.example\r\nSubject: two ids\r\nMessage-ID: <5@x>\r\nMessage-ID: <6@x>",
        "From: \"boss@evil.example\" <friend@good.example>\r\nSubject: friend\r\nMessage-ID: <7@x>",
    ] {
        deliver(&server, "u0001", "INBOX", &message(header), &[]);
    }
    let store = load(&by_tokens(&server, server.http(), "")).await;
    let count = async |query: Query| contract::search(&*store, &named("u0001"), &query, 2).await.len();
    assert_eq!(count(Query { from_address: vec!["boss@evil.example".into()], ..Query::default() }).await, 5);
    assert_eq!(count(Query { message_id: vec!["<5@x>".into()], ..Query::default() }).await, 1);
    assert_eq!(count(Query { subject_contains: vec!["FIRST\u{200b} of".into()], ..Query::default() }).await, 1);
}

#[tokio::test]
async fn a_server_with_other_manners() {
    let server = Cyrus::with_jmap(1);
    for number in 0..40 {
        let flags: &[&str] = if number % 3 == 0 { &["\\Seen"] } else { &[] };
        deliver(&server, "u0001", "INBOX", &raw(number, "Parcel"), flags);
    }
    let before = snapshot(&server, "u0001");
    let manners = Manners { calls: Some(16), objects: Some(7), failing: 2, ..Manners::default() };
    let proxy = JmapProxy::start(server.http(), manners, 1).await;
    let downloads =
        format!("[endpoints.download]\nurl = \"http://{}\"\nallow-private-network = true\n", proxy.downloads());
    let auth = format!("[endpoints.download.auth]\nkind = \"jwt\"\nkey-file = \"{}\"\n", server.token_key().display());
    let store = load(&by_tokens(&server, proxy.address(), &format!("{downloads}{auth}"))).await;
    let seen = found(&*store, "u0001", "Parcel").await;
    assert_eq!(seen.len(), 40);
    let done = receipts(&store.apply(&named("u0001"), Action::SoftDelete, &aims(&seen)).await.unwrap());
    assert_eq!(subjects(&server, "u0001", "Recoverable Items").len(), 40);
    let bytes = store.fetch_raw(&named("u0001"), &seen[0].reference, 1 << 20).await.unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains("\r\n\r\nBody "));
    receipts(&store.apply(&named("u0001"), Action::Restore, &back(&done)).await.unwrap());
    let after = snapshot(&server, "u0001");
    assert!(before == after, "{}", difference(&before, &after));
    let measured = proxy.seen();
    assert_eq!(measured.downloads, 1, "{measured:?}");
    assert!(measured.failed >= 3, "stateMismatch, a part, and refusals of messages: {measured:?}");
    // Only the list of all folders can be too large for the limit of the session.
    assert!(measured.beyond <= measured.methods["Mailbox/get"], "{measured:?}");
    let without = load(&by_tokens(&server, proxy.address(), "")).await;
    let denied = without.fetch_raw(&named("u0001"), &seen[0].reference, 10).await.unwrap_err();
    assert!(denied.to_string().contains("`download`"), "{denied}");
}

#[tokio::test]
async fn throttling_costs_time_and_nothing_else() {
    let server = Cyrus::with_jmap(2);
    for mailbox in ["u0001", "u0002"] {
        for number in 0..30 {
            deliver(&server, mailbox, "INBOX", &raw(number, "Parcel"), &["\\Seen"]);
        }
    }
    for seed in 0..3 {
        let manners = Manners { throttled: 10, retry_after: 1, objects: Some(10), ..Manners::default() };
        let proxy = JmapProxy::start(server.http(), manners, seed).await;
        let store = load(&by_tokens(&server, proxy.address(), "")).await;
        for mailbox in ["u0001", "u0002"] {
            let before = snapshot(&server, mailbox);
            let seen = found(&*store, mailbox, "Parcel").await;
            assert_eq!(seen.len(), 30);
            let done = receipts(&store.apply(&named(mailbox), Action::MoveToJunk, &aims(&seen)).await.unwrap());
            assert_eq!(subjects(&server, mailbox, "Junk").len(), 30);
            receipts(&store.apply(&named(mailbox), Action::Restore, &back(&done)).await.unwrap());
            let after = snapshot(&server, mailbox);
            assert!(before == after, "seed {seed}: {}", difference(&before, &after));
        }
        let measured = proxy.seen();
        assert!(measured.throttled > 0 && measured.impatient == 0, "seed {seed}: {measured:?}");
        assert!(measured.most_at_once <= 4, "{measured:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_an_error_and_doing_it_again_is_harmless() {
    let server = Cyrus::with_jmap(1);
    for number in 0..6 {
        deliver(&server, "u0001", "INBOX", &raw(number, "Parcel"), &[]);
    }
    let proxy = JmapProxy::start(server.http(), Manners { cut: 1, ..Manners::default() }, 1).await;
    let store = load(&by_tokens(&server, proxy.address(), "")).await;
    let seen = found(&*store, "u0001", "Parcel").await;
    let lost = store.apply(&named("u0001"), Action::MoveToJunk, &aims(&seen)).await.unwrap_err();
    assert!(matches!(lost, CallError::Transient { .. }), "{lost}");
    assert_eq!(subjects(&server, "u0001", "Junk").len(), 6, "it was done");
    let again = store.apply(&named("u0001"), Action::MoveToJunk, &aims(&seen)).await.unwrap();
    assert!(again.iter().all(|effect| *effect == Effect::AlreadyInDestination), "{again:?}");
}
