//! Servers that do not support a verb: each says so before the act and for each message after it, and nothing is
//! changed.

use clawback_model::{Action, OutcomeKind, Status};
use clawback_tests::access::Access;
use clawback_tests::courier::{self, Courier};
use clawback_tests::cyrus::{Cyrus, Namespace};
use clawback_tests::dovecot::{self, Dovecot, Plugin};

use super::{Names, World, assert_same, seed};

/// Verbs that take a message away from its folder.
const TAKING: [&str; 5] = ["soft-delete", "move-to-junk", "move-to-deleted-items", "move-to-quarantine", "hard-delete"];

/// Checks that every verb is announced as impossible, fails for every message, and leaves every message as it was.
async fn nothing_can_be_taken(access: Access, names: Names, verbs: &[&str], why: &[&str]) {
    let seeded = seed(&access, names);
    let world = World::new(access).await;
    let all = seeded.each * world.access.mailboxes.len() as u64;
    // Folders that the server creates at the first login exist before.
    let before = world.snapshot(&[]);
    let is_why = |text: &str| why.iter().any(|word| text.contains(word));
    for action in verbs {
        let done = world.act(action).await;
        let told = world.told(&done).await;
        let counts = done.counts;
        assert_eq!((counts.succeeded, counts.failed + counts.open), (0, all), "{action}: {told}");
        assert!(counts.failed > 0 && matches!(done.status, Status::Failed | Status::Paused), "{action}: {told}");
        for outcome in world.outcomes(&done).await {
            assert!(
                outcome.kind == OutcomeKind::Failed && outcome.detail.as_deref().is_some_and(is_why),
                "{action}: {outcome:?}"
            );
        }
        assert_same(&before, &world.snapshot(&[]), action);
    }
    for mailbox in &world.access.mailboxes {
        let ready = world.store.check(mailbox).await.unwrap();
        for action in verbs {
            let action: Action = action.parse().unwrap();
            let said = ready.iter().find(|ready| ready.action == action).and_then(|ready| ready.obstacle.as_deref());
            assert!(said.is_some_and(is_why), "{action} on {mailbox} is not announced as impossible: {ready:?}");
        }
    }
}

/// All rights except marking for deletion (`t`) and expunging (`e`), or except one of them.
fn rights(owner: &str) -> Vec<String> {
    vec![format!("* owner {owner}")]
}

/// What a server with MOVE refuses under these rights: it needs the right to expunge (`e`), but not the one to mark
/// (`t`).
fn refused_beside_move(rights: &str) -> &'static [&'static str] {
    if rights.contains('e') { &["hard-delete"] } else { &TAKING }
}

#[tokio::test]
async fn dovecot_without_the_rights_to_delete() {
    for owner in ["lrwsipkxa", "lrwsipkxae", "lrwstipkxa"] {
        let options = dovecot::Options { users: 2, plugins: vec![Plugin::Rights(rights(owner))], ..Default::default() };
        let server = Dovecot::start(&options);
        nothing_can_be_taken(
            server.access(),
            Names::FLAT,
            refused_beside_move(owner),
            &["right", "ermission", "NOPERM"],
        )
        .await;
    }
}

#[tokio::test]
async fn dovecot_without_move_and_without_the_rights_to_delete() {
    for owner in ["lrwsipkxa", "lrwsipkxae", "lrwstipkxa"] {
        let server = Dovecot::start(&dovecot::Options {
            users: 1,
            plugins: vec![Plugin::Rights(rights(owner))],
            without: vec!["MOVE"],
            ..Default::default()
        });
        nothing_can_be_taken(server.access(), Names::FLAT, &TAKING, &["right", "ermission", "NOPERM"]).await;
    }
}

#[tokio::test]
async fn cyrus_without_the_rights_to_delete() {
    for left in ["lrswipkxan", "lrswipkxaen", "lrswipkxatn"] {
        let server = Cyrus::start(1, Namespace::Beside);
        let access = server.access();
        let names = Names::FLAT.with_plainer_names();
        seed(&access, names);
        for folder in ["INBOX"].iter().chain(&names.odd) {
            server.leave_rights(&access.mailboxes[0], folder, left);
        }
        let world = World::new(access).await;
        let before = world.snapshot(&[]);
        for action in refused_beside_move(left) {
            let done = world.act(action).await;
            let told = world.told(&done).await;
            assert_eq!(done.counts.succeeded, 0, "{action} with {left}: {told}");
            assert_same(&before, &world.snapshot(&[]), &format!("{action} with {left}"));
        }
        let ready = world.store.check(&world.access.mailboxes[0]).await.unwrap();
        assert!(
            ready.iter().any(|ready| ready.action == Action::HardDelete && ready.obstacle.is_some()),
            "rights {left}: {ready:?}"
        );
    }
}

#[tokio::test]
async fn courier_without_uidplus() {
    let server = Courier::start(courier::Options { has_uidplus: false, ..Default::default() });
    nothing_can_be_taken(server.access(), Names::BENEATH_INBOX, &TAKING, &["UIDPLUS"]).await;
}

#[tokio::test]
async fn dovecot_with_neither_move_nor_uidplus() {
    let server = Dovecot::start(&dovecot::Options { users: 2, without: vec!["MOVE", "UIDPLUS"], ..Default::default() });
    nothing_can_be_taken(server.access(), Names::FLAT, &TAKING, &["UIDPLUS"]).await;
}

fn lazy() -> Dovecot {
    let plugins = vec![Plugin::LazyExpunge("Expunged")];
    Dovecot::start(&dovecot::Options { users: 2, plugins, ..Default::default() })
}

#[tokio::test]
async fn copies_that_a_server_keeps_after_a_move_are_not_counted() {
    let server = lazy();
    let seeded = seed(&server.access(), Names::FLAT);
    let world = World::new(server.access()).await;
    let before = world.snapshot(&[]);
    let moved = world.act("soft-delete").await;
    assert_eq!(moved.counts.succeeded, seeded.each * 2, "{}", world.told(&moved).await);
    assert_same(&seeded.moved(&before, "Recoverable Items"), &world.snapshot(&["Expunged"]), "soft-delete");
    let undone = world.undo(&moved).await;
    assert_eq!(undone.counts.succeeded, seeded.each * 2, "{}", world.told(&undone).await);
    assert_same(&before, &world.snapshot(&["Expunged"]), "undo");
}

#[tokio::test]
async fn copies_that_a_server_keeps_after_a_hard_delete_are_reported() {
    let server = lazy();
    let seeded = seed(&server.access(), Names::FLAT);
    let world = World::new(server.access()).await;
    let all = seeded.each * 2;
    let before = world.snapshot(&[]);
    let deleted = world.act("hard-delete").await;
    let told = world.told(&deleted).await;
    assert_same(&seeded.deleted(&before), &world.snapshot(&["Expunged"]), "hard-delete");
    let after = world.snapshot(&[]);
    let kept: usize =
        after.iter().flatten().filter(|(kept, _)| kept.folder == "Expunged").map(|(_, count)| count).sum();
    assert_eq!(kept as u64, all, "the server keeps what is expunged");
    // The owner can still open every one of them, so none of them is gone for good.
    assert_ne!(deleted.status, Status::Completed, "{told}");
    assert_ne!(deleted.progress.verified, Some((all, 0)), "{told}");
    assert!(told.contains("Expunged"), "the folder that still has them is named: {told}");
}
