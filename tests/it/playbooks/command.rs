//! `clawback test` and `clawback record` with the real binary.

use clawback_tests::binary::Clawback;
use clawback_tests::mail::{CAMPAIGN_SENDER, CAMPAIGN_SUBJECT};
use clawback_tests::maildirs;

const MAILDIR: &str = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";

const PLAYBOOK: &str = "playbook: one-sender
description: Pulls back what one sender sent.
severity: high
on: { manual: {} }
inputs:
  sender: { type: address, required: true }
  subject: { type: text }
steps:
  - search: { where: { from: \"${inputs.sender}\", subject-contains: \"${inputs.subject}\" } }
  - remediate: { action: soft-delete }
";

fn record<'a>(sender: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["record", "one-sender", "-i", sender], more].concat()
}

#[test]
fn a_recorded_case_passes_until_the_playbook_changes_its_result() {
    let folder = tempfile::tempdir().unwrap();
    maildirs::write(&folder.path().join("mail"), &maildirs::Options::default()).unwrap();
    let admin = Clawback::init(folder.path(), MAILDIR);
    let playbook = folder.path().join("workflows/one-sender.yaml");
    std::fs::write(&playbook, PLAYBOOK).unwrap();
    assert!(admin.fails(1, &["test"]).contains("there is no case in "));

    let sender = format!("sender={CAMPAIGN_SENDER}");
    let subject = format!("subject={CAMPAIGN_SUBJECT}");
    let recorded = admin.json(&record(&sender, &["--most", "5"]));
    assert_eq!((&recorded["messages"], &recorded["judged_otherwise"]), (&5.into(), &0.into()));
    assert_eq!(recorded["stopped"], true);
    let case = folder.path().join("workflows/one-sender.cases/recorded.toml");
    let text = std::fs::read_to_string(&case).unwrap();
    let (local, domain) = CAMPAIGN_SENDER.split_once('@').unwrap();
    for name in [local, domain.split('.').next().unwrap(), "acme", CAMPAIGN_SUBJECT] {
        assert!(!text.contains(name), "{name} in {text}");
    }
    let again = admin.fails(2, &record(&sender, &[]));
    assert!(again.contains("recorded.toml exists") && again.contains("--case"), "{again}");
    assert!(admin.fails(2, &record(&sender, &["--case", "../x"])).contains("not paths"));

    // Conditions on the subject match where subjects are kept; where they are not, the command reports it.
    let blind = admin.json(&record(&sender, &["-i", &subject, "--case", "blind"]));
    assert!(blind["messages"].as_u64().unwrap() > 5 && blind["judged_otherwise"] == blind["messages"], "{blind}");
    let seeing = admin.json(&record(&sender, &["-i", &subject, "--case", "seeing", "--with-subjects"]));
    assert_eq!((&seeing["messages"], &seeing["judged_otherwise"]), (&blind["messages"], &0.into()));

    let all = admin.ok(&["test"]);
    assert!(all.ends_with("3 passed, 0 failed\n") && all.lines().filter(|line| line.starts_with("ok ")).count() == 3);
    std::fs::write(&playbook, PLAYBOOK.replace("soft-delete", "move-to-junk")).unwrap();
    let one = case.to_str().unwrap();
    let output = admin.run(&["test", one]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("- action soft-delete\n") && said.contains("+ action move-to-junk\n"), "{said}");
    assert!(said.starts_with("FAILED ") && said.ends_with("0 passed, 1 failed\n"), "{said}");
    let json = admin.run(&["test", one, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["failed"], &json["cases"][0]["ok"]), (&1.into(), &false.into()));
    assert!(json["cases"][0]["difference"].as_str().unwrap().contains("+ action move-to-junk"));

    std::fs::write(&case, "expected = 7").unwrap();
    assert!(String::from_utf8(admin.run(&["test", one]).stdout).unwrap().contains("expected = 7"));
}
