//! Indicators: a file of them becomes a plan that waits for a vote, sightings come out, and block lists have what was
//! removed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use clawback_tests::served::Served;
use serde_json::{Value, json};

use crate::examination::{Site, TEXT, ids, mail};

const BUNDLE: &str = r#"{"type":"bundle","id":"bundle--1","objects":[
  {"type":"indicator","id":"indicator--aaaa","pattern_type":"stix","pattern":"[url:value = 'https://pay.bad.example/a']"},
  {"type":"indicator","id":"indicator--bbbb","pattern_type":"stix","pattern":"[domain-name:value = 'unseen.example']"},
  {"type":"indicator","id":"indicator--cccc","pattern_type":"stix",
   "pattern":"[domain-name:value = 'x.example' AND url:value = 'http://y.example/']"}]}"#;

/// Delivers two messages with a link, one of a sender, one that has both, and one of nobody.
fn deliver(site: &Site) {
    let link = "https://pay.bad.example/a";
    site.deliver("ann@corp.example", 1, &mail("1@one.example", "x@one.example", "A", TEXT, link));
    site.deliver("ben@corp.example", 2, &mail("2@two.example", "eve@evil.example", "B", TEXT, link));
    site.deliver("ben@corp.example", 3, &mail("3@two.example", "eve@evil.example", "C", TEXT, "https://ok.example/"));
    site.deliver("cy@corp.example", 4, &mail("4@four.example", "y@sub.evil.example", "D", TEXT, "https://ok.example/"));
    site.deliver("cy@corp.example", 5, &mail("5@corp.example", "dan@corp.example", "E", TEXT, "https://ok.example/"));
}

fn sighting<'a>(all: &'a Value, value: &str) -> &'a Value {
    let all = all["sightings"].as_array().unwrap();
    all.iter().find(|one| one["value"] == value).unwrap_or_else(|| panic!("no {value} in {all:?}"))
}

#[test]
fn a_file_becomes_a_plan_that_waits_for_a_vote_and_its_sightings_are_counted() {
    let site = Site::new();
    deliver(&site);
    let list =
        "# of our partner\neve@evil[.]example\nhxxps://pay.bad[.]example/a\nevil.example\ngmail.com\n192.0.2.1\n";
    let list = site.file("list.txt", list);
    let output = site.clawback.run(&["indicators", &list, "--dry-run", "--format", "json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("line 5 is not looked for: `gmail.com`: strangers share gmail.com"), "{said}");
    assert!(said.contains("line 6 is not looked for"), "{said}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(ids(&found), ["<1@one.example>", "<2@two.example>", "<3@two.example>", "<4@four.example>"], "{found}");
    let both = found["messages"].as_array().unwrap().iter().find(|one| one["message_id"] == "<2@two.example>").unwrap();
    assert_eq!(
        both["script_reason"],
        "matched from eve@evil.example, from-domain evil.example, url https://pay.bad.example/a"
    );
    assert_eq!(found["approval"]["votes"], 1, "{found}");

    let ben = site.clawback.add("ben", "approver");
    let pending = site.clawback.json(&["indicators", &list]);
    assert_eq!(pending["status"], "pending-approval", "{pending}");
    let id = pending["id"].as_str().unwrap();
    let counted = site.clawback.json(&["sightings", id]);
    assert_eq!(counted["is_complete"], true, "{counted}");
    for (value, messages, mailboxes) in
        [("eve@evil.example", 2, 1), ("evil.example", 3, 2), ("https://pay.bad.example/a", 2, 2)]
    {
        let one = sighting(&counted, value);
        assert_eq!((&one["messages"], &one["mailboxes"]), (&json!(messages), &json!(mailboxes)), "{counted}");
        assert!(one["first_seen"].is_string() && one["last_seen"].is_string(), "{counted}");
    }
    assert!(ben.fails(1, &["block-list", "sender", "--server", "http://127.0.0.1:1"]).contains("reached"));
    assert_eq!(ben.json(&["block-list", "sender"])["entries"], json!([]), "nothing is removed yet");
    ben.ok(&["approve", pending["approval_id"].as_str().unwrap()]);
    let done = site.clawback.json(&["run", id]);
    assert_eq!((&done["status"], &done["counts"]["succeeded"]), (&"completed".into(), &4.into()), "{done}");
    assert!(site.clawback.ok(&["sweeps", "list"]).contains(id), "late messages are looked for");

    let lists = |kind: &str, format: &str| ben.ok(&["block-list", kind, "--as", format]);
    assert_eq!(lists("sender", "postfix"), "eve@evil.example REJECT\n");
    assert_eq!(lists("domain", "postfix"), "evil.example REJECT\n.evil.example REJECT\n");
    assert_eq!(lists("url", "plain"), "https://pay.bad.example/a\n");
    assert!(lists("url", "rspamd").ends_with("\nhttps://pay.bad.example/a\n"));
    assert!(ben.fails(2, &["block-list", "url", "--as", "postfix"]).contains("senders and domains"));
    let entry = &ben.json(&["block-list", "domain"])["entries"][0];
    assert_eq!((&entry["remediation"], &entry["messages"]), (&json!(id), &json!(3)), "{entry}");
    site.clawback.ok(&["verify"]);

    // What is put back is not listed.
    let undo = site.clawback.json(&["undo", id]);
    assert_eq!(ben.json(&["block-list", "domain"])["entries"], json!([]), "{undo}");
}

#[test]
fn sightings_of_a_bundle_refer_to_its_indicators() {
    let site = Site::new();
    deliver(&site);
    let bundle = site.file("bundle.json", BUNDLE);
    let output = site.clawback.run(&["indicators", &bundle, "--format", "json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("indicator--cccc is not looked for") && said.contains("`AND`"), "{said}");
    let pending: Value = serde_json::from_slice(&output.stdout).unwrap();
    let id = pending["id"].as_str().unwrap();
    let found = site.clawback.json(&["sightings", id, "--stix", "--of", &bundle]);
    let objects = found["objects"].as_array().unwrap();
    let counts: Vec<_> = objects.iter().map(|one| (one["sighting_of_ref"].as_str().unwrap(), &one["count"])).collect();
    assert_eq!(counts, [("indicator--bbbb", &json!(0)), ("indicator--aaaa", &json!(2))], "{found}");
    let other = site.clawback.json(&["run", "manual", "-i", "from=eve@evil.example", "-i", "action=soft-delete"]);
    let refused = site.clawback.fails(1, &["sightings", other["id"].as_str().unwrap()]);
    assert!(refused.contains("has no indicators to count"), "{refused}");
}

#[test]
fn the_sites_own_domain_and_exceptions_are_never_listed() {
    let site = Site::new();
    deliver(&site);
    let config = site.folder.path().join("clawback.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str("\n[block-lists]\nexpires = \"7d\"\nnever = [\"evil.example\"]\n");
    std::fs::write(&config, text).unwrap();
    let ben = site.clawback.add("ben", "approver");
    let list = site.file("list.txt", "dan@corp.example\neve@evil.example\nx@one.example\n");
    let pending = site.clawback.json(&["indicators", &list]);
    ben.ok(&["approve", pending["approval_id"].as_str().unwrap()]);
    site.clawback.json(&["run", pending["id"].as_str().unwrap()]);
    let found = ben.json(&["block-list", "sender"]);
    assert_eq!(found["entries"][0]["value"], "x@one.example", "{found}");
    let left_off = found["left_off"].to_string();
    assert!(left_off.contains("this site's mailboxes") && left_off.contains("`never`"), "{left_off}");
}

/// One request over HTTP: the status, the head in lower case, and the body.
fn ask(served: &Served, token: &str, method: &str, path: &str, head: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(served.socket()).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n{head}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
}

#[test]
fn programs_bring_indicators_and_gateways_fetch_lists_over_the_api() {
    let site = Site::new();
    deliver(&site);
    let _gateway = site.clawback.add("gateway", "viewer");
    let ben = site.clawback.add("ben", "approver");
    let token = |name: &str| {
        std::fs::read_to_string(site.folder.path().join(format!("{name}.token"))).unwrap().trim().to_owned()
    };
    let (admin, gateway) = (token("admin"), token("gateway"));
    let served = Served::start(&site.clawback, &["--no-worker"]);
    let event = json!({ "Event": { "Attribute": [
        { "uuid": "u1", "type": "email-src", "value": "eve@evil.example", "to_ids": true },
        { "uuid": "u2", "type": "domain", "value": "evil.example", "to_ids": false },
    ]}});
    let file = json!({ "content": event.to_string(), "format": "misp" }).to_string();
    let (status, _, body) = ask(&served, &admin, "POST", "/api/v1/indicators", "", &file);
    let read: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &read["inputs"]), (200, &json!({ "sender": "eve@evil.example" })), "{body}");
    assert_eq!(read["skipped"][0]["place"], "attribute u2", "{body}");
    let wrong = json!({ "content": "{}", "format": "stix" }).to_string();
    let (status, _, body) = ask(&served, &admin, "POST", "/api/v1/indicators", "", &wrong);
    assert!(status == 422 && body.contains("no bundle of STIX"), "{body}");

    let submission = json!({ "playbook": "indicators", "inputs": read["inputs"] }).to_string();
    let (_, _, body) = ask(&served, &admin, "POST", "/api/v1/remediations", "", &submission);
    let submitted: Value = serde_json::from_str(&body).unwrap();
    let id = submitted["id"].as_str().unwrap_or_else(|| panic!("{body}"));
    let planned = site.clawback.json(&["run", id]);
    ben.ok(&["approve", planned["approval_id"].as_str().unwrap()]);
    site.clawback.json(&["run", id]);
    let sightings = format!("/api/v1/remediations/{id}/sightings?stix=true");
    let (status, head, body) = ask(&served, &gateway, "GET", &sightings, "", "");
    assert!(status == 200 && head.contains("content-type: application/stix+json"), "{head}\n{body}");
    assert!(body.contains("\"count\":2") && body.contains("indicator--"), "{body}");

    let list = "/api/v1/block-lists/sender?format=rspamd";
    let (status, head, body) = ask(&served, &gateway, "GET", list, "", "");
    assert!(status == 200 && body.contains("eve@evil.example") && head.contains("clawback-complete: true"), "{head}");
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let (status, head, body) = ask(&served, &gateway, "GET", list, &format!("if-none-match: {tag}\r\n"), "");
    assert_eq!((status, body.as_str()), (304, ""), "{head}");
    let (status, ..) = ask(&served, &gateway, "GET", "/api/v1/block-lists/sha256?format=postfix", "", "");
    assert_eq!(status, 400);
    let (status, ..) = ask(&served, &gateway, "POST", "/api/v1/indicators", "", &file);
    assert_eq!(status, 403, "a gateway reads lists and brings nothing");
}
