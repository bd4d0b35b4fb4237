//! The cases of the shipped playbooks and scripts, and of `tests/data/playbooks`, as `clawback test` runs them.

use std::path::PathBuf;

use clawback_model::Limits;
use clawback_playbooks::ScriptCase;
use clawback_runtime::{CaseRun, Library};

use super::{entries, name, read, root, scripts};

fn run(folder: &str, scripts_folder: &str) -> Vec<CaseRun> {
    let library = Library {
        workflows: root(folder),
        scripts: root(scripts_folder),
        shipped_scripts: scripts(),
        ..Library::default()
    };
    library.run_cases(&[], Limits::default()).unwrap()
}

#[test]
fn every_case_passes() {
    let runs: Vec<_> =
        run("workflows", "scripts").into_iter().chain(run("tests/data/playbooks", "tests/data/playbooks")).collect();
    let failed: Vec<String> =
        runs.iter().filter_map(|run| Some(format!("{}\n{}", run.path.display(), run.result.as_ref().err()?))).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    for of in ["manual.yaml", "purge-phish-campaign.yaml", "variables-and-facts.yaml", "keep-newsletters.rhai"] {
        assert!(runs.iter().any(|run| run.of == of), "{of} has no case");
    }
}

#[test]
fn every_script_has_two_cases() {
    for script in scripts().keys() {
        let folder = format!("scripts/{}.cases", script.trim_end_matches(".rhai"));
        let cases = entries(&folder).into_iter().map(|path| ScriptCase::parse(&read(&path)).unwrap());
        assert!(cases.count() >= 2, "{folder} needs a message that is kept and one that is dropped");
    }
}

#[test]
fn cases_are_found_by_whatever_names_them() {
    let library = Library { workflows: root("workflows"), scripts: root("scripts"), ..Library::default() };
    let found = |place: PathBuf| {
        let runs = library.run_cases(&[place], Limits::default()).unwrap();
        runs.iter().map(|run| (run.of.clone(), name(&run.path))).collect::<Vec<_>>()
    };
    let all = found(root("scripts/keep-newsletters.rhai"));
    assert!(all.len() > 2 && all.iter().all(|(of, _)| of == "keep-newsletters.rhai"), "{all:?}");
    assert_eq!(found(root("scripts/keep-newsletters.cases")), all);
    let one = found(root("scripts/keep-newsletters.cases/list-id.toml"));
    assert_eq!(one, [("keep-newsletters.rhai".to_owned(), "list-id.toml".to_owned())]);
    assert!(found(root("scripts")).len() > all.len());
    let missing = library.run_cases(&[root("scripts/none.cases/none.toml")], Limits::default()).unwrap_err();
    assert!(missing.to_string().contains("none.toml"), "{missing}");
    assert!(found(root("workflows/restore-false-positive.yaml")).is_empty(), "it has none");
}
