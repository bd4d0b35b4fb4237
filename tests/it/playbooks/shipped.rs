//! The shipped playbooks load and bind.

use clawback_model::{Inputs, Timestamp};
use clawback_playbooks::Playbook;

use super::{entries, env, name, read, root};

fn shipped() -> Vec<(String, String)> {
    let files = entries("workflows").into_iter().filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.map(|path| (name(&path), read(&path))).collect()
}

#[test]
fn all_load_and_are_named_like_their_file() {
    for (file, source) in shipped() {
        let playbook = Playbook::load(&file, &source, &env()).unwrap_or_else(|wrong| panic!("{}", wrong.render(false)));
        assert_eq!(format!("{}.yaml", playbook.name()), file);
        assert!(source.starts_with("# yaml-language-server: $schema=playbook.schema.json\n"), "{file}");
        assert!(!playbook.description().is_empty(), "{file}");
    }
}

#[test]
fn manual_refuses_a_search_without_conditions() {
    let manual = Playbook::load("manual.yaml", &read(&root("workflows/manual.yaml")), &env()).unwrap();
    let bind = |subjects: &[&str], action: &str| {
        let mut inputs = Inputs::from([("action", action)]);
        for subject in subjects {
            inputs.push("subject", *subject);
        }
        manual.bind(&inputs, Timestamp(0))
    };
    let refused = bind(&[], "soft-delete").unwrap_err().to_string();
    assert!(refused.contains("every message"), "{refused}");
    assert!(bind(&[" "], "soft-delete").is_err());
    let bound = bind(&["invoice", "rechnung, offen"], "soft-delete").unwrap();
    assert_eq!(bound.query().subject_contains, ["invoice", "rechnung, offen"]);
    assert!(bind(&["invoice"], "purge").unwrap_err().to_string().contains("unknown action"));
}

#[test]
fn indicators_without_an_indicator_are_refused() {
    let playbook = Playbook::load("indicators.yaml", &read(&root("workflows/indicators.yaml")), &env()).unwrap();
    let refused = playbook.bind(&Inputs::from([("since", "7d")]), Timestamp(0)).unwrap_err().to_string();
    assert!(refused.contains("no alternative of `any` is left"), "{refused}");
    let bound = playbook.bind(&Inputs::from([("sha256", "ab".repeat(32))]), Timestamp(0)).unwrap();
    assert!(bound.predicate().matches_content() && bound.approval_rule().is_some());
}
