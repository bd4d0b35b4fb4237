//! One contract for three stores.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use clawback_connectors::conformance::Seed;
use clawback_model::Timestamp;
use clawback_tests::contract::check_contract;
use clawback_tests::dovecot::{self, Dovecot};
use clawback_tests::fake_store::FakeStore;

use super::{config, host};

fn seed(mailbox: &str) -> Seed {
    Seed::new(mailbox, "Your parcel waits", 5).unwrap()
}

/// A file of credentials as the host expects it.
pub(super) fn secret(folder: &Path, text: &str) -> String {
    let path = folder.join("password");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn the_store_inside_the_process() {
    let store = FakeStore::new("fake");
    let seed = seed("u1@example.test");
    for raw in seed.raw() {
        store.deliver_raw(seed.mailbox(), &raw, Timestamp(1_700_000_000_000_000));
    }
    check_contract(&store, &seed).await;
}

#[tokio::test]
async fn the_maildir_connector_on_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let seed = seed("u1@example.test");
    for mailbox in [&**seed.mailbox(), "u2@example.test"] {
        for sub in ["new", "cur", "tmp"] {
            fs::create_dir_all(folder.path().join(mailbox).join(sub)).unwrap();
        }
    }
    for (number, raw) in seed.raw().into_iter().enumerate() {
        let name = format!("{}/cur/170000000{number}.M{number}P1.host:2,S", seed.mailbox());
        fs::write(folder.path().join(name), raw).unwrap();
    }
    let config = config(&format!("connector = \"maildir\"\ndirectory = {:?}", folder.path()));
    let store = host(clawback_connectors::SandboxLimits::default()).load("files", &config).await.unwrap();
    check_contract(&*store, &seed).await;
}

async fn check_imap(server: &Dovecot, rest: &str) {
    let seed = seed(&dovecot::user(1));
    for raw in seed.raw() {
        server.deliver(seed.mailbox(), "INBOX", raw.as_bytes(), &["\\Seen"]);
    }
    let mailboxes: Vec<String> = (1..=2).map(dovecot::user).collect();
    let config = config(&format!("connector = \"imap\"\nmailboxes = {mailboxes:?}\n{rest}"));
    let store = host(clawback_connectors::SandboxLimits::default()).load("corp", &config).await.unwrap();
    check_contract(&*store, &seed).await;
    let probe = clawback_connectors::check(&*store).await.unwrap();
    assert_eq!(probe.mailbox.as_deref(), Some(&*dovecot::user(1)));
}

#[tokio::test]
async fn the_imap_connector_on_a_server_by_starttls() {
    let server = Dovecot::start(&dovecot::Options { users: 2, ..dovecot::Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let password = secret(folder.path(), dovecot::ADMIN_PASSWORD);
    let rest = format!(
        "[server]\nhost = \"localhost\"\nport = {}\ntls = \"starttls\"\nca-file = {:?}\nallow-private-network = true\n\
         [auth]\nkind = \"plain\"\nuser = {:?}\npassword-file = {password:?}",
        server.plain().port(),
        server.authority(),
        dovecot::ADMIN,
    );
    check_imap(&server, &rest).await;
}

#[tokio::test]
async fn the_imap_connector_on_a_server_by_tls_and_master_user() {
    let server = Dovecot::start(&dovecot::Options { users: 2, ..dovecot::Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let password = secret(folder.path(), dovecot::ADMIN_PASSWORD);
    let rest = format!(
        "[server]\nhost = \"127.0.0.1\"\nport = {}\nca-file = {:?}\n\
         [auth]\nkind = \"master-user\"\nuser = {:?}\npassword-file = {password:?}",
        server.imaps().port(),
        server.authority(),
        dovecot::ADMIN,
    );
    check_imap(&server, &rest).await;
}

#[tokio::test]
async fn a_mailbox_that_cannot_be_listed_twice_is_listed_by_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("mailboxes");
    fs::write(&list, "b@example.test # the second\n\na@example.test\n").unwrap();
    let config =
        config(&format!("connector = \"maildir\"\ndirectory = {:?}\nmailboxes-file = {list:?}", folder.path()));
    let store = host(clawback_connectors::SandboxLimits::default()).load("files", &config).await.unwrap();
    let first = store.mailboxes(None, 1).await.unwrap();
    assert_eq!(first.items, [Arc::from("a@example.test")]);
    let second = store.mailboxes(first.next, 1).await.unwrap();
    assert_eq!((second.items, second.next), (vec![Arc::from("b@example.test")], None));
}
