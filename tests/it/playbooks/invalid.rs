//! `tests/data/playbooks-invalid/CASE/playbook.yaml`, with its scripts, and the full diagnostic.

use std::collections::BTreeMap;

use clawback_playbooks::{Env, Playbook};

use super::{entries, expect, name, read, scripts};

#[test]
fn every_mistake_is_shown_in_full() {
    let mut wrong = Vec::new();
    for folder in entries("tests/data/playbooks-invalid") {
        let mut known: BTreeMap<_, _> = scripts();
        for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|end| end == "rhai") {
                known.insert(name(&file), read(&file));
            }
        }
        let env = Env {
            scripts: known,
            stores: Some(vec!["corp".into(), "archive".into()]),
            notifiers: Some(vec!["soc".into()]),
            ..Env::default()
        };
        let found = match Playbook::load("playbook.yaml", &read(&folder.join("playbook.yaml")), &env) {
            Ok(_) => "nothing is wrong\n".to_owned(),
            Err(diagnostics) => diagnostics.render(false),
        };
        wrong.extend(expect(&folder.join("expected"), &found).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_playbook_is_bounded() {
    let load = |source: &str| Playbook::load("p.yaml", source, &Env::default()).unwrap_err();
    let codes = |source: &str| load(source).iter().map(|known| known.code).collect::<Vec<_>>();
    assert_eq!(codes(&" ".repeat(1024 * 1024 + 1)), ["too-large"]);
    assert_eq!(codes(&format!("{}{}", "[".repeat(100), "]".repeat(100))), ["too-deep"]);
    assert_eq!(codes(&"[".repeat(200_000)), ["yaml"]);
    assert_eq!(codes("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"), ["alias"]);
    assert_eq!(codes(""), ["empty"]);
    let json = load("playbook: p\n").to_json();
    assert!(json.as_array().unwrap().iter().all(|known| known["line"] == 1 && known["hint"].is_string()), "{json}");
}
