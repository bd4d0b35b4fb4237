//! Every verb on servers that support it.

use clawback_model::{Remediation, Status};
use clawback_tests::access::Access;
use clawback_tests::courier::{self, Courier};
use clawback_tests::cyrus::{Cyrus, Namespace};
use clawback_tests::dovecot::{self, Dovecot, Format, Logins, Plugin};
use clawback_tests::line_proxy::LineProxy;
use clawback_tests::pymap::Pymap;

use super::{Names, Seeded, World, assert_same, seed};

/// Where a server is expected to put what is moved.
const PLACES: [(&str, &str); 4] = [
    ("move-to-junk", "Junk"),
    ("move-to-deleted-items", "Trash"),
    ("move-to-quarantine", "Quarantine"),
    ("soft-delete", "Recoverable Items"),
];

/// Finds, moves by each verb, undoes, restores and deletes; at each step the mailboxes match what was reported.
async fn every_verb(access: Access, names: Names, without: &[&str]) {
    let seeded = seed(&access, names);
    Box::pin(every_verb_in(World::new(access).await, seeded, names, without)).await;
}

async fn every_verb_in(world: World, seeded: Seeded, names: Names, without: &[&str]) {
    clawback_connectors::check(&*world.store).await.unwrap();
    let mailboxes = world.access.mailboxes.len() as u64;
    let all = seeded.each * mailboxes;
    let before = world.snapshot(without);
    for mailbox in &world.access.mailboxes {
        for ready in world.store.check(mailbox).await.unwrap() {
            assert_eq!(ready.obstacle, None, "{} on {mailbox}", ready.action);
        }
    }
    for (action, folder) in PLACES {
        assert_eq!(world.counted(action).await, Ok(all), "{action}");
        let done = world.act(action).await;
        assert_all(&world, &done, all, action).await;
        let moved = seeded.moved(&before, &names.of(folder));
        assert_same(&moved, &world.snapshot(without), action);
        let undone = world.undo(&done).await;
        assert_all(&world, &undone, all, &format!("undo of {action}")).await;
        assert_same(&before, &world.snapshot(without), &format!("undo of {action}"));
    }
    Box::pin(restored_and_deleted(&world, &seeded, &before, all, without)).await;
    world.api.site().history.verify(None, |_| {}).await.unwrap();
}

async fn restored_and_deleted(
    world: &World,
    seeded: &Seeded,
    before: &[clawback_tests::imap_client::Snapshot],
    all: u64,
    without: &[&str],
) {
    let hidden = world.act("soft-delete").await;
    assert_all(world, &hidden, all, "soft-delete").await;
    let restored = world.run("give-back", &[("sender", super::SENDER)]).await;
    assert_all(world, &restored, all, "restore").await;
    assert_same(&seeded.moved(before, "INBOX"), &world.snapshot(without), "restore");
    let deleted = world.act("hard-delete").await;
    assert_all(world, &deleted, all, "hard-delete").await;
    assert_same(&seeded.deleted(before), &world.snapshot(without), "hard-delete");
}

async fn assert_all(world: &World, done: &Remediation, all: u64, what: &str) {
    let told = world.told(done).await;
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, all), "{what}: {told}");
    assert_eq!(done.progress.verified, Some((all, 0)), "{what}: {told}");
}

fn dovecot(options: dovecot::Options) -> Dovecot {
    Dovecot::start(&dovecot::Options { users: 2, ..options })
}

#[tokio::test]
async fn dovecot_in_each_format() {
    for format in [Format::Maildir, Format::Sdbox, Format::Mdbox] {
        let server = dovecot(dovecot::Options { format, ..Default::default() });
        Box::pin(every_verb(server.access(), Names::FLAT, &[])).await;
    }
}

#[tokio::test]
async fn dovecot_without_special_use() {
    let server = dovecot(dovecot::Options { without: vec!["SPECIAL-USE"], ..Default::default() });
    Box::pin(every_verb(server.access(), Names::FLAT, &[])).await;
}

#[tokio::test]
async fn dovecot_with_folders_below_the_inbox() {
    for without in [vec![], vec!["SPECIAL-USE"]] {
        let server = dovecot(dovecot::Options { prefix: Some("INBOX."), without, ..Default::default() });
        Box::pin(every_verb(server.access(), Names::BENEATH_INBOX, &[])).await;
    }
}

#[tokio::test]
async fn dovecot_with_stock_login_limits_over_tls() {
    let server = dovecot(dovecot::Options { logins: Logins::Stock, ..Default::default() });
    let access = Access { tls: Some((server.imaps(), server.authority())), ..server.access() };
    Box::pin(every_verb(access, Names::FLAT, &[])).await;
}

#[tokio::test]
async fn dovecot_with_virtual_folders() {
    let server = dovecot(dovecot::Options { plugins: vec![Plugin::Virtual], ..Default::default() });
    Box::pin(every_verb(server.access(), Names::FLAT, &["Virtual/"])).await;
}

#[tokio::test]
async fn dovecot_without_move_behind_a_proxy_that_forwards_lines() {
    let server = dovecot(dovecot::Options { without: vec!["MOVE"], ..Default::default() });
    let proxy = LineProxy::start(server.plain()).unwrap();
    Box::pin(every_verb(Access { address: proxy.address(), ..server.access() }, Names::FLAT, &[])).await;
    assert!(!proxy.heard().iter().any(|line| line.starts_with("UID MOVE")), "the server offers none");
}

#[tokio::test]
async fn dovecot_behind_a_proxy_that_forwards_lines() {
    let server = dovecot(dovecot::Options::default());
    let proxy = LineProxy::start(server.plain()).unwrap();
    Box::pin(every_verb(Access { address: proxy.address(), ..server.access() }, Names::FLAT, &[])).await;
}

#[tokio::test]
async fn cyrus_in_both_namespaces() {
    for (namespace, names) in [(Namespace::Beside, Names::FLAT), (Namespace::Beneath, Names::BENEATH_INBOX)] {
        let server = Cyrus::start(2, namespace);
        Box::pin(every_verb(server.access(), names.with_plainer_names(), &[])).await;
    }
}

#[tokio::test]
async fn cyrus_by_jmap() {
    let server = Cyrus::with_jmap(2);
    let (access, names) = (server.access(), Names::FLAT.with_plainer_names());
    let seeded = seed(&access, names);
    // Equal messages of one folder are one message of JMAP, which a move leaves once.
    for mailbox in &access.mailboxes {
        let mut session = access.session(mailbox);
        let twins = session.messages("INBOX");
        let twin = twins.iter().rfind(|one| one.raw.windows(5).any(|window| window == b"twins")).unwrap();
        session.ok("SELECT INBOX");
        session.ok(&format!("UID STORE {} +FLAGS.SILENT (\\Deleted)", twin.uid));
        session.ok(&format!("UID EXPUNGE {}", twin.uid));
    }
    let seeded = Seeded { each: seeded.each - 1, ..seeded };
    let config = format!(
        "connector = \"jmap\"\nmailboxes = {:?}\n[endpoints.api]\nurl = \"http://{}\"\n\
         allow-private-network = true\n[endpoints.api.auth]\nkind = \"jwt\"\nkey-file = \"{}\"\n",
        access.mailboxes,
        server.http(),
        server.token_key().display()
    );
    let world = World::of(tempfile::tempdir().unwrap(), access, &config).await;
    Box::pin(every_verb_in(world, seeded, names, &[])).await;
}

#[tokio::test]
async fn courier() {
    let server = Courier::start(courier::Options::default());
    Box::pin(every_verb(server.access(), Names::BENEATH_INBOX, &[])).await;
}

#[tokio::test]
async fn pymap() {
    let server = Pymap::start();
    Box::pin(every_verb(server.access(), Names::FLAT, &[])).await;
}
