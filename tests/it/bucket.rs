//! Evidence in a bucket: kept on a real S3 server before the delete, read back and verified; a message that the server
//! does not accept is not deleted.

use std::path::{Path, PathBuf};

use clawback_model::Digest;
use clawback_tests::binary::Clawback;
use clawback_tests::served::Served;
use clawback_tests::{maildirs, openssl, s3};

const PURGE: &str = "playbook: purge
description: A campaign, for good.
severity: high
on: { manual: {} }
inputs: { sender: { type: address, required: true } }
steps:
  - search: { where: { from: \"${inputs.sender}\" } }
  - remediate: { action: hard-delete }
";
const PREFIX: &str = "clawback/acme";

struct Site {
    folder: tempfile::TempDir,
    admin: Clawback,
    truth: maildirs::Truth,
}

impl Site {
    /// Four mailboxes, and a bucket at this endpoint.
    fn new(endpoint: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = maildirs::Options {
            mailboxes: 4,
            messages: 40,
            campaign: 12,
            decoys: 0,
            traps: 0,
            ..maildirs::Options::default()
        };
        let truth = maildirs::write(&folder.path().join("mail"), &options).unwrap();
        let store = format!(
            "connector = \"maildir\"\ndirectory = \"mail/acme.test\"\nsettings = {{ maildir = \"Maildir\" }}\n\
             [evidence]\nkeep = true\n[evidence.bucket]\nurl = \"s3://{}/{PREFIX}\"\nendpoint = \"{endpoint}\"\n\
             credentials-file = \"s3.keys\"\n{more}",
            s3::BUCKET
        );
        let admin = Clawback::init(folder.path(), &store);
        s3::write_keys(&folder.path().join("s3.keys"), s3::KEYS);
        std::fs::write(folder.path().join("workflows/purge.yaml"), PURGE).unwrap();
        Self { folder, admin, truth }
    }

    fn purge(&self) -> serde_json::Value {
        let sender = format!("sender={}", clawback_tests::mail::CAMPAIGN_SENDER);
        self.admin.json(&["run", "purge", "-i", &sender])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn key(digest: &str) -> String {
    format!("{PREFIX}/sha256/{}/{digest}", &digest[..2])
}

#[test]
fn what_is_deleted_is_in_the_bucket_and_damage_is_named() {
    let mut server = s3::Server::start(None);
    let site = Site::new(&server.endpoint(), "");
    let done = site.purge();
    assert_eq!(done["status"], "completed", "{done}");
    let count = done["counts"]["succeeded"].as_u64().unwrap();
    assert!(count >= 12);
    site.truth.check_campaign_removed(&maildirs::snapshot(&site.path("mail")).unwrap(), None).unwrap();

    let listed = site.admin.json(&["evidence", "list", "--limit", "1000"]);
    let digests: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|one| one["digest"].as_str().unwrap()).collect();
    assert_eq!(digests.len() as u64, count);
    for digest in &digests {
        let kept = std::fs::read(server.object(&key(digest))).unwrap();
        assert_eq!(Digest::of(&kept).to_string(), *digest, "the server has it byte for byte");
    }
    let sherlock = site.admin.add("sherlock", "examiner");
    let raw = sherlock.run(&["evidence", "get", digests[0]]);
    assert_eq!(Digest::of(&raw.stdout).to_string(), digests[0]);
    assert!(site.admin.ok(&["evidence", "verify"]).starts_with(&format!("{count} messages")));
    let said = site.admin.ok(&["doctor"]);
    assert!(said.contains("s3://evidence/clawback/acme answers") && !said.contains("WRONG"), "{said}");

    std::fs::write(server.object(&key(digests[1])), "something else").unwrap();
    std::fs::remove_file(server.object(&key(digests[2]))).unwrap();
    let output = site.admin.run(&["evidence", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.matches("WRONG").count(), 2, "{said}");
    let refused = sherlock.fails(1, &["evidence", "get", digests[1]]);
    assert!(refused.contains(digests[1]) && refused.contains("is lost"), "{refused}");
    site.admin.ok(&["verify"]);

    // An unreachable server does not count as lost evidence.
    server.stop();
    let output = site.admin.run(&["evidence", "verify"]);
    assert_eq!(output.status.code(), Some(3), "neither unchanged nor damaged");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!((said.matches("WRONG").count(), said.matches("UNKNOWN").count()), (0, 4), "{said}");
    assert!(said.contains(&format!("{} further messages were not asked for", count - 3)), "{said}");
    let refused = sherlock.fails(1, &["evidence", "get", digests[0]]);
    assert!(refused.contains("did not give") && !refused.contains("is lost"), "{refused}");
    let center = Served::start(&site.admin, &["--no-worker"]);
    let refused = sherlock.through(center.url()).fails(1, &["evidence", "get", digests[0]]);
    assert!(refused.contains("did not give") && !refused.contains("is lost"), "{refused}");
}

#[test]
fn a_message_that_the_server_refuses_is_not_deleted() {
    let mut server = s3::Server::start(None);
    let site = Site::new(&server.endpoint(), "");
    let before = maildirs::snapshot(&site.path("mail")).unwrap();
    server.stop();
    let failed = site.purge();
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!((&failed["counts"]["succeeded"], &failed["counts"]["open"]), (&0.into(), &0.into()));
    let id = failed["id"].as_str().unwrap();
    let messages = site.admin.json(&["show", id, "--messages"]);
    let reasons = messages.to_string().matches("\"evidence-not-kept\"").count() as u64;
    assert_eq!(reasons, failed["counts"]["failed"].as_u64().unwrap(), "{messages}");
    before.check(&maildirs::snapshot(&site.path("mail")).unwrap()).unwrap();
    let doctor = site.admin.run(&["doctor"]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("WRONG  evidence"));

    // Up again, but with other keys: it refuses, and again nothing is deleted.
    server.start_again();
    s3::write_keys(&site.path("s3.keys"), &s3::KEYS.replace("= S3RVER\n", "= another\n"));
    let refused = site.admin.json(&["retry", id]);
    assert_eq!(refused["counts"]["succeeded"], 0, "{refused}");
    before.check(&maildirs::snapshot(&site.path("mail")).unwrap()).unwrap();

    s3::write_keys(&site.path("s3.keys"), s3::KEYS);
    let done = site.admin.json(&["retry", refused["id"].as_str().unwrap()]);
    assert_eq!(done["status"], "completed", "{done}");
    site.truth.check_campaign_removed(&maildirs::snapshot(&site.path("mail")).unwrap(), None).unwrap();
    let count = done["counts"]["succeeded"].as_u64().unwrap();
    assert!(site.admin.ok(&["evidence", "verify"]).starts_with(&format!("{count} messages")));
}

#[test]
fn a_bucket_over_tls_is_trusted_by_the_file_that_is_named() {
    let certificates = tempfile::tempdir().unwrap();
    openssl::write_certificates(certificates.path()).unwrap();
    let [authority, certificate, private_key] =
        ["authority.pem", "server.pem", "server.key"].map(|name| certificates.path().join(name));
    let server = s3::Server::start(Some((certificate, private_key)));
    let trusting = Site::new(&server.endpoint(), &format!("ca-file = \"{}\"\n", authority.display()));
    assert_eq!(trusting.purge()["status"], "completed");
    let doubting = Site::new(&server.endpoint(), "");
    assert_eq!(doubting.purge()["counts"]["succeeded"], 0);
}

#[test]
fn an_invalid_configuration_is_reported() {
    let site = Site::new("http://127.0.0.1:9", "");
    let keys = site.path("s3.keys");
    std::fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let sender = format!("sender={}", clawback_tests::mail::CAMPAIGN_SENDER);
    let refused = site.admin.fails(2, &["run", "purge", "-i", &sender]);
    assert!(refused.contains("chmod 600"), "{refused}");
    // Commands that only read need no keys.
    site.admin.ok(&["history"]);
    std::fs::remove_file(&keys).unwrap();
    let config = site.path("clawback.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let again = |from: &str, to: &str, said: &str| {
        std::fs::write(&config, text.replace(from, to)).unwrap();
        let output = site.admin.command(&["run", "purge", "-i", &sender]).env_remove("AWS_ACCESS_KEY_ID").output();
        let output = output.unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(said), "{said}: {error}");
    };
    again("", "", "cannot be read");
    s3::write_keys(&keys, s3::KEYS);
    again("credentials-file = \"s3.keys\"\n", "", "AWS_ACCESS_KEY_ID is not in the environment");
    again("http://127.0.0.1:9", "127.0.0.1:9", "must start with https://");
    again("s3://", "gs://", "must be s3://BUCKET");
    again("keep = true\n", "keep = true\nfolder = \"evidence\"\n", "either `folder` or `bucket`");
    again("url = \"s3", "secret-access-key = \"abc\"\nurl = \"s3", "unknown field");
    assert!(!Path::new(&site.path("evidence")).exists());
}

#[test]
fn checkpoints_are_in_the_bucket_before_a_hard_delete() {
    let server = s3::Server::start(None);
    let heads = |endpoint: &str| {
        format!(
            "[checkpoints.bucket]\nurl = \"s3://{}/heads\"\nendpoint = \"{endpoint}\"\ncredentials-file = \"s3.keys\"\n",
            s3::BUCKET
        )
    };
    let site = Site::new(&server.endpoint(), &heads(&server.endpoint()));
    let done = site.purge();
    assert_eq!(done["status"], "completed", "{done}");
    let names = server.names("heads/checkpoints");
    let newest = names.last().unwrap();
    let note = std::fs::read_to_string(server.object(&format!("heads/checkpoints/{newest}"))).unwrap();
    let signed: i64 = newest.parse().unwrap();
    assert!(note.contains(&format!("\n{signed}\n")), "{note}");
    let file = site.path("newest.txt");
    std::fs::write(&file, note).unwrap();
    site.admin.ok(&["verify", "--checkpoint", file.to_str().unwrap()]);
    let events = site.admin.json(&["show", done["id"].as_str().unwrap(), "--events"]);
    let mut events = events.as_array().or_else(|| events["items"].as_array()).unwrap().iter();
    let first = events.find(|event| event["event"] == "batch-started").unwrap();
    assert!(signed >= first["seq"].as_i64().unwrap() - 1, "{names:?} {first}");

    // An unreachable bucket for checkpoints does not delay the work.
    let site = Site::new(&server.endpoint(), &heads("http://127.0.0.1:1"));
    assert_eq!(site.purge()["status"], "completed");
}
