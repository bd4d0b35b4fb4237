//! Files that decide what is done, and files that hold a secret: created for their owner alone, and refused if others
//! could have written them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clawback_tests::binary::{Clawback, binary};

const STORE: &str = "connector = \"maildir\"\ndirectory = \"mail\"\n";

fn mailbox(site: &Path) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(site.join("mail/u1").join(part)).unwrap();
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Everything in a folder, including the folder.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() { found.extend(everything(&path)) } else { found.push(path) }
    }
    found
}

/// Runs the binary under a umask of 0.
fn unmasked(arguments: &[&Path]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$@\"", "sh"]).arg(binary()).args(arguments);
    command.output().unwrap()
}

#[test]
fn created_files_are_private_whatever_the_umask() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let demo = folder.path().join("demo");
    let path = Path::new;
    let made = [
        unmasked(&[path("init"), &site]),
        unmasked(&[path("--config"), &site, path("doctor")]),
        unmasked(&[path("--config"), &site, path("backup"), &site.join("copy.db")]),
        unmasked(&[
            path("demo"),
            path("--folder"),
            &demo,
            path("--mailboxes"),
            path("3"),
            path("--messages"),
            path("5"),
        ]),
    ];
    for output in &made {
        // Without a store `doctor` has a finding; it still opened everything.
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
    }
    let mut seen = 0;
    // The mail of the demo belongs to a mail server, not to us.
    for path in [everything(&site), everything(&demo)].concat() {
        if path.starts_with(demo.join("mail")) {
            continue;
        }
        let others = mode(&path) & 0o077;
        assert_eq!(others, 0, "{} has mode {:o}", path.display(), mode(&path));
        seen += 1;
    }
    assert!(seen > 20, "{seen} files");
    assert!(site.join("copy.db").exists() && demo.join("cache").exists());
}

#[test]
fn files_that_others_can_write_are_refused_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    mailbox(folder.path());
    let clawback = Clawback::init(folder.path(), STORE);
    let plan = ["submit", "--name", "x", "--action", "soft-delete", "--from", "nobody@x.example", "--dry-run"];
    clawback.ok(&plan);
    let workflows = folder.path().join("workflows");
    let script = folder.path().join("scripts/vip-guard.rhai");
    let playbook = workflows.join("purge-phish-campaign.yaml");
    let commands: [&[&str]; 5] =
        [&["history"], &["check"], &["doctor"], &["connectors", "check"], &["principals", "list"]];
    for (path, bad) in [
        (folder.path().join("clawback.toml"), 0o666),
        (folder.path().join("clawback.toml"), 0o620),
        (folder.path().to_owned(), 0o777),
    ] {
        let good = mode(&path);
        set(&path, bad);
        for command in commands {
            let said = clawback.fails(2, command);
            assert!(
                said.contains("can be changed by other users") && said.contains("chmod go-w"),
                "{command:?}: {said}"
            );
        }
        set(&path, good);
    }
    for (path, bad) in [(&playbook, 0o666), (&workflows, 0o777)] {
        let good = mode(path);
        set(path, bad);
        let said = clawback.fails(2, &["plan", "purge-phish-campaign"]);
        assert!(said.contains("can be changed by other users"), "{said}");
        let said = clawback.run(&["doctor"]);
        assert_eq!(said.status.code(), Some(1));
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains("WRONG  playbooks folder"), "{said}");
        set(path, good);
    }
    set(&script, 0o666);
    let said = clawback.run(&["doctor"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("WRONG  scripts folder") && said.contains("vip-guard.rhai` can be changed"), "{said}");
    set(&script, 0o600);
    let database = folder.path().join("clawback.db");
    set(&database, 0o666);
    let said = clawback.fails(1, &["history"]);
    assert!(said.contains("the database file") && said.contains("can be changed by other users"), "{said}");
    set(&database, 0o600);
    let token = folder.path().join("admin.token");
    for bad in [0o640, 0o660, 0o602, 0o666] {
        set(&token, bad);
        for command in [&["history"][..], &["principals", "list"]] {
            let said = clawback.fails(2, command);
            assert!(said.contains("token file") && said.contains("chmod"), "{bad:o}: {said}");
        }
    }
    set(&token, 0o600);
    clawback.ok(&plan);
}

#[test]
fn an_export_follows_no_link() {
    let folder = tempfile::tempdir().unwrap();
    mailbox(folder.path());
    let clawback = Clawback::init(folder.path(), STORE);
    let made = clawback.json(&["submit", "--name", "x", "--action", "soft-delete", "--from", "nobody@x.example"]);
    let id = made["id"].as_str().unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let out = folder.path().join("out.jsonl");
    symlink(&victim, &out).unwrap();
    symlink(&victim, folder.path().join("out.jsonl.part")).unwrap();
    clawback.ok(&["export", id, "--output", out.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(fs::symlink_metadata(&out).unwrap().is_file());
    assert_eq!(mode(&out), 0o600);
    assert!(fs::read_to_string(&out).unwrap().contains(id));
}

#[test]
fn a_login_without_tls_must_be_allowed_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("imap.password"), "hunter2").unwrap();
    // An address for documentation (RFC 5737): nothing answers there, and nothing is dialled before the refusal.
    let store = |rest: &str| {
        format!(
            "connector = \"imap\"\nmailboxes = [\"a@x.example\"]\nlimits = {{ connect-timeout = \"1s\" }}\n\
             server = {{ host = \"192.0.2.1\", tls = \"none\"{rest} }}\n\
             auth = {{ kind = \"plain\", user = \"x\", password-file = \"imap.password\" }}\n"
        )
    };
    let refused = folder.path().join("refused");
    fs::create_dir(&refused).unwrap();
    fs::copy(folder.path().join("imap.password"), refused.join("imap.password")).unwrap();
    let clawback = Clawback::init(&refused, &store(""));
    let said = clawback.fails(1, &["doctor"]);
    let output = String::from_utf8_lossy(&clawback.run(&["doctor"]).stdout).into_owned();
    assert!(output.contains("in the clear") && output.contains("allow-cleartext = true"), "{output}{said}");
    assert!(!output.contains("NOTE   store"), "{output}");
    let allowed = folder.path().join("allowed");
    fs::create_dir(&allowed).unwrap();
    fs::copy(folder.path().join("imap.password"), allowed.join("imap.password")).unwrap();
    let clawback = Clawback::init(&allowed, &store(", allow-cleartext = true"));
    let output = String::from_utf8_lossy(&clawback.run(&["doctor"]).stdout).into_owned();
    assert!(output.contains("NOTE   store corp: 192.0.2.1 is spoken to in the clear"), "{output}");
    assert!(!output.contains("allow-cleartext = true"), "{output}");
}
