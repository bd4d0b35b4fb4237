//! Every mistake gets a clear error with a next step, and nothing is lost.

use std::path::Path;
use std::process::Command;

use clawback_tests::binary::{Clawback, binary};
use clawback_tests::mail::{CAMPAIGN_SENDER, CAMPAIGN_SUBJECT};
use clawback_tests::maildirs;

const MAILDIR: &str = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";
/// Creates the folder of soft deletes beforehand, so that keywords, which are letters to a Maildir, mean the same in
/// it.
fn options() -> maildirs::Options {
    maildirs::Options { empty: vec!["Recoverable Items".to_owned()], ..Default::default() }
}

const DIRECT: &str = "playbook: direct
description: No approval.
severity: high
on: { manual: {} }
inputs:
  sender: { type: address, required: true }
  subject: { type: text, required: true }
steps:
  - search: { where: { from: \"${inputs.sender}\", subject-contains: \"${inputs.subject}\" } }
  - remediate: { action: soft-delete, batch: 10, canary: 0 }
";

fn site() -> (tempfile::TempDir, Clawback, maildirs::Truth) {
    let folder = tempfile::tempdir().unwrap();
    let truth = maildirs::write(&folder.path().join("mail"), &options()).unwrap();
    let clawback = Clawback::init(folder.path(), MAILDIR);
    std::fs::write(folder.path().join("workflows/direct.yaml"), DIRECT).unwrap();
    (folder, clawback, truth)
}

fn inputs() -> [String; 2] {
    [format!("sender={CAMPAIGN_SENDER}"), format!("subject={CAMPAIGN_SUBJECT}")]
}

fn run_direct(clawback: &Clawback) -> std::process::Output {
    let [sender, subject] = inputs();
    clawback.run(&["run", "direct", "-i", &sender, "-i", &subject])
}

fn check(folder: &Path, clawback: &Clawback, playbook: &str) -> String {
    std::fs::write(folder.join("workflows/bad.yaml"), playbook).unwrap();
    clawback.fails(2, &["check", "bad"])
}

#[test]
fn playbooks_with_mistakes_are_explained() {
    let (folder, clawback, _truth) = site();
    let folder = folder.path();
    assert!(check(folder, &clawback, "playbook: [").contains("bad.yaml"), "broken YAML");
    let wrong_type = DIRECT.replace("batch: 10", "batch: many");
    assert!(check(folder, &clawback, &wrong_type).contains("batch"), "wrong type");
    let unknown_key = DIRECT.replace("canary:", "canray:");
    assert!(check(folder, &clawback, &unknown_key).contains("canary"), "did you mean");
    let script =
        |name: &str| DIRECT.replace("  - remediate", &format!("  - filter: {{ script: {name} }}\n  - remediate"));
    assert!(
        check(folder, &clawback, &script("keep-newsleters.rhai")).contains("keep-newsletters.rhai"),
        "unknown script"
    );
    std::fs::write(folder.join("scripts/broken.rhai"), "fn keep(message) {\n  let = 3;\n}\n").unwrap();
    assert!(check(folder, &clawback, &script("broken.rhai")).contains("broken.rhai"), "syntax error in a script");
    let store = DIRECT.replace("search: { where", "search: { stores: [crop], where");
    assert!(check(folder, &clawback, &store).contains("corp"), "unknown store");
    // All at once.
    let many = store.replace("canary:", "canray:").replace("soft-delete", "soft-deelte");
    let said = check(folder, &clawback, &many);
    assert!(said.contains("crop") && said.contains("canray") && said.contains("soft-deelte"), "{said}");
}

#[test]
fn an_endless_script_is_stopped_and_its_messages_are_left_alone() {
    let (folder, clawback, truth) = site();
    std::fs::write(folder.path().join("scripts/endless.rhai"), "fn keep(message) { loop { } }\n").unwrap();
    let playbook = DIRECT.replace("  - remediate", "  - filter: { script: endless.rhai }\n  - remediate");
    std::fs::write(folder.path().join("workflows/direct.yaml"), playbook).unwrap();
    let output = run_direct(&clawback);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("failed") && said.contains("script endless.rhai failed on"), "{said}");
    truth.snapshot().check(&maildirs::snapshot(&folder.path().join("mail")).unwrap()).unwrap();
    let history = clawback.json(&["history"]);
    let stop = history["items"][0]["stop_reason"].as_str().unwrap().to_owned();
    assert!(stop.contains("correct the script"), "{stop}");
}

#[test]
fn misuse_and_failure_have_different_exit_codes() {
    let (folder, clawback, _truth) = site();
    assert!(clawback.fails(2, &["run", "no-such-playbook"]).contains("known are"));
    assert!(clawback.fails(2, &["run", "direct"]).contains("sender"), "a missing input is named");
    assert!(clawback.fails(2, &["run", "direct", "-i", "sender=nobody", "-i", "subject=x"]).contains("sender"));
    assert!(clawback.fails(2, &["show", "R-123"]).contains("remediation ID"));
    assert!(clawback.fails(1, &["show", "R-000000000000"]).contains("R-000000000000"));
    assert!(clawback.fails(2, &["submit", "--name", "x", "--action", "soft-delete"]).contains("which messages"));
    std::fs::write(folder.path().join("admin.token"), "cbk_nonsense\n").unwrap();
    assert!(clawback.fails(1, &["history"]).contains("token"));
    let output = Command::new(binary()).args(["--config", "/nonexistent/x.toml", "history"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn too_many_picked_messages_are_refused_with_limit_and_count() {
    let (folder, clawback, _truth) = site();
    let list = folder.path().join("picked.txt");
    let lines: String = (0..101).map(|number| format!("u0001\t<{number}@x@y>\n")).collect();
    std::fs::write(&list, lines.replace("u0001", "u0001@acme.test")).unwrap();
    let list = list.display().to_string();
    let said = clawback.fails(2, &["submit", "--name", "x", "--action", "soft-delete", "--messages", &list]);
    assert!(said.contains("100") && said.contains("101"), "{said}");
    let said =
        clawback.fails(2, &["submit", "--name", "x", "--action", "soft-delete", "--subject", "a", "--exclude", &list]);
    assert!(said.contains("100") && said.contains("101"), "{said}");
}

#[tokio::test]
async fn a_corrupt_database_is_named_and_left_as_it_is() {
    let (folder, clawback, _truth) = site();
    run_direct(&clawback);
    let path = folder.path().join("clawback.db");
    // Closing merges the write-ahead log into the file.
    clawback_store::Store::open(&path.display().to_string()).await.unwrap().close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    for at in (4_096..bytes.len()).step_by(512) {
        let end = (at + 200).min(bytes.len());
        bytes[at..end].fill(0xA5);
    }
    std::fs::write(&path, &bytes).unwrap();
    let said = clawback.fails(1, &["history"]);
    assert!(said.contains("damaged") || said.contains("malformed") || said.contains("corrupt"), "{said}");
    std::fs::write(&path, "this is no database at all, but it is long enough to be looked at").unwrap();
    let said = clawback.fails(1, &["history"]);
    assert!(said.contains("clawback.db"), "{said}");
}

#[test]
fn a_full_disk_loses_nothing() {
    let (folder, clawback, truth) = site();
    // The history is on a file system of its own that has space for the plan, but not for the outcomes.
    let small = folder.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let config = folder.path().join("clawback.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace("sqlite:clawback.db", "sqlite:small/clawback.db");
    let [sender, subject] = inputs();
    let command = format!(
        "mount -t tmpfs -o size=4m tmpfs {small} && cp {folder}/clawback.db* {small}/ && \
         dd if=/dev/zero of={small}/filler bs=1k count=8192 2>/dev/null; \
         {binary} --config {folder} run direct -i '{sender}' -i '{subject}'; echo \"exit $?\"; rm {small}/filler; \
         {binary} --config {folder} run direct -i '{sender}' -i '{subject}'; echo \"exit $?\"; \
         {binary} --config {folder} verify",
        small = small.display(),
        folder = folder.path().display(),
        binary = binary().display(),
    );
    std::fs::write(&config, text).unwrap();
    let output = Command::new("unshare").args(["--mount", "--map-root-user", "sh", "-c", &command]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("full"), "{said}");
    assert!(said.contains("exit 1") && said.contains("exit 0"), "{said}");
    assert!(said.contains("ok: "), "the history verifies once there is room again: {said}");
    let after = maildirs::snapshot(&folder.path().join("mail")).unwrap();
    truth.check_campaign_removed(&after, Some("Recoverable Items")).unwrap();
    drop(clawback);
}
