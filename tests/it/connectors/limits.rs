//! The number of connections, as a server counts them: on servers with the limits that distributions set.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clawback_connectors::{CallError, MailStore, SandboxLimits};
use clawback_model::Query;
use clawback_tests::dovecot::{self, Dovecot};
use clawback_tests::proxy::{Options, Proxy};

use super::conformance::secret;
use super::{config, host};

async fn store(users: usize, server: &str, limits: &str) -> Arc<dyn MailStore> {
    let folder = tempfile::tempdir().unwrap().keep();
    let password = secret(&folder, dovecot::ADMIN_PASSWORD);
    let mailboxes: Vec<_> = (1..=users).map(dovecot::user).collect();
    let text = format!(
        "connector = \"imap\"\nmailboxes = {mailboxes:?}\n[server]\nhost = \"127.0.0.1\"\n{server}\n\
         [auth]\nkind = \"plain\"\nuser = {:?}\npassword-file = {password:?}\n[limits]\n{limits}",
        dovecot::ADMIN,
    );
    host(SandboxLimits::default()).load("corp", &config(&text)).await.unwrap()
}

/// Opens every mailbox, as many at once as the store allows. Returns the errors.
async fn round(store: &Arc<dyn MailStore>, users: usize) -> Vec<CallError> {
    let looks: tokio::task::JoinSet<_> = (1..=users)
        .map(|number| {
            let store = Arc::clone(store);
            async move { store.search(&dovecot::user(number).into(), &Query::default(), None, 10).await }
        })
        .collect();
    looks.join_all().await.into_iter().filter_map(Result::err).collect()
}

#[tokio::test]
async fn idle_connections_count_and_are_closed_first() {
    let server = Dovecot::start(&dovecot::Options { users: 12, ..dovecot::Options::default() });
    let network = Proxy::start(server.plain(), Options::default()).unwrap();
    let plain = format!("port = {}\ntls = \"none\"", network.address().port());
    let store = store(12, &plain, "connections = 2").await;
    for number in 1..=12 {
        server.deliver(&dovecot::user(number), "INBOX", b"From: eve@evil.example\r\n\r\nhi\r\n", &[]);
        store.search(&dovecot::user(number).into(), &Query::default(), None, 10).await.unwrap();
    }
    // One more may be closing.
    assert!(network.most_at_once() <= 3, "{} at once", network.most_at_once());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drops_what_is_too_much_is_searched_in_full() {
    let server = Dovecot::start(&dovecot::Options { users: 40, ..dovecot::Options::default() });
    let network = Proxy::start(server.plain(), Options { at_most: Some(5), ..Options::default() }).unwrap();
    let plain = format!("port = {}\ntls = \"none\"", network.address().port());
    let store = store(40, &plain, "").await;
    for _ in 0..2 {
        assert_eq!(round(&store, 40).await, []);
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_not_one_with_too_many() {
    let server = Dovecot::start(&dovecot::Options { users: 2, ..dovecot::Options::default() });
    let network = Proxy::start(server.plain(), Options::default()).unwrap();
    let plain = format!("port = {}\ntls = \"none\"", network.address().port());
    let store = store(2, &plain, "").await;
    network.take_down();
    let error = store.search(&dovecot::user(1).into(), &Query::default(), None, 10).await.unwrap_err();
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_logins_over_tls_leave_room_for_others() {
    const USERS: usize = 150;
    let options = dovecot::Options { users: USERS + 1, logins: dovecot::Logins::Stock, ..dovecot::Options::default() };
    let server = Dovecot::start(&options);
    let network = Proxy::start(server.imaps(), Options::default()).unwrap();
    let tls = |port: u16| format!("port = {port}\nca-file = {:?}", server.authority());
    let store = store(USERS, &tls(network.address().port()), "").await;
    // Logins of another client, one after the other, without the proxy.
    let other = self::store(USERS + 1, &tls(server.imaps().port()), "connections = 1\nidle-connections = 0").await;
    let ended = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&ended);
    let others = tokio::spawn(async move {
        let (mut good, mut bad) = (0, Vec::new());
        while !is_over.load(Ordering::SeqCst) {
            match other.search(&dovecot::user(USERS + 1).into(), &Query::default(), None, 1).await {
                Ok(_) => good += 1,
                Err(error) => bad.push(error),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (good, bad)
    });
    for _ in 0..2 {
        assert_eq!(round(&store, USERS).await, [], "{}", server.log());
    }
    ended.store(true, Ordering::SeqCst);
    let (good, bad) = others.await.unwrap();
    assert!(good > 0 && bad.is_empty(), "another user's logins: {good} taken, refused {bad:?}");
    assert!(!server.log().contains("process_limit"), "{}", server.log());
    assert!(network.most_at_once() <= 40, "{} at once, of 32 and those that are closing", network.most_at_once());
}
