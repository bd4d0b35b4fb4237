//! Connections that are lost after the server has carried out a command and before the client gets the answer: nothing
//! is done twice, nothing is left undone, and undo finds everything.

use clawback_model::Status;
use clawback_tests::access::Access;
use clawback_tests::courier::{self, Courier};
use clawback_tests::dovecot::{self, Dovecot};
use clawback_tests::line_proxy::LineProxy;

use super::{Names, World, assert_same, seed};

/// Moves and undoes while connections are cut after `command`.
async fn cut_after(access: Access, names: Names, command: &str) {
    let proxy = LineProxy::start(access.address).unwrap();
    let direct = access.address;
    let seeded = seed(&access, names);
    let mut world = World::new(Access { address: proxy.address(), ..access }).await;
    // The mailboxes are read without the proxy.
    world.access.address = direct;
    let all = seeded.each * world.access.mailboxes.len() as u64;
    let before = world.snapshot(&[]);
    let hidden = seeded.moved(&before, &names.of("Recoverable Items"));

    proxy.cut_after(command, 1);
    let done = world.act("soft-delete").await;
    let told = world.told(&done).await;
    assert_same(&hidden, &world.snapshot(&[]), &format!("a cut after {command}: {told}"));
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, all), "{told}");
    assert_eq!(proxy.cuts(), 1, "{:?}", proxy.heard());

    proxy.cut_after(command, 1);
    let undone = world.undo(&done).await;
    let told = world.told(&undone).await;
    assert_same(&before, &world.snapshot(&[]), &format!("a cut after {command} in undo: {told}"));
    assert_eq!((undone.status, undone.counts.succeeded), (Status::Completed, all), "{told}");
    assert_eq!(proxy.cuts(), 2, "{:?}", proxy.heard());

    // Cut each time: no act succeeds, but none may add a copy either, and a later one completes the rest.
    proxy.cut_after(command, u32::MAX);
    let broken = world.act("soft-delete").await;
    proxy.cut_after(command, 0);
    let ids = world.outcomes(&broken).await.len();
    let rest = world.act("soft-delete").await;
    let told = format!("{ids} {}\nthen: {}", world.told(&broken).await, world.told(&rest).await);
    assert_same(&hidden, &world.snapshot(&[]), &format!("cuts after each {command}: {told}"));
    world.api.site().history.verify(None, |_| {}).await.unwrap();
}

#[tokio::test]
async fn courier_after_copy_and_expunge() {
    for command in ["UID COPY", "UID EXPUNGE"] {
        let server = Courier::start(courier::Options { users: 1, ..Default::default() });
        Box::pin(cut_after(server.access(), Names::BENEATH_INBOX, command)).await;
    }
}

#[tokio::test]
async fn dovecot_without_move_after_copy_and_expunge() {
    for command in ["UID COPY", "UID STORE", "UID EXPUNGE"] {
        let server = Dovecot::start(&dovecot::Options { users: 1, without: vec!["MOVE"], ..Default::default() });
        Box::pin(cut_after(server.access(), Names::FLAT, command)).await;
    }
}

#[tokio::test]
async fn dovecot_after_move() {
    let server = Dovecot::start(&dovecot::Options { users: 1, ..Default::default() });
    Box::pin(cut_after(server.access(), Names::FLAT, "UID MOVE")).await;
}
