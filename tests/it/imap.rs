//! A whole remediation on a real IMAP server: find, remove, undo; and servers that are not as they should be.

use std::path::Path;
use std::time::Duration;

use clawback_model::Clock as _;
use clawback_tests::binary::Clawback;
use clawback_tests::dovecot::{self, ADMIN, ADMIN_PASSWORD, Dovecot, Owner};
use clawback_tests::imap_client::Session;
use clawback_tests::mail::{CAMPAIGN_SENDER, CAMPAIGN_SUBJECT, Kind};
use clawback_tests::maildirs::{self, Truth};
use clawback_tests::proxy::{self, Proxy};
use clawback_tests::site::SystemClock;

const PLAYBOOK: &str = "playbook: direct
description: No approval.
severity: high
on: { manual: {} }
inputs:
  sender: { type: address, required: true }
  subject: { type: text, required: true }
steps:
  - search: { where: { from: \"${inputs.sender}\", subject-contains: \"${inputs.subject}\" } }
  - remediate: { action: soft-delete, batch: 50, canary: 5 }
  - verify: {}
";

struct World {
    server: Dovecot,
    mail: tempfile::TempDir,
    truth: Truth,
}

impl World {
    fn new() -> Self {
        let owner = Owner::of_servers().unwrap();
        let options = maildirs::Options {
            mailboxes: 10,
            messages: 600,
            campaign: 120,
            decoys: 20,
            traps: 10,
            owner: Some((owner.uid, owner.gid)),
            ..Default::default()
        };
        let mail = tempfile::tempdir().unwrap();
        std::fs::set_permissions(mail.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let truth = maildirs::write(&mail.path().join("mail"), &options).unwrap();
        let server = Dovecot::start(&dovecot::Options {
            users: options.mailboxes,
            mail: Some(mail.path().join("mail")),
            ..Default::default()
        });
        Self { server, mail, truth }
    }

    fn site(folder: &Path, server: &str) -> Clawback {
        std::fs::write(folder.join("imap.password"), ADMIN_PASSWORD).unwrap();
        let mailboxes: Vec<String> = (1..=10).map(dovecot::user).collect();
        let store = format!(
            "connector = \"imap\"\nserver = {{ {server} }}\nmailboxes = {mailboxes:?}\n\
             auth = {{ kind = \"plain\", user = \"{ADMIN}\", password-file = \"imap.password\" }}\n"
        );
        let clawback = Clawback::init(folder, &store);
        std::fs::write(folder.join("workflows/direct.yaml"), PLAYBOOK).unwrap();
        clawback
    }

    fn plain(&self) -> String {
        format!("host = \"127.0.0.1\", port = {}, tls = \"none\"", self.server.plain().port())
    }

    fn snapshot(&self) -> maildirs::Snapshot {
        maildirs::snapshot(&self.mail.path().join("mail")).unwrap()
    }
}

fn run(clawback: &Clawback) -> serde_json::Value {
    direct(clawback, "run")
}

fn plan(clawback: &Clawback) -> serde_json::Value {
    direct(clawback, "plan")
}

fn direct(clawback: &Clawback, command: &str) -> serde_json::Value {
    let (sender, subject) = (format!("sender={CAMPAIGN_SENDER}"), format!("subject={CAMPAIGN_SUBJECT}"));
    clawback.json(&[command, "direct", "-i", &sender, "-i", &subject])
}

#[test]
fn a_campaign_is_removed_and_restored_with_folders_and_flags() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let server = format!(
        "host = \"localhost\", port = {}, ca-file = \"{}\", allow-private-network = true",
        world.server.imaps().port(),
        world.server.authority().display()
    );
    let clawback = World::site(folder.path(), &server);
    let done = run(&clawback);
    assert_eq!((&done["status"], &done["counts"]["succeeded"]), (&"completed".into(), &120.into()), "{done}");
    world.truth.check_campaign_removed(&world.snapshot(), Some("Recoverable Items")).unwrap();
    let undone = clawback.json(&["undo", done["id"].as_str().unwrap()]);
    assert_eq!((&undone["status"], &undone["counts"]["succeeded"]), (&"completed".into(), &120.into()), "{undone}");
    world.truth.snapshot().check(&world.snapshot()).unwrap();
    clawback.ok(&["verify"]);
}

#[test]
fn starttls_and_doctor() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let server = format!(
        "host = \"localhost\", port = {}, tls = \"starttls\", ca-file = \"{}\", allow-private-network = true",
        world.server.plain().port(),
        world.server.authority().display()
    );
    let clawback = World::site(folder.path(), &server);
    assert!(clawback.ok(&["connectors", "check"]).contains("answers in"));
    assert!(clawback.ok(&["doctor"]).contains("store corp"));
}

#[test]
fn a_wrong_password_is_reported_and_never_shown() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let clawback = World::site(folder.path(), &world.plain());
    std::fs::write(folder.path().join("imap.password"), "not the password").unwrap();
    let said = clawback.fails(1, &["connectors", "check"]);
    assert!(said.contains("denies access"), "{said}");
    assert!(!said.contains("not the password"), "a password is never shown");
    let (sender, subject) = (format!("sender={CAMPAIGN_SENDER}"), format!("subject={CAMPAIGN_SUBJECT}"));
    let output = clawback.run(&["run", "direct", "-i", &sender, "-i", &subject]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("failed") && said.contains("plan-failed"), "{said}");
}

#[test]
fn connections_that_break_in_the_middle_cost_nothing() {
    let world = World::new();
    let proxy = Proxy::start(world.server.plain(), proxy::Options::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = format!("host = \"127.0.0.1\", port = {}, tls = \"none\"", proxy.address().port());
    let clawback = World::site(folder.path(), &server);
    let planned = plan(&clawback);
    let before = proxy.connections();
    // Every connection is cut repeatedly while the batches run, some of them between the act and its answer.
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..40 {
                std::thread::sleep(Duration::from_millis(25));
                proxy.cut();
            }
        });
        clawback.json(&["run", planned["id"].as_str().unwrap()])
    });
    assert_eq!((&done["status"], &done["counts"]["succeeded"]), (&"completed".into(), &120.into()), "{done}");
    world.truth.check_campaign_removed(&world.snapshot(), Some("Recoverable Items")).unwrap();
    assert!(proxy.connections() > before + 10, "connections were cut and opened again");
    clawback.ok(&["verify"]);
}

#[test]
fn a_server_that_stays_down_fails_its_messages_and_a_retry_completes_them() {
    let world = World::new();
    let proxy = Proxy::start(world.server.plain(), proxy::Options::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = format!("host = \"127.0.0.1\", port = {}, tls = \"none\"", proxy.address().port());
    let clawback = World::site(folder.path(), &server);
    let planned = plan(&clawback);
    let id = planned["id"].as_str().unwrap().to_owned();
    proxy.take_down();
    let failed = clawback.json(&["run", &id]);
    assert_eq!((&failed["status"], &failed["counts"]["failed"]), (&"failed".into(), &120.into()), "{failed}");
    let messages = clawback.json(&["show", &id, "--messages"]);
    assert_eq!(messages["items"][0]["reason"], "store-unavailable");
    proxy.restore();
    let retried = clawback.json(&["retry", &id]);
    assert_eq!((&retried["status"], &retried["counts"]["succeeded"]), (&"completed".into(), &120.into()), "{retried}");
    world.truth.check_campaign_removed(&world.snapshot(), Some("Recoverable Items")).unwrap();
}

#[test]
fn a_read_only_folder_fails_its_own_messages_only() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let clawback = World::site(folder.path(), &world.plain());
    let planned = plan(&clawback);
    let id = planned["id"].as_str().unwrap().to_owned();
    // Not the inbox, which to a Maildir server is the parent of all others.
    let stuck = &world.truth.of(Kind::Campaign).find(|placed| placed.entry.folder == "Junk").unwrap().entry;
    let there = world
        .truth
        .of(Kind::Campaign)
        .filter(|placed| placed.entry.mailbox == stuck.mailbox && placed.entry.folder == stuck.folder);
    let number = there.count();
    world.server.make_read_only(&stuck.mailbox, &stuck.folder);
    let done = clawback.json(&["run", &id]);
    assert_eq!(done["status"], "partially-completed", "{done}");
    assert_eq!(done["counts"]["failed"], number, "{done}");
    assert_eq!(done["counts"]["succeeded"], 120 - number, "{done}");
    clawback.ok(&["verify"]);
}

/// A mail in HTML with the text of the campaign.
fn copy(id: &str, from: &str, subject: &str, link: &str) -> Vec<u8> {
    format!(
        "Message-ID: <{id}>\r\nFrom: {from}\r\nTo: u@acme.test\r\nSubject: {subject}\r\nContent-Type: text/html\r\n\r\n\
         <p>Dear colleague, the payroll office could not verify your salary account for this month. Please confirm the \
         number of your account and your date of birth before Friday noon, or the payment will be delayed until the \
         next month.</p><a href=\"{link}\">Confirm</a>\r\n"
    )
    .into_bytes()
}

#[test]
fn copies_of_one_message_are_taken_and_put_back() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let clawback = World::site(folder.path(), &world.plain());
    let now = SystemClock.now().0 / 1_000_000;
    let root = copy("root@one.example", "hr@one.example", "Your salary", "https://pay.bad.example/a");
    for (number, raw) in [
        (1, root.clone()),
        (2, copy("2@two.example", "x@two.example", "Konto", "https://pay.bad.example/b")),
        (3, copy("3@three.example", "y@three.example", "Re: lunch", "https://other.bad.example/")),
        (4, copy("4@four.example", "hr@four.example", "Your salary", "https://elsewhere.example/")),
    ] {
        let mailbox = dovecot::user(number);
        let mut owner = Session::plain(world.server.plain(), &mailbox, &mailbox, dovecot::PASSWORD);
        owner.append("INBOX", &raw, &["\\Seen"], now);
    }
    let file = folder.path().join("root.eml");
    std::fs::write(&file, root).unwrap();
    let before = world.snapshot();
    let done = clawback.json(&["run", "purge-like", "--like", file.to_str().unwrap()]);
    assert_eq!((&done["status"], &done["counts"]["succeeded"]), (&"completed".into(), &3.into()), "{done}");
    assert!(done["facts"]["left_out"].to_string().contains("perhaps a copy"), "{done}");
    let undone = clawback.json(&["undo", done["id"].as_str().unwrap()]);
    assert_eq!((&undone["status"], &undone["counts"]["succeeded"]), (&"completed".into(), &3.into()), "{undone}");
    before.check(&world.snapshot()).unwrap();
}
