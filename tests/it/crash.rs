//! Kills the real binary with SIGKILL at seeded points of a run, starts it again, and checks that every target has
//! exactly one outcome, that the mailboxes match the history, and that the chain verifies.

use std::path::Path;
use std::time::{Duration, Instant};

use clawback_tests::binary::{Clawback, copy_folder};
use clawback_tests::dovecot::Dovecot;
use clawback_tests::mail::{CAMPAIGN_SENDER, CAMPAIGN_SUBJECT, Random};
use clawback_tests::maildirs::{self, Truth};

/// Runs on one store that are killed at least once, at a seeded point; a run that ended before its kill does not count.
const KILLED: u64 = 55;

/// Small batches give many points at which to kill.
const PLAYBOOK: &str = "playbook: crash
description: A campaign in many small batches.
severity: high
on: { manual: {} }
inputs:
  sender: { type: address, required: true }
  subject: { type: text, required: true }
steps:
  - search: { where: { from: \"${inputs.sender}\", subject-contains: \"${inputs.subject}\" } }
  - remediate: { action: soft-delete, batch: 25, canary: 5, stop-when: { failed-ratio: 0.05 } }
  - verify: {}
";

const MAILDIR: &str = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";

fn options() -> maildirs::Options {
    maildirs::Options {
        mailboxes: 8,
        messages: 500,
        campaign: 160,
        decoys: 20,
        traps: 10,
        // Created beforehand, so that keywords, which are letters to a Maildir, mean the same in it.
        empty: vec!["Recoverable Items".to_owned()],
        ..Default::default()
    }
}

/// A site with a frozen and approved plan, and its mailboxes at that time; every kill starts from a copy of it.
struct Pristine {
    folder: tempfile::TempDir,
    truth: Truth,
    id: String,
    /// How long an undisturbed run takes.
    takes: Duration,
}

#[test]
fn killed_anywhere_on_maildir() {
    let pristine = Pristine::new(|folder, options| {
        let truth = maildirs::write(&folder.join("mail"), options).unwrap();
        (truth, MAILDIR.to_owned())
    });
    kill_enough(|seed| pristine.kill(seed, &pristine.copy()));
}

#[test]
fn a_cancel_after_a_kill_knows_what_was_moved() {
    let pristine = Pristine::new(|folder, options| {
        let truth = maildirs::write(&folder.join("mail"), options).unwrap();
        (truth, MAILDIR.to_owned())
    });
    for seed in 0..12 {
        let site = pristine.copy();
        let clawback = Clawback::at(site.path());
        clawback.run_and_kill(&["run", &pristine.id], &mut Random::new(seed + 77), pristine.takes);
        if clawback.json(&["show", &pristine.id])["remediation"]["status"] == "completed" {
            continue;
        }
        let cancelled = clawback.json(&["cancel", &pristine.id]);
        assert_eq!(cancelled["status"], "cancelled", "seed {seed}: {cancelled}");
        let after = maildirs::snapshot(&site.path().join("mail")).unwrap();
        let moved = after.entries().filter(|entry| entry.folder == "Recoverable Items").count();
        assert_eq!(cancelled["counts"]["succeeded"], moved, "seed {seed}: {cancelled}");
        assert_eq!(cancelled["counts"]["cancelled"], 160 - moved, "seed {seed}: {cancelled}");
        clawback.ok(&["verify"]);
    }
}

#[test]
fn killed_anywhere_on_dovecot() {
    let owner = clawback_tests::dovecot::Owner::of_servers().unwrap();
    let options = maildirs::Options { owner: Some((owner.uid, owner.gid)), ..options() };
    // A server for each run: mailboxes cannot be replaced under a running one.
    kill_enough(|seed| {
        let mail = tempfile::tempdir().unwrap();
        std::fs::set_permissions(mail.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let truth = maildirs::write(&mail.path().join("mail"), &options).unwrap();
        let server = Dovecot::start(&clawback_tests::dovecot::Options {
            users: options.mailboxes,
            mail: Some(mail.path().join("mail")),
            ..Default::default()
        });
        run_on_dovecot(seed, &server, truth, mail.path())
    });
}

/// Runs with one seed after the other until enough of them were killed while they ran.
fn kill_enough(kill: impl Fn(u64) -> bool) {
    let seeds = 0..KILLED * 2;
    let enough = usize::try_from(KILLED).unwrap();
    let killed = seeds.filter(|seed| kill(*seed)).take(enough).count();
    assert_eq!(killed, enough, "too many runs had ended before they were to be killed");
}

fn run_on_dovecot(seed: u64, server: &Dovecot, truth: Truth, mail: &Path) -> bool {
    let pristine = Pristine::with_mail(truth, |folder| {
        std::fs::write(folder.join("imap.password"), clawback_tests::dovecot::ADMIN_PASSWORD).unwrap();
        let mailboxes: Vec<String> = (1..=options().mailboxes).map(clawback_tests::dovecot::user).collect();
        format!(
            "connector = \"imap\"\nserver = {{ host = \"127.0.0.1\", port = {}, tls = \"none\" }}\n\
             auth = {{ kind = \"plain\", user = \"{}\", password-file = \"imap.password\" }}\nmailboxes = {mailboxes:?}\n",
            server.plain().port(),
            clawback_tests::dovecot::ADMIN,
        )
    });
    let site = pristine.folder.path().to_owned();
    pristine.kill_in(seed, &site, &mail.join("mail"))
}

impl Pristine {
    fn new(mailboxes: impl Fn(&Path, &maildirs::Options) -> (Truth, String)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (truth, store) = mailboxes(folder.path(), &options());
        let mut pristine = Self::prepare(folder, truth, &store);
        let trial = pristine.copy();
        let began = Instant::now();
        Clawback::at(trial.path()).ok(&["run", &pristine.id]);
        pristine.takes = began.elapsed();
        pristine
    }

    fn with_mail(truth: Truth, store: impl Fn(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        // A run on loopback: long enough to reach the end, short enough that most kills hit.
        Self { takes: Duration::from_millis(600), ..Self::prepare(folder, truth, &store) }
    }

    /// Prepares everything up to an approved plan.
    fn prepare(folder: tempfile::TempDir, truth: Truth, store: &str) -> Self {
        let clawback = Clawback::init(folder.path(), store);
        std::fs::write(folder.path().join("workflows/crash.yaml"), PLAYBOOK).unwrap();
        let sender = format!("sender={CAMPAIGN_SENDER}");
        let subject = format!("subject={CAMPAIGN_SUBJECT}");
        let planned = clawback.json(&["plan", "crash", "-i", &sender, "-i", &subject]);
        assert_eq!(planned["status"], "approved", "{planned}");
        assert_eq!(planned["counts"]["submitted"], 160, "{planned}");
        let id = planned["id"].as_str().unwrap().to_owned();
        Self { folder, truth, id, takes: Duration::ZERO }
    }

    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(self.folder.path(), copy.path());
        copy
    }

    fn kill(&self, seed: u64, site: &tempfile::TempDir) -> bool {
        self.kill_in(seed, site.path(), &site.path().join("mail"))
    }

    /// Runs, kills after a seeded time, runs to the end, checks. Returns whether it was still running when killed.
    fn kill_in(&self, seed: u64, site: &Path, mail: &Path) -> bool {
        let clawback = Clawback::at(site);
        let mut random = Random::new(seed + 1);
        let mut was_running = false;
        // One kill in three is followed by a second, in the middle of the recovery.
        for _ in 0..=u64::from(random.chance(33)) {
            was_running |= clawback.run_and_kill(&["run", &self.id], &mut random, self.takes);
        }
        let done = clawback.json(&["run", &self.id]);
        let counts = &done["counts"];
        assert_eq!(done["status"], "completed", "seed {seed}: {done}");
        assert_eq!((&counts["succeeded"], &counts["open"]), (&160.into(), &0.into()), "seed {seed}: {done}");
        let messages = clawback.json(&["show", &self.id, "--messages"]);
        let outcomes = messages["items"].as_array().unwrap();
        assert_eq!(outcomes.len(), 160, "seed {seed}");
        assert!(outcomes.iter().all(|message| message["outcome"] == "succeeded"), "seed {seed}: {messages}");
        let after = maildirs::snapshot(mail).unwrap();
        if let Err(wrong) = self.truth.check_campaign_removed(&after, Some("Recoverable Items")) {
            panic!("seed {seed}: {wrong}");
        }
        clawback.ok(&["verify"]);
        was_running
    }
}
