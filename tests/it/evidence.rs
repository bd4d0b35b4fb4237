//! Evidence: what is deleted for good was kept before, what cannot be kept is not deleted, and each reader is recorded.

use std::path::Path;
use std::sync::Arc;

use clawback_app::Api;
use clawback_connectors::CallError;
use clawback_model::{Digest, OutcomeKind, Principal, Reason, Remediation, Role, Status};
use clawback_runtime::{Error, Evidence, LARGEST_EVIDENCE};
use clawback_tests::binary::Clawback;
use clawback_tests::fake_store::FakeStore;
use clawback_tests::maildirs;
use clawback_tests::served::Served;
use clawback_tests::site::{NOON, person, submission};
use clawback_tests::world;
use sqlx::Connection as _;

const SENDER: &str = "eve@evil.example";
const PLAYBOOK: &str = "playbook: purge
description: Everything by one sender, for good.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: hard-delete, batch: 10, canary: 2KEEP }
";

struct World {
    store: Arc<FakeStore>,
    api: Api,
    site: world::World,
}

impl World {
    /// Three mailboxes with four messages each. `keep` is the playbook's setting, `always` the site's.
    async fn new(url: Option<String>, keep: &str, always: Option<bool>) -> Self {
        let playbook = PLAYBOOK.replace("KEEP", keep);
        let site = world::World::on(url, &[("purge", &playbook)]);
        let store = Arc::clone(&site.store);
        for number in 0..12 {
            store.deliver(&format!("user{}@corp.example", number / 4), SENDER, &format!("Letter {number}"), NOON);
        }
        let folder = site.folder.path().join("evidence");
        let kept = always.map(|always| Evidence::folder(&folder, always).unwrap());
        Self { store, api: site.api(|site| site.evidence = kept).await, site }
    }

    async fn run(&self) -> Remediation {
        let ann = person("ann", &[Role::Analyst, Role::Purger]);
        let submitted = self.api.submit(&ann, submission("purge", &[("sender", SENDER)])).await.unwrap();
        self.work(&submitted).await
    }

    async fn work(&self, remediation: &Remediation) -> Remediation {
        let done = world::run(&self.api, &remediation.id).await;
        self.api.site().history.verify(None, |_| {}).await.unwrap();
        done
    }

    /// Kind, reason and digest of every outcome.
    async fn outcomes(&self, of: &Remediation) -> Vec<(OutcomeKind, Reason, Option<Digest>)> {
        let messages = self.api.site().history.messages(&of.id, None, 100).await.unwrap();
        let outcomes = messages.into_iter().map(|(_, outcome)| outcome.unwrap());
        outcomes.map(|one| (one.kind, one.reason, one.receipt.and_then(|receipt| receipt.evidence))).collect()
    }

    async fn problems(&self) -> Vec<String> {
        self.api.verify_evidence().await.unwrap().problems
    }

    fn kept(&self) -> usize {
        files(&self.site.folder.path().join("evidence")).len()
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        if entry.path().is_dir() { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}

fn examiner() -> Principal {
    person("sherlock", &[Role::Examiner])
}

#[tokio::test]
async fn deleted_messages_were_kept_and_each_reader_is_recorded() {
    let postgres = clawback_tests::postgres::database().await;
    for url in [None, Some(postgres)] {
        let world = World::new(url, ", keep-evidence: true", Some(false)).await;
        let done = world.run().await;
        assert_eq!((done.status, done.counts.succeeded, world.kept()), (Status::Completed, 12, 12));
        let history = &world.api.site().history;
        let (rows, _) = history.evidence(Some(&done.id), None, 100).await.unwrap();
        assert_eq!(rows.len(), 12);
        for (row, (kind, _, digest)) in rows.iter().zip(world.outcomes(&done).await) {
            assert_eq!(
                (kind, digest, row.receipt),
                (OutcomeKind::Succeeded, Some(row.kept.digest), Some(row.kept.digest))
            );
        }
        let report = world.api.verify_evidence().await.unwrap();
        assert_eq!((report.sound, report.problems), (12, vec![]));

        let refused =
            world.api.examine(&person("root", &[Role::Admin, Role::Approver]), &rows[3].kept.digest).await.unwrap_err();
        assert!(refused.to_string().contains("needs the role examiner"), "{refused}");
        let before = history.head().await.unwrap().seq;
        let raw = world.api.examine(&examiner(), &rows[3].kept.digest).await.unwrap();
        assert!(String::from_utf8(raw.clone()).unwrap().contains("Subject: Letter 3\r\n"));
        assert_eq!(Digest::of(&raw), rows[3].kept.digest);
        let noted = history.chain(before, 10).await.unwrap();
        assert_eq!(noted.len(), 1, "one event for one read, none for a refused one");
        let link = &noted[0].link;
        assert_eq!((link.kind.as_str(), link.actor.as_str()), ("evidence-read", "sherlock"));
        assert!(link.body.contains(&rows[3].kept.digest.to_string()) && link.body.contains(done.id.as_str()));
        // The same by its number in the plan, though it is in no mailbox any more.
        let (target, again) = world.api.read_message(&examiner(), &done.id, rows[3].kept.seq).await.unwrap();
        assert_eq!((target.seq, again), (rows[3].kept.seq, raw));
        let noted = history.chain(before + 1, 10).await.unwrap();
        assert!(noted.len() == 1 && noted[0].link.kind == "evidence-read", "{noted:?}");
        history.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_deleted() {
    let world = World::new(None, ", keep-evidence: true", Some(false)).await;
    // A file where the folder must be: as if the disk were full.
    let blocked = world.site.folder.path().join("evidence/sha256");
    std::fs::write(&blocked, "").unwrap();
    let failed = world.run().await;
    assert_eq!((failed.status, failed.counts.failed, world.store.acts()), (Status::Failed, 12, 0));
    let expected = (OutcomeKind::Failed, Reason::EvidenceNotKept, None);
    assert!(world.outcomes(&failed).await.iter().all(|outcome| *outcome == expected));
    std::fs::remove_file(&blocked).unwrap();
    let retry = world.api.retry(&person("ann", &[Role::Analyst, Role::Purger]), &failed.id).await.unwrap();
    let done = world.work(&retry).await;
    assert_eq!((done.status, done.counts.succeeded, world.kept()), (Status::Completed, 12, 12));
    assert_eq!(world.problems().await, [""; 0]);
}

#[tokio::test]
async fn one_message_that_cannot_be_kept_fails_alone() {
    let world = World::new(None, ", keep-evidence: true", Some(false)).await;
    let most = usize::try_from(LARGEST_EVIDENCE).unwrap();
    for (subject, size) in [("Largest", most), ("Larger", most + 1)] {
        let head =
            format!("From: {SENDER}\r\nTo: a@corp.example\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\n");
        let raw = format!("{head}{}", "x".repeat(size - head.len()));
        world.store.deliver_raw("user9@corp.example", &raw, NOON);
    }
    let done = world.run().await;
    assert_eq!((done.counts.succeeded, done.counts.failed, world.kept()), (13, 1, 13));
    let history = &world.api.site().history;
    let failed = history.former_outcomes(&done.id, OutcomeKind::Failed, None, 10).await.unwrap();
    assert_eq!((failed[0].0.subject.as_ref(), failed[0].1.reason), ("Larger", Reason::EvidenceNotKept));
    assert!(failed[0].1.detail.as_ref().unwrap().contains("larger than"));
}

#[tokio::test]
async fn an_act_whose_answer_was_lost_has_its_evidence() {
    let world = World::new(None, ", keep-evidence: true", Some(false)).await;
    let broken = || CallError::Transient { store: "corp".into(), detail: "connection reset".into() };
    world.store.lose_answers([broken(), broken()]);
    let done = world.run().await;
    assert_eq!((done.status, done.counts.succeeded), (Status::Completed, 12));
    let outcomes = world.outcomes(&done).await;
    assert!(outcomes.iter().any(|(_, reason, _)| *reason == Reason::ConfirmedAfterRestart), "{outcomes:?}");
    assert!(outcomes.iter().all(|(_, _, digest)| digest.is_some()), "{outcomes:?}");
    assert_eq!(world.problems().await, [""; 0]);
}

#[tokio::test]
async fn a_message_that_was_removed_meanwhile_is_not_found() {
    let world = World::new(None, ", keep-evidence: true", Some(false)).await;
    let ann = person("ann", &[Role::Analyst, Role::Purger]);
    let submitted = world.api.submit(&ann, submission("purge", &[("sender", SENDER)])).await.unwrap();
    let worker = world::worker(&world.api);
    let planned = worker.plan_only(&submitted.id).await.unwrap();
    let other = world.run().await;
    assert_eq!(other.counts.succeeded, 12);
    // The same selection within the hour waits for a person.
    assert_eq!(world.work(&planned).await.status, Status::Paused);
    let ben = person("ben", &[Role::Approver, Role::Purger]);
    world.api.resume(&ben, &planned.id).await.unwrap();
    let done = world.work(&planned).await;
    assert_eq!((done.counts.not_found, done.counts.failed), (12, 0));
}

#[tokio::test]
async fn the_site_may_require_evidence_and_the_playbook_decides() {
    for (keep, always, kept) in [("", true, 12), ("", false, 0), (", keep-evidence: false", true, 0)] {
        let world = World::new(None, keep, Some(always)).await;
        let done = world.run().await;
        assert_eq!((done.counts.succeeded, world.kept()), (12, kept), "{keep:?} {always}");
    }
    let world = World::new(None, ", keep-evidence: true", None).await;
    let ann = person("ann", &[Role::Analyst, Role::Purger]);
    let refused = world.api.submit(&ann, submission("purge", &[("sender", SENDER)])).await.unwrap_err();
    assert!(matches!(refused, Error::NoEvidence), "{refused}");
}

#[tokio::test]
async fn evidence_that_was_changed_or_lost_is_named() {
    let world = World::new(None, ", keep-evidence: true", Some(false)).await;
    let done = world.run().await;
    let (rows, _) = world.api.site().history.evidence(None, None, 100).await.unwrap();
    let path = |digest: Digest| {
        let digits = digest.to_string();
        world.site.folder.path().join(format!("evidence/sha256/{}/{digits}", &digits[..2]))
    };
    let (changed, lost) = (path(rows[1].kept.digest), path(rows[2].kept.digest));
    let kept = std::fs::read(&changed).unwrap();
    std::fs::write(&changed, "something else").unwrap();
    std::fs::remove_file(&lost).unwrap();
    let problems = world.problems().await;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("message 1 of") && problems[0].contains("were changed"), "{problems:?}");
    assert!(problems[1].contains("message 2 of"), "{problems:?}");
    let refused = world.api.examine(&examiner(), &rows[1].kept.digest).await.unwrap_err();
    assert!(matches!(refused, Error::EvidenceLost { .. }), "{refused}");
    std::fs::write(&changed, kept).unwrap();

    let database = world.site.url.clone();
    for (sql, said) in [
        ("UPDATE evidence SET digest = (SELECT digest FROM evidence WHERE seq = 0) WHERE seq = 3", "different digests"),
        ("DELETE FROM evidence WHERE seq = 3", "it has no row"),
    ] {
        let mut connection = sqlx::SqliteConnection::connect(&database).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let problems = world.problems().await;
        assert!(problems.iter().any(|one| one.contains("message 3 of") && one.contains(said)), "{sql}: {problems:?}");
    }
    assert_eq!(done.counts.succeeded, 12);
}

const PURGE: &str = "playbook: purge
description: A campaign, for good.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: hard-delete }
";

#[test]
fn the_command_line_lists_reads_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let options = maildirs::Options { mailboxes: 4, messages: 40, campaign: 20, ..maildirs::Options::default() };
    maildirs::write(&folder.path().join("mail"), &options).unwrap();
    let store = "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = { maildir = \"Maildir\" }\n\
                 [evidence]\nfolder = \"evidence\"\nkeep = true\n";
    let admin = Clawback::init(folder.path(), store);
    std::fs::write(folder.path().join("workflows/purge.yaml"), PURGE).unwrap();
    let sender = format!("sender={}", clawback_tests::mail::CAMPAIGN_SENDER);
    let done = admin.json(&["run", "purge", "-i", &sender]);
    assert_eq!(done["status"], "completed", "{done}");
    let count = done["counts"]["succeeded"].as_u64().unwrap();
    let id = done["id"].as_str().unwrap();
    let sherlock = admin.add("sherlock", "examiner");
    let served = Served::start(&admin, &["--no-worker"]);
    let there = [&admin, &sherlock].map(|who| who.through(served.url()));
    for (number, [admin, sherlock]) in [[&admin, &sherlock], there.each_ref()].into_iter().enumerate() {
        let file = folder.path().join(format!("{number}.eml"));
        lists_reads_and_verifies(admin, sherlock, id, count, &file);
    }
    let mode = std::os::unix::fs::MetadataExt::mode(&folder.path().join("evidence").metadata().unwrap());
    assert_eq!(mode & 0o777, 0o700, "the folder is its owner's alone");
    std::fs::remove_file(&files(&folder.path().join("evidence"))[0]).unwrap();
    for admin in [&admin, &there[0]] {
        let output = admin.run(&["evidence", "verify"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stdout).contains("WRONG"));
    }
    admin.ok(&["verify"]);
}

fn lists_reads_and_verifies(admin: &Clawback, sherlock: &Clawback, id: &str, count: u64, file: &Path) {
    let listed = admin.json(&["evidence", "list", "--remediation", id, "--limit", "1000"]);
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len() as u64, count);
    let first = admin.json(&["evidence", "list", "--limit", "3"]);
    let rest = admin.json(&["evidence", "list", "--after", first["next"].as_str().unwrap(), "--limit", "1000"]);
    assert_eq!(rest["items"].as_array().unwrap().len() as u64, count - 3);

    let one = &items[5];
    let digest = one["digest"].as_str().unwrap();
    let refused = admin.fails(1, &["evidence", "get", digest]);
    assert!(refused.contains("needs the role examiner"), "{refused}");
    let raw = sherlock.run(&["evidence", "get", digest]);
    assert!(raw.status.success());
    assert_eq!(Digest::of(&raw.stdout).to_string(), digest, "byte for byte");
    let (message, mailbox) = (one["fingerprint"].as_str().unwrap(), one["mailbox"].as_str().unwrap());
    let named = ["evidence", "get", "--remediation", id, "--message", message, "--mailbox", mailbox, "-o"];
    sherlock.ok(&[&named[..], &[file.to_str().unwrap()]].concat());
    assert_eq!(std::fs::read(file).unwrap(), raw.stdout);
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&file.metadata().unwrap()) & 0o777, 0o600);
    let shown = admin.json(&["show", id, "--messages"]);
    assert!(shown.to_string().contains(digest), "the digest is shown with the message's outcome");
    assert!(admin.ok(&["evidence", "verify"]).starts_with(&format!("{count} messages")));
}
