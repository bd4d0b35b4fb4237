//! Witnesses sign checkpoints that continue those they signed before; whatever they answer, nothing invalid is kept,
//! and nothing is delayed.

use clawback_model::{Note, VerificationKey};
use clawback_runtime::{Cosigned, Site, SiteKey, WitnessConfig, WitnessError, Witnesses, check_heads, make_checkpoint};
use clawback_store::Store;
use clawback_tests::binary::Clawback;
use clawback_tests::site::{noon, site};
use clawback_tests::witness::{Manner, Witness};

use crate::store::harness::Database;

fn key() -> SiteKey {
    SiteKey::generate("corp.example/clawback", &[5; 32]).unwrap().0
}

async fn three(log: &VerificationKey) -> [Witness; 3] {
    [
        Witness::start("w.example/1", 1, log).await,
        Witness::start("w.example/2", 2, log).await,
        Witness::start("w.example/3", 3, log).await,
    ]
}

fn config(witness: &Witness) -> WitnessConfig {
    WitnessConfig { url: witness.url.clone(), key: witness.key.to_string() }
}

fn open(witnesses: &[Witness], quorum: usize) -> Witnesses {
    // As the binary does; a second call is refused.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Witnesses::open(&witnesses.iter().map(config).collect::<Vec<_>>(), Some(quorum)).unwrap()
}

fn of(history: &Store) -> Site {
    site(history.clone(), vec![], &[], noon())
}

/// A checkpoint as a node makes it.
async fn made(database: &Database, witnesses: &Witnesses) -> Cosigned {
    make_checkpoint(&of(&database.store), &key(), witnesses).await.unwrap().1
}

fn requests(witnesses: &[Witness]) -> Vec<u64> {
    witnesses.iter().map(Witness::requests).collect()
}

#[tokio::test]
async fn witnesses_sign_what_continues_and_their_signatures_are_kept() {
    for database in Database::all().await {
        let all = three(key().public()).await;
        let witnesses = open(&all, 2);
        for number in 1..=3 {
            database.finished(number, 8).await;
            let cosigned = made(&database, &witnesses).await;
            assert!(cosigned.missing.is_empty(), "{:?}", cosigned.missing);
            assert_eq!(witnesses.signed(&cosigned.note), ["w.example/1", "w.example/2", "w.example/3"]);
            let size = database.store.head().await.unwrap().seq.unsigned_abs();
            assert!(all.iter().all(|witness| witness.size() == size));
        }
        assert_eq!(requests(&all), [3, 3, 3], "each size is remembered");
        let (_, kept) = database.store.last_head().await.unwrap().unwrap();
        let kept: Note = kept.parse().unwrap();
        assert_eq!((kept.signatures.len(), witnesses.signed(&kept).len()), (4, 3), "and no stranger's");

        // Of the same size again: the signatures stay, and no witness is asked. Also on a node without witnesses.
        made(&database, &Witnesses::default()).await;
        assert!(made(&database, &witnesses).await.missing.is_empty());
        assert_eq!(requests(&all), [3, 3, 3]);

        // Another node does not know what they have signed: they answer with it.
        database.finished(4, 8).await;
        let other = open(&all, 2);
        assert!(made(&database, &other).await.missing.is_empty());
        assert_eq!(requests(&all), [5, 5, 5]);

        // One that has forgotten, and one that is down.
        database.finished(5, 8).await;
        all[0].forget();
        all[1].be(Manner::Down);
        let cosigned = made(&database, &other).await;
        assert_eq!(other.signed(&cosigned.note), ["w.example/1", "w.example/3"]);
        assert!(other.is_enough(&cosigned.note) && matches!(cosigned.missing[0].1, WitnessError::Refused(_)));
        database.store.verify(None, |_| {}).await.unwrap();
        check_heads(&database.store, key().public()).await.unwrap();
    }
}

#[tokio::test]
async fn a_lying_witness_does_not_count() {
    let database = Database::sqlite().await;
    let liar = [Witness::start("w.example/1", 1, key().public()).await];
    let mut number = 0;
    for manner in [
        Manner::OtherKey,
        Manner::OtherSize,
        Manner::OldSignature,
        Manner::Conflict,
        Manner::Ahead,
        Manner::NoNote,
        Manner::Endless,
        Manner::Down,
    ] {
        // The first is honest, so that there is an old signature.
        for manner in [Manner::Honest, manner] {
            number += 1;
            database.finished(number, 8).await;
            liar[0].be(manner);
            let witnesses = open(&liar, 1);
            let before = liar[0].requests();
            let cosigned = made(&database, &witnesses).await;
            if manner == Manner::Honest {
                assert!(witnesses.is_enough(&cosigned.note), "{:?}", cosigned.missing);
                continue;
            }
            let error = &cosigned.missing[0].1;
            let fits = match manner {
                Manner::OtherKey | Manner::OtherSize | Manner::OldSignature => matches!(error, WitnessError::NotSigned),
                Manner::Ahead => matches!(error, WitnessError::Ahead { .. }),
                Manner::Down => matches!(error, WitnessError::Refused(_)),
                _ => matches!(error, WitnessError::Answer(_)),
            };
            assert!(fits, "{manner:?}: {error}");
            assert!(!witnesses.is_enough(&cosigned.note) && cosigned.note.signatures.len() == 1, "{manner:?}");
            assert!(liar[0].requests() - before <= 2, "{manner:?}");
        }
    }
}

#[tokio::test]
async fn no_witness_signs_a_rewritten_history() {
    let (first, second) = (Database::sqlite().await, Database::sqlite().await);
    let witness = [Witness::start("w.example/1", 1, key().public()).await];
    let witnesses = open(&witness, 1);
    first.finished(1, 8).await;
    first.finished(2, 8).await;
    assert!(made(&first, &witnesses).await.missing.is_empty());
    let mut found = Vec::new();
    for number in 11..=13 {
        // Other histories: shorter, as long, longer.
        second.finished(number, 8).await;
        found.push(made(&second, &witnesses).await.missing.remove(0).1);
    }
    assert!(matches!(found[0], WitnessError::Ahead { .. }), "{}", found[0]);
    assert!(matches!(found[1], WitnessError::Other { .. }), "{}", found[1]);
    assert!(matches!(found[2], WitnessError::Inconsistent { .. }), "{}", found[2]);
    // Of another log, and with another key.
    let other = SiteKey::generate("corp.example/other", &[5; 32]).unwrap().0;
    let stolen = SiteKey::generate("corp.example/clawback", &[6; 32]).unwrap().0;
    for (number, key, status) in [(14, other, 404), (15, stolen, 403)] {
        second.finished(number, 8).await;
        let error = make_checkpoint(&of(&second.store), &key, &witnesses).await.unwrap().1.missing.remove(0).1;
        assert!(matches!(&error, WitnessError::Refused(found) if found.as_u16() == status), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_show_who_signed_and_ask_for_enough() {
    let folder = tempfile::tempdir().unwrap();
    let site = Clawback::init(folder.path(), "connector = \"maildir\"\ndirectory = \"mail\"\n");
    let log: VerificationKey = site.ok(&["key", "show"]).trim().parse().unwrap();
    let all = three(&log).await;
    let list: Vec<String> =
        all.iter().map(|one| format!("{{ url = \"{}\", key = \"{}\" }}", one.url, one.key)).collect();
    let configuration = folder.path().join("clawback.toml");
    let before = std::fs::read_to_string(&configuration).unwrap();
    let with = |quorum: usize| {
        let witnesses = list.join(", ");
        let text = format!("{before}\n[checkpoints]\nwitnesses = [{witnesses}]\nquorum = {quorum}\n");
        std::fs::write(&configuration, text).unwrap();
    };
    with(2);
    let file = folder.path().join("now.txt");
    let path = file.to_str().unwrap();
    all[2].be(Manner::Down);
    let output = site.run(&["checkpoint", "-o", path]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("not signed by w.example/3: it answered 503"), "{said}");
    assert!(said.contains("cosigned by w.example/1, w.example/2: 2 of 3, which is enough (2 must)"), "{said}");
    site.ok(&["verify", "--checkpoint", path]);
    assert!(String::from_utf8(site.run(&["doctor"]).stdout).unwrap().contains("ok     witnesses: "));

    with(3);
    assert!(site.fails(1, &["verify", "--checkpoint", path]).contains("2 of 3, which is too few (3 must)"));
    assert!(String::from_utf8(site.run(&["doctor"]).stdout).unwrap().contains("NOTE   witnesses: "));
    // Asked again, it signs what the others have signed.
    all[2].be(Manner::Honest);
    site.ok(&["checkpoint", "-o", path]);
    site.ok(&["verify", "--checkpoint", path]);
    // A proof has their signatures, too.
    std::fs::create_dir(folder.path().join("mail")).unwrap();
    let submitted =
        site.ok(&["submit", "--name", "x", "--from", "eve@evil.example", "--action", "soft-delete", "--no-run"]);
    let id = submitted.split_whitespace().find(|word| word.starts_with("R-")).unwrap();
    let proof: serde_json::Value = serde_json::from_str(&site.ok(&["proof", id])).unwrap();
    let checkpoint = proof["checkpoint"].as_str().unwrap();
    assert!((1..=3).all(|number| checkpoint.contains(&format!("w.example/{number}"))), "{checkpoint}");
    site.ok(&["checkpoint", "-o", path]);
    let whole = std::fs::read_to_string(&file).unwrap();
    let cut: String = whole.split_inclusive('\n').filter(|line| !line.contains("w.example/2")).collect();
    std::fs::write(&file, cut).unwrap();
    assert!(site.fails(1, &["verify", "--checkpoint", path]).contains("too few"));
    with(4);
    assert!(site.fails(2, &["checkpoint"]).contains("quorum is 4, and there are 3 witnesses"));
}
