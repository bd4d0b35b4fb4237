//! `clawback --server`: whole remediations over a running server, with only its address and a token; the same output,
//! errors and exit codes as on the machine of the site.

mod authority;
mod site;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use clawback_tests::binary::{Clawback, binary};
use clawback_tests::mail::{CAMPAIGN_SENDER, CAMPAIGN_SUBJECT};
use clawback_tests::maildirs;
use clawback_tests::proxy::{self, Proxy};
use clawback_tests::served::Served;

const MAILDIR: &str = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";
const PLAYBOOK: &str = "playbook: purge
description: One vote of somebody else.
severity: high
on: { manual: {}, schedule: { cron: \"0 0 3 1 1 *\" } }
inputs:
  sender: { type: address, default: eve@evil.example }
  subject: { type: text, default: nothing }
steps:
  - search: { where: { from: \"${inputs.sender}\", subject-contains: \"${inputs.subject}\" } }
  - approve: { votes: 1, from: [approver], expires: 7d }
  - remediate: { action: soft-delete }
  - verify: {}
";
/// So slow that a connection can be cut while the answer is under way.
const SLOW: proxy::Options =
    proxy::Options { round_trip: Duration::from_secs(4), cut_after_bytes: None, cut_after: None, at_most: None };

struct Site {
    folder: tempfile::TempDir,
    admin: Clawback,
    truth: maildirs::Truth,
}

fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    // The folder of soft deletes is created beforehand, so that keywords, which are letters to a Maildir, mean the same
    // in it.
    let options = maildirs::Options { empty: vec!["Recoverable Items".to_owned()], ..Default::default() };
    let truth = maildirs::write(&folder.path().join("mail"), &options).unwrap();
    let admin = Clawback::init(folder.path(), MAILDIR);
    std::fs::write(folder.path().join("workflows/purge.yaml"), PLAYBOOK).unwrap();
    Site { folder, admin, truth }
}

fn purge(verb: &str) -> [String; 6] {
    let input = |name: &str, value: &str| format!("{name}={value}");
    let (sender, subject) = (input("sender", CAMPAIGN_SENDER), input("subject", CAMPAIGN_SUBJECT));
    [verb.to_owned(), "purge".to_owned(), "-i".to_owned(), sender, "-i".to_owned(), subject]
}

fn words(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn text<'a>(value: &'a serde_json::Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

#[test]
fn two_people_do_the_whole_job_over_a_server() {
    let site = site();
    let (ann, ben) = (site.admin.add("ann", "approver"), site.admin.add("ben", "approver"));
    let served = Served::start(&site.admin, &[]);
    let (ann_there, ben_there) = (ann.through(served.url()), ben.through(served.url()));
    let mail = site.folder.path().join("mail");

    let plan = purge("plan");
    let dry_run = [words(&plan), vec!["--dry-run", "--sample", "3"]].concat();
    let preview = ann_there.json(&dry_run);
    assert_eq!(preview["messages"].as_array().unwrap().len(), 3);
    assert_eq!(preview, ann.json(&dry_run));
    assert_eq!(ann_there.ok(&dry_run), ann.ok(&dry_run));
    let large = [words(&plan), vec!["--dry-run", "--sample", "2000"]].concat();
    ann.ok(&large);
    assert!(ann_there.fails(2, &large).contains("sample: at most 1000"));

    let pending = ann_there.json(&words(&purge("run")));
    assert_eq!((&pending["status"], &pending["plan_digest"]), (&"pending-approval".into(), &preview["plan_digest"]));
    let (id, digest) = (text(&pending, "id"), text(&pending, "plan_digest"));
    let shown = ann_there.ok(&["show", id]);
    assert!(shown.contains("requested by:     ann") && shown.contains(digest), "{shown}");
    assert!(ann_there.fails(1, &["approve", id]).contains("rule two-step: ann requested this remediation"));
    let other = digest.replace(['0', '1'], "2");
    assert!(ben_there.fails(1, &["approve", id, "--digest", &other]).contains("rule current-digest"));
    same(&site.admin, &served, id);

    let approval = text(&pending, "approval_id");
    let done = ben_there.json(&["approve", approval, "--digest", digest, "-m", "it is the campaign"]);
    assert_eq!((&done["status"], &done["decided_by"]), (&"completed".into(), &"ben".into()));
    let after = maildirs::snapshot(&mail).unwrap();
    site.truth.check_campaign_removed(&after, Some("Recoverable Items")).unwrap();
    assert!(ben_there.fails(1, &["approve", id]).contains("not waiting for approval"));

    let undo = ann_there.json(&["undo", id]);
    assert_eq!((&undo["status"], &undo["origin_of"]), (&"pending-approval".into(), &id.into()));
    let undone = ben_there.run(&["approve", text(&undo, "id"), "--watch"]);
    assert_eq!(undone.status.code(), Some(0), "{}", String::from_utf8_lossy(&undone.stderr));
    site.truth.snapshot().check(&maildirs::snapshot(&mail).unwrap()).unwrap();
    same(&site.admin, &served, id);
    let head = text(&site.admin.json(&["verify"]), "head").to_owned();
    assert_eq!(site.admin.through(served.url()).json(&["verify", "--head", &head])["head"], head.as_str());
}

/// Checks that the output is the same locally and over the server: as a table, as CSV and as JSON.
fn same(here: &Clawback, served: &Served, id: &str) {
    let there = here.through(served.url());
    for arguments in [
        &["history"][..],
        &["history", "--status", "completed", "--limit", "1"],
        &["history", "--name", "no such name"],
        &["pending"],
        &["show", id],
        &["show", id, "--messages"],
        &["show", id, "--events"],
        &["schedules", "list"],
        &["schedules", "next"],
        &["schedules", "slots", "purge"],
        &["playbooks", "list"],
        &["playbooks", "show", "purge"],
        &["verify"],
    ] {
        for format in ["table", "csv", "json"] {
            let arguments = [arguments, &["--format", format]].concat();
            let (one, other) = (here.run(&arguments), there.run(&arguments));
            let said = |output: &Output| {
                [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned())
            };
            assert_eq!((one.status.code(), said(&one)), (other.status.code(), said(&other)), "{arguments:?}");
            assert_eq!(one.status.code(), Some(0), "{arguments:?}");
        }
    }
}

#[test]
fn work_is_controlled_over_a_server() {
    let site = site();
    let (ann, ben) = (site.admin.add("ann", "analyst"), site.admin.add("ben", "approver"));
    let served = Served::start(&site.admin, &[]);
    let [ann, ben, admin] = [&ann, &ben, &site.admin].map(|who| who.through(served.url()));
    let pending = ann.json(&words(&purge("run")));
    let id = text(&pending, "id");
    let replanned = ann.json(&["plan", id]);
    assert_eq!((&replanned["id"], &replanned["status"]), (&id.into(), &"pending-approval".into()));
    assert!(ann.fails(2, &words(&purge("plan"))).contains("--dry-run"));
    assert_eq!(ann.json(&["cancel", id])["status"], "cancelled");
    assert!(ann.fails(1, &["resume", id]).contains("cancelled"));
    assert!(ann.fails(1, &["retry", id]).contains("no failed message"));

    let submit = ["submit", "--name", "By hand", "--action", "move-to-junk", "--from", CAMPAIGN_SENDER];
    assert_eq!(ann.run(&[&submit[..], &["--dry-run"]].concat()).status.code(), Some(0));
    let submitted = ann.json(&submit);
    assert_eq!(
        (&submitted["status"], &submitted["action_source"]),
        (&"pending-approval".into(), &"explorer".into()),
        "{submitted}"
    );
    let rejected = ben.json(&["reject", text(&submitted, "id"), "-m", "our own newsletter"]);
    assert_eq!((&rejected["status"], &rejected["decided_by"]), (&"rejected".into(), &"ben".into()));

    assert!(ann.fails(1, &["halt", "--reason", "a drill"]).contains("needs the role admin"));
    assert_eq!(admin.json(&["halt", "--reason", "a drill"])["halted"]["reason"], "a drill");
    let halted = ann.run(&["pending"]);
    assert!(String::from_utf8_lossy(&halted.stderr).contains("THE SITE IS HALTED"), "{halted:?}");
    let kept = ann.run(&words(&purge("run")));
    let said = String::from_utf8_lossy(&kept.stderr).into_owned();
    assert!(said.contains("the site is halted since") && said.contains("is queued, and goes on by itself"), "{said}");
    assert_eq!(kept.status.code(), Some(0), "{said}");
    assert!(admin.ok(&["unhalt"]).contains("the site goes on; it was halted since"));
    assert!(admin.ok(&["unhalt"]).contains("was not halted"));

    assert_eq!(ann.ok(&["schedules", "pause", "purge"]), "paused purge\n");
    assert!(String::from_utf8_lossy(&ann.run(&["schedules", "next", "purge"]).stderr).contains("purge is paused"));
    assert_eq!(ann.ok(&["schedules", "resume", "purge"]), "resumed purge\n");
    let by_hand = ann.json(&["schedules", "run", "purge"]);
    assert_eq!((&by_hand["status"], &by_hand["requested_by"]), (&"nothing-to-do".into(), &"ann".into()));
}

#[test]
fn a_connection_that_breaks_submits_once() {
    let site = site();
    let served = Served::start(&site.admin, &["--no-worker"]);
    let proxy = Proxy::start(served.socket(), SLOW).unwrap();
    let far = site.admin.through(&format!("http://{}", proxy.address()));
    let near = site.admin.through(served.url());
    let mut submitting = far.command(&[words(&purge("run")), vec!["--no-run", "--format", "json"]].concat());
    let submitting = submitting.stdout(Stdio::piped()).spawn().unwrap();
    let known = || near.json(&["history"])["items"].as_array().unwrap().len();
    let submitted = (0..200).any(|_| known() == 1);
    assert!(submitted, "the first request arrives");
    // The answer takes two seconds.
    proxy.cut();
    let output = submitting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((told["status"].as_str(), known(), proxy.connections()), (Some("queued"), 1, 2));
    let waits = near.fails(1, &["run", text(&told, "id")]);
    assert!(waits.contains("no worker runs, so R-"), "{waits}");
}

#[test]
fn mistakes_are_named_as_they_are_on_the_machine_itself() {
    let site = site();
    let served = Served::start(&site.admin, &["--no-worker"]);
    let there = site.admin.through(served.url());
    for arguments in [
        &["show", "R-000000000000"][..],
        &["show", "A-000000000000"],
        &["show", "../halt"],
        &["approve", "R-000000000000"],
        &["run", "no-such-playbook"],
        &["run", "purge", "-i", "colour=red"],
        &["playbooks", "show", "no-such-playbook"],
        &["schedules", "pause", "no-such-schedule"],
        &["schedules", "next", "no-such-schedule"],
        &["history", "--approval-id", "x"],
        &["export", "R-000000000000"],
        &["export", "../halt"],
        &["check", "no-such-playbook"],
        &["check", "/no/such/file.yaml"],
        &["connectors", "describe", "no-such-store"],
        &["sweeps", "stop", "R-000000000000"],
        &["evidence", "list", "--remediation", "A-000000000000"],
        &["evidence", "list", "--after", "x"],
        &["evidence", "get", "--remediation", "R-000000000000", "--message", "x"],
        &["evidence", "verify"],
        &["principals", "add", "admin", "--role", "viewer"],
        &["principals", "add", "a/b", "--role", "viewer"],
        &["principals", "add", "..", "--role", "viewer"],
        &["principals", "roles", "nobody", "--role", "viewer"],
        &["principals", "token", "nobody"],
        &["principals", "revoke", "admin", "no such token"],
    ] {
        let (here, there) = (site.admin.run(arguments), there.run(arguments));
        let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
        // A remote caller gets no paths of the server.
        let folder = site.folder.path().display();
        let here_said = said(&here).replace(&format!(" in {folder}/workflows"), "").replace(&format!("{folder}/"), "");
        assert_eq!((here.status.code(), here_said), (there.status.code(), said(&there)), "{arguments:?}");
        assert_ne!(here.status.code(), Some(0), "{arguments:?}");
    }
}

#[tokio::test]
async fn what_a_command_is_refused_on_the_machine_itself_is_listed_too() {
    let site = site();
    let ann = site.admin.add("ann", "viewer");
    assert!(ann.fails(1, &["halt", "--reason", "a drill"]).contains("needs the role admin"));
    let url = format!("sqlite:{}", site.folder.path().join("clawback.db").display());
    let refusals = clawback_store::Store::open(&url).await.unwrap().refusals(10).await.unwrap();
    let listed: Vec<_> =
        refusals.iter().map(|one| (one.principal.as_deref(), one.source.as_str(), one.request.as_str())).collect();
    assert_eq!(listed, [(Some("ann"), "127.0.0.1", "POST /api/v1/halt")]);
}

/// A server that redirects every request to another address.
fn sends_elsewhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // The head of the request arrives in one piece, and has no body.
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let answer =
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

#[test]
fn invalid_servers_and_tokens_are_named() {
    let site = site();
    let served = Served::start(&site.admin, &["--no-worker"]);
    let there = site.admin.through(served.url());
    // Without a token, with an invalid one, and with the administrator's; the address is in the environment.
    let token = std::fs::read_to_string(site.folder.path().join("admin.token")).unwrap();
    for (token, code, says) in [
        (None, 2, "a server asks for a token, and none is named"),
        (Some("cbk_forged"), 1, "token"),
        (Some("\u{e9}\n!"), 2, "the token has characters"),
        (Some(token.as_str()), 0, "no remediation matches"),
    ] {
        let mut command = Command::new(binary());
        command.arg("history").env("CLAWBACK_SERVER", served.url()).env_remove("CLAWBACK_TOKEN").current_dir("/");
        command.envs(token.map(|token| ("CLAWBACK_TOKEN", token)));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{token:?}: {said}");
        assert!(said.contains(says), "{token:?}: {said}");
    }
    let moved = sends_elsewhere();
    let elsewhere = format!("{}/elsewhere", served.url());
    for (url, code, says) in [
        ("http://127.0.0.1:1", 1, "http://127.0.0.1:1/ cannot be reached"),
        ("http://clawback.example", 2, "a token would travel in the clear"),
        ("ftp://127.0.0.1", 2, "must start with https://"),
        ("clawback.example", 2, "--server clawback.example"),
        (elsewhere.as_str(), 2, "answered 404 Not Found, and not as an Action Center does"),
        (moved.as_str(), 2, "sends to https://evil.example/, and a token is sent nowhere else"),
    ] {
        let said = site.admin.through(url).fails(code, &["history"]);
        assert!(said.contains(says), "{url}: {said}");
    }
    for arguments in
        [&["init"][..], &["worker"], &["serve"], &["doctor"], &["backup", "x"], &["retention", "run"], &["demo"]]
    {
        let said = there.fails(2, arguments);
        assert!(said.contains("works on the machine of the site itself"), "{arguments:?}: {said}");
    }
}
