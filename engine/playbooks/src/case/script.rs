//! A case of a filter script: a message and the verdict on it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clawback_model::{Message, Timestamp, visible};
use clawback_scripting::{Context, FilterScript, Lists, Value, Verdict};
use serde::Deserialize;

use super::error::{CaseError, compare};
use super::mail::Mail;

/// The time of a case that gives none.
const NOW: &str = "2026-11-23T12:00:00Z";

/// A message and the expected verdict of the script.
#[derive(Debug)]
pub struct ScriptCase {
    verdict: Verdict,
    lists: Lists,
    inputs: BTreeMap<String, Value>,
    message: Message,
    now: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    keep: bool,
    reason: Option<String>,
    tag: Option<String>,
    now: Option<String>,
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    inputs: BTreeMap<String, String>,
    #[serde(default)]
    message: Mail,
}

impl ScriptCase {
    /// Parses the file of a case.
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        let written: Written = toml::from_str(text).map_err(|error| CaseError::Broken(error.to_string()))?;
        Ok(Self {
            verdict: Verdict { keep: written.keep, reason: written.reason, tag: written.tag },
            lists: lists(written.lists)?,
            inputs: written.inputs.into_iter().map(|(name, value)| (name, Value::Text(value))).collect(),
            message: written.message.message().map_err(CaseError::Broken)?,
            now: time(written.now.as_deref())?,
        })
    }

    /// Runs the script of this file name and text on the message.
    pub fn run(&self, name: &str, source: &str) -> Result<(), CaseError> {
        let script = FilterScript::compile(name, source, &self.lists);
        let script = script.map_err(|error| CaseError::Broken(error.to_string()))?;
        let context = Context { inputs: self.inputs.clone(), now: self.now };
        let found = match script.keep(&self.message, &context) {
            Ok(verdict) => in_words(&verdict),
            Err(fault) => format!("fault: {}\n", visible(&fault.to_string())),
        };
        compare(&in_words(&self.verdict), found)
    }
}

/// Returns the verdict as it is written in a case.
fn in_words(verdict: &Verdict) -> String {
    let mut text = format!("keep = {}\n", verdict.keep);
    for (name, value) in [("reason", &verdict.reason), ("tag", &verdict.tag)] {
        if let Some(value) = value {
            let _ = writeln!(text, "{name} = {:?}", visible(value));
        }
    }
    text
}

pub(super) fn lists(given: BTreeMap<String, Vec<String>>) -> Result<Lists, CaseError> {
    Lists::new(given).map_err(|error| CaseError::Broken(format!("[lists]: {error}")))
}

/// Returns the `now` of a case, or the default.
pub(super) fn time(given: Option<&str>) -> Result<Timestamp, CaseError> {
    let text = given.unwrap_or(NOW);
    Timestamp::parse(text).ok_or_else(|| CaseError::Broken(format!("now: `{}` is no time; write {NOW}", visible(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str =
        "// Keeps invoices.\nfn keep(message) { #{ keep: message.subject_has(\"invoice\"), reason: \"money\" } }";

    #[test]
    fn a_verdict_that_differs_is_shown_line_by_line() {
        let run = |case: &str| ScriptCase::parse(case).and_then(|case| case.run("money.rhai", SCRIPT));
        assert_eq!(run("keep = true\nreason = \"money\""), Ok(()));
        let failed = run("keep = true\nreason = \"lottery\"\ntag = \"x\"").unwrap_err().to_string();
        assert_eq!(failed, "  keep = true\n- reason = \"lottery\"\n- tag = \"x\"\n+ reason = \"money\"\n");
        let failed = run("keep = true\nreason = \"money\"\n[message]\nsubject = \"Lunch\"").unwrap_err().to_string();
        assert!(failed.contains("- keep = true\n+ keep = false"), "{failed}");
    }

    #[test]
    fn a_case_has_what_an_examination_shows() {
        let script = "fn keep(message) { #{ keep: message.dmarc == \"fail\" && \"pay.evil.example\" in message.url_hosts, tag: message.attachment_types[0] } }";
        let run = |case: &str| ScriptCase::parse(case).and_then(|case| case.run("content.rhai", script));
        let examined = "[message.examined]\nauth = [\"dmarc=fail\"]\nurl-hosts = [\"pay.evil.example\"]\n\
            attachments = [{ name = \"a.pdf\", type = \"application/pdf\" }]\n";
        assert_eq!(run(&format!("keep = true\ntag = \"application/pdf\"\n{examined}")), Ok(()));
        let failed = run("keep = true").unwrap_err().to_string();
        assert!(failed.contains("the message was not examined"), "{failed}");
        let wrong = run("keep = true\n[message.examined]\nauth = [\"good\"]").unwrap_err().to_string();
        assert!(wrong.contains("`good` is not a method and a result"), "{wrong}");
    }

    #[test]
    fn what_is_wrong_with_a_case_is_named() {
        for (case, named) in [
            ("keep = maybe", "keep = maybe"),
            ("keep = true\nreasons = \"x\"", "unknown field `reasons`"),
            ("keep = true\nnow = \"soon\"", "now: `soon` is no time"),
            ("keep = true\n[message]\nlocation = \"attic\"", "unknown location `attic`"),
            ("keep = true\n[message]\nreceived-at = \"soon\"", "received-at: `soon` is no time"),
            ("keep = true\n[lists]\n\"9\" = []", "[lists]: "),
        ] {
            let said = ScriptCase::parse(case).unwrap_err().to_string();
            assert!(said.contains(named), "{said}");
        }
        let broken = ScriptCase::parse("keep = true").unwrap().run("x.rhai", "fn keep(message) {").unwrap_err();
        assert!(matches!(&broken, CaseError::Broken(why) if why.contains("x.rhai")), "{broken}");
    }
}
