//! Pages of the group *Site*: the check of a playbook's text, slots and sweeps, block lists, and evidence.

use std::sync::Arc;

use clawback_model::{PrincipalKind, Role};
use clawback_runtime::Evidence;
use clawback_store::Store;
use clawback_tests::center::TestCenter;
use clawback_tests::fake_store::FakeStore;
use clawback_tests::site::NOON;
use serde_json::json;

use super::message::encoded;
use super::{PLAYBOOK, SENDER, desk};

const SWEEPING: &str = "playbook: nightly
description: Everything by one sender, for a day.
severity: high
on: { manual: {}, schedule: { cron: \"0 0 3 * * *\", time-zone: UTC } }
steps:
  - search: { where: { from: eve@evil.example } }
  - remediate: { action: hard-delete, keep-evidence: true }
  - sweep: { every: 1h, for: 1d }
";

#[tokio::test]
async fn the_text_of_a_playbook_is_checked_and_kept_in_its_form() {
    let desk = desk().await;
    desk.center.password("ann").await;
    let cookie = desk.center.sign_in("ann").await;
    let page = desk.center.page(&cookie, "/playbooks/purge").await;
    assert!(page.text.contains("href=\"/playbook-check?playbook=purge\""), "{}", page.text);
    let page = desk.center.page(&cookie, "/playbook-check?playbook=purge").await;
    assert!(page.text.contains("Everything by one sender."), "{}", page.text);

    let check = async |source: &str| {
        let form = format!("form_token={}&name=mine&source={}", page.form_token(), encoded(source));
        desk.center.form(&cookie, "/playbook-check", &form).await
    };
    let good = check(&PLAYBOOK.replace("purge", "mine")).await;
    assert!(good.status == 200 && good.text.contains("No mistakes."), "{}", good.text);
    let broken =
        PLAYBOOK.replace("purge", "mine").replace("soft-delete", "<script>").replace("votes: 1", "votes: none");
    let bad = check(&broken).await;
    assert!(bad.status == 200 && bad.text.contains("2 mistakes."), "{}", bad.text);
    assert!(bad.text.contains("votes: none") && !bad.text.contains("<script>"), "{}", bad.text);
    let row = bad.text.split("<tr").find(|row| row.contains("`votes` must")).unwrap_or_default();
    assert!(row.contains(">8<"), "the line of the mistake: {row}");
    let long = check(&"#".repeat((64 << 10) + 1)).await;
    assert!(long.status == 400 && long.text.contains("A name has at most 200 characters"), "{}", long.status);
    let api =
        desk.center.call(&desk.ann, "POST", "/api/v1/checks", Some(json!({ "name": "mine", "source": broken }))).await;
    assert_eq!(api.json()["diagnostics"].as_array().map(Vec::len), Some(2), "{}", api.text);

    desk.center.add("vic", PrincipalKind::Person, &[Role::Viewer]).await;
    desk.center.password("vic").await;
    let cookie = desk.center.sign_in("vic").await;
    let page = desk.center.page(&cookie, "/playbooks").await;
    assert!(!page.text.contains("/playbook-check"), "{}", page.text);
    let form = format!("form_token={}&name=mine&source=x", page.form_token());
    assert_eq!(desk.center.form(&cookie, "/playbook-check", &form).await.status, 403);
}

#[tokio::test]
async fn slots_sweeps_lists_and_evidence_are_on_pages() {
    let folder = tempfile::tempdir().unwrap();
    let history = Store::open(&format!("sqlite:{}", folder.path().join("history.db").display())).await.unwrap();
    let store = Arc::new(FakeStore::new("corp"));
    for subject in ["Salary", "<script>alert(1)</script>"] {
        store.deliver("u1@corp.example", SENDER, subject, NOON);
    }
    let kept = Evidence::folder(&folder.path().join("kept"), false).unwrap();
    let broken = PLAYBOOK.replace("soft-delete", "<script>").replace("votes: 1", "votes: none");
    let playbooks = [("purge", PLAYBOOK), ("nightly", SWEEPING), ("broken", broken.as_str())];
    let center = TestCenter::start_with(history, vec![Arc::clone(&store) as _], &playbooks, |site| {
        site.evidence = Some(kept);
    });
    let ann = center.add("ann", PrincipalKind::Person, &[Role::Analyst, Role::Purger, Role::Examiner]).await;
    let ben = center.add("ben", PrincipalKind::Person, &[Role::Approver]).await;
    for name in ["ann", "ben"] {
        center.password(name).await;
    }
    let (as_ann, as_ben) = (center.sign_in("ann").await, center.sign_in("ben").await);
    let page = center.page(&as_ann, "/schedules/nightly").await;
    assert!(
        page.text.contains("aria-label=\"Resume nightly\"") && page.text.contains(">Run now</button>"),
        "{}",
        page.text
    );
    let _ = center.add("vic", PrincipalKind::Person, &[Role::Viewer]).await;
    center.password("vic").await;
    let as_vic = center.sign_in("vic").await;
    assert!(!center.page(&as_vic, "/schedules/nightly").await.text.contains("Run now"), "a viewer controls nothing");
    assert!(page.text.contains("No slot yet") && page.text.contains("0 0 3 * * *"), "{}", page.text);
    let page = center.page(&as_ann, "/playbooks/broken").await;
    for said in ["2 mistakes.", "`votes` must be a whole number", "/playbook-check?playbook=broken"] {
        assert!(page.status == 200 && page.text.contains(said), "{said}: {}", page.text);
    }
    assert!(!page.text.contains("<script>"), "{}", page.text);
    let page = center.page(&as_ann, "/playbook-check?playbook=broken").await;
    assert!(page.text.contains("votes: none"), "{}", page.text);

    let admin = center.add("root", PrincipalKind::Person, &[Role::Admin, Role::Approver, Role::Analyst]).await;
    for verb in ["pause", "resume"] {
        let at = format!("/api/v1/schedules/nightly/{verb}");
        assert_eq!(center.call(&admin, "POST", &at, None).await.status, 204);
    }
    let page = center.page(&as_ann, "/schedules/nightly").await;
    assert!(page.text.contains("2026-11-24T03:00:00Z"), "a schedule that was resumed has its next slot: {}", page.text);
    assert!(center.page(&as_ann, "/schedules").await.text.contains("No sweep is under way"));
    assert_eq!(center.page(&as_ann, "/schedules/nobody").await.status, 404);
    assert!(center.page(&as_ann, "/evidence").await.text.contains("No message was kept"));

    // Removed after a vote, because a person named the sender: it is listed. Deleted for good at night: each message is kept.
    let submit = json!({ "playbook": "indicators", "inputs": { "sender": SENDER } });
    let submitted = center.call(&ann, "POST", "/api/v1/remediations", Some(submit)).await.json();
    center.work().await;
    let id = submitted["id"].as_str().unwrap();
    let at = |verb: &str| format!("/api/v1/remediations/{id}{verb}");
    let digest = center.call(&ben, "GET", &at(""), None).await.json()["remediation"]["plan_digest"].clone();
    let vote = center.call(&ben, "POST", &at("/approve"), Some(json!({ "plan_digest": digest }))).await;
    assert_eq!(vote.status, 200, "{}", vote.text);
    center.work().await;
    store.deliver("u1@corp.example", SENDER, "Salary", NOON);
    let run = center.call(&ann, "POST", "/api/v1/schedules/nightly/run", None).await;
    assert_eq!(run.status, 202, "{}", run.text);
    center.work().await;

    let list = center.page(&as_ben, "/block-lists").await;
    assert!(list.text.contains(SENDER) && list.text.contains(id), "{}", list.text);
    assert!(list.text.contains("href=\"/block-lists/sender?format=postfix\""), "{}", list.text);
    let hashes = center.page(&as_ben, "/block-lists?kind=sha256").await;
    assert!(hashes.text.contains("Nothing is listed") && !hashes.text.contains("format=postfix"), "{}", hashes.text);
    let file = center.page(&as_ben, "/block-lists/sender?format=plain").await;
    assert_eq!((file.status, file.text.as_str()), (200, "eve@evil.example\n"));
    assert_eq!(center.page(&as_ben, "/block-lists?kind=colour").await.status, 400);

    let night = run.json()["id"].as_str().unwrap().to_owned();
    let page = center.page(&as_ann, "/schedules").await;
    assert!(page.text.contains(&format!("/remediations/{night}?tab=late-copies")), "{}", page.text);
    let kept = center.page(&as_ann, "/evidence").await;
    assert!(kept.text.contains(&format!("/remediations/{night}?tab=evidence")), "{}", kept.text);
    let rows = center.call(&ann, "GET", "/api/v1/evidence", None).await.json();
    let digest = rows["items"][0]["digest"].as_str().unwrap().to_owned();
    assert!(kept.text.contains(&digest), "{}", kept.text);
    let token = kept.form_token();
    let read = center.form(&as_ann, "/evidence/message", &format!("form_token={token}&digest={digest}")).await;
    assert_eq!((read.status, read.header("content-type")), (200, "application/octet-stream"), "{}", read.text);
    assert!(read.text.contains(SENDER), "{}", read.text);
    let audit = center.page(&as_ben, "/audit?kind=evidence-read").await;
    assert!(audit.text.contains("ann"), "{}", audit.text);
    let nobody = center.page(&as_ben, "/evidence").await;
    assert!(!nobody.text.contains("/evidence/message"), "who may not read has no form");
    let fields = format!("form_token={}&digest={digest}", nobody.form_token());
    assert_eq!(center.form(&as_ben, "/evidence/message", &fields).await.status, 403);
    let checked = center.form(&as_ann, "/evidence", &format!("form_token={token}")).await;
    assert!(checked.text.contains("1 kept message"), "{}", checked.text);

    // One byte is changed.
    let file = files(&folder.path().join("kept")).pop().unwrap();
    std::fs::write(&file, "changed").unwrap();
    let checked = center.form(&as_ann, "/evidence", &format!("form_token={token}")).await;
    assert!(checked.text.contains("role=\"alert\"") && checked.text.contains(&digest), "{}", checked.text);
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
