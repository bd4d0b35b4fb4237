//! Rules of the repository, as tests.

use std::path::{Path, PathBuf};

/// Longest file, in lines: a file is about one noun or verb.
const LONGEST: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                files(&path, ending, found);
            }
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["engine", "plugins", "tests"] {
        files(&root().join(folder), ".rs", &mut found);
    }
    assert!(found.len() > 100, "the sources are where this test looks");
    found
}

#[test]
fn no_file_is_too_long_to_read() {
    let long: Vec<String> = sources()
        .iter()
        .filter_map(|path| {
            let lines = std::fs::read_to_string(path).unwrap().lines().count();
            (lines > LONGEST).then(|| format!("{} has {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "cut these: {long:#?}");
}

#[test]
fn every_module_has_a_doc_comment() {
    let silent: Vec<_> =
        sources().into_iter().filter(|path| !std::fs::read_to_string(path).unwrap().starts_with("//!")).collect();
    assert!(silent.is_empty(), "begin these with `//!`: {silent:#?}");
}

#[test]
fn arrows_between_crates_go_one_way() {
    let allowed = [
        ("model", &[][..]),
        ("files", &[]),
        ("mail", &["model"]),
        ("vote-signatures", &["files", "model"]),
        ("store", &["files", "model"]),
        ("scripting", &["model"]),
        ("connectors", &["files", "model"]),
        ("playbooks", &["model", "scripting"]),
        ("runtime", &["files", "model", "store", "scripting", "connectors", "playbooks", "vote-signatures"]),
        ("app", &["model", "store", "connectors", "playbooks", "runtime"]),
        ("action-center", &["model", "store", "connectors", "playbooks", "runtime", "app", "vote-signatures", "mail"]),
        (
            "cli",
            &[
                "files",
                "mail",
                "model",
                "store",
                "scripting",
                "connectors",
                "playbooks",
                "runtime",
                "app",
                "action-center",
            ],
        ),
    ];
    for (name, allowed) in allowed {
        let manifest = std::fs::read_to_string(root().join("engine").join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for other in dependencies.lines().filter_map(|line| line.strip_prefix("clawback-")) {
            let other = other.split(['.', ' ', '=']).next().unwrap();
            assert!(allowed.contains(&other), "engine/{name} must not know engine/{other}");
        }
    }
}

#[test]
fn only_their_owners_know_sql_rhai_and_wasmtime() {
    for (library, owner) in [("sqlx", "store"), ("rhai", "scripting"), ("wasmtime", "connectors")] {
        for name in [
            "model",
            "files",
            "store",
            "scripting",
            "connectors",
            "playbooks",
            "runtime",
            "app",
            "action-center",
            "cli",
            "xtask",
        ] {
            let manifest = std::fs::read_to_string(root().join("engine").join(name).join("Cargo.toml")).unwrap();
            let uses = manifest
                .lines()
                .any(|line| line.starts_with(&format!("{library}.")) || line.starts_with(&format!("{library} ")));
            assert!(!uses || name == owner, "engine/{name} uses {library}, which is {owner}'s alone");
        }
    }
}

#[test]
fn every_dependency_has_a_comment() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let dependencies = manifest.split("[workspace.dependencies]").nth(1).unwrap();
    let dependencies = dependencies.split("\n[").next().unwrap();
    let mut explained = false;
    for line in dependencies.lines().filter(|line| !line.starts_with("clawback-")) {
        match line {
            "" => explained = false,
            line if line.starts_with('#') => explained = true,
            line if line.contains(" = ") && line.starts_with(|c: char| c.is_ascii_lowercase()) => {
                // serde_json belongs to serde, tracing-subscriber to tracing: one comment for a family.
                assert!(explained, "say what for: {line}");
            }
            _ => {}
        }
    }
}
