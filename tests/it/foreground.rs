//! Commands in the foreground, with others that work on the same remediation: they watch and take over, are held by a
//! halt, and are interrupted; nothing that was requested is lost, and each says what continues without it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use clawback_tests::binary::Clawback;
use clawback_tests::mail::CAMPAIGN_SENDER;
use clawback_tests::maildirs;

/// Messages of the campaign, in as many mailboxes.
const MESSAGES: usize = 12;
const PLAYBOOK: &str = "playbook: purge
description: Every submitter may run it.
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: soft-delete, batch: 4 }
";
/// The time limit of every step.
const LONG: Duration = Duration::from_mins(1);

struct Site {
    folder: tempfile::TempDir,
    admin: Clawback,
}

impl Site {
    /// A site whose store allows this many calls per second, so that its work takes long enough for the test to
    /// intervene.
    fn new(calls_per_second: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let campaign = MESSAGES;
        let options = maildirs::Options {
            mailboxes: campaign,
            messages: campaign * 3,
            campaign,
            decoys: 0,
            traps: 0,
            empty: vec!["Recoverable Items".to_owned()],
            ..Default::default()
        };
        maildirs::write(&folder.path().join("mail"), &options).unwrap();
        let store = format!(
            "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = {{ maildir = \"Maildir\" }}\n\
             limits = {{ calls-per-second = {calls_per_second} }}\n"
        );
        let admin = Clawback::init(folder.path(), &store);
        std::fs::write(folder.path().join("workflows/purge.yaml"), PLAYBOOK).unwrap();
        Self { folder, admin }
    }

    fn sender() -> String {
        format!("sender={CAMPAIGN_SENDER}")
    }

    /// A plan that has not been started.
    fn planned(&self) -> String {
        let planned = self.admin.json(&["plan", "purge", "-i", &Self::sender()]);
        assert_eq!((&planned["status"], &planned["counts"]["submitted"]), (&"approved".into(), &MESSAGES.into()));
        planned["id"].as_str().unwrap().to_owned()
    }

    fn show(&self, id: &str) -> serde_json::Value {
        self.admin.json(&["show", id])["remediation"].take()
    }

    /// Waits until some of the messages have their outcome, but not all.
    fn until_under_way(&self, id: &str) {
        until(|| {
            let counts = &self.show(id)["counts"];
            let (succeeded, open) = (counts["succeeded"].as_u64().unwrap(), counts["open"].as_u64().unwrap());
            assert!(open > 0, "it ended before it could be observed");
            succeeded > 0
        });
    }

    fn removed(&self) -> usize {
        let mail = maildirs::snapshot(&self.folder.path().join("mail")).unwrap();
        mail.entries().filter(|entry| entry.folder == "Recoverable Items").count()
    }
}

fn until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < end, "it did not happen");
    }
}

pub(crate) fn start(clawback: &Clawback, arguments: &[&str]) -> Child {
    clawback.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Whether it handles Ctrl-C.
fn is_ready(child: &Child) -> bool {
    const INTERRUPT: u64 = 1 << 1;
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & INTERRUPT != 0
}

/// Reads the output of a command until this line.
pub(crate) fn until_said(child: &mut Child, words: &str) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(words)), "it never said {words}");
    std::thread::spawn(move || lines.for_each(drop));
}

#[test]
fn a_command_that_watches_another_ends_as_if_it_had_done_the_work() {
    let site = Site::new(4);
    let id = site.planned();
    let first = start(&site.admin, &["run", &id]);
    site.until_under_way(&id);
    let beside = said(&site.admin.run(&["run", &id]));
    let first = said(&first.wait_with_output().unwrap());
    assert!(beside.2.contains("another node works on"), "{beside:?}");
    assert_eq!((beside.0, &beside.1), (Some(0), &first.1), "{beside:?}\n{first:?}");
    assert!(beside.1.contains(&format!("{MESSAGES} succeeded")), "{beside:?}");
}

#[test]
fn a_command_continues_the_work_of_a_dead_node() {
    let site = Site::new(4);
    let id = site.planned();
    let mut first = start(&site.admin, &["run", &id]);
    site.until_under_way(&id);
    let mut beside = start(&site.admin, &["run", &id, "--format", "json"]);
    until_said(&mut beside, "this command looks on");
    first.kill().unwrap();
    first.wait().unwrap();
    let done = beside.wait_with_output().unwrap();
    let done: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&done["status"], &done["counts"]["succeeded"]), (&"completed".into(), &MESSAGES.into()), "{done}");
    assert_eq!(site.removed(), MESSAGES);
    site.admin.ok(&["verify"]);
}

#[test]
fn no_command_fails_because_a_worker_is_faster() {
    let site = Site::new(1_000);
    let worker = Running(start(&site.admin, &["worker"]));
    let first = || site.admin.json(&["run", "purge", "-i", &Site::sender()]);
    let mut ran = first();
    for _ in 0..4 {
        assert_eq!((&ran["status"], &ran["counts"]["succeeded"]), (&"completed".into(), &MESSAGES.into()), "{ran}");
        let undone = site.admin.json(&["undo", ran["id"].as_str().unwrap()]);
        assert_eq!((&undone["status"], &undone["counts"]["succeeded"]), (&"completed".into(), &MESSAGES.into()));
        ran = first();
    }
    let mailbox = site.admin.json(&["show", ran["id"].as_str().unwrap(), "--messages"])["items"][0]["mailbox"].take();
    let from = ["--from", CAMPAIGN_SENDER, "--mailbox", mailbox.as_str().unwrap(), "--action", "move-to-junk"];
    site.admin.ok(&["undo", ran["id"].as_str().unwrap()]);
    for (name, watch) in [("joined", None), ("left", Some("--watch"))] {
        let words = ["submit", "--name", name].into_iter().chain(from).chain(watch);
        let submitted = site.admin.json(&words.collect::<Vec<_>>());
        assert_eq!(submitted["status"], "completed", "{submitted}");
        site.admin.ok(&["undo", submitted["id"].as_str().unwrap(), "--watch"]);
    }
    drop(worker);
}

/// A worker that ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_halt_keeps_requests_and_every_command_reports_it() {
    let site = Site::new(1_000);
    let admin = &site.admin;
    let from = ["--from", CAMPAIGN_SENDER, "--action", "move-to-junk"];
    let asked = site.planned();
    let messages = admin.json(&["show", &asked, "--messages"]);
    let mailbox = messages["items"][0]["mailbox"].as_str().unwrap();
    let done = admin.json(&[&["submit", "--name", "first", "--mailbox", mailbox], &from[..]].concat());
    assert_eq!((&done["status"], &done["counts"]["succeeded"]), (&"completed".into(), &1.into()), "{done}");
    let done = done["id"].as_str().unwrap();
    admin.ok(&["halt", "--reason", "a drill"]);
    let kept = |arguments: &[&str], status: &str| {
        let output = admin.command(arguments).args(["--format", "json"]).output().unwrap();
        let told = said(&output);
        assert_eq!(told.0, Some(0), "{arguments:?}: {told:?}");
        assert!(told.2.contains("the site is halted since") && told.2.contains("a drill"), "{told:?}");
        assert!(told.2.contains(&format!("is {status}, and goes on by itself once")), "{arguments:?}: {told:?}");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["id"].as_str().unwrap().to_owned()
    };
    let queued = kept(&[&["submit", "--name", "in a halt"], &from[..]].concat(), "queued");
    let run = kept(&["run", "purge", "-i", &Site::sender()], "queued");
    let undo = kept(&["undo", done], "queued");
    kept(&["run", &asked], "approved");
    kept(&["pause", &asked], "approved");
    kept(&["cancel", &run], "queued");
    assert_eq!(site.removed(), 0, "nothing is touched");
    admin.ok(&["unhalt"]);
    until(|| {
        admin.ok(&["worker", "--once"]);
        [&queued, &run, &undo].iter().all(|id| {
            let status = site.show(id)["status"].clone();
            status != "queued" && status != "planning" && status != "approved" && status != "in-progress"
        })
    });
    assert_eq!(site.show(&undo)["status"], "completed");
    assert_eq!(site.show(&run)["status"], "cancelled");
    assert_eq!(site.show(&asked)["status"], "paused");

    admin.ok(&["halt", "--reason", "a drill again"]);
    let output = said(&admin.run(&["resume", &asked]));
    assert_eq!(output.0, Some(0), "{output:?}");
    assert!(output.2.contains("is in-progress, and goes on by itself once"), "{output:?}");
    admin.ok(&["unhalt"]);
    assert!(admin.fails(1, &["resume", &asked]).contains("a `clawback worker` continues it"));
    let ended = admin.json(&["run", &asked]);
    assert_eq!((&ended["status"], &ended["counts"]["succeeded"]), (&"completed".into(), &MESSAGES.into()), "{ended}");
    admin.ok(&["verify"]);
}

#[test]
fn an_interrupt_ends_the_calls_under_way_and_reports_what_continues() {
    let site = Site::new(4);
    let id = site.planned();
    let running = start(&site.admin, &["run", &id]);
    site.until_under_way(&id);
    signal(&running, "-INT");
    let (code, shown, told) = said(&running.wait_with_output().unwrap());
    assert_eq!(code, Some(130), "{shown}{told}");
    let done = site.removed();
    assert!(0 < done && done < MESSAGES, "{done}");
    for words in [
        "stopping: calls under way are ended and recorded",
        &format!("interrupted: {done} of {MESSAGES} messages are done"),
        &format!("it goes on by itself with a `clawback worker`, or: clawback run {id}"),
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(shown.contains("in-progress") && shown.contains(&format!("{done} succeeded")), "{shown}");
    let messages = site.admin.json(&["show", &id, "--messages"]);
    let known = messages["items"].as_array().unwrap().iter().filter(|one| one["outcome"] == "succeeded").count();
    assert_eq!(known, done, "what the last calls did is recorded");
    assert!(site.admin.fails(1, &["resume", &id]).contains("only a paused remediation can be resumed"));
    let went_on = said(&site.admin.run(&["run", &id]));
    assert_eq!(went_on.0, Some(0), "{went_on:?}");
    assert!(!went_on.2.contains("another node"), "it was handed back: {went_on:?}");
    assert_eq!(site.removed(), MESSAGES);
    site.admin.ok(&["verify"]);
}

#[test]
fn work_continues_after_a_watcher_leaves() {
    let site = Site::new(4);
    let id = site.planned();
    let worker = start(&site.admin, &["run", &id]);
    site.until_under_way(&id);
    let watching = start(&site.admin, &["run", &id, "--watch"]);
    let mut joined = start(&site.admin, &["run", &id]);
    until_said(&mut joined, "this command looks on");
    for child in [watching, joined] {
        until(|| is_ready(&child));
        signal(&child, "-INT");
        let (code, shown, told) = said(&child.wait_with_output().unwrap());
        assert_eq!(code, Some(130), "{shown}{told}");
        assert!(shown.contains("in-progress"), "{shown}{told}");
    }
    assert_eq!(worker.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(site.show(&id)["status"], "completed");
}
