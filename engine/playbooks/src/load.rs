//! Loads a checked playbook from YAML.

use std::collections::BTreeMap;
use std::sync::Arc;

use clawback_model::{Action, Digest, Severity};
use clawback_scripting::VerdictScript;

use crate::diagnostic::{Diagnostics, Report};
use crate::env::Env;
use crate::input::{self, Input};
use crate::language::PLAYBOOK;
use crate::shape::{self, Shape};
use crate::step::{Reader, Step, What};
use crate::trigger::{self, Triggers};
use crate::yaml::{self, Node};

/// A playbook without mistakes. Clones share the content.
#[derive(Debug, Clone)]
pub struct Playbook(pub(crate) Arc<Checked>);

/// The content of a playbook.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) severity: Severity,
    pub(crate) triggers: Triggers,
    pub(crate) inputs: Vec<Input>,
    pub(crate) steps: Vec<Step>,
    pub(crate) source: String,
    pub(crate) digest: Digest,
}

impl Playbook {
    /// Parses and checks a playbook. `path_name` is its name in diagnostics.
    pub fn load(path_name: &str, source: &str, env: &Env) -> Result<Self, Diagnostics> {
        let report = Report::new(path_name, source);
        let playbook = read(source, env, &report);
        match playbook {
            Some(playbook) if report.is_empty() => Ok(playbook),
            _ => Err(report.finish()),
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns its description.
    pub fn description(&self) -> &str {
        &self.0.description
    }

    /// Returns the severity of the threat.
    pub fn severity(&self) -> Severity {
        self.0.severity
    }

    /// Returns what starts it.
    pub fn triggers(&self) -> &Triggers {
        &self.0.triggers
    }

    /// Returns its inputs, in the order of the file.
    pub fn inputs(&self) -> &[Input] {
        &self.0.inputs
    }

    /// Returns its action; `None` if an input determines it.
    pub fn action(&self) -> Option<Action> {
        self.0.steps.iter().find_map(|step| match &step.what {
            What::Remediate { action, .. } => action.literal()?.parse().ok(),
            _ => None,
        })
    }

    /// Returns its steps in words, one line each.
    pub fn steps_in_words(&self) -> Vec<String> {
        let words = |step: &Step| match &step.when {
            Some(when) => format!("{}, if {}", step.what.in_words(), when.text()),
            None => step.what.in_words(),
        };
        self.0.steps.iter().map(words).collect()
    }

    /// Returns the expression by which a plan needs votes, `true` if each does; `None` without an `approve` step.
    pub fn approval_condition(&self) -> Option<&str> {
        let step = self.0.steps.iter().find(|step| matches!(step.what, What::Approve(_)))?;
        Some(step.when.as_ref().map_or("true", |when| when.text()))
    }

    /// Returns its source text.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Returns the sha256 of its source text.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Returns the sha256 of each script that it runs, by file name.
    pub fn script_digests(&self) -> BTreeMap<String, Digest> {
        let digest = |step: &Step| match &step.what {
            What::Filter { script: Some(script), .. } => Some((script.name().to_owned(), script.digest())),
            What::Script(script) => Some((script.name().to_owned(), script.digest())),
            What::Verdict(verdict) => verdict.script().map(|script| (script.name().to_owned(), script.digest())),
            _ => None,
        };
        self.0.steps.iter().filter_map(digest).collect()
    }

    /// Returns the text of each script that it runs.
    pub fn script_sources(&self) -> impl Iterator<Item = &str> {
        self.0.steps.iter().filter_map(|step| match &step.what {
            What::Filter { script: Some(script), .. } => Some(script.source()),
            What::Script(script) => Some(script.source()),
            What::Verdict(verdict) => verdict.script().map(VerdictScript::source),
            _ => None,
        })
    }
}

fn read(source: &str, env: &Env, report: &Report) -> Option<Playbook> {
    let root = yaml::parse(source, report)?;
    shape::check(&root, Shape::Map(PLAYBOOK), "playbook", report);
    let text = |key: &str| root.get(key).and_then(Node::text).map(str::to_owned);
    let inputs = input::read(root.get("inputs"), report);
    let steps = Reader::new(env, report, &inputs).read(root.get("steps"));
    let triggers = trigger::read(root.get("on"), report);
    check_triggers(&root, &triggers, &inputs, report);
    let checked = Checked {
        name: text("playbook")?,
        description: text("description").unwrap_or_default(),
        severity: text("severity").and_then(|word| word.parse().ok()).unwrap_or(Severity::Medium),
        triggers,
        inputs,
        steps,
        source: source.to_owned(),
        digest: Digest::of(source.as_bytes()),
    };
    Some(Playbook(Arc::new(checked)))
}

/// Checks the triggers: nobody gives inputs to a scheduled run.
fn check_triggers(root: &Node, triggers: &Triggers, inputs: &[Input], report: &Report) {
    let Some(node) = root.get("on") else { return };
    if node.entries().is_empty() {
        report.error("trigger", node.span.clone(), "nothing starts this playbook", "empty").help("write `manual: {}`");
    }
    if triggers.schedule.is_some()
        && let Some(input) = inputs.iter().find(|input| input.required)
    {
        let message = format!("a schedule cannot give the required input `{}`", input.name);
        let at = node
            .entries()
            .iter()
            .find(|(key, _)| key.text() == Some("schedule"))
            .map_or(node.span.clone(), |(key, _)| key.span.clone());
        report
            .error("trigger", at, message, "runs without a person")
            .help("give the input a default, or leave out the schedule");
    }
}
