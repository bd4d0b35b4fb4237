//! A selection says what the person meant: texts as typed, picks of every message, and the summary that repeats it.

use std::fmt::Write as _;
use std::path::Path;

use clawback_tests::binary::Clawback;
use serde_json::Value;

const SUBJECT: &str = "Dear customer, your account is locked";

/// One mailbox with these messages.
fn site(messages: &[(&str, String)]) -> (tempfile::TempDir, Clawback) {
    let folder = tempfile::tempdir().unwrap();
    for (number, (place, raw)) in messages.iter().enumerate() {
        let cur = folder.path().join("mail/u0001").join(place).join("cur");
        std::fs::create_dir_all(&cur).unwrap();
        std::fs::write(cur.join(format!("17000000{number:02}.M{number}P1.host:2,S")), raw).unwrap();
    }
    let clawback = Clawback::init(folder.path(), "connector = \"maildir\"\ndirectory = \"mail\"\n");
    (folder, clawback)
}

fn mail(id: &str, subject: &str) -> String {
    let id = if id.is_empty() { String::new() } else { format!("Message-ID: {id}\r\n") };
    format!("From: eve@evil.example\r\n{id}Subject: {subject}\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\nBody\r\n")
}

fn ids(found: &Value) -> Vec<&str> {
    let mut ids: Vec<&str> =
        found["messages"].as_array().unwrap().iter().map(|one| one["message_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

const SUBMIT: [&str; 6] = ["submit", "--name", "x", "--action", "soft-delete", "--dry-run"];

fn submit(clawback: &Clawback, with: &[&str]) -> Value {
    clawback.json(&[&SUBMIT[..], with].concat())
}

fn picks(folder: &Path, lines: &str) -> String {
    let path = folder.join("picks.txt");
    std::fs::write(&path, lines).unwrap();
    path.display().to_string()
}

#[test]
fn a_comma_does_not_separate_values() {
    let (_folder, clawback) = site(&[
        ("", mail("<1@x>", SUBJECT)),
        ("", mail("<2@x>", "Dear customer survey")),
        ("", mail("<3@x>", "Lunch? your account is locked out of the canteen")),
    ]);
    let found = submit(&clawback, &["--subject", SUBJECT]);
    assert_eq!(ids(&found), ["<1@x>"]);
    let words = found["selection"].as_str().unwrap();
    assert!(words.contains("subject contains \"Dear customer, your account is locked\""), "{words}");
    assert!(words.contains("in all folders but Recoverable Items and Quarantine"), "{words}");
    let both = submit(&clawback, &["--subject", SUBJECT, "--subject", "customer survey"]);
    assert_eq!(ids(&both), ["<1@x>", "<2@x>"]);
    assert!(both["selection"].as_str().unwrap().contains("locked\" or \"customer survey\""), "{both}");
    let given = format!("subject={SUBJECT}");
    let plan = ["plan", "manual", "--dry-run", "-i", "action=soft-delete", "-i"];
    assert_eq!(ids(&clawback.json(&[&plan[..], &[given.as_str()]].concat())), ["<1@x>"]);
    let two = [&plan[..], &[given.as_str(), "-i", "subject=canteen"]].concat();
    assert_eq!(ids(&clawback.json(&two)), ["<1@x>", "<3@x>"]);
    // The pending remediation repeats the words.
    let run = clawback.json(&["plan", "manual", "-i", "action=soft-delete", "-i", &given]);
    assert_eq!(run["counts"]["submitted"], 1, "{run}");
    let shown = clawback.ok(&["show", run["id"].as_str().unwrap()]);
    assert!(shown.contains("subject contains \"Dear customer, your account is locked\""), "{shown}");
    for (option, value) in [
        ("--subject", "\u{200b}"),
        ("--attachment-name", " "),
        ("--mailbox", ""),
        ("--from", "a@x.example,b@x.example"),
    ] {
        let name = option.trim_start_matches("--").replace('-', "_");
        let said = clawback.fails(2, &[&SUBMIT[..], &[option, value]].concat());
        assert!(said.contains(&format!("input `{name}`")), "{said}");
    }
}

#[test]
fn a_dry_run_reports_what_it_searched() {
    let mut messages: Vec<(&str, String)> =
        (0..25).map(|number| ("", mail(&format!("<{number}@x>"), "Salary"))).collect();
    messages.push((".Recoverable Items", mail("<gone@x>", "Salary")));
    let (folder, clawback) = site(&messages);
    let none = clawback.ok(&[&SUBMIT[..], &["--subject", "nothing like it"]].concat());
    assert!(none.contains("1 mailboxes searched, 0 messages found"), "{none}");
    let output = clawback.run(&[&SUBMIT[..], &["--subject", "salary"]].concat());
    let (said, noted) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("25 in inbox") && said.contains("1 in recoverable-items"), "{said}");
    assert!(noted.contains("20 of 25 messages are shown"), "{noted}");
    let found = submit(&clawback, &["--subject", "salary"]);
    assert_eq!((&found["searched"], &found["by_location"]["inbox"]), (&1.into(), &25.into()), "{found}");
    assert_eq!(found["left_out"]["recoverable-items"], 1);
    let before = submit(&clawback, &["--subject", "salary", "--before", "1999-01-01"]);
    assert_eq!(before["messages"], serde_json::json!([]));
    // A row of the CSV can be used as a pick.
    let csv = clawback.ok(&[&SUBMIT[..], &["--subject", "salary", "--format", "csv"]].concat());
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    assert_eq!(head[5..], ["script", "message_id", "fingerprint", "locator"]);
    let file = folder.path().join("picks.csv");
    std::fs::write(&file, &csv).unwrap();
    let again = submit(&clawback, &["--messages", file.to_str().unwrap()]);
    let found = submit(&clawback, &["--subject", "salary"]);
    let (picked, all) = (again["messages"].as_array().unwrap(), found["messages"].as_array().unwrap());
    assert!(!all.is_empty() && picked == all, "the file is picked as it is: {again}");
}

#[test]
fn every_message_can_be_picked() {
    let twin = mail("<twin@x>", "Twice");
    let (folder, clawback) = site(&[
        ("", mail("", "Without an ID")),
        ("", mail("<with two words@x>", "Spaces")),
        ("", twin.clone()),
        ("", twin),
    ]);
    let found = submit(&clawback, &["--from", "eve@evil.example"]);
    let all = found["messages"].as_array().unwrap();
    assert_eq!(all.len(), 4, "{found}");
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    for one in all {
        let line =
            format!("u0001\t{}\t{}\t{}\n", text(one, "message_id"), text(one, "fingerprint"), text(one, "locator"));
        let picked = submit(&clawback, &["--messages", &picks(folder.path(), &line)]);
        assert_eq!(picked["refused"], Value::Null, "{picked}");
        assert_eq!(picked["messages"].as_array().unwrap().len(), 1, "{line} {picked}");
        assert_eq!(picked["messages"][0]["locator"], one["locator"]);
        let by_print = format!("u0001\t\t{}\n", text(one, "fingerprint"));
        let several = submit(&clawback, &["--messages", &picks(folder.path(), &by_print)]);
        let copies = if text(one, "subject") == "Twice" { 2 } else { 1 };
        assert_eq!(several["messages"].as_array().unwrap().len(), copies, "{several}");
    }
    let both = submit(&clawback, &["--messages", &picks(folder.path(), "u0001\t<twin@x>\n")]);
    assert_eq!(both["messages"].as_array().unwrap().len(), 2, "copies of one mail are meant together: {both}");
    let mut lines = String::new();
    for wrong in ["garbage line", "u0001\t", "u0001\t<1@x>\ta\tb\tc"] {
        lines.clear();
        writeln!(lines, "# a comment\nu0001\t<1@x>\n{wrong}").unwrap();
        let said = clawback.fails(2, &[&SUBMIT[..], &["--messages", &picks(folder.path(), &lines)]].concat());
        assert!(said.contains("line 3"), "{said}");
    }
}
