//! Kills the real binary with SIGKILL at seeded points of a run on a real JMAP server, starts it again, and undoes the
//! remediation: every target has one outcome, and an IMAP client finds every message where it was.

use std::time::{Duration, Instant};

use clawback_tests::binary::{Clawback, copy_folder};
use clawback_tests::cyrus::Cyrus;
use clawback_tests::imap_client::{Snapshot, difference};
use clawback_tests::mail::Random;

/// Runs that are killed at least once; a run that ended before its kill does not count.
const KILLED: usize = 50;
/// The messages of the campaign: in the inbox of each mailbox, and one in two folders.
const EACH: usize = 12;
const MAILBOXES: usize = 3;
const SENDER: &str = "payroll@evil.example";
const CAMPAIGN: &str = "Salary";
const TARGETS: usize = (EACH + 1) * MAILBOXES;

const PLAYBOOK: &str = "playbook: crash
description: A campaign in many small batches.
severity: high
on: { manual: {} }
inputs:
  sender: { type: address, required: true }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: soft-delete, batch: 6, canary: 3, stop-when: { failed-ratio: 0.05 } }
  - verify: {}
";

struct World {
    server: Cyrus,
    site: tempfile::TempDir,
    id: String,
    before: Vec<Snapshot>,
}

impl World {
    /// Fills the mailboxes, and prepares everything up to an approved plan.
    fn new() -> Self {
        let server = Cyrus::with_jmap(MAILBOXES);
        let access = server.access();
        let message = |from: &str, number: usize| {
            let subject = if from == SENDER { CAMPAIGN } else { "Lunch" };
            format!(
                "From: {from}\r\nTo: staff@acme.test\r\nSubject: {subject} {number}\r\nMessage-ID: <{number}.{from}>\r\n\r\n\
                 Text {number}\r\n"
            )
        };
        for mailbox in &access.mailboxes {
            let mut session = access.session(mailbox);
            // The hidden folder is there before and after, so that the mailboxes can be compared.
            session.create("Recoverable Items");
            for number in 0..EACH {
                let flags: &[&str] = [&[], &["\\Seen"][..], &["\\Flagged", "work"]][number % 3];
                session.append("INBOX", message(SENDER, number).as_bytes(), flags, 1_795_000_000);
                if number % 5 == 0 {
                    session.append("INBOX", message("friend@good.example", number).as_bytes(), flags, 1_795_000_000);
                }
            }
            for folder in ["INBOX", "Archive"] {
                session.append(folder, message(SENDER, 999).as_bytes(), &["\\Seen"], 1_795_000_000);
            }
        }
        let site = tempfile::tempdir().unwrap();
        let store = format!(
            "connector = \"jmap\"\nmailboxes = {:?}\n[stores.corp.endpoints.api]\nurl = \"http://{}\"\n\
             allow-private-network = true\n\
             [stores.corp.endpoints.api.auth]\nkind = \"jwt\"\nkey-file = \"{}\"\n",
            access.mailboxes,
            server.http(),
            server.token_key().display()
        );
        let clawback = Clawback::init(site.path(), &store);
        std::fs::write(site.path().join("workflows/crash.yaml"), PLAYBOOK).unwrap();
        let planned = clawback.json(&["plan", "crash", "-i", &format!("sender={SENDER}")]);
        assert_eq!(
            (&planned["status"], &planned["counts"]["submitted"]),
            (&"approved".into(), &TARGETS.into()),
            "{planned}"
        );
        let id = planned["id"].as_str().unwrap().to_owned();
        let mut world = Self { server, site, id, before: Vec::new() };
        world.before = world.snapshots();
        world
    }

    fn snapshots(&self) -> Vec<Snapshot> {
        let access = self.server.access();
        access.mailboxes.iter().map(|mailbox| access.session(mailbox).snapshot()).collect()
    }

    /// Runs, kills after a seeded time, runs to the end, undoes. Returns whether it was still running when killed.
    fn kill(&self, seed: u64, takes: Duration) -> bool {
        let site = tempfile::tempdir().unwrap();
        copy_folder(self.site.path(), site.path());
        let clawback = Clawback::at(site.path());
        let mut random = Random::new(seed + 1);
        let mut was_running = false;
        // One kill in three is followed by a second, in the middle of the recovery.
        for _ in 0..=u64::from(random.chance(33)) {
            was_running |= clawback.run_and_kill(&["run", &self.id], &mut random, takes);
        }
        let done = clawback.json(&["run", &self.id]);
        let counts = &done["counts"];
        assert_eq!(done["status"], "completed", "seed {seed}: {done}");
        assert_eq!((&counts["succeeded"], &counts["open"]), (&TARGETS.into(), &0.into()), "seed {seed}: {done}");
        let messages = clawback.json(&["show", &self.id, "--messages"]);
        let outcomes = messages["items"].as_array().unwrap();
        assert_eq!(outcomes.len(), TARGETS, "seed {seed}");
        assert!(outcomes.iter().all(|message| message["outcome"] == "succeeded"), "seed {seed}: {messages}");
        for (mailbox, after) in self.server.access().mailboxes.iter().zip(self.snapshots()) {
            let hidden = after.keys().filter(|kept| kept.folder == "Recoverable Items").count();
            let left = after.keys().filter(|kept| kept.start.contains(CAMPAIGN)).count();
            assert_eq!(
                (hidden, left),
                (EACH + 1, EACH + 1),
                "seed {seed}, {mailbox}: all are hidden, none is elsewhere"
            );
        }
        let undone = clawback.json(&["undo", &self.id]);
        assert_eq!(
            (&undone["status"], &undone["counts"]["succeeded"]),
            (&"completed".into(), &TARGETS.into()),
            "{undone}"
        );
        for (before, after) in self.before.iter().zip(self.snapshots()) {
            assert!(*before == after, "seed {seed}: {}", difference(before, &after));
        }
        clawback.ok(&["verify"]);
        was_running
    }
}

#[test]
fn killed_anywhere_on_jmap_and_undone() {
    let world = World::new();
    let trial = tempfile::tempdir().unwrap();
    copy_folder(world.site.path(), trial.path());
    let clawback = Clawback::at(trial.path());
    let began = Instant::now();
    clawback.ok(&["run", &world.id]);
    let takes = began.elapsed();
    clawback.ok(&["undo", &world.id]);
    let killed = (0..KILLED as u64 * 2).filter(|seed| world.kill(*seed, takes)).take(KILLED).count();
    assert_eq!(killed, KILLED, "too many runs had ended before they were to be killed");
}
