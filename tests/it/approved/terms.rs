//! The configuration that a plan was approved under is the one that it runs under.

use clawback_tests::binary::Clawback;
use clawback_tests::mail::CAMPAIGN_SENDER;
use clawback_tests::maildirs;

const PLAYBOOK: &str = "playbook: one
description: One vote.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - approve: { votes: 1 }
  - remediate: { action: move-to-quarantine }
";

fn store(directory: &str, settings: &str) -> String {
    format!("connector = \"maildir\"\ndirectory = \"{directory}\"\nsettings = {{ {settings} }}\n")
}

/// Makes a plan under one configuration, then changes it. Returns the answers of the approver's command and of the
/// worker.
fn planned_then(changed: &str) -> (String, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let mail = |name: &str| folder.path().join(name);
    let truth = maildirs::write(&mail("mail"), &maildirs::Options::default()).unwrap();
    maildirs::write(&mail("mail2"), &maildirs::Options::default()).unwrap();
    let as_planned = store("mail/acme.test", "maildir = \"Maildir\"");
    let admin = Clawback::init(folder.path(), &as_planned);
    std::fs::write(folder.path().join("workflows/one.yaml"), PLAYBOOK).unwrap();
    let ben = admin.add("ben", "approver");
    let configuration = folder.path().join("clawback.toml");
    let with = |changed: &str| {
        let text = std::fs::read_to_string(&configuration).unwrap();
        assert!(text.contains(&as_planned) || text.contains(changed));
        std::fs::write(&configuration, text.replace(&as_planned, changed)).unwrap();
    };
    let pending = admin.json(&["run", "one", "-i", &format!("sender={CAMPAIGN_SENDER}")]);
    let id = pending["id"].as_str().unwrap();
    with(changed);
    let said = ben.fails(1, &["approve", id]);

    // If it was voted on before the change, the worker detects it.
    let text = std::fs::read_to_string(&configuration).unwrap();
    std::fs::write(&configuration, text.replace(changed, &as_planned)).unwrap();
    ben.ok(&["approve", "--no-run", id]);
    with(changed);
    admin.ok(&["worker", "--once"]);
    let shown = admin.json(&["show", id])["remediation"].clone();
    truth.snapshot().check(&maildirs::snapshot(&mail("mail")).unwrap()).unwrap();
    truth.snapshot().check(&maildirs::snapshot(&mail("mail2")).unwrap()).unwrap();
    (said, shown)
}

#[test]
fn a_plan_for_another_directory_is_neither_approved_nor_run() {
    let (said, shown) = planned_then(&store("mail2/acme.test", "maildir = \"Maildir\""));
    assert!(said.contains("terms.grants.corp.directory was `") && said.contains("clawback replan"), "{said}");
    assert_eq!((&shown["status"], &shown["stop_rule"]), (&"paused".into(), &"not-as-approved".into()), "{shown}");
}

#[test]
fn a_plan_for_another_quarantine_is_neither_approved_nor_run() {
    let (said, shown) =
        planned_then(&store("mail/acme.test", "maildir = \"Maildir\", quarantine-folder = \"INBOXPublic\""));
    assert!(said.contains("terms.grants.corp.settings.quarantine-folder was absent"), "{said}");
    assert_eq!((&shown["status"], &shown["stop_rule"]), (&"paused".into(), &"not-as-approved".into()), "{shown}");
}
