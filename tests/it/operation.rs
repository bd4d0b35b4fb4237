//! Operating a deployment: backup and restore, retention, `doctor`, and the files that it is installed with.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clawback_model::{Digest, Role, Timestamp};
use clawback_store::{Found, Store, VerifyError};
use clawback_tests::binary::{Clawback, copy_folder};
use clawback_tests::postgres;
use clawback_tests::site::{api, noon, person, site};
use sqlx::Connection as _;

use crate::foreground::{Running, start, until_said};
use crate::store::harness::Database;

const STORE: &str = "connector = \"maildir\"\ndirectory = \"mail\"\n";

fn new_site(folder: &Path, database: Option<&str>) -> Clawback {
    std::fs::create_dir_all(folder.join("mail/ann@acme.test/Maildir")).unwrap();
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(folder.join("mail/ann@acme.test/Maildir").join(part)).unwrap();
    }
    let store = format!("{STORE}settings = {{ maildir = \"Maildir\" }}\n[retention]\nmessages = 30\n");
    Clawback::init_on(folder, &store, database)
}

#[test]
fn a_backup_of_sqlite_is_the_history_at_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = new_site(folder.path(), None);
    let before = clawback.json(&["verify"]);
    let copy = folder.path().join("copy.db");
    clawback.ok(&["backup", copy.to_str().unwrap()]);
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let refused = clawback.fails(1, &["backup", copy.to_str().unwrap()]);
    assert!(refused.contains("copy.db") && refused.contains("exists"), "{refused}");
    clawback.ok(&["principals", "add", "later", "--role", "viewer"]);
    // Restored: the copy takes the place of the database.
    let mut verify = clawback.command(&["verify", "--head", before["head"].as_str().unwrap(), "--format", "json"]);
    let restored = verify.env("CLAWBACK_DATABASE", format!("sqlite:{}", copy.display())).output().unwrap();
    let restored: serde_json::Value = serde_json::from_slice(&restored.stdout).unwrap();
    assert_eq!(restored, before);
    assert_ne!(clawback.json(&["verify"])["head"], before["head"]);
}

#[tokio::test]
async fn a_backup_of_postgresql_by_its_own_tools_is_restored() {
    let database = Database::postgres().await;
    database.finished(1, 300).await;
    let head = database.store.head().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let refused = database.store.back_up(&folder.path().join("x")).await.unwrap_err();
    assert!(refused.to_string().contains("pg_dump"), "{refused}");
    let file = folder.path().join("history.dump");
    let run = |tool: &str, arguments: &[&str]| {
        let tool = postgres::find(tool).unwrap_or_else(|| panic!("`{tool}` was not found: install postgresql-client"));
        let status = Command::new(&tool).args(arguments).status().unwrap();
        assert!(status.success(), "{}: {status}", tool.display());
    };
    run("pg_dump", &["--format=custom", "--file", file.to_str().unwrap(), &database.url]);
    let empty = postgres::empty_database().await;
    run("pg_restore", &["--no-owner", "--exit-on-error", "--dbname", &empty, file.to_str().unwrap()]);
    let restored = Store::open(&empty).await.unwrap();
    assert_eq!(restored.verify(Some(head), |_| {}).await.unwrap().head, head);
    // The triggers that protect rows are restored too.
    let mut connection = sqlx::PgConnection::connect(&empty).await.unwrap();
    let refused = sqlx::raw_sql("UPDATE events SET actor = 'x'").execute(&mut connection).await.unwrap_err();
    assert!(refused.to_string().contains("never changed"), "{refused}");
}

#[tokio::test]
async fn retention_removes_messages_in_steps_and_the_proof_remains() {
    for database in Database::all().await {
        let old = database.finished(1, 12_000).await;
        let other = database.finished(2, 30).await;
        let running = database.submit(3).await;
        let (store, before) = (&database.store, Timestamp(2_000_601));
        let events = store.events(&old).await.unwrap();
        let due: Vec<_> = store.expired(before, None, 10).await.unwrap().into_iter().map(|one| one.id).collect();
        assert_eq!(due, [old.clone(), other.clone()]);
        assert!(store.expired(Timestamp(2_000_600), None, 10).await.unwrap().is_empty());
        let early = store.remove_messages(&old, Timestamp(2_000_600), "root", Timestamp(9)).await;
        assert!(early.is_err() && store.remove_messages(&running, before, "root", Timestamp(9)).await.is_err());

        assert!(!store.remove_messages(&old, before, "root", Timestamp(9)).await.unwrap(), "10,000 rows are a step");
        store.verify(None, |_| {}).await.unwrap();
        assert!(store.messages_removed(&old).await.unwrap());
        // Interrupted there: it is still due, and the next run removes the rest.
        let api = api(site(store.clone(), vec![], &[], noon()));
        let refused = api.forget(&person("ann", &[Role::Approver]), Duration::ZERO, false, |_| {}).await.unwrap_err();
        assert!(refused.to_string().contains("role admin"), "{refused}");
        let admin = person("root", &[Role::Admin]);
        let dry = api.forget(&admin, Duration::ZERO, true, |_| {}).await.unwrap();
        assert_eq!((dry.remediations, dry.messages), (2, 12_030));
        assert_eq!(store.messages(&other, None, 100).await.unwrap().len(), 30, "a dry run removes nothing");
        assert_eq!(api.forget(&admin, Duration::ZERO, false, |_| {}).await.unwrap(), dry);
        assert_eq!(api.forget(&admin, Duration::ZERO, false, |_| {}).await.unwrap().remediations, 0);
        for table in ["targets", "outcomes", "lanes"] {
            let left = database.lines(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}")).await;
            assert_eq!(left, ["0"], "{}: {table}", database.name);
        }
        assert_eq!(store.events(&old).await.unwrap(), events, "events stay");
        assert_eq!(store.load(&old).await.unwrap().counts.submitted, 12_000, "counts stay");
        assert_eq!(store.batches(&old).await.unwrap().len(), 2, "digests stay");
        let verified = store.verify(None, |_| {}).await.unwrap();
        assert_eq!((verified.remediations, verified.targets), (3, 0));
        let refused = api.undo(&admin, &other).await.unwrap_err();
        assert!(refused.to_string().contains("retention"), "{refused}");

        // Rows that are removed without an event, or an event without its row, are detected.
        let third = database.finished(4, 20).await;
        database.sql("INSERT INTO removals SELECT number, 1, 1 FROM remediations WHERE number = 4").await;
        let found = store.verify(None, |_| {}).await.unwrap_err();
        assert!(
            matches!(found, VerifyError::Broken(Found::Removal { remediation }) if remediation == third.to_string())
        );
        database.sql("DELETE FROM removals WHERE remediation = 4; DELETE FROM outcomes WHERE remediation = 4").await;
        assert!(store.verify(None, |_| {}).await.is_err());
    }
}

#[test]
fn retention_does_nothing_that_the_configuration_does_not_say() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = new_site(folder.path(), None);
    assert!(
        clawback.ok(&["retention", "run", "--dry-run"]).starts_with("0 messages of 0 remediations would be removed")
    );
    let config = folder.path().join("clawback.toml");
    let without = std::fs::read_to_string(&config).unwrap().replace("[retention]\nmessages = 30\n", "");
    std::fs::write(&config, without).unwrap();
    let refused = clawback.fails(2, &["retention", "run"]);
    assert!(refused.contains("kept for ever"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_reports_faults_with_a_next_step() {
    let postgres = postgres::empty_database().await;
    for database in [None, Some(postgres.as_str())] {
        let folder = tempfile::tempdir().unwrap();
        let clawback = new_site(folder.path(), database);
        let said = clawback.ok(&["doctor"]);
        let named = if database.is_some() { "PostgreSQL 1" } else { "SQLite 3" };
        for part in [named, "writable", "schema ", "unbroken", "you are admin", "MB free", "store corp"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(said.contains("clock"), database.is_some(), "{said}");
        assert!(!said.contains("WRONG"), "{said}");
        let token = folder.path().join("admin.token");
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
        let output = clawback.run(&["doctor"]);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("WRONG  token file") && said.contains("chmod 600"), "{said}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_reported() {
    let database = Database::postgres().await;
    database.store.health().await.unwrap();
    let name = database.url.rsplit('/').next().unwrap();
    database.sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let again = Store::open(&database.url).await;
    // The error occurs at the first write: when it is opened, or when its health is checked.
    let refused = match again {
        Ok(store) => store.health().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(refused.to_string().contains("read-only"), "{refused}");
}

/// The files that are copied into the image, and that the service runs, exist.
#[test]
fn the_files_of_an_installation_name_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |name: &str| std::fs::read_to_string(root.join("engine/cli/assets").join(name)).unwrap();
    let container = read("Containerfile");
    let mut copied = 0;
    for line in container.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0].starts_with("--from") {
            assert_eq!(words[1], "/source/target/release/clawback");
            continue;
        }
        for path in &words[..words.len() - 1] {
            assert!(root.join(path).exists(), "{path}");
            copied += 1;
        }
    }
    let manifest: toml::Table = toml::from_str(&std::fs::read_to_string(root.join("Cargo.toml")).unwrap()).unwrap();
    for member in manifest["workspace"]["members"].as_array().unwrap() {
        let top = member.as_str().unwrap().split('/').next().unwrap();
        assert!(container.contains(&format!("COPY {top} {top}\n")), "{top}: cargo needs every member of the workspace");
    }
    assert!(copied >= 7);
    let toolchain = std::fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
    let image = container.lines().find_map(|line| line.strip_prefix("ARG BUILD_IMAGE=rust:")).unwrap();
    assert!(toolchain.contains(&format!("\"{}.", image.split('-').next().unwrap())), "{image} and {toolchain}");
    let units = ["clawback-worker.service", "clawback-serve.service"].map(read);
    for unit in &units {
        let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/clawback ")).unwrap();
        let mut arguments: Vec<&str> = start.split_whitespace().collect();
        arguments.push("--help");
        let help = Command::new(clawback_tests::binary::binary()).args(arguments).output().unwrap();
        assert!(help.status.success(), "{start}");
        assert_ne!(Digest::of(&help.stdout), Digest::of(b""));
        for key in ["LimitNOFILE=65536", "LimitCORE=0", "SystemCallFilter=@system-service", "RestrictNamespaces=yes"] {
            assert!(unit.lines().any(|line| line == key), "{key}");
        }
    }
    let hardening = |unit: &str| unit.split_once("TimeoutStopSec=").unwrap().1.to_owned();
    assert_eq!(hardening(&units[0]), hardening(&units[1]), "both leave a process the same");
}

#[test]
fn a_reader_that_disconnects_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = new_site(folder.path(), None);
    let submitted = ["submit", "--name", "x", "--from", "eve@evil.example", "--action", "soft-delete"];
    let done = clawback.json(&submitted);
    for arguments in [&["completions", "bash"][..], &["export", done["id"].as_str().unwrap()], &["history"]] {
        let mut command = clawback.command(arguments);
        let mut child =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && !said.contains("panicked") && !said.contains("pipe"),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn small_mistakes_are_reported_with_a_correction() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = new_site(folder.path(), None);
    let nameless = ["submit", "--name", "", "--from", "eve@evil.example", "--action", "soft-delete"];
    assert!(clawback.fails(2, &nameless).contains("--name"));
    assert!(clawback.fails(1, &["principals", "token", "nobody"]).contains("clawback principals list"));
    assert!(clawback.ok(&["--help"]).contains("Write man pages"));
    let one_store = "playbook: one-store\non: { manual: {} }\nsteps:\n  - search: { stores: [corp], where: { from: eve@evil.example } }\n  - remediate: { action: soft-delete }\n";
    std::fs::write(folder.path().join("workflows/one-store.yaml"), one_store).unwrap();
    assert!(clawback.ok(&["playbooks", "show", "one-store"]).contains("stores: [corp]"));
    let listed = clawback.json(&["playbooks", "list"]);
    assert!(listed["items"].as_array().unwrap().iter().all(|one| one["ok"] == true), "{listed}");
    let purge = listed["items"].as_array().unwrap().iter().find(|one| one["name"] == "purge-phish-campaign").unwrap();
    assert!(!purge["description"].as_str().unwrap().is_empty() && purge["triggers"][0] == "manual", "{purge}");
    assert!(purge["inputs"].as_array().unwrap().iter().any(|input| input["name"] == "sender"), "{purge}");
    let config = folder.path().join("clawback.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("messages = 30", "messages = 0")).unwrap();
    assert!(clawback.fails(2, &["retention", "run"]).contains("would remove everything at once"));
}

#[test]
fn doctor_reports_due_work_without_a_worker() {
    let folder = tempfile::tempdir().unwrap();
    let clawback = new_site(folder.path(), None);
    let report = |clawback: &Clawback| {
        let output = clawback.run(&["doctor"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(report(&clawback).contains("ok     workers: none is alive, and nothing is due"));
    clawback.ok(&["submit", "--name", "x", "--from", "eve@evil.example", "--action", "soft-delete", "--no-run"]);
    let said = report(&clawback);
    assert!(said.contains("WRONG  workers") && said.contains("remediations wait for a worker"), "{said}");
    assert!(said.contains("clawback worker"), "{said}");
}

/// Two nodes of one site, with a folder each. One comes to have another list, playbook and limit.
#[test]
fn doctor_and_the_log_report_in_what_the_nodes_of_a_site_differ() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let running = new_site(folders[0].path(), None);
    copy_folder(folders[0].path(), folders[1].path());
    let other = Clawback::at(folders[1].path());
    let config = folders[1].path().join("clawback.toml");
    let database = format!("\"sqlite:{}\"", folders[0].path().join("clawback.db").display());
    let text = std::fs::read_to_string(&config).unwrap().replace("\"sqlite:clawback.db\"", &database);
    std::fs::write(&config, format!("# Another comment.\n{text}")).unwrap();
    let mut worker = Running(start(&running, &["worker"]));
    let doctor = || String::from_utf8_lossy(&other.run(&["doctor"]).stdout).into_owned();
    let said = loop {
        let said = doctor();
        if said.contains("ok     workers: 1 alive") {
            break said;
        }
        assert!(worker.0.try_wait().unwrap().is_none(), "the worker ended");
    };
    assert!(!said.contains("WRONG  nodes"), "{said}");

    let changed = text.replace("vips = []", "vips = [\"ceo@acme.test\"]").replace("messages = 30", "messages = 31");
    std::fs::write(&config, changed).unwrap();
    std::fs::create_dir_all(folders[1].path().join("workflows")).unwrap();
    std::fs::write(folders[1].path().join("workflows/manual.yaml"), "playbook: manual\n").unwrap();
    let parts = "list vips, playbook manual, retention";
    let said = doctor();
    assert!(said.contains("WRONG  nodes") && said.contains(&format!("differs from this one in: {parts}")), "{said}");
    assert!(said.contains("give all nodes the same files"), "{said}");
    until_said(&mut Running(start(&other, &["worker"])).0, parts);
}
