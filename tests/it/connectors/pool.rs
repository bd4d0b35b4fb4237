//! Idle connections: used again, dropped when dead, and never a reason for a call to fail.

use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::{MailStore, SandboxLimits};
use clawback_model::Query;
use clawback_tests::dovecot::{self, Dovecot};
use clawback_tests::proxy::{Options, Proxy};

use super::conformance::secret;
use super::{config, host};

async fn store(port: u16, limits: &str) -> Arc<dyn MailStore> {
    let folder = tempfile::tempdir().unwrap().keep();
    let password = secret(&folder, dovecot::ADMIN_PASSWORD);
    let mailboxes: Vec<_> = (1..=3).map(dovecot::user).collect();
    let text = format!(
        "connector = \"imap\"\nmailboxes = {mailboxes:?}\n[server]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n\
         [auth]\nkind = \"plain\"\nuser = {:?}\npassword-file = {password:?}\n[limits]\n{limits}",
        dovecot::ADMIN,
    );
    host(SandboxLimits::default()).load("corp", &config(&text)).await.unwrap()
}

/// A server with a message in each of these mailboxes, of three.
fn server_with_mail_in(mailboxes: &[usize]) -> Dovecot {
    let server = Dovecot::start(&dovecot::Options { users: 3, ..dovecot::Options::default() });
    for number in mailboxes {
        server.deliver(
            &dovecot::user(*number),
            "INBOX",
            b"From: eve@evil.example\r\nSubject: parcel\r\n\r\nhi\r\n",
            &[],
        );
    }
    server
}

async fn round(store: &dyn MailStore) {
    for number in 1..=3 {
        store.search(&dovecot::user(number).into(), &Query::default(), None, 10).await.unwrap();
    }
}

#[tokio::test]
async fn the_second_round_logs_in_no_more() {
    let server = server_with_mail_in(&[1, 2, 3]);
    let network = Proxy::start(server.plain(), Options::default()).unwrap();
    let store = store(network.address().port(), "").await;
    round(&*store).await;
    assert_eq!(network.connections(), 3);
    round(&*store).await;
    assert_eq!(network.connections(), 3, "all three came from the pool");
    network.cut();
    tokio::time::sleep(Duration::from_millis(50)).await;
    round(&*store).await;
    assert_eq!(network.connections(), 6, "dead connections were detected and replaced");
}

#[tokio::test]
async fn a_small_pool_keeps_the_first_ones() {
    let server = server_with_mail_in(&[1, 2, 3]);
    let network = Proxy::start(server.plain(), Options::default()).unwrap();
    let store = store(network.address().port(), "idle-connections = 2").await;
    round(&*store).await;
    round(&*store).await;
    assert_eq!(network.connections(), 4, "two of three were kept over the round");
}

#[tokio::test]
async fn a_small_pool_keeps_the_mailboxes_with_hits() {
    let server = server_with_mail_in(&[1]);
    let network = Proxy::start(server.plain(), Options::default()).unwrap();
    let store = store(network.address().port(), "idle-connections = 1").await;
    round(&*store).await;
    round(&*store).await;
    assert_eq!(network.connections(), 5, "the one with a message was kept over the round");
}
