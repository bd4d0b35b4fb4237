//! Two-step approval with the real binary: who may decide, on which plan, until when.

use clawback_tests::binary::Clawback;
use clawback_tests::mail::{CAMPAIGN_SENDER, CAMPAIGN_SUBJECT};
use clawback_tests::maildirs;

const MAILDIR: &str = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n";

/// Creates the folder of soft deletes beforehand, so that keywords, which are letters to a Maildir, mean the same in
/// it.
fn options() -> maildirs::Options {
    maildirs::Options { empty: vec!["Recoverable Items".to_owned()], ..Default::default() }
}

const PLAYBOOK: &str = "playbook: two
description: Two votes within the time given.
severity: high
on: { manual: {} }
inputs:
  sender: { type: address, required: true }
  subject: { type: text, required: true }
steps:
  - search: { where: { from: \"${inputs.sender}\", subject-contains: \"${inputs.subject}\" } }
  - approve: { votes: 2, from: [approver], expires: EXPIRES }
  - remediate: { action: soft-delete }
";

struct Site {
    folder: tempfile::TempDir,
    admin: Clawback,
    truth: maildirs::Truth,
}

fn site(expires: &str) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let truth = maildirs::write(&folder.path().join("mail"), &options()).unwrap();
    let admin = Clawback::init(folder.path(), MAILDIR);
    std::fs::write(folder.path().join("workflows/two.yaml"), PLAYBOOK.replace("EXPIRES", expires)).unwrap();
    Site { folder, admin, truth }
}

fn run(who: &Clawback) -> serde_json::Value {
    let sender = format!("sender={CAMPAIGN_SENDER}");
    let subject = format!("subject={CAMPAIGN_SUBJECT}");
    who.json(&["run", "two", "-i", &sender, "-i", &subject])
}

fn text<'a>(value: &'a serde_json::Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

#[test]
fn each_refusal_names_its_rule_and_nothing_moves_before_the_last_vote() {
    let site = site("7d");
    let ann = site.admin.add("ann", "approver");
    let (ben, eve, vic) =
        (site.admin.add("ben", "approver"), site.admin.add("eve", "approver"), site.admin.add("vic", "viewer"));
    let pending = run(&ann);
    assert_eq!(pending["status"], "pending-approval");
    let id = text(&pending, "approval_id");
    let digest = text(&pending, "plan_digest");
    assert!(ann.fails(1, &["approve", id]).contains("rule two-step: ann requested this remediation"));
    assert!(vic.fails(1, &["approve", id]).contains("rule approver-role: vic needs"));
    let other = digest.replace(['0', '1'], "2");
    assert!(ben.fails(1, &["approve", id, "--digest", &other]).contains("rule current-digest"));
    assert_eq!(ben.json(&["approve", id, "--digest", digest])["status"], "pending-approval");
    assert!(ben.fails(1, &["approve", id]).contains("rule one-principal-one-vote"));
    let mail = site.folder.path().join("mail");
    site.truth.snapshot().check(&maildirs::snapshot(&mail).unwrap()).unwrap();
    let done = eve.json(&["approve", id, "--digest", digest, "-m", "it is the campaign"]);
    assert_eq!((&done["status"], &done["decided_by"]), (&"completed".into(), &"ben, eve".into()));
    let after = maildirs::snapshot(&mail).unwrap();
    site.truth.check_campaign_removed(&after, Some("Recoverable Items")).unwrap();
    assert!(eve.fails(1, &["approve", id]).contains("not waiting for approval"));
}

#[test]
fn a_vote_on_a_plan_that_is_no_longer_current_is_refused() {
    let site = site("7d");
    let ben = site.admin.add("ben", "approver");
    let pending = run(&site.admin);
    let first = text(&pending, "plan_digest").to_owned();
    // Mail is removed while the approvers decide; the analyst plans again.
    let gone = site.truth.of(clawback_tests::mail::Kind::Campaign).next().unwrap();
    let user = gone.entry.mailbox.split('@').next().unwrap();
    let maildir = site.folder.path().join("mail/acme.test").join(user).join("Maildir");
    std::fs::remove_dir_all(maildir).unwrap();
    std::fs::create_dir_all(site.folder.path().join("mail/acme.test").join(user).join("Maildir/cur")).unwrap();
    let again = site.admin.json(&["plan", text(&pending, "id")]);
    assert_ne!(text(&again, "plan_digest"), first);
    let said = ben.fails(1, &["approve", text(&pending, "approval_id"), "--digest", &first]);
    assert!(said.contains("rule current-digest: the vote is for plan"), "{said}");
}

#[test]
fn editing_a_playbook_does_not_change_submitted_remediations() {
    let site = site("7d");
    let (ann, ben) = (site.admin.add("ann", "approver"), site.admin.add("ben", "approver"));
    let pending = run(&ann);
    let id = text(&pending, "id");
    let without_votes: String =
        PLAYBOOK.lines().filter(|line| !line.contains("approve:")).map(|line| format!("{line}\n")).collect();
    let file = site.folder.path().join("workflows/two.yaml");
    for edited in [without_votes.replace("soft-delete", "hard-delete"), "no: playbook".to_owned()] {
        std::fs::write(&file, edited).unwrap();
        // Planned again, it still needs two votes on the same request.
        let again = ann.json(&["plan", id]);
        assert_eq!(
            (&again["status"], &again["action"]),
            (&"pending-approval".into(), &"soft-delete".into()),
            "{again}"
        );
        assert_eq!(again["plan_digest"], pending["plan_digest"]);
        assert!(ann.fails(1, &["approve", id]).contains("rule two-step"));
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ben.json(&["approve", id])["status"], "pending-approval");
    let shown = ann.json(&["show", id]);
    assert_eq!(shown["approval"]["rule"]["votes"], 2, "{shown}");
}

#[test]
fn an_undecided_approval_expires() {
    let site = site("1s");
    let ben = site.admin.add("ben", "approver");
    let pending = run(&site.admin);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let id = text(&pending, "approval_id");
    assert!(ben.fails(1, &["approve", id]).contains("rule deadline: this approval expired at"));
    site.admin.ok(&["worker", "--once"]);
    assert_eq!(site.admin.json(&["show", id])["remediation"]["status"], "expired");
}

#[test]
fn a_reject_ends_it() {
    let site = site("7d");
    let ben = site.admin.add("ben", "approver");
    let pending = run(&site.admin);
    let rejected = ben.json(&["reject", text(&pending, "approval_id"), "-m", "that is our own newsletter"]);
    assert_eq!((&rejected["status"], &rejected["decided_by"]), (&"rejected".into(), &"ben".into()));
    site.truth.snapshot().check(&maildirs::snapshot(&site.folder.path().join("mail")).unwrap()).unwrap();
    site.admin.ok(&["verify"]);
}
