//! The number of connections that a site makes to a server, on servers that limit them as their packages do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use clawback_model::Status;
use clawback_tests::access::Access;
use clawback_tests::courier::{self, Courier};
use clawback_tests::dovecot::{self, Dovecot, Logins};
use clawback_tests::proxy::{self, Proxy};

use super::{Names, World, raw, seed};

/// Mailboxes of a site that is larger than a stock server's limits.
const MAILBOXES: usize = 250;

/// Puts two messages of the campaign into each mailbox, as files, without a login to the server.
fn deliver(server: &Dovecot) {
    let owner = dovecot::Owner::of_servers().unwrap();
    for user in (1..=MAILBOXES).map(dovecot::user) {
        let inbox = server.maildir(&user);
        let parents = inbox.ancestors().take_while(|path| *path != server.mail()).map(ToOwned::to_owned);
        let folders: Vec<_> = ["new", "cur", "tmp"].iter().map(|part| inbox.join(part)).chain(parents).collect();
        std::fs::create_dir_all(inbox.join("tmp")).unwrap();
        for folder in folders {
            std::fs::create_dir_all(&folder).unwrap();
            std::os::unix::fs::chown(folder, Some(owner.uid), Some(owner.gid)).unwrap();
        }
        for number in 0..2 {
            let path = inbox.join(format!("new/{}.M{number}P1.host", 1_790_000_000 + number));
            std::fs::write(&path, raw(super::SENDER, "Salary", Some(&format!("{number}@evil.example")))).unwrap();
            std::os::unix::fs::chown(&path, Some(owner.uid), Some(owner.gid)).unwrap();
        }
    }
}

/// Ends the other program's logins.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Connections that may be closing while others open.
const CLOSING: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_and_fifty_mailboxes_over_tls_lock_nobody_out_of_a_stock_server() {
    let options = dovecot::Options { users: MAILBOXES + 1, logins: Logins::Stock, ..Default::default() };
    let server = Dovecot::start(&options);
    deliver(&server);
    let proxy = Proxy::start(server.imaps(), proxy::Options::default()).unwrap();
    let mut access = Access { tls: Some((proxy.address(), server.authority())), ..server.access() };
    access.mailboxes.truncate(MAILBOXES);
    let world = World::new(access).await;

    let (is_over, tried, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let other = dovecot::user(MAILBOXES + 1);
    let done = std::thread::scope(|scope| {
        // Another mail program, which logs in now and then.
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                tried.fetch_add(1, Ordering::SeqCst);
                let logged_in = std::panic::catch_unwind(|| server.access().session(&other).folders().len());
                if logged_in.is_err() {
                    refused.fetch_add(1, Ordering::SeqCst);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        // Also if the act panics: the scope waits for the thread.
        let _over = Over(&is_over);
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(world.act("soft-delete")))
    });
    let told = world.told(&done).await;
    let all = 2 * MAILBOXES as u64;
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, all), "{told}");
    assert_eq!(done.progress.verified, Some((all, 0)), "{told}");
    assert!(tried.load(Ordering::SeqCst) > 0);
    assert_eq!(refused.load(Ordering::SeqCst), 0, "of {tried:?} logins of somebody else");
    let most = proxy.most_at_once();
    // The proxy still counts a connection for a moment after its client has closed it.
    assert!(most <= 32 + CLOSING, "{most} connections at once, and `limits.connections` is 32");
    let dropped = server.log().lines().filter(|line| line.contains("process_limit")).count();
    assert_eq!(dropped, 0, "the server dropped connections: {}", server.log());
}

#[tokio::test]
async fn thirty_mailboxes_of_a_courier_that_takes_twenty_connections() {
    let server = Courier::start(courier::Options { users: 30, ..Default::default() });
    let world = World::new(server.access()).await;
    for mailbox in &world.access.mailboxes {
        world.access.session(mailbox).append(
            "INBOX",
            &raw(super::SENDER, "Salary", Some("1@evil.example")),
            &[],
            1_790_000_000,
        );
    }
    let proxy = Proxy::start(server.access().address, proxy::Options::default()).unwrap();
    let through = World::new(Access { address: proxy.address(), ..server.access() }).await;
    let done = through.act("hard-delete").await;
    let told = through.told(&done).await;
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 30), "{told}\n{}", server.log());
    assert!(proxy.most_at_once() <= 32 + CLOSING, "{} connections at once", proxy.most_at_once());
    for mailbox in &world.access.mailboxes {
        assert_eq!(world.access.session(mailbox).messages("INBOX").len(), 0, "{mailbox} was searched");
    }
}

#[tokio::test]
async fn a_limit_of_connections_counts_those_that_wait_for_the_next_call() {
    let server = Dovecot::start(&dovecot::Options { users: 24, ..Default::default() });
    let proxy = Proxy::start(server.plain(), proxy::Options::default()).unwrap();
    let extra = "limits = { connections = 5 }\n".to_owned();
    seed(&server.access(), Names::FLAT);
    let world = World::new(Access { address: proxy.address(), extra, ..server.access() }).await;
    let done = world.act("soft-delete").await;
    assert_eq!(done.status, Status::Completed, "{}", world.told(&done).await);
    assert!(proxy.most_at_once() <= 5 + CLOSING, "{} connections at once", proxy.most_at_once());
}
