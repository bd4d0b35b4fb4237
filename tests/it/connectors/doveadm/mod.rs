//! The connector for Dovecot's own API on a real Dovecot. What it reports is compared with what an IMAP client reads from
//! the same server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use clawback_connectors::conformance::Seed;
use clawback_connectors::{ActionTarget, CallError, MailStore, SandboxLimits};
use clawback_model::{Action, Effect, LocationKind, Message, Query, RestorePoint};
use clawback_tests::contract::{self, aims, back, check_contract, receipts};
use clawback_tests::dovecot::{self, Dovecot, Format, Options};
use clawback_tests::imap_client::{Session, Snapshot, difference};

use super::conformance::secret;
use super::{config, host};

mod confined;
mod faults;
mod folders;

/// When test messages were received.
const RECEIVED: i64 = 1_795_000_000;

fn start(users: usize, format: Format) -> Dovecot {
    Dovecot::start(&Options { users, format, has_api: true, ..Options::default() })
}

/// The configuration of a store at this address, with the password of the API.
fn store(folder: &Path, address: SocketAddr, rest: &str) -> String {
    let file = secret(folder, dovecot::API_PASSWORD);
    format!(
        "connector = \"doveadm\"\n{rest}\n[endpoints.api]\nurl = \"http://{address}\"\nallow-private-network = true\n\
         [endpoints.api.auth]\nkind = \"basic\"\nuser = \"doveadm\"\npassword-file = {file:?}\n"
    )
}

async fn load(text: &str) -> Arc<dyn MailStore> {
    host(SandboxLimits::default()).load("corp", &config(text)).await.unwrap()
}

async fn open(server: &Dovecot) -> Arc<dyn MailStore> {
    load(&store(server.folder(), server.api(), "")).await
}

fn named(number: usize) -> Arc<str> {
    dovecot::user(number).into()
}

fn session(server: &Dovecot, number: usize) -> Session {
    let user = dovecot::user(number);
    Session::plain(server.plain(), &user, &user, dovecot::PASSWORD)
}

fn snapshot(server: &Dovecot, number: usize) -> Snapshot {
    session(server, number).snapshot()
}

/// The subjects of a folder, as an IMAP client reads them.
fn subjects(server: &Dovecot, number: usize, folder: &str) -> Vec<String> {
    let subject = |raw: &[u8]| {
        let text = String::from_utf8_lossy(raw).into_owned();
        text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned()
    };
    let mut session = session(server, number);
    if !session.folders().iter().any(|known| known == folder) {
        return Vec::new();
    }
    let mut all: Vec<String> = session.messages(folder).iter().map(|message| subject(&message.raw)).collect();
    all.sort();
    all
}

fn raw(number: usize, subject: &str) -> String {
    format!(
        "From: Parcels <parcels@bulk.example>\r\nTo: u0001\r\nSubject: {subject} {number}\r\n\
         Message-ID: <{number}-{}@bulk.example>\r\n\r\nBody {number}\r\n",
        subject.len()
    )
}

fn deliver(server: &Dovecot, number: usize, folder: &str, raw: &[u8], flags: &[&str]) {
    session(server, number).append(folder, raw, flags, RECEIVED);
}

async fn found(store: &dyn MailStore, number: usize, subject: &str) -> Vec<Message> {
    let query = Query { subject_contains: vec![subject.to_owned()], ..Query::default() };
    contract::search(store, &named(number), &query, 100).await
}

async fn check(format: Format) {
    let server = start(2, format);
    let seed = Seed::new(&dovecot::user(1), "Your parcel waits", 5).unwrap();
    for raw in seed.raw() {
        deliver(&server, 1, "INBOX", raw.as_bytes(), &["\\Seen"]);
    }
    let store = open(&server).await;
    check_contract(&*store, &seed).await;
    let probe = clawback_connectors::check(&*store).await.unwrap();
    assert_eq!(probe.mailbox.as_deref(), Some(&*dovecot::user(1)));
    assert_eq!(subjects(&server, 1, "INBOX").len(), 4, "an IMAP client sees what is left");
    assert!(subjects(&server, 2, "INBOX").is_empty());
}

#[tokio::test]
async fn the_contract_on_maildirs() {
    check(Format::Maildir).await;
}

#[tokio::test]
async fn the_contract_on_sdbox() {
    check(Format::Sdbox).await;
}

#[tokio::test]
async fn the_contract_on_mdbox() {
    check(Format::Mdbox).await;
}

#[tokio::test]
async fn each_action_does_what_an_imap_client_sees_and_undo_takes_it_back() {
    for format in [Format::Maildir, Format::Sdbox, Format::Mdbox] {
        let server = start(1, format);
        session(&server, 1).create("Projects/2026");
        for (number, folder) in ["INBOX", "INBOX", "Archive", "Projects/2026"].into_iter().enumerate() {
            let flags: &[&str] = if number == 0 { &[] } else { &["\\Seen", "\\Flagged", "$Forwarded", "work"] };
            deliver(&server, 1, folder, raw(number, "Parcel").as_bytes(), flags);
            deliver(&server, 1, folder, raw(number, "Lunch").as_bytes(), &["\\Answered"]);
        }
        let store = open(&server).await;
        let before = snapshot(&server, 1);
        for (action, folder) in [
            (Action::MoveToJunk, "Junk"),
            (Action::MoveToDeletedItems, "Trash"),
            (Action::MoveToQuarantine, "Quarantine"),
            (Action::SoftDelete, "Recoverable Items"),
        ] {
            let targets = aims(&found(&*store, 1, "Parcel").await);
            assert_eq!(targets.len(), 4);
            let done = receipts(&store.apply(&named(1), action, &targets).await.unwrap());
            let moved = ["Parcel 0", "Parcel 1", "Parcel 2", "Parcel 3"];
            assert_eq!(subjects(&server, 1, folder), moved, "{action} {format:?}");
            assert_eq!(subjects(&server, 1, "INBOX"), ["Lunch 0", "Lunch 1"], "{action}");
            let again = store.apply(&named(1), action, &targets).await.unwrap();
            assert!(again.iter().all(|effect| *effect == Effect::AlreadyInDestination), "{again:?}");
            receipts(&store.apply(&named(1), Action::Restore, &back(&done)).await.unwrap());
            let after = snapshot(&server, 1);
            assert!(before == after, "undo of {action}: {}", difference(&before, &after));
        }
        let targets = aims(&found(&*store, 1, "Parcel").await);
        receipts(&store.apply(&named(1), Action::HardDelete, &targets).await.unwrap());
        let left: usize = snapshot(&server, 1).values().sum();
        assert_eq!(left, 4, "what was not named is there");
        let gone = store.apply(&named(1), Action::HardDelete, &targets).await.unwrap();
        assert!(gone.iter().all(|effect| *effect == Effect::NotFound), "{gone:?}");
    }
}
