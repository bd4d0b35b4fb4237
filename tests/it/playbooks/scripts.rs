//! `scripts/NAME.cases/*.toml`: a message and the verdict that the script must give on it.

use std::collections::BTreeMap;

use clawback_model::Timestamp;
use clawback_scripting::{Context, FilterScript, Lists, Value, Verdict};
use serde::Deserialize;

use super::message::Mail;
use super::{entries, name, read, scripts};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    keep: bool,
    reason: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    inputs: BTreeMap<String, String>,
    #[serde(default)]
    message: Mail,
}

#[test]
fn every_case_gets_its_verdict() {
    let mut wrong = Vec::new();
    for (script, source) in scripts() {
        let folder = format!("scripts/{}.cases", script.trim_end_matches(".rhai"));
        let cases = entries(&folder);
        assert!(cases.len() >= 2, "{folder} needs a message that is kept and one that is dropped");
        for path in cases {
            let case: Case = toml::from_str(&read(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let lists = Lists::new(case.lists).unwrap();
            let compiled = FilterScript::compile(&script, &source, &lists).unwrap_or_else(|error| panic!("{error}"));
            let inputs = case.inputs.into_iter().map(|(key, value)| (key, Value::Text(value))).collect();
            let now = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
            let verdict = compiled.keep(&case.message.into(), &Context { inputs, now });
            let expected = Ok(Verdict { keep: case.keep, reason: case.reason, tag: case.tag });
            if verdict != expected {
                wrong.push(format!("{folder}/{}: expected {expected:?}, found {verdict:?}", name(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_script_begins_by_saying_what_it_decides() {
    for (script, source) in scripts() {
        assert!(
            source.starts_with("// ")
                && source.lines().next().unwrap().ends_with('.') | source.lines().nth(1).unwrap().starts_with("//"),
            "{script}"
        );
    }
}
