//! The Merkle tree over the events: its checkpoints and proofs as outsiders check them, with verifiers that share no
//! code with this program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clawback_model::{Digest, LogQuestion};
use clawback_runtime::{Proof, SiteKey, open_checkpoint};
use clawback_store::{Found, TrustedHeads, VerifyError};
use clawback_tests::binary::Clawback;
use clawback_tests::smtp::PYTHON;
use serde_json::{Value, json};

use super::harness::Database;

const STORE: &str = "connector = \"maildir\"\ndirectory = \"mail\"\n";

fn of_tests(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// Runs the verifier in Python.
fn python(key: &SiteKey, files: &[&Path]) -> Output {
    let mut command = Command::new(PYTHON);
    command.arg(of_tests("verify_proof.py")).arg(key.public().to_string()).args(files);
    command.output().expect("python3 is there")
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

/// A history that fills more than one tile.
async fn grown(database: &Database) {
    for number in 1..=30 {
        database.finished(number, 16).await;
    }
    assert!(database.store.head().await.unwrap().seq > 256);
}

fn key(seed: u8) -> SiteKey {
    SiteKey::generate("corp.example/clawback", &[seed; 32]).unwrap().0
}

/// A fixed pseudo-random sequence (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % most
    }
}

/// Replaces one letter of a text.
fn other_letter(text: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = dice.below(letters.len());
    letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
    letters.into_iter().collect()
}

/// Flips one bit of a hash or signature in base64.
fn other_bit(text: &str, dice: &mut Dice) -> String {
    let mut bytes = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
    let at = dice.below(bytes.len());
    bytes[at] ^= 1 << dice.below(8);
    data_encoding::BASE64.encode(&bytes)
}

/// A name, and a random change of the file's JSON.
type Mutation = (&'static str, fn(&mut Value, &mut Dice));

/// Ways to change a proof.
const MUTATIONS: [Mutation; 20] = [
    ("number", |proof, dice| {
        let event = event(proof, dice);
        event["seq"] = json!(event["seq"].as_i64().unwrap() + 1);
    }),
    ("time", |proof, dice| {
        let event = event(proof, dice);
        event["at"] = json!(event["at"].as_i64().unwrap() - 1);
    }),
    ("remediation of one", |proof, dice| text(&mut event(proof, dice)["remediation"], dice)),
    ("remediation of all", |proof, dice| {
        text(&mut proof["remediation"], dice);
        let id = proof["remediation"].clone();
        proof["events"].as_array_mut().unwrap().iter_mut().for_each(|event| event["remediation"] = id.clone());
    }),
    ("actor", |proof, dice| text(&mut event(proof, dice)["actor"], dice)),
    ("kind", |proof, dice| text(&mut event(proof, dice)["kind"], dice)),
    ("body", |proof, dice| text(&mut event(proof, dice)["body"], dice)),
    ("actor and body between them", |proof, dice| {
        let event = event(proof, dice);
        let moved = format!("{}{}", event["actor"].as_str().unwrap(), &event["kind"].as_str().unwrap()[..1]);
        event["actor"] = json!(moved);
    }),
    ("hash before", |proof, dice| {
        let event = event(proof, dice);
        let before = Digest::of(event["previous"].as_str().unwrap().as_bytes());
        event["previous"] = json!(before.to_string());
    }),
    ("step", |proof, dice| {
        let steps = event(proof, dice)["proof"].as_array_mut().unwrap();
        let at = dice.below(steps.len());
        steps[at] = json!(other_bit(steps[at].as_str().unwrap(), dice));
    }),
    ("step left out", |proof, dice| {
        let steps = event(proof, dice)["proof"].as_array_mut().unwrap();
        steps.remove(dice.below(steps.len()));
    }),
    ("step too many", |proof, dice| {
        let steps = event(proof, dice)["proof"].as_array_mut().unwrap();
        steps.push(steps[dice.below(steps.len())].clone());
    }),
    ("steps in another order", |proof, dice| {
        let steps = event(proof, dice)["proof"].as_array_mut().unwrap();
        let at = dice.below(steps.len() - 1);
        steps.swap(at, at + 1);
    }),
    ("events in another order", |proof, dice| {
        let events = proof["events"].as_array_mut().unwrap();
        let at = dice.below(events.len() - 1);
        events.swap(at, at + 1);
    }),
    ("event twice", |proof, dice| {
        let events = proof["events"].as_array_mut().unwrap();
        let at = dice.below(events.len());
        events.insert(at, events[at].clone());
    }),
    ("submission left out", |proof, _| _ = proof["events"].as_array_mut().unwrap().remove(0)),
    ("size", |proof, dice| line(proof, 1, dice, |line, dice| format!("{}{line}", dice.below(9) + 1))),
    ("root", |proof, dice| line(proof, 2, dice, other_bit)),
    ("origin", |proof, dice| line(proof, 0, dice, other_letter)),
    ("signature", |proof, dice| {
        line(proof, 4, dice, |line, dice| {
            let (before, signature) = line.rsplit_once(' ').unwrap();
            format!("{before} {}", other_bit(signature, dice))
        });
    }),
];

fn event<'a>(proof: &'a mut Value, dice: &mut Dice) -> &'a mut Value {
    let events = proof["events"].as_array_mut().unwrap();
    let at = dice.below(events.len());
    &mut events[at]
}

fn text(value: &mut Value, dice: &mut Dice) {
    *value = json!(other_letter(value.as_str().unwrap(), dice));
}

fn line(proof: &mut Value, number: usize, dice: &mut Dice, change: impl Fn(&str, &mut Dice) -> String) {
    let mut lines: Vec<String> = proof["checkpoint"].as_str().unwrap().split('\n').map(str::to_owned).collect();
    lines[number] = change(&lines[number], dice);
    proof["checkpoint"] = json!(lines.join("\n"));
}

#[tokio::test]
async fn a_verifier_in_python_accepts_a_proof_and_refuses_a_hundred_mutations_of_it() {
    let database = Database::sqlite().await;
    grown(&database).await;
    let (key, folder) = (key(1), tempfile::tempdir().unwrap());
    let id = database.store.by_approval(&super::harness::approval_id(17)).await.unwrap().id;
    let proven = database.store.prove(&id).await.unwrap();
    let checkpoint = key.sign(proven.size, proven.root);
    let sound = serde_json::to_value(Proof::new(id.to_string(), proven, checkpoint, &key)).unwrap();
    let file = folder.path().join("proof.json");
    std::fs::write(&file, sound.to_string()).unwrap();
    let accepted = python(&key, &[&file]);
    assert!(accepted.status.success() && said(&accepted).contains(&format!("events of {id}")), "{}", said(&accepted));
    assert!(!python(&self::key(2), &[&file]).status.success(), "another key signed it");

    let mut dice = Dice(20_261_127);
    for number in 0..100 {
        let (name, mutate) = MUTATIONS[number % MUTATIONS.len()];
        let mut mutated = sound.clone();
        mutate(&mut mutated, &mut dice);
        assert_ne!(mutated, sound, "mutation {number} ({name}) changes nothing");
        std::fs::write(&file, mutated.to_string()).unwrap();
        let refused = python(&key, &[&file]);
        assert_eq!(refused.status.code(), Some(1), "mutation {number} ({name}): {}", said(&refused));
        assert!(said(&refused).starts_with("refused: "), "mutation {number} ({name}): {}", said(&refused));
    }
}

#[tokio::test]
async fn every_event_of_every_remediation_is_proven_on_both_databases() {
    for database in Database::all().await {
        grown(&database).await;
        let (size, root) = database.store.grow_log().await.unwrap();
        assert_eq!(i64::try_from(size).unwrap(), database.store.head().await.unwrap().seq);
        for number in 1..=30 {
            let id = database.store.by_approval(&super::harness::approval_id(number)).await.unwrap().id;
            let proven = database.store.prove(&id).await.unwrap();
            assert_eq!((proven.size, proven.root), (size, root));
            assert_eq!(proven.events.len(), database.store.events(&id).await.unwrap().len());
            for (entry, proof) in proven.events {
                let (leaf, index) = (clawback_model::leaf_hash(&entry.hash), entry.link.seq.unsigned_abs() - 1);
                assert!(clawback_model::is_included(&leaf, index, size, &proof, &root), "{}: {index}", database.name);
            }
        }
    }
}

/// Runs the verifier in Go.
fn go(arguments: &[&str]) -> Output {
    let cache = tempfile::tempdir().unwrap();
    let mut go = Command::new("go");
    // Debian's packages of Go libraries are in a GOPATH.
    go.env("GOPATH", "/usr/share/gocode").env("GO111MODULE", "off").env("GOFLAGS", "").env("GOCACHE", cache.path());
    go.arg("run").arg(of_tests("verify_log.go")).args(arguments);
    go.output().expect("go is there (Debian: golang-go, golang-golang-x-mod-dev)")
}

/// The Go module that checks the checksum database of Go itself.
#[tokio::test]
async fn gos_own_verifier_reads_checkpoints_and_checks_proofs() {
    let database = Database::sqlite().await;
    let key = key(3);
    database.finished(100, 16).await;
    let (old, old_root) = database.store.grow_log().await.unwrap();
    grown(&database).await;
    let (size, root) = database.store.grow_log().await.unwrap();
    let id = database.store.by_approval(&super::harness::approval_id(1)).await.unwrap().id;
    let (entry, inclusion) = database.store.prove(&id).await.unwrap().events.remove(3);
    let continued = database.store.ask_log(LogQuestion::Consistency { old, size }).await.unwrap();
    let asked = json!({
        "vkey": key.public().to_string(), "old": key.sign(old, old_root).to_string(), "new": key.sign(size, root).to_string(),
        "index": entry.link.seq - 1, "event": entry.hash, "inclusion": inclusion, "consistency": continued,
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("asked.json");
    std::fs::write(&file, asked.to_string()).unwrap();
    let output = go(&[&file.display().to_string()]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output).trim(), format!("ok: {old} to {size}"));
}

#[tokio::test]
async fn a_kept_checkpoint_detects_a_truncated_or_rewritten_history() {
    for database in Database::all().await {
        database.finished(1, 16).await;
        let before = database.store.grow_log().await.unwrap();
        database.finished(2, 16).await;
        let (size, root) = database.store.grow_log().await.unwrap();
        for log in [before, (size, root)] {
            database.store.verify(TrustedHeads { log: Some(log), ..TrustedHeads::default() }, |_| {}).await.unwrap();
        }
        let found = async |log| match database
            .store
            .verify(TrustedHeads { log: Some(log), ..TrustedHeads::default() }, |_| {})
            .await
        {
            Err(VerifyError::Broken(found)) => found,
            other => panic!("{}: {other:?}", database.name),
        };
        let anew = (before.0, Digest::of(b"other"));
        assert_eq!(found(anew).await, Found::NotTheCheckpoint { size: before.0 });
        assert!(matches!(found((size + 1, root)).await, Found::CutCheckpoint { .. }));
    }
}

#[tokio::test]
async fn tiles_and_checkpoints_that_differ_from_the_events_are_named() {
    for database in Database::all().await {
        grown(&database).await;
        let (size, root) = database.store.grow_log().await.unwrap();
        let note = key(1).sign(size, root);
        database.store.keep_head(size, &note, clawback_model::Timestamp(9)).await.unwrap();
        database.store.verify(None, |_| {}).await.unwrap();
        for (change, back, expected) in [
            (
                "UPDATE log_tiles SET hashes = 'AAAA' || SUBSTR(hashes, 5) WHERE level = 0 AND number = 0",
                "",
                "tile 0/0 differs",
            ),
            ("DELETE FROM log_tiles WHERE level = 1", "", "tile 1/0 differs"),
            ("INSERT INTO log_tiles VALUES (2, 0, 'AAAA')", "", "more or fewer"),
            ("UPDATE heads SET size = size - 1", "UPDATE heads SET size = size + 1", "is not one"),
        ] {
            database.sql("CREATE TABLE kept AS SELECT * FROM log_tiles").await;
            database.sql(change).await;
            let said = database.store.verify(None, |_| {}).await.unwrap_err().to_string();
            assert!(said.contains(expected), "{}: {change}: {said}", database.name);
            database.sql("DELETE FROM log_tiles; INSERT INTO log_tiles SELECT * FROM kept; DROP TABLE kept").await;
            if !back.is_empty() {
                database.sql(back).await;
            }
        }
        database.store.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_kept_checkpoint_that_the_sites_key_did_not_sign_is_named() {
    for database in Database::all().await {
        for number in 1..=3 {
            database.finished(number, 8).await;
            let (size, root) = database.store.grow_log().await.unwrap();
            let note = key(1).sign(size, root);
            database.store.keep_head(size, &note, clawback_model::Timestamp(9)).await.unwrap();
        }
        let verify = async || clawback_runtime::check_heads(&database.store, key(1).public()).await;
        verify().await.unwrap();
        let (size, note) = database.store.heads(0, 2).await.unwrap().remove(1);
        let (text, _) = note.split_once("\n\n").unwrap();
        let mut dice = Dice(11);
        let checkpoint = open_checkpoint(&note, key(1).public()).unwrap();
        let signature = note.trim_end().rsplit(' ').next().unwrap();
        let mut changed: Vec<String> =
            (0..20).map(|_| note.replace(signature, &other_bit(signature, &mut dice))).collect();
        // With another key, with another name, and just a line of the same shape.
        changed.push(key(2).sign(size, checkpoint.root).to_string());
        let other = SiteKey::generate("corp.example/other", &[1; 32]).unwrap().0;
        changed
            .push(format!("{text}\n\n{}", other.sign(size, checkpoint.root).to_string().split_once("\n\n").unwrap().1));
        changed.push(note.replace(signature, "AAAAAAAA"));
        for changed in changed {
            assert!(database.force(&format!("UPDATE heads SET note = '{changed}' WHERE size = {size}")).await);
            let said = verify().await.expect_err(&changed).to_string();
            assert!(said.contains(&format!("the checkpoint of {size} events")), "{}: {said}", database.name);
        }
        assert!(database.force(&format!("UPDATE heads SET note = '{note}' WHERE size = {size}")).await);
        verify().await.unwrap();
    }
}

#[tokio::test]
async fn the_commands_sign_prove_and_notice() {
    let database = Database::sqlite().await;
    database.finished(1, 16).await;
    let folder = tempfile::tempdir().unwrap();
    let site = Clawback::init_on(folder.path(), STORE, Some(&database.url));
    let mode = std::fs::metadata(folder.path().join("site.key")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
    let vkey = site.ok(&["key", "show"]);
    let at = |name: &str| folder.path().join(name);
    let path = |name: &str| at(name).display().to_string();
    site.ok(&["checkpoint", "-o", &path("old.txt")]);
    let old = open_checkpoint(&std::fs::read_to_string(at("old.txt")).unwrap(), &vkey.trim().parse().unwrap()).unwrap();

    database.finished(2, 16).await;
    let id = database.store.by_approval(&super::harness::approval_id(2)).await.unwrap().id;
    site.ok(&["proof", id.as_str(), "-o", &path("proof.json")]);
    site.ok(&["checkpoint", "--check", &path("old.txt"), "-o", &path("body.txt")]);
    let verifier = of_tests("verify_proof.py");
    let check = |files: &[PathBuf]| Command::new(PYTHON).arg(&verifier).arg(vkey.trim()).args(files).output().unwrap();
    for files in [vec![at("proof.json")], vec![at("old.txt"), at("body.txt")]] {
        let output = check(&files);
        assert!(output.status.success(), "{files:?}: {}", said(&output));
    }
    let head = site.ok(&["verify", "--checkpoint", &path("old.txt")]);
    let other = key(9).public().to_string();
    assert!(site.fails(1, &["verify", "--key", &other]).contains("is not signed by the site's key"));
    assert!(head.starts_with("ok:"), "{head}");

    // A mirror grows with the history, and nothing in it changes.
    let mirror = path("mirror");
    for count in 3..=30 {
        database.finished(count, 16).await;
        if count % 9 == 3 {
            site.ok(&["mirror", &mirror]);
        }
    }
    let output = go(&[vkey.trim(), &mirror]);
    assert!(output.status.success() && said(&output).starts_with("ok: 3"), "{}", said(&output));
    assert!(site.ok(&["mirror", &mirror]).contains("0 files are new"));
    let tile = at("mirror/tile/0/000");
    let (whole, mut damaged) = (std::fs::read(&tile).unwrap(), std::fs::read(&tile).unwrap());
    damaged[40] ^= 1;
    std::fs::write(&tile, damaged).unwrap();
    assert!(!go(&[vkey.trim(), &mirror]).status.success(), "a tile that was changed is noticed");
    std::fs::write(&tile, whole).unwrap();
    let entries = std::fs::read(at("mirror/tile/entries/000")).unwrap();
    assert_eq!((entries.len(), &entries[..2]), (256 * 34, &[0, 32][..]));

    // A rewritten history: another one in the place of the first.
    let other = Database::sqlite().await;
    for number in 5..=8 {
        other.finished(number, 16).await;
    }
    std::fs::create_dir(at("forged")).unwrap();
    let forged = Clawback::init_on(&at("forged"), STORE, Some(&other.url));
    std::fs::copy(at("site.key"), at("forged/site.key")).unwrap();
    let said = forged.fails(1, &["verify", "--checkpoint", &path("old.txt")]);
    assert!(said.contains(&format!("the first {} events are not those of the checkpoint", old.size)), "{said}");
    let said = forged.fails(1, &["checkpoint", "--check", &path("old.txt")]);
    assert!(said.contains("the history was rewritten"), "{said}");
    let said = forged.fails(1, &["mirror", &mirror]);
    assert!(said.contains("its end was cut off"), "{said}");
    // A checkpoint that another key signed proves nothing.
    std::fs::remove_file(at("forged/site.key")).unwrap();
    forged.ok(&["key", "make", "--name", "forged"]);
    let said = forged.fails(1, &["verify", "--checkpoint", &path("old.txt")]);
    assert!(said.contains("not signed by `forged`"), "{said}");
}
