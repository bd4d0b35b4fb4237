//! The commands that record something of an alert or an investigation, and the one that reads a message: on the machine of
//! the site, and over a server.

use clawback_tests::binary::Clawback;
use clawback_tests::hostile::PAYLOADS;
use clawback_tests::served::Served;
use serde_json::{Value, json};

use crate::examination::{Site, mail};

/// A site with a remediation that waits for a vote. Returns the IDs of its alert and of its investigation, too.
fn pending() -> (Site, String, String) {
    let site = Site::new();
    site.deliver(
        "ann",
        1,
        &mail("1@evil.example", "eve@evil.example", "Salary", "Please sign in", "https://evil.example/a"),
    );
    let submitted = site.clawback.json(&[
        "submit",
        "--name",
        "x",
        "--action",
        "soft-delete",
        "--from",
        "eve@evil.example",
        "--no-run",
    ]);
    let of = |kind: &str| submitted[kind].as_str().unwrap_or_else(|| panic!("{submitted}")).to_owned();
    let shown = site.clawback.json(&["show", &of("id")]);
    let of = |kind: &str| shown[kind]["id"].as_str().unwrap_or_else(|| panic!("{shown}")).to_owned();
    (site, of("alert"), of("investigation"))
}

/// Records of an alert, and what the record is then.
fn handle(who: &Clawback, alert: &str, options: &[&str]) -> Value {
    let found = who.json(&[&["alerts", "handle", alert], options].concat());
    json!([found["state"], found["owner"], found["classification"], found["determination"], found["comment"]])
}

/// All of it as one principal.
fn alerts_are_handled(who: &Clawback, alert: &str) {
    let first = handle(who, alert, &["--state", "in-progress", "--owner", "admin", "--comment", ""]);
    assert_eq!(first, json!(["in-progress", "admin", null, null, null]));
    // What is not named stays.
    let next = handle(who, alert, &["--determination", "phishing", "--comment", "seen before"]);
    assert_eq!(next, json!(["in-progress", "admin", "true-positive", "phishing", "seen before"]));
    let other = handle(who, alert, &["--classification", "false-positive", "--state", "resolved"]);
    assert_eq!(other, json!(["resolved", "admin", "false-positive", null, "seen before"]));
    let cleared = handle(who, alert, &["--classification", "none", "--owner", "", "--comment", ""]);
    assert_eq!(cleared, json!(["resolved", null, null, null, null]));
    let shown = who.ok(&["alerts", "handle", alert, "--comment", "\u{1b}[2Jx", "--state", "new"]);
    assert!(shown.contains("comment:") && shown.contains("\\u{1b}[2Jx") && !shown.contains('\u{1b}'), "{shown}");
    let listed = who.ok(&["alerts", "list", "--format", "csv", "--columns", "id,state,comment"]);
    assert!(listed.contains(&format!("{alert},new,")), "{listed}");

    let owner = who.run(&["alerts", "handle", alert, "--owner", "Admn"]);
    let said = String::from_utf8_lossy(&owner.stderr).into_owned();
    assert!(!owner.status.success() && said.contains("nobody is called `Admn`; nearly so: `admin`"), "{said}");
    let mixed = who.run(&["alerts", "handle", alert, "--classification", "informational", "--determination", "spam"]);
    let said = String::from_utf8_lossy(&mixed.stderr).into_owned();
    assert!(!mixed.status.success() && said.contains("belongs to the classification `true-positive`"), "{said}");
    for wrong in [&[][..], &["--state", "closed"], &["--classification", "phishing"]] {
        who.fails(2, &[&["alerts", "handle", alert][..], wrong].concat());
    }
    who.fails(2, &["alerts", "handle", "R-0", "--state", "new"]);
}

fn investigations_are_linked(who: &Clawback, investigation: &str) {
    let linked = who.json(&["investigations", "link", investigation, "https://tickets.example/INC-1"]);
    assert_eq!(linked["incident"], "https://tickets.example/INC-1");
    assert!(who.ok(&["investigations", "show", investigation]).contains("https://tickets.example/INC-1"));
    let refused = who.run(&["investigations", "link", investigation, "javascript:alert(1)"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("is no incident"), "{said}");
    assert_eq!(who.json(&["investigations", "link", investigation])["incident"], Value::Null);
}

#[test]
fn alerts_and_investigations_are_handled_here_and_over_a_server() {
    let (site, alert, investigation) = pending();
    alerts_are_handled(&site.clawback, &alert);
    investigations_are_linked(&site.clawback, &investigation);
    let viewer = site.clawback.add("vic", "viewer");
    assert!(viewer.fails(1, &["alerts", "handle", &alert, "--state", "resolved"]).contains("analyst"));
    let served = Served::start(&site.clawback, &["--no-worker"]);
    let remote = site.clawback.through(served.url());
    alerts_are_handled(&remote, &alert);
    investigations_are_linked(&remote, &investigation);
    assert!(viewer.through(served.url()).run(&["investigations", "link", &investigation]).status.code() != Some(0));
    drop(served);
    site.clawback.ok(&["verify"]);
}

#[test]
fn a_message_is_read_as_people_see_it() {
    let (site, ..) = pending();
    let read = ["read", "--mailbox", "ann", "--message-id", "<1@evil.example>"];
    let refused = site.clawback.fails(1, &read);
    assert!(refused.contains("examiner"), "{refused}");
    let eva = examiner(&site);
    let served = Served::start(&site.clawback, &["--no-worker"]);
    for who in [&eva, &eva.through(served.url())] {
        let shown = who.ok(&read);
        for said in [
            "Salary",
            "eve@evil.example",
            "hxxps://evil[.]example/a, under a text that names www.corp.example",
            "  Please sign in",
        ] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
        assert!(!shown.contains("Return-Path"), "{shown}");
        assert!(who.ok(&[&read[..], &["--header"]].concat()).contains("  Return-Path: "));
        let parsed = who.json(&read);
        assert_eq!((&parsed["subject"], &parsed["links"][0]["names"]), (&json!("Salary"), &json!("www.corp.example")));
        let file = site.folder.path().join("message.eml");
        let _ = std::fs::remove_file(&file);
        assert_eq!(who.ok(&[&read[..], &["--output", file.to_str().unwrap()]].concat()), "");
        assert!(std::fs::read_to_string(&file).unwrap().starts_with("Return-Path: <eve@evil.example>"));
        let none = who.run(&["read", "--mailbox", "ann", "--message-id", "<2@evil.example>"]);
        assert!(!none.status.success());
    }
    drop(served);
}

#[test]
fn text_of_a_message_cannot_take_over_a_terminal() {
    let site = Site::new();
    let text: String =
        PAYLOADS.iter().map(|payload| format!("<p>{}</p>", payload.replace(['\r', '\n'], " "))).collect();
    site.deliver("ann", 1, &mail("1@evil.example", "eve@evil.example", "Salary", &text, "https://evil.example/a"));
    let eva = examiner(&site);
    let shown = eva.ok(&["read", "--mailbox", "ann", "--message-id", "<1@evil.example>", "--header"]);
    assert!(shown.chars().all(|c| !clawback_model::is_deceptive(c) || c == '\n'), "{shown}");
    let printed = eva.ok(&["read", "--mailbox", "ann", "--message-id", "<1@evil.example>", "--format", "json"]);
    assert!(printed.chars().all(|c| !clawback_model::is_deceptive(c) || c == '\n'), "{printed}");
}

/// A principal who may search and read.
fn examiner(site: &Site) -> Clawback {
    site.clawback.ok(&["principals", "add", "eva", "--role", "examiner", "--role", "analyst"]);
    let token = site.folder.path().join("eva.token");
    site.clawback.ok(&["principals", "token", "eva", "--output", token.to_str().unwrap()]);
    site.clawback.with_token(&token)
}
