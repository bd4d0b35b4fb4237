//! Commands about the site over a server: principals and tokens, exports, stores, checks of playbooks. (`evidence`
//! tests evidence over a server.)

use std::path::Path;

use clawback_tests::binary::{Clawback, write_secret};
use clawback_tests::mail::CAMPAIGN_SENDER;
use clawback_tests::served::Served;

use super::{purge, site, text, words};

const PASSWORD: &str = "correct horse battery staple";

#[test]
fn principals_and_tokens_are_managed_over_a_server() {
    let site = site();
    let served = Served::start(&site.admin, &["--no-worker"]);
    let admin = site.admin.through(served.url());
    let ann = site.admin.add("ann", "analyst").through(served.url());

    assert_eq!(
        admin.ok(&[
            "principals",
            "add",
            "siem",
            "--role",
            "analyst",
            "--role",
            "viewer",
            "--service",
            "--owner",
            "ann"
        ]),
        "added siem\n"
    );
    let file = site.folder.path().join("siem.token");
    let file = file.to_str().unwrap();
    admin.ok(&["principals", "token", "siem", "--label", "prod", "--days", "30", "--role", "viewer", "--output", file]);
    assert!(admin.fails(1, &["principals", "token", "siem", "--label", "prod"]).contains("exists"));
    assert!(admin.fails(1, &["principals", "token", "siem", "--output", file]).contains("cannot be written"));
    assert!(
        admin.fails(1, &["principals", "token", "siem", "--output", "/no/such/folder/x"]).contains("cannot be written")
    );
    let unused = site.folder.path().join("unused.token");
    admin.fails(2, &["principals", "token", "siem", "--days", "9999", "--output", unused.to_str().unwrap()]);
    assert!(!unused.exists(), "no file without a token");
    let tokens = admin.json(&["principals", "tokens"]);
    let listed: Vec<_> = tokens["items"].as_array().unwrap().iter().filter(|one| one["principal"] == "siem").collect();
    assert_eq!((listed.len(), &listed[0]["label"], &listed[0]["roles"][0]), (1, &"prod".into(), &"viewer".into()));

    let siem = admin.with_token(Path::new(file));
    siem.ok(&["history"]);
    assert!(siem.fails(1, &words(&purge("run"))).contains("needs the role analyst"), "its token is a viewer's");
    admin.ok(&["principals", "revoke", "siem", "prod"]);
    admin.ok(&["principals", "revoke", "siem", "prod"]);
    assert!(siem.fails(1, &["history"]).contains("unknown, expired or revoked"));
    assert!(admin.fails(1, &["principals", "revoke", "siem", "none"]).contains("none"));

    admin.ok(&["principals", "roles", "siem", "--role", "approver", "--role", "viewer", "--role", "viewer"]);
    let everybody = ann.json(&["principals", "list"]);
    let siem = everybody["items"].as_array().unwrap().iter().find(|one| one["name"] == "siem").unwrap();
    assert_eq!((&siem["kind"], &siem["roles"]), (&"service".into(), &serde_json::json!(["viewer", "approver"])));

    let secret = site.folder.path().join("password");
    write_secret(&secret, &format!("{PASSWORD}\n")).unwrap();
    let from = ["--from", secret.to_str().unwrap()];
    assert_eq!(admin.ok(&[&["principals", "password", "ann"][..], &from].concat()), "set the password of ann\n");
    assert!(ann.fails(1, &[&["principals", "password", "ann"][..], &from].concat()).contains("needs the role admin"));
    write_secret(&secret, "short\n").unwrap();
    assert!(admin.fails(2, &[&["principals", "password", "ann"][..], &from].concat()).contains("at least 15"));
    let own = ann.json(&["principals", "tokens"]);
    assert!(own["items"].as_array().unwrap().iter().all(|one| one["principal"] == "ann"), "{own}");

    // Answers that are kept for repeated requests contain no secret.
    let bytes = std::fs::read(site.folder.path().join("clawback.db")).unwrap();
    let wal = std::fs::read(site.folder.path().join("clawback.db-wal")).unwrap_or_default();
    for secret in [std::fs::read_to_string(file).unwrap().trim(), PASSWORD] {
        let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!holds(&bytes) && !holds(&wal), "the database holds a secret");
    }
    same(&site.admin, &admin, &[&["principals", "list"], &["principals", "tokens"]], &["table", "csv", "json"]);
    site.admin.ok(&["verify"]);
}

#[test]
fn stores_are_checked_and_exports_made_over_a_server() {
    let site = site();
    let served = Served::start(&site.admin, &[]);
    let admin = site.admin.through(served.url());
    let done = admin.json(&["submit", "--name", "By hand", "--action", "move-to-junk", "--from", CAMPAIGN_SENDER]);
    let (id, approval) = (text(&done, "id"), text(&done, "approval_id"));
    site.admin.add("ben", "approver").through(served.url()).ok(&["approve", id]);

    same(&site.admin, &admin, &[&["sweeps", "list"], &["evidence", "list"]], &["table", "csv", "json"]);
    same(&site.admin, &admin, &[&["connectors", "list"], &["connectors", "describe", "corp"]], &["table", "json"]);
    same(&site.admin, &admin, &[&["export", id], &["export", approval]], &["json", "ocsf", "o365-air"]);
    same(&site.admin, &admin, &[&["export", id, "--plan"]], &["table"]);
    assert_eq!(admin.ok(&["export", approval, "--plan"]).lines().next(), Some("clawback plan 2"));
    let lines = admin.ok(&["export", id]);
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    assert_eq!(lines.matches("\"record\":\"message\"").count() as u64, done["counts"]["submitted"].as_u64().unwrap());
    let file = site.folder.path().join("export.jsonl");
    admin.ok(&["export", id, "--output", file.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines);
    for who in [&site.admin, &admin] {
        who.fails(1, &["export", "R-000000000000", "--output", file.to_str().unwrap()]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), lines, "it is what it was");
    }
    assert!(!site.folder.path().join("export.jsonl.part").exists());
    assert!(admin.fails(2, &["connectors", "describe", ".."]).contains("`..` is no name"));

    let answers = admin.ok(&["connectors", "check"]);
    assert!(answers.starts_with("ok     corp: ") && answers.contains("login included"), "{answers}");
    let maildir = site.folder.path().join("mail/acme.test/u0001/Maildir");
    std::fs::remove_dir_all(&maildir).unwrap();
    std::fs::write(&maildir, "not a folder").unwrap();
    let output = admin.run(&["connectors", "check", "corp"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"WRONG  corp\n".as_slice()), "{output:?}");
}

#[test]
fn playbooks_are_checked_against_what_a_server_has() {
    let site = site();
    let served = Served::start(&site.admin, &["--no-worker"]);
    let admin = site.admin.through(served.url());
    let folder = site.folder.path();
    let [good, bad] = ["good.yaml", "bad.yaml"].map(|name| folder.join(name).display().to_string());
    std::fs::copy(folder.join("workflows/purge.yaml"), &good).unwrap();
    std::fs::write(&bad, super::PLAYBOOK.replace("soft-delete", "send-to-moon").replace("votes: 1", "votes: one"))
        .unwrap();
    same(&site.admin, &admin, &[&["check"], &["check", "purge"], &["check", &good]], &["table", "json"]);
    for format in ["table", "json"] {
        let arguments = ["check", "purge", &bad, "--format", format];
        let (here, there) = (site.admin.run(&arguments), admin.run(&arguments));
        assert_eq!(
            (here.status.code(), &here.stdout, &here.stderr),
            (Some(2), &there.stdout, &there.stderr),
            "{format}"
        );
        assert_eq!(there.status.code(), Some(2));
    }
    assert!(admin.fails(2, &["check", &bad]).contains("send-to-moon"));
}

#[test]
fn a_principal_is_added_over_a_server_and_approves() {
    let site = site();
    let served = Served::start(&site.admin, &[]);
    let admin = site.admin.through(served.url());
    let pending = admin.json(&words(&purge("run")));
    admin.ok(&["principals", "add", "ben", "--role", "approver"]);
    let file = site.folder.path().join("ben.token");
    admin.ok(&["principals", "token", "ben", "--output", file.to_str().unwrap()]);
    let refused = admin.with_token(&file).fails(1, &["approve", text(&pending, "id")]);
    assert!(refused.contains("was made by admin") && refused.contains("clawback take-over"), "{refused}");
    let ben = admin.taken_over("ben", &file);
    let done = ben.json(&["approve", text(&pending, "id")]);
    assert_eq!((&done["status"], &done["decided_by"]), (&"completed".into(), &"ben".into()));
}

/// Checks that these commands have the same output locally and over the server, in each of these formats, and succeed.
fn same(here: &Clawback, there: &Clawback, commands: &[&[&str]], formats: &[&str]) {
    for arguments in commands {
        for format in formats {
            let arguments = [*arguments, &["--format", format]].concat();
            let said = [here, there].map(|who| {
                let output = who.run(&arguments);
                (output.status.code(), [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()))
            });
            assert_eq!(said[0], said[1], "{arguments:?}");
            assert_eq!(said[0].0, Some(0), "{arguments:?}: {said:?}");
        }
    }
}
