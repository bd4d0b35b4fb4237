//! Approvers see all that a plan's digest covers, and how it differs from what they know.

use clawback_model::{Digest, PrincipalKind, is_deceptive};
use clawback_scripting::Lists;
use clawback_tests::center::TestCenter;
use clawback_tests::world;
use serde_json::Value;

use super::*;

const SCRIPTED: &str = "playbook: scripted
description: Everything by one sender that a script keeps.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - filter: { script: keep.rhai }
  - approve: { votes: 1 }
  - remediate: { action: soft-delete, batch: 3, canary: 2 }
";
const SCRIPT: &str = "// Keeps everything.\nfn keep(message) { true }\n";
/// With markup and hidden characters.
const OTHER: &str =
    "// Keeps <script>alert(1)</script>\u{202e} everything.\nfn keep(message) { message.subject != \"\" }\n";

/// A site with this script and these VIPs.
fn center(database: &Database, script: &str, vips: &[&str], playbooks: &[(&str, &str)]) -> TestCenter {
    let store = Arc::new(FakeStore::new("corp"));
    for sender in ["eve@evil.example", "ivy@evil.example"] {
        store.deliver("ann@corp.example", sender, "Letter", NOON);
    }
    let lists = Lists::new([("vips".to_owned(), vips.iter().map(|vip| (*vip).to_owned()).collect())]).unwrap();
    TestCenter::start_with(database.store.clone(), vec![store], playbooks, |site| {
        site.library.shipped_scripts.insert("keep.rhai".into(), script.to_owned());
        site.library.lists = lists;
    })
}

async fn pending(center: &TestCenter, sender: &str) -> RemediationId {
    let ann = person("ann", &[Role::Analyst]);
    let submitted = center.api.submit(&ann, submission("scripted", &[("sender", sender)])).await.unwrap();
    let worker = world::worker(&center.api);
    assert_eq!(worker.plan_only(&submitted.id).await.unwrap().status, Status::PendingApproval);
    submitted.id
}

async fn terms(center: &TestCenter, token: &str, id: &RemediationId) -> Value {
    center.call(token, "GET", &format!("/api/v1/remediations/{id}"), None).await.json()["terms"].clone()
}

#[tokio::test]
async fn the_approver_sees_what_the_digest_covers_and_what_is_not_as_it_was_approved() {
    for database in Database::all().await {
        let before = center(&database, SCRIPT, &["boss@corp.example"], &[("scripted", SCRIPTED)]);
        let token = before.add("vic", PrincipalKind::Person, &[Role::Viewer]).await;
        let ben = person("ben", &[Role::Approver]);
        database.store.add_principal(&ben, "root", NOON).await.unwrap();
        let first = pending(&before, "eve@evil.example").await;
        let shown = terms(&before, &token, &first).await;
        assert_eq!((&shown["compared_with"], &shown["approved"]), (&"shipped".into(), &Value::Null), "{shown}");
        assert_eq!(shown["differences"], serde_json::json!([]));
        let part = |path: &str| {
            let mut parts = shown["parts"].as_array().unwrap().iter();
            parts.find(|part| part["what"] == path).unwrap_or_else(|| panic!("{path}: {shown}"))["now"].clone()
        };
        assert!(part("connectors.corp").is_string() && part("terms.approval.votes") == "1", "{shown}");
        assert_eq!((part("inputs.sender"), part("action")), ("eve@evil.example".into(), "soft-delete".into()));
        assert_eq!(part("scripts.keep.rhai"), Digest::of(SCRIPT.as_bytes()).to_string());
        assert_eq!(part("terms.delete-senders-copy"), "false");
        before.api.decide(&ben, &first, Decision::Approve, None, None).await.unwrap();

        before.clock.advance(std::time::Duration::from_mins(1));
        let after = center(&database, OTHER, &["boss@corp.example", "ivy@corp.example"], &[("scripted", SCRIPTED)]);
        after.clock.advance(std::time::Duration::from_mins(1));
        let second = pending(&after, "ivy@evil.example").await;
        let shown = terms(&after, &token, &second).await;
        assert_eq!((&shown["compared_with"], &shown["approved"]), (&"approved".into(), &first.to_string().into()));
        let what: Vec<&str> =
            shown["differences"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
        assert_eq!(what, ["inputs.sender", "scripts.keep.rhai", "terms.lists.vips"]);
        let difference = |name: &str| {
            let texts = shown["texts"].as_array().unwrap();
            texts.iter().find(|text| text["name"] == name).unwrap()["difference"].clone()
        };
        assert_eq!(difference("scripted"), Value::Null);
        assert!(difference("keep.rhai").as_str().unwrap().contains("\n-fn keep(message) { true }\n"));
        assert!(difference("vips").as_str().unwrap().ends_with(" boss@corp.example\n+ivy@corp.example\n"));

        // The earlier texts are kept, though no file has them any more.
        let text = format!("/api/v1/texts/{}", Digest::of(SCRIPT.as_bytes()));
        assert_eq!(after.call(&token, "GET", &text, None).await.text, SCRIPT);
        assert_eq!(after.call("", "GET", &text, None).await.status, 401);
        let none = format!("/api/v1/texts/{}", Digest::of(b"none"));
        assert_eq!(after.call(&token, "GET", &none, None).await.status, 404);
        exported(&after, &token, &second).await;

        after.password("vic").await;
        let cookie = after.sign_in("vic").await;
        let page = after.page(&cookie, &format!("/remediations/{second}")).await.text;
        for wanted in [
            "What the vote covers",
            &*format!("Changed from <a href=\"/remediations/{first}\">"),
            "terms.throttles.",
            "<ins>+fn keep(message) { message.subject != &quot;&quot; }</ins>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
        ] {
            assert!(page.contains(wanted), "{wanted}: {page}");
        }
        assert!(!page.contains("<script>alert") && !page.chars().any(|c| is_deceptive(c) && c != '\n'));
        database.store.verify(None, |_| {}).await.unwrap();

        // A header that is not the one that was planned is not shown as such.
        assert!(database.force("UPDATE plans SET header = replace(header, 'ivy@evil', 'hr@corp')").await);
        let shown = terms(&after, &token, &second).await;
        assert!(shown["problem"].as_str().unwrap().contains("its plan hashes to"), "{shown}");
        assert_eq!(shown["parts"], serde_json::json!([]));
        let page = after.page(&cookie, &format!("/remediations/{second}")).await;
        assert!(page.status == 200 && page.text.contains("its plan hashes to"), "{}", page.text);
    }
}

/// Checks that the export has the header, and each text under its sha256 in the header.
async fn exported(center: &TestCenter, token: &str, id: &RemediationId) {
    let export = center.call(token, "GET", &format!("/api/v1/remediations/{id}/export"), None).await.text;
    let records: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let plan = records.iter().find(|record| record["record"] == "plan").unwrap();
    let text = center.call(token, "GET", &format!("/api/v1/remediations/{id}/plan"), None).await.text;
    assert_eq!(plan["header"], serde_json::from_str::<Value>(text.lines().nth(1).unwrap()).unwrap());
    let texts: Vec<&Value> = records.iter().filter(|record| record["record"] == "text").collect();
    assert_eq!(texts.len(), 5, "the playbook, a script, three lists");
    for text in texts {
        assert_eq!(Digest::of(text["text"].as_str().unwrap().as_bytes()).to_string(), text["sha256"].as_str().unwrap());
    }
}

#[test]
fn a_playbook_that_nobody_has_approved_is_compared_with_the_one_that_is_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let mail = folder.path().join("mail");
    clawback_tests::maildirs::write(&mail, &clawback_tests::maildirs::Options::default()).unwrap();
    let store = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";
    let admin = clawback_tests::binary::Clawback::init(folder.path(), store);
    let playbook = folder.path().join("workflows/purge-phish-campaign.yaml");
    let shipped = std::fs::read_to_string(&playbook).unwrap();
    assert!(shipped.contains("severity: high"));
    std::fs::write(&playbook, shipped.replace("severity: high", "severity: low")).unwrap();
    let sender = format!("sender={}", clawback_tests::mail::CAMPAIGN_SENDER);
    let pending = admin.json(&["run", "--no-run", "purge-phish-campaign", "-i", &sender]);
    let id = pending["id"].as_str().unwrap();
    assert!(!admin.ok(&["show", id]).contains("digest covers"), "there is no plan yet");
    admin.ok(&["worker", "--once"]);
    let said = admin.ok(&["show", id]);
    for wanted in [
        "What the plan's digest covers:",
        "  connectors.corp: maildir ",
        "  terms.grants.corp.directory: ",
        "It is not as the playbook and scripts that are shipped",
        "  playbook purge-phish-campaign:",
        "    -severity: high",
        "    +severity: low",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(admin.json(&["show", id])["terms"]["compared_with"], "shipped");
    let ocsf = admin.ok(&["export", id, "--format", "ocsf"]);
    assert_eq!(ocsf.matches("\"terms.grants.corp.directory\"").count(), usize::from(!ocsf.is_empty()), "{ocsf}");
}
