//! Many scattered messages of one folder are deleted for good: each outcome matches the server.

use clawback_model::{OutcomeKind, Status};
use clawback_tests::access::Access;
use clawback_tests::dovecot::{self, Dovecot, Plugin};
use clawback_tests::line_proxy::LineProxy;

use super::{SENDER, World, raw};

/// Messages of the campaign in the inbox, with as many others between them.
const MANY: usize = 2_000;

fn fill(server: &Dovecot, campaign: usize) {
    let access = server.access();
    // Written as files: the inbox of a Maildir is read when it is opened.
    let new = server.maildir(&access.mailboxes[0]).join("cur");
    let owner = dovecot::Owner::of_servers().unwrap();
    // The server creates the folders.
    drop(access.session(&access.mailboxes[0]).folders());
    access.session(&access.mailboxes[0]).ok("SELECT INBOX");
    for number in 0..campaign * 2 {
        let from = if number % 2 == 0 { SENDER } else { "friend@good.example" };
        let path = new.join(format!("{}.M{number}P1.host:2,", 1_790_000_000 + number));
        std::fs::write(&path, raw(from, &format!("Letter {number}"), Some(&format!("{number}@x.example")))).unwrap();
        std::os::unix::fs::chown(&path, Some(owner.uid), Some(owner.gid)).unwrap();
    }
}

/// The number of messages of the campaign, and of others, that are left; none of them may have `\Deleted`.
fn left(world: &World) -> (usize, usize) {
    let mut session = world.access.session(&world.access.mailboxes[0]);
    let messages = session.messages("INBOX");
    assert!(messages.iter().all(|message| !message.flags.iter().any(|flag| flag == "\\Deleted")), "a flag is left");
    let campaign = messages.iter().filter(|message| String::from_utf8_lossy(&message.raw).contains(SENDER)).count();
    (campaign, messages.len() - campaign)
}

async fn told_and_true(server: &Dovecot, access: Access, many: usize, expected_left: usize) {
    fill(server, many);
    let world = World::new(access).await;
    let done = world.act("hard-delete").await;
    let told = world.told(&done).await;
    assert_eq!(left(&world), (expected_left, many), "{told}");
    let gone = (many - expected_left) as u64;
    assert_eq!(done.counts.succeeded, gone, "{told}");
    let outcomes = world.outcomes(&done).await;
    let succeeded = outcomes.iter().filter(|outcome| outcome.kind == OutcomeKind::Succeeded).count() as u64;
    assert_eq!(succeeded, gone, "{told}");
    if expected_left == 0 {
        assert_eq!((done.status, done.progress.verified), (Status::Completed, Some((gone, 0))), "{told}");
    } else {
        assert!(matches!(done.status, Status::Failed | Status::Paused), "{told}");
    }
}

fn without_rights(without: Vec<&'static str>) -> Dovecot {
    let rights = vec!["* owner lrwsipkxa".to_owned()];
    Dovecot::start(&dovecot::Options { users: 1, plugins: vec![Plugin::Rights(rights)], without, ..Default::default() })
}

#[tokio::test]
async fn outcomes_of_two_thousand_deletes_match_the_server() {
    let server = Dovecot::start(&dovecot::Options { users: 1, ..Default::default() });
    told_and_true(&server, server.access(), MANY, 0).await;
}

#[tokio::test]
async fn two_thousand_deletes_without_the_rights_leave_all() {
    for without in [vec![], vec!["MOVE"]] {
        let server = without_rights(without);
        told_and_true(&server, server.access(), MANY, MANY).await;
    }
}

#[tokio::test]
async fn sixteen_behind_a_proxy_that_forwards_lines_twelve_times() {
    let server = Dovecot::start(&dovecot::Options { users: 1, ..Default::default() });
    let proxy = LineProxy::start(server.plain()).unwrap();
    for round in 0..12 {
        let access = server.access();
        let mut session = access.session(&access.mailboxes[0]);
        session.command("SELECT INBOX");
        session.command("STORE 1:* +FLAGS.SILENT (\\Deleted)");
        session.command("EXPUNGE");
        drop(session);
        eprintln!("round {round}");
        told_and_true(&server, Access { address: proxy.address(), ..access }, 16, 0).await;
    }
}
