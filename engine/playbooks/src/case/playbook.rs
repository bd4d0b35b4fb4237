//! A case of a playbook: inputs, messages, and the expected plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clawback_model::{Counts, Inputs, Message, PlanFacts, Query, Timestamp, visible};
use clawback_scripting::{Lists, show_duration};
use serde::Deserialize;

use super::error::{CaseError, compare};
use super::mail::Mail;
use super::script::{lists, time};
use crate::bind::{Bound, Judgement};
use crate::env::Env;
use crate::load::Playbook;

/// The inputs, the messages, and the expected plan.
#[derive(Debug)]
pub struct PlaybookCase {
    expected: String,
    lists: Lists,
    inputs: Inputs,
    messages: Vec<Message>,
    now: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    expected: String,
    now: Option<String>,
    #[serde(default)]
    inputs: Inputs,
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    message: Vec<Mail>,
}

impl PlaybookCase {
    /// Parses the file of a case.
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        let written: Written = toml::from_str(text).map_err(|error| CaseError::Broken(error.to_string()))?;
        let messages: Result<_, _> = written.message.into_iter().map(Mail::message).collect();
        Ok(Self {
            expected: written.expected,
            lists: lists(written.lists)?,
            inputs: written.inputs,
            messages: messages.map_err(CaseError::Broken)?,
            now: time(written.now.as_deref())?,
        })
    }

    /// Runs the playbook of this path and text on the messages. Of `env` the scripts are used; the lists are the case's
    /// own.
    pub fn run(&self, path: &str, source: &str, env: &Env) -> Result<(), CaseError> {
        compare(&self.expected, self.found(path, source, env)?)
    }

    /// Returns the plan in words: the judgement on each message, and the action on those that are kept.
    pub(super) fn found(&self, path: &str, source: &str, env: &Env) -> Result<String, CaseError> {
        let playbook = self.playbook(path, source, env)?;
        Ok(match playbook.bind(&self.inputs, self.now) {
            Ok(bound) => plan(&bound, &self.messages, &self.lists),
            Err(error) => {
                let refusals: Vec<_> = error.wrong.iter().map(|wrong| format!("refused: {}", visible(wrong))).collect();
                refusals.join("\n")
            }
        })
    }

    /// Returns the judgement on each message; empty if the inputs are refused.
    pub(super) fn judgements(&self, path: &str, source: &str, env: &Env) -> Result<Vec<Judgement>, CaseError> {
        let bound = self.playbook(path, source, env)?.bind(&self.inputs, self.now);
        Ok(bound.map(|bound| bound.filter(&self.messages)).unwrap_or_default())
    }

    fn playbook(&self, path: &str, source: &str, env: &Env) -> Result<Playbook, CaseError> {
        let env = Env { lists: self.lists.clone(), ..env.clone() };
        let loaded = Playbook::load(path, source, &env);
        loaded.map_err(|wrong| CaseError::Broken(wrong.render(false).trim_end().to_owned()))
    }
}

fn plan(bound: &Bound, messages: &[Message], lists: &Lists) -> String {
    let mut text = String::new();
    let judgements = bound.filter(messages);
    for (message, judgement) in messages.iter().zip(&judgements) {
        let line = format!("{} {}{}", message.mailbox, message.reference.message_id, fate(judgement));
        let _ = writeln!(text, "{:5} {}", word(judgement), visible(&line));
    }
    let (facts, counts) = facts(messages, &judgements, lists);
    let copy = if bound.delete_senders_copy() { ", and the sender's copy" } else { "" };
    let _ = writeln!(text, "action {}{copy}", bound.action());
    let _ = writeln!(text, "stores {}", bound.stores().map_or("all".to_owned(), |names| names.join(", ")));
    for line in searched(&bound.query()) {
        let _ = writeln!(text, "search {line}");
    }
    let _ = writeln!(text, "guards {}", guards(bound));
    let _ = writeln!(text, "approval {}", approval(bound, &facts, &counts));
    let yes = |yes| if yes { "yes" } else { "no" };
    let _ = writeln!(text, "remediate {}", yes(bound.remediates(&facts, &counts)));
    let _ = writeln!(text, "verify {}", yes(bound.verifies(&facts, &counts)));
    if bound.sweep().is_some() {
        let _ = writeln!(text, "sweep {}", yes(bound.sweeps(&facts, &counts)));
    }
    for occasion in ["pending", "started", "paused", "finished", "failed"] {
        let names = bound.notifiers(occasion, &facts, &counts);
        if !names.is_empty() {
            let _ = writeln!(text, "notify {} when {occasion}", names.join(", "));
        }
    }
    text
}

pub(super) fn word(judgement: &Judgement) -> &'static str {
    match judgement {
        Judgement::Keep { .. } => "keep",
        Judgement::Unmatched { .. } | Judgement::Drop { .. } => "drop",
        Judgement::Undecided { .. } => "open",
        Judgement::Fault { .. } => "fault",
    }
}

fn fate(judgement: &Judgement) -> String {
    let because = |reason: &Option<String>| reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    match judgement {
        Judgement::Keep { reason, tag, .. } => {
            format!("{}{}", because(reason), tag.as_ref().map_or(String::new(), |tag| format!(" [{tag}]")))
        }
        Judgement::Unmatched { by } | Judgement::Undecided { by } => format!(" by {by}"),
        Judgement::Drop { by, reason } => format!(" by {by}{}", because(reason)),
        Judgement::Fault { script, fault } => format!(" by {script}: {fault}"),
    }
}

/// Returns the facts of a plan of these messages, with every mailbox searched.
fn facts(messages: &[Message], judgements: &[Judgement], lists: &Lists) -> (PlanFacts, Counts) {
    let (mut mailboxes, mut vips, mut remediable, mut not_remediable) = (BTreeSet::new(), 0, 0, 0);
    for (message, judgement) in messages.iter().zip(judgements) {
        match judgement {
            Judgement::Keep { .. } if message.location.kind.is_remediable() => remediable += 1,
            Judgement::Keep { .. } | Judgement::Fault { .. } => not_remediable += 1,
            Judgement::Unmatched { .. } | Judgement::Undecided { .. } | Judgement::Drop { .. } => continue,
        }
        mailboxes.insert(&message.mailbox);
        vips += u64::from(lists.get("vips").is_some_and(|vips| vips.contains(&message.mailbox)));
    }
    let facts = PlanFacts { vips, mailboxes: mailboxes.len() as u64, ..PlanFacts::default() };
    (facts, Counts::planned(remediable, not_remediable))
}

fn approval(bound: &Bound, facts: &PlanFacts, counts: &Counts) -> String {
    let Some(rule) = bound.approval_rule() else { return "not asked for".to_owned() };
    if !bound.approval_needed(facts, counts) {
        return "not needed".to_owned();
    }
    let roles = rule.from.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or ");
    let others = if rule.two_step { ", not the requester" } else { "" };
    format!("{} from {roles}{others}, within {}", rule.votes, show_duration(rule.expires))
}

/// Returns the batches and the stop rules that are set.
fn guards(bound: &Bound) -> String {
    let mut guards = serde_json::to_value(bound.guards()).expect("numbers serialize");
    if let Some(rules) = guards.get_mut("stop-when").and_then(serde_json::Value::as_object_mut) {
        rules.retain(|_, limit| !limit.is_null());
    }
    json(&guards)
}

/// Returns the query for stores, one line per condition.
fn searched(query: &Query) -> Vec<String> {
    let times = [("received-after", query.received_after), ("received-before", query.received_before)];
    let times = times.into_iter().filter_map(|(name, time)| Some(format!("{name} {}", time?)));
    let timeless = Query { received_after: None, received_before: None, ..query.clone() };
    let serde_json::Value::Object(rest) = serde_json::to_value(timeless).expect("texts and words serialize") else {
        unreachable!("a struct is an object")
    };
    let is_asked = |value: &serde_json::Value| match value {
        serde_json::Value::Array(any) => !any.is_empty(),
        serde_json::Value::Bool(yes) => *yes,
        _ => false,
    };
    let rest = rest.iter().filter(|(_, value)| is_asked(value)).map(|(name, value)| format!("{name} {}", json(value)));
    rest.chain(times).collect()
}

fn json(value: &impl serde::Serialize) -> String {
    clawback_model::ascii_where_deceptive(&serde_json::to_string(value).expect("texts and numbers serialize"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAYBOOK: &str = "playbook: p\non: { manual: {} }\ninputs:\n  sender: { type: address }\nsteps:\n  - search: { where: { from: \"${inputs.sender}\" } }\n  - approve: { when: plan.count > 1 || plan.vips > 0 }\n  - remediate: { action: soft-delete }\n";

    fn found(case: &str) -> String {
        match PlaybookCase::parse(case).and_then(|case| case.found("p.yaml", PLAYBOOK, &Env::default())) {
            Ok(found) => found,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn the_plan_tells_of_each_message_and_of_what_is_done() {
        let case = "[inputs]\nsender = \"eve@evil.example\"\n[[message]]\nfrom = \"eve@evil.example\"\n[[message]]\nmessage-id = \"<2@x>\"\n";
        let plan = found(case);
        let lines: Vec<_> = plan.lines().collect();
        assert_eq!(
            lines[..5],
            [
                "keep  ann@corp.example <1@evil.example>",
                "drop  ann@corp.example <2@x> by where",
                "action soft-delete",
                "stores all",
                "search from-address [\"eve@evil.example\"]"
            ]
        );
        assert!(plan.contains("approval not needed\nremediate yes\nverify no\n"), "{plan}");
        let vip = found(&format!("{case}[lists]\nvips = [\"ann@corp.example\"]\n"));
        assert!(vip.contains("approval 1 from approver, not the requester, within 7d\n"), "{vip}");
        assert_eq!(
            found("").lines().next().unwrap(),
            "refused: no condition is left, and so the search would select every message; give at least one of the inputs that it uses"
        );
    }

    #[test]
    fn a_case_without_a_plan_fails_and_shows_what_came_of_it() {
        let case = PlaybookCase::parse("[inputs]\nsender = \"eve@evil.example\"\n").unwrap();
        let failed = case.run("p.yaml", PLAYBOOK, &Env::default()).unwrap_err().to_string();
        assert!(failed.starts_with("+ action soft-delete\n") && failed.lines().all(|line| line.starts_with('+')));
        let broken = case.run("p.yaml", "playbook: p\n", &Env::default()).unwrap_err();
        assert!(matches!(&broken, CaseError::Broken(why) if why.contains("p.yaml")), "{broken}");
    }
}
